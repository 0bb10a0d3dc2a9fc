"""``/v1/search``, ``/v1/documents``, ``/v1/files``, ``/v1/jobs``, ``/v1/facets``, ``/v1/info``."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from longembed_rag.server.spool import safe_id
from tests.models import TinyModels
from tests.server.conftest import TEXTS
from tests.server.served import Served, error_of, folder_of_its_own, served

pytestmark = pytest.mark.filterwarnings("ignore::longembed_rag.errors.LongEmbedWarning")


@pytest.fixture
def fresh(tiny_models: TinyModels) -> Iterator[Served]:
    """A server over a folder without a store, which tests may fill."""
    with folder_of_its_own() as folder, served(tiny_models, folder) as found:
        yield found


def search(server: Served, **body: Any) -> Any:
    answer = server.client.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(found: Any) -> list[str]:
    return [each["source"] for each in found["results"]]


@pytest.mark.parametrize("mode", ["hybrid", "dense", "sparse"])
def test_search_is_the_librarys(server: Served, mode: str) -> None:
    """Documents, scores and passages are those that Library.search gives."""
    found = search(server, query="apples and pears", mode=mode, passages=2, text=True)
    expected = server.library.search("apples and pears", mode=mode, passages=2)
    assert names(found) == [each.source for each in expected]
    for got, wanted in zip(found["results"], expected, strict=True):
        assert got["score"] == pytest.approx(wanted.score, abs=1e-5)
        spans = [(each.start, each.end) for each in wanted.passages]
        assert [(each["start"], each["end"]) for each in got["passages"]] == spans
        assert got["text"] == TEXTS[wanted.source]


def test_the_marks_stand_at_the_words(server: Served) -> None:
    """A snippet's marks are places of the query's words in it."""
    result = search(server, query="apples", mode="sparse")["results"][0]
    assert [result["snippet"][start:end] for start, end in result["marks"]] == ["apples"]
    assert "text" not in result


def test_many_queries_are_answered_in_order(server: Served) -> None:
    """Each of queries has an answer of its own, as it would have alone."""
    found = search(server, queries=["apples", "lease"], mode="sparse")["answers"]
    assert [each["query"] for each in found] == ["apples", "lease"]
    assert [names(each) for each in found] == [["garden"], ["lease"]]


def test_operators_are_read_unless_told(server: Served) -> None:
    """What stands in quotes must be there; without operators they are text."""
    found = search(server, query='"signed by" tenant')
    assert names(found) == ["lease"]
    assert found["understood"]["phrases"]
    plain = search(server, query='"signed by" tenant', operators=False)
    assert len(names(plain)) == 3
    assert plain["understood"]["text"] == '"signed by" tenant'


def test_limits_and_adaptive(server: Served) -> None:
    """Limit is the most; passages=0 gives none; adaptive gives no more than without."""
    assert len(names(search(server, query="the", limit=1))) == 1
    none = search(server, query="the", passages=0)["results"]
    assert all(each["passages"] == [] for each in none)
    assert len(names(search(server, query="apples", adaptive=True))) <= 3


def test_filters_of_every_shape(fresh: Served) -> None:
    """An expression, several and a dictionary narrow searches, lists and facets alike."""
    documents = [
        {"id": f"d{year}", "text": "apples", "metadata": {"year": year, "file_type": "txt"}}
        for year in (2024, 2025)
    ]
    job = fresh.client.post("/v1/documents", json={"documents": documents}).json()["id"]
    assert fresh.wait_for(job)["report"]["added"] == 2
    for given in ("year=2025", ["year>2024", "year<2026"], {"year": {"$gte": 2025}}):
        assert names(search(fresh, query="apples", filter=given)) == ["d2025"]
    listed = fresh.client.get("/v1/documents", params={"filter": "year=2025"}).json()
    assert [each["source"] for each in listed["documents"]] == ["d2025"]
    assert fresh.client.get("/v1/facets").json()["types"] == {"txt": 2}
    counted = fresh.client.get("/v1/facets", params={"filter": ["year=2025", "year>1"]}).json()
    assert (counted["documents"], counted["types"]) == (1, {"txt": 1})


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "query"),
    ({"query": "a", "queries": ["b"]}, "query"),
    ({"query": ""}, "query"),
    ({"queries": ["a", " "]}, "query"),
    ({"queries": []}, "queries"),
    ({"queries": ["a"] * 257}, "queries"),
    ({"query": 1}, "query"),
    ({"query": "a", "mode": "magic"}, "mode"),
    ({"query": "a", "limit": 0}, "limit"),
    ({"query": "a", "limit": 10**30}, "limit"),
    ({"query": "a", "passages": -1}, "passages"),
    ({"query": "a", "filter": "year"}, "filter"),
    ({"query": "a", "filter": {"$x": 1}}, "filter"),
    ({"query": "a", "filter": {"year": {"$gt": "x"}}}, "filter"),
    ({"query": "a", "filter": ["a=1"] * 257}, "filter"),
    ({"query": "a", "limits": 3}, "limits"),
]


@pytest.mark.parametrize(("body", "param"), WRONG, ids=lambda each: str(each)[:40])
def test_what_is_wrong_is_named(server: Served, body: dict[str, Any], param: str) -> None:
    """A value that cannot be is refused by its name."""
    error_of(server.client.post("/v1/search", json=body), 400, param=param)


def test_documents_page_by_page(server: Served) -> None:
    """Next leads through all documents, each once, and ends."""
    found, after = [], None
    for _ in range(10):
        asked = {"limit": 2} | ({"after": after} if after else {})
        page = server.client.get("/v1/documents", params=asked).json()
        assert len(page["documents"]) <= 2
        found += [each["source"] for each in page["documents"]]
        if (after := page["next"]) is None:
            break
    assert sorted(found) == sorted(TEXTS)
    error_of(server.client.get("/v1/documents", params={"limit": 0}), 400, param="limit")
    error_of(server.client.get("/v1/documents", params={"after": "?"}), 400, param="after")
    error_of(server.client.get("/v1/documents", params={"filter": "?"}), 400, param="filter")


def test_a_document_by_source_or_id(server: Served) -> None:
    """Both names give all of it; passages are spans of its text."""
    found = server.client.get("/v1/documents/lease").json()
    assert found["text"] == TEXTS["lease"]
    assert server.client.get(f"/v1/documents/{found['document_id']}").json() == found
    assert found["text"][found["passages"][0]["start"] :].startswith("the lease")
    error_of(server.client.get("/v1/documents/nobody"), 404)


@pytest.mark.parametrize("name", ["/a/b.txt", "a b?c#d", "né", "\u202e", "a\nb", "x" * 400])
def test_any_id_can_be_found_and_removed(fresh: Served, name: str) -> None:
    """Whatever a document is called, it is found, shown and removed by that name."""
    assert fresh.add(**{name: "apples"})["report"]["added"] == 1
    path = f"/v1/documents/{quote(name, safe='')}"
    assert fresh.client.get(path).json()["source"] == name
    assert fresh.client.delete(path).json() == {"id": name, "object": "document", "deleted": True}
    error_of(fresh.client.get(path), 404)
    error_of(fresh.client.delete(path), 404)


def test_a_text_that_is_added_again(fresh: Served) -> None:
    """The same text is left, another one takes its place."""
    assert fresh.add(a="apples")["report"]["added"] == 1
    assert fresh.add(a="apples")["report"]["unchanged"] == 1
    assert fresh.add(a="pears")["report"]["updated"] == 1
    assert fresh.client.get("/v1/documents/a").json()["text"] == "pears"
    assert fresh.client.get("/v1/info").json()["documents"] == 1


def test_one_of_several_that_cannot_be_kept(fresh: Served) -> None:
    """The others are there, and the job says which was not, and why."""
    job = fresh.add(good="apples", bad="half \ud800 a character")
    assert job["status"] == "done"
    assert job["done"] == 1
    assert [each["source"] for each in job["failed"]] == ["bad"]


@pytest.mark.parametrize(
    ("document", "param"),
    [
        ({"text": "a"}, "documents.0.id"),
        ({"id": "", "text": "a"}, "documents.0.id"),
        ({"id": "x" * 2049, "text": "a"}, "documents.0.id"),
        ({"id": "a"}, "documents.0.text"),
        ({"id": "a", "text": 1}, "documents.0.text"),
        ({"id": "a", "text": "a", "metadata": [1]}, "documents.0.metadata"),
        ({"id": "a", "text": "a", "meta": {}}, "documents.0.meta"),
    ],
)
def test_a_document_that_cannot_be(server: Served, document: dict[str, Any], param: str) -> None:
    """It is refused at once, and nothing of the request is taken."""
    asked = {"documents": [document]}
    error_of(server.client.post("/v1/documents", json=asked), 400, param=param)


def test_two_of_one_id_are_refused(server: Served) -> None:
    """Which of them is meant, nobody knows."""
    twice = [{"id": "a", "text": "x"}, {"id": "a", "text": "y"}]
    error_of(server.client.post("/v1/documents", json={"documents": twice}), 400, param="documents")


def test_jobs_are_listed_newest_first(fresh: Served) -> None:
    """Every job has a place of its own, which the answer names."""
    for name in "ab":
        fresh.add(**{name: "apples"})
    listed = fresh.client.get("/v1/jobs").json()["jobs"]
    assert [each["created"] for each in listed] == sorted(
        (each["created"] for each in listed), reverse=True
    )
    assert len(fresh.client.get("/v1/jobs", params={"limit": 1}).json()["jobs"]) == 1
    error_of(fresh.client.get("/v1/jobs/job-x"), 404)
    answer = fresh.client.post("/v1/documents", json={"documents": [{"id": "c", "text": "d"}]})
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    fresh.wait_for(answer.json()["id"])


def bomb() -> bytes:
    """A Word document that unpacks to a thousand times its size."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"<w>" + b"a" * 150_000_000)
    return made.getvalue()


