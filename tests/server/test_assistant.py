"""MCP: the tools, their bounds and errors; over HTTP; and the greeting before the SDK is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from longembed_rag import Document, Library
from longembed_rag.layout import Layout
from longembed_rag.server.assistant import create_assistant
from longembed_rag.server.greeting import _VERSIONS, answer
from tests.models import TinyModels
from tests.server.served import Served, folder_of_its_own, running
from tests.store.fakes import FakeEncoder

pytestmark = pytest.mark.filterwarnings(
    "ignore::longembed_rag.errors.LongEmbedWarning",
    "ignore::ResourceWarning",
    "ignore::DeprecationWarning",
)
PAGES = "first page\n\fsecond page\n\fthird page"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Some documents; tests leave them as they are."""
    with Library.open(tmp_path_factory.mktemp("store"), encoder=FakeEncoder()) as found:
        found.add([Document(id=f"d{n}", text=f"apples {n} " * 400) for n in range(4)])
        found.add(Document(id="titled", text="pears", metadata={"title": "Pears", "year": 2025}))
        yield found


async def call(library: Library, tool: str, read_only: bool = False, **given: Any) -> Any:
    """What a tool answers; of an error its words."""
    async with Client(create_assistant(lambda: library, read_only=read_only)) as client:
        result = await client.call_tool(tool, given)
    text = result.content[0].text  # type: ignore[union-attr]
    return text if result.is_error else json.loads(text)


async def test_the_tools_there_are(library: Library) -> None:
    """Four, each described; three only read, and are all there is where it is read only."""
    for read_only, expected in ((False, 4), (True, 3)):
        async with Client(create_assistant(lambda: library, read_only=read_only)) as client:
            tools = (await client.list_tools()).tools
        assert len(tools) == expected
        assert all(each.description for each in tools)
        reads = [
            each.name for each in tools if each.annotations and each.annotations.read_only_hint
        ]
        assert reads == ["search", "read_document", "list_documents"]


async def test_search_gives_passages_with_their_places(library: Library) -> None:
    """Each passage is the stretch of its document that it says it is."""
    found = await call(library, "search", query="apples", limit=3, passages=2)
    assert 1 <= len(found["documents"]) <= 3
    for document in found["documents"]:
        text = library.get(document["source"]).text  # type: ignore[union-attr]
        assert 1 <= len(document["passages"]) <= 2
        for passage in document["passages"]:
            assert text[passage["start"] : passage["end"]] == passage["text"]
    named = await call(library, "search", query="pears", filter=["year=2025"])
    assert named["documents"][0]["title"] == "Pears"


async def test_search_keeps_to_its_room(library: Library) -> None:
    """No more characters than there is room for, and what is left out is told."""
    found = await call(library, "search", query="apples", limit=5, max_characters=300)
    size = sum(len(p["text"]) for d in found["documents"] for p in d["passages"])
    assert size <= 300
    assert found["left_out"] >= 1


async def test_a_document_is_read_on(library: Library) -> None:
    """next_start leads through all of it, stretch by stretch."""
    whole, start = "", 0
    for _ in range(100):
        found = await call(library, "read_document", source="d0", start=start, max_characters=999)
        assert len(found["text"]) <= 999
        whole += found["text"]
        if "next_start" not in found:
            break
        start = found["next_start"]
    assert whole == library.get("d0").text  # type: ignore[union-attr]
    part = await call(library, "read_document", source="d0", start=3, end=9)
    assert (part["text"], part["start"], part["end"]) == (whole[3:9], 3, 9)
    assert "next_start" not in part
    beyond = await call(library, "read_document", source="d0", start=10**9)
    assert beyond["text"] == ""