def test_files_are_read_by_what_they_are(fresh: Served) -> None:
    """Good ones are there under their names, and of each bad one the reason is told."""
    answer = fresh.upload(
        ("日本.txt", b"one two"),
        ("../../etc/up.md", b"# Up\n\napples"),
        ("page.html", b"<p>pears</p>"),
        ("empty.txt", b""),
        ("damaged.pdf", b"%PDF-1.4 nothing"),
        ("damaged.docx", b"PK\x03\x04 nothing"),
        ("program.exe", b"MZ\x00\x01\x02"),
        ("bomb.docx", bomb()),
    )
    assert answer.status_code == 202, answer.text
    job = fresh.wait_for(answer.json()["id"])
    assert (job["status"], job["done"]) == ("done", 3)
    failed = [each["source"] for each in job["failed"]]
    assert failed == ["empty.txt", "damaged.pdf", "damaged.docx", "program.exe", "bomb.docx"]
    assert "bomb" in job["failed"][-1]["reason"]
    spool = fresh.app.service.options.spool
    assert spool is not None
    assert not any(str(spool) in each["reason"] for each in job["failed"])
    assert list(spool.iterdir()) == []
    found = {each.source for each in fresh.library.all_documents()}
    assert found == {"日本.txt", "etc/up.md", "page.html"}


def test_files_under_ids_of_their_own(fresh: Served) -> None:
    """Ids name files; there is one for each, and no two are the same."""
    both = (("a.txt", b"one"), ("a.txt", b"two"))
    error_of(fresh.upload(*both), 400, param="ids")
    error_of(fresh.upload(*both, ids=["x"]), 400, param="ids")
    error_of(fresh.upload(*both, ids=["x", "x"]), 400, param="ids")
    answer = fresh.upload(*both, ids=["x", "y"])
    assert fresh.wait_for(answer.json()["id"])["report"]["added"] == 2
    assert fresh.client.get("/v1/documents/y").json()["text"] == "two"


def test_files_may_come_where_texts_come(fresh: Served) -> None:
    """... and texts still do: what a request brings along says which it is."""
    answer = fresh.client.post("/v1/documents", files=[("files", ("a.txt", b"apples"))])
    assert answer.status_code == 202, answer.text
    assert fresh.wait_for(answer.json()["id"])["kind"] == "files"
    assert fresh.add(b="pears")["kind"] == "documents"


def test_an_upload_that_is_none(server: Served) -> None:
    """No file, a field in place of one, and half of a form are refused."""
    post = server.client.post
    error_of(post("/v1/files", data={"ids": "x"}), 400, param="files")
    error_of(post("/v1/files", json={}), 400, param="files")
    error_of(server.upload(("", b"x")), 400, param="files.0")
    form = {"content-type": "multipart/form-data; boundary=x"}
    error_of(post("/v1/files", content=b"--x\r\nContent-", headers=form), 400, param="files")
    error_of(post("/v1/files", content=b"nothing", headers=form), 400)
    error_of(post("/v1/files", files=[("files", (f"{n}.txt", b"x")) for n in range(1001)]), 400)


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        ("a.txt", "a.txt"),
        ("folder/a.txt", "folder/a.txt"),
        ("../../a.txt", "a.txt"),
        ("..\\..\\a.txt", "a.txt"),
        ("/etc/passwd", "etc/passwd"),
        ("C:\\a.txt", "C:/a.txt"),
        ("\u200b/etc/passwd", "etc/passwd"),
        ("\t/etc/passwd", "etc/passwd"),
        (".\u200b./.\x00./a.txt", "a.txt"),
        (" .. / .. /a.txt", "a.txt"),
        ("a\x00\r\nb.txt", "ab.txt"),
        ("\ud800a.txt", "a.txt"),
        ("", "unnamed"),
        ("../..", "unnamed"),
        ("\x01", "unnamed"),
        ("日本 ü.txt", "日本 ü.txt"),
        ("x" * 600 + ".txt", "x" * 508 + ".txt"),
    ],
)
def test_names_become_ids_that_lead_nowhere(sent: str, known: str) -> None:
    """Whatever a file was called, its id is printable, short and never leads up or to the root."""
    assert safe_id(sent) == known
    assert safe_id(known) == known