async def test_a_document_is_read_by_pages(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page, or several, and one that is not there."""
    found = library.get("titled")
    assert found is not None
    text = "one.two.three."
    paged = type(found)(**{**vars(found), "text": text, "layout": Layout(pages=(0, 4, 8))})
    monkeypatch.setattr(Library, "get", lambda self, name, **_: paged)
    read = await call(library, "read_document", source="titled", page=2)
    assert (read["text"], read["pages"]) == ("two.", 3)
    assert (await call(library, "read_document", source="titled", page=2, last_page=3))[
        "text"
    ] == "two.three."
    for page, last in ((4, 4), (3, 2)):
        told = await call(library, "read_document", source="titled", page=page, last_page=last)
        assert "pages 1 to 3" in told


async def test_documents_are_listed_page_by_page(library: Library) -> None:
    """Next leads through all of them."""
    found, after = [], None
    while True:
        page = await call(library, "list_documents", limit=2, after=after)
        found += [each["source"] for each in page["documents"]]
        if (after := page["next"]) is None:
            break
    assert sorted(found) == ["d0", "d1", "d2", "d3", "titled"]
    some = await call(library, "list_documents", filter=["year=2025"])
    assert [each["source"] for each in some["documents"]] == ["titled"]


async def test_a_document_is_added(library: Library) -> None:
    """It is found afterwards; the same again changes nothing, another takes its place."""
    given = {"id": "new", "text": "plums", "metadata": {"year": 1999}}
    assert (await call(library, "add_document", **given))["status"] == "added"
    assert (await call(library, "add_document", **given))["status"] == "unchanged"
    assert (await call(library, "add_document", id="new", text="figs"))["status"] == "updated"
    assert library.get("new").text == "figs"  # type: ignore[union-attr]
    library.remove("new")


@pytest.mark.parametrize(
    ("tool", "given", "told"),
    [
        ("search", {"query": ""}, "empty"),
        ("search", {"query": "a", "limit": 0}, "limit"),
        ("search", {"query": "a", "limit": 51}, "limit"),
        ("search", {"query": "a", "passages": 11}, "passages"),
        ("search", {"query": "a", "mode": "magic"}, "mode"),
        ("search", {"query": "a", "filter": ["?"]}, "filter"),
        ("search", {"query": "a", "max_characters": 10**9}, "max_characters"),
        ("search", {}, "query"),
        ("read_document", {"source": "nobody"}, "list_documents"),
        ("read_document", {"source": "d0", "start": -1}, "start"),
        ("read_document", {"source": "d0", "page": 1}, "no pages"),
        ("list_documents", {"limit": 501}, "limit"),
        ("list_documents", {"after": "?"}, "after"),
        ("add_document", {"id": "", "text": "a"}, "id"),
        ("add_document", {"id": "a", "text": ""}, "text"),
        ("add_document", {"id": " ", "text": "a"}, "id"),
        ("add_document", {"id": "a", "text": " "}, ""),
    ],
    ids=str,
)
async def test_what_is_wrong_is_told(
    library: Library, tool: str, given: dict[str, Any], told: str
) -> None:
    """An error says which value is wrong, in words that an assistant can use."""
    answered = await call(library, tool, **given)
    assert isinstance(answered, str), answered
    assert told in answered


async def test_nothing_is_added_where_it_is_read_only(library: Library) -> None:
    """The tool is not there, whoever calls it."""
    answered = await call(library, "add_document", read_only=True, id="a", text="b")
    assert isinstance(answered, str)
    assert library.get("a") is None


async def test_without_a_collection(tmp_path: Path) -> None:
    """It says how to begin, and can begin."""
    with Library.open(tmp_path / "none", encoder=FakeEncoder()) as library:
        assert "ingest" in await call(library, "search", query="a")
        assert (await call(library, "add_document", id="a", text="b"))["status"] == "added"


async def test_over_http(tiny_models: TinyModels) -> None:
    """/mcp of a server is the same, for the SDK's own client."""
    chosen = {"model": str(tiny_models.folder("bert")), "device": "cpu", "dtype": "float32"}
    with folder_of_its_own() as folder, Library.open(folder / "store", **chosen) as library:
        library.add(Document(id="a", text="apples and pears"))
        with running(library, spool=folder / "spool", read_only=True) as address:
            async with Client(f"{address}/mcp") as client:
                assert len((await client.list_tools()).tools) == 3
                result = await client.call_tool("search", {"query": "apples"})
    assert json.loads(result.content[0].text)["documents"][0]["source"] == "a"  # type: ignore


@pytest.mark.parametrize("version", _VERSIONS)
def test_the_greeting_is_what_the_sdk_answers(server: Served, version: str) -> None:
    """What is answered before the SDK is imported is what it would answer, for each version."""
    params = {
        "protocolVersion": version,
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    message = {"jsonrpc": "2.0", "id": 7, "method": "initialize", "params": params}
    headers = {"accept": "application/json, text/event-stream"}
    told = server.client.post("/mcp", json=message, headers=headers)
    assert told.status_code == 200, told.text
    lines = told.text.splitlines()
    text = next((x[6:] for x in lines if x.startswith("data: ") and "result" in x), told.text)
    assert answer(json.dumps(message).encode()) == json.loads(text)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nothing",
        b"[]",
        b"null",
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}',
        b'{"id": 1, "method": "initialize", "params": []}',
        b'{"id": 1, "method": "initialize", "params": {"protocolVersion": "1999-01-01"}}',
        b'{"id": 1, "method": "initialize", "params": {"protocolVersion": ["2025-06-18"]}}',
        b'{"id": null, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
    ids=lambda each: str(each)[:40],
)
def test_other_first_words_are_left_to_the_sdk(line: bytes) -> None:
    """Only what is understood is answered early."""
    assert answer(line) is None


async def test_tools_show_one_tenants_documents(tmp_path: Path) -> None:
    """Where there are tenants every tool wants one named, and says how."""
    with Library.open(tmp_path / "store", encoder=FakeEncoder(), tenant_field="who") as library:
        library.add([Document(id=n, text=f"pears {n}", metadata={"who": n}) for n in "ab"])
        mine: dict[str, Any] = {"filter": ["who=a"]}
        for tool, given in (
            ("search", {"query": "pears"}),
            ("list_documents", {}),
            ("read_document", {"source": "a"}),
        ):
            assert "who=NAME" in await call(library, tool, **given)
            told = await call(library, tool, **given, **mine)
            shown = told.get("documents", [told])
            assert [each["source"] for each in shown] == ["a"]
        assert "no document 'b'" in await call(library, "read_document", source="b", **mine)