def test_before_there_is_a_collection(fresh: Served) -> None:
    """What asks for documents is 404 and says how to begin; embeddings are there."""
    for path in ("/v1/info", "/v1/documents", "/v1/facets", "/v1/documents/a"):
        error_of(fresh.client.get(path), 404)
    error_of(fresh.client.post("/v1/search", json={"query": "a"}), 404)
    error_of(fresh.client.delete("/v1/documents/a"), 404)
    assert fresh.client.post("/v1/embeddings", json={"input": "a"}).status_code == 200


def test_a_server_that_is_read_only(tiny_models: TinyModels, folder: Path, server: Served) -> None:
    """It searches, and neither adds nor removes, nor does what a command asks of it."""
    with folder_of_its_own() as own:
        with served(tiny_models, own) as writing:
            writing.add(a="apples")
        with served(tiny_models, own, read_only=True) as reading:
            assert names(search(reading, query="apples")) == ["a"]
            body = {"documents": [{"id": "b", "text": "c"}]}
            error_of(reading.client.post("/v1/documents", json=body), 403)
            error_of(reading.upload(("a.txt", b"x")), 403)
            error_of(reading.client.delete("/v1/documents/a"), 403)
            assert reading.client.get("/v1/info").json()["documents"] == 1


def test_a_collection_of_another_model(tiny_models: TinyModels) -> None:
    """Searching and adding with other settings than it was made with is 409, and names both."""
    with folder_of_its_own() as own:
        with served(tiny_models, own) as first:
            first.add(a="apples")
        other = {"model": str(tiny_models.folder("mpnet"))}
        with served(tiny_models, own, settings=other) as second:
            message = error_of(second.client.post("/v1/search", json={"query": "a"}), 409)
            assert "model" in message
            assert second.add(b="pears")["status"] == "failed"
            error_of(second.client.post("/v1/embeddings", json={"input": "a"}), 409)
            assert second.client.get("/ready").status_code == 503
            assert second.client.get("/v1/info").json()["documents"] == 1


def test_everything_that_shows_documents_wants_a_tenant(tiny_models: TinyModels) -> None:
    """Where a collection has tenants; another one's documents are not there."""
    settings = {"tenant_field": "who"}
    with folder_of_its_own() as folder, served(tiny_models, folder, settings=settings) as found:
        texts = [{"id": n, "text": f"pears {n}", "metadata": {"who": n}} for n in ("a", "b")]
        answer = found.client.post("/v1/documents", json={"documents": texts})
        assert found.wait_for(answer.json()["id"])["status"] == "done"
        body = {"query": "pears", "mode": "sparse"}
        assert "who=NAME" in error_of(
            found.client.post("/v1/search", json=body), 400, param="filter"
        )
        assert names(search(found, **body, filter="who=a")) == ["a"]
        for path in ("documents", "documents/a", "facets"):
            assert "who=NAME" in error_of(found.client.get(f"/v1/{path}"), 400, param="filter")
        mine = {"filter": "who=a"}
        listed = found.client.get("/v1/documents", params=mine).json()["documents"]
        assert [each["source"] for each in listed] == ["a"]
        assert found.client.get("/v1/facets", params=mine).json()["documents"] == 1
        assert found.client.get("/v1/documents/a", params=mine).json()["text"] == "pears a"
        assert found.client.get("/v1/documents/b", params=mine).status_code == 404
