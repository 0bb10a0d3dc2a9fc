"""What a library answers: searches of all kinds, documents, pages; alone and many at once."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters

from longembed_rag import Document, Library
from longembed_rag.errors import InputError, SettingsError
from longembed_rag.search.filters import parse_filters
from longembed_rag.store.values import document_id
from tests.alike import alike
from tests.library.conftest import TEXTS, Open
from tests.store.fakes import FakeEncoder, vector_of


def names(found: Any) -> list[str]:
    """The files of what was found."""
    return [Path(hit.source).name for hit in found]


@pytest.mark.parametrize("mode", ["hybrid", "dense", "sparse", "passages"])
def test_every_mode_finds(filled: Library, mode: Any) -> None:
    """The document with the words comes first, with its passage."""
    first, *_ = filled.search("the tenant signed the lease", mode=mode)
    assert names([first]) == ["lease.txt"]
    assert first.passage == TEXTS["lease.txt"]


def test_options_reach_the_search(filled: Library) -> None:
    """How many, passages and snippets are what was asked for."""
    assert len(filled.search("the garden lease", limit=1)) == 1
    (hit, *_) = filled.search("garden", passages=0, snippets=False)
    assert (hit.passages, hit.snippet) == ((), None)
    with pytest.raises(SettingsError, match="limit=0"):
        filled.search("garden", limit=0)
    with pytest.raises(SettingsError, match="mode='fuzzy'"):
        filled.search("garden", mode="fuzzy")  # type: ignore[call-overload]


def test_several_queries_are_embedded_in_one_go(filled: Library, encoder: FakeEncoder) -> None:
    """The answers are those of each query alone, in order."""
    queries = ["the lease", "pears"]
    alone = [filled.search(query) for query in queries]
    encoder.encoded.clear()
    together = filled.search(queries)
    assert encoder.encoded == ["query 1", "query 2"]
    assert alike(together, alone)
    assert filled.search([]) == []


@pytest.mark.parametrize(
    "given",
    [
        "file_name=garden.txt",
        ["file_name!=lease.txt", "file_type=txt"],
        {"file_name": {"$ne": "lease.txt"}, "file_type": "txt"},
        parse_filters(["file_name=garden.txt"]),
        MetadataFilters(filters=[MetadataFilter(key="file_name", value="garden.txt")]),
    ],
    ids=["expression", "expressions", "dictionary", "Filter", "MetadataFilters"],
)
def test_filters_of_every_kind(filled: Library, given: Any) -> None:
    """Expressions, Qdrant's and LlamaIndex's filters let through the same document."""
    assert names(filled.search("the lease in the garden", filter=given)) == ["garden.txt"]
    assert names(filled.documents(filter=given).documents) == ["garden.txt"]
    assert names(filled.all_documents(filter=given)) == ["garden.txt"]


def test_no_filter_is_no_filter(filled: Library) -> None:
    """None and an empty list let everything through; something else is refused by its type."""
    for given in (None, [], {}, MetadataFilters(filters=[])):
        assert len(filled.search("the lease", filter=given)) == 2
    with pytest.raises(SettingsError, match="filter=int is neither an expression"):
        filled.search("the lease", filter=7)  # type: ignore[call-overload]


def test_an_empty_query_is_refused(filled: Library) -> None:
    """Nothing to look for is an error, unless a vector stands for it where words do not count."""
    for query in ("", "  \n", ["lease", " "]):
        with pytest.raises(InputError, match=r"query.* is empty"):
            filled.search(query)
    vector = vector_of(TEXTS["garden.txt"])
    assert names(filled.search("", mode="dense", vector=vector))[0] == "garden.txt"
    with pytest.raises(InputError, match=r"query.* is empty"):
        filled.search("", vector=vector)


def test_phrases_must_and_must_not(filled: Library, encoder: FakeEncoder) -> None:
    """Only what holds them word for word, of one query or several; the model reads no signs."""
    encoder.encoded.clear()
    assert names(filled.search('"the tenant" signed')) == ["lease.txt"]
    first, second, third = filled.search(["garden -tenant", "+leases lease", '"tenant the"'])
    assert (names(first), second, third) == (["garden.txt"], [], [])
    plainly = filled.search('"tenant the" -lease', operators=False)
    assert len(plainly) == 2
    (alone,) = filled.search("-tenant", mode="dense", vector=vector_of("garden"))
    assert names([alone]) == ["garden.txt"]
    for query in ("-tenant", ["lease", "-tenant"]):
        with pytest.raises(InputError, match=r"query.* says only what is not wanted"):
            filled.search(query)


def test_what_is_embedded_of_a_query(filled: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words without signs: a phrase's are in it, and those that are not wanted are not."""
    read: list[str] = []
    monkeypatch.setattr(FakeEncoder, "before", staticmethod(read.append))
    encode = FakeEncoder.encode_queries
    monkeypatch.setattr(
        FakeEncoder,
        "encode_queries",
        lambda self, texts, **options: [read.extend(texts), encode(self, texts, **options)][1],
    )
    filled.search('who "signed the" +lease -garden?')
    assert read[0] == "who signed the lease ?"


def test_a_vector_of_ones_own(filled: Library, encoder: FakeEncoder) -> None:
    """It is used in the model's place; for several queries, or of another size, it is refused."""
    encoder.encoded.clear()
    found = filled.search("words", mode="dense", vector=vector_of(TEXTS["garden.txt"]))
    assert found[0].score == pytest.approx(1.0, abs=1e-5)
    assert encoder.encoded == []
    with pytest.raises(SettingsError, match="vector: it is one query's"):
        filled.search(["a", "b"], vector=vector_of("a"))
    with pytest.raises(SettingsError, match="has shape"):
        filled.search("a", vector=vector_of("a", 3))


async def test_asearch_leaves_the_event_loop_free(
    filled: Library, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many searches at once run on other threads and find what they would find alone."""
    threads = set()
    monkeypatch.setattr(encoder, "before", lambda text: threads.add(threading.get_ident()))
    queries = ["the lease", "pears", "the tenant"] * 3
    answers = await asyncio.gather(*(filled.asearch(query, limit=1) for query in queries))
    assert threads
    assert threading.get_ident() not in threads
    assert alike(answers, [filled.search(query, limit=1) for query in queries])
    assert not alike(answers[0], answers[1])
    assert alike(await filled.asearch(["pears"]), [filled.search("pears")])


def test_threads_that_come_first_load_one_model(filled: Library, opened: Open) -> None:
    """Readers side by side get the same answers as one after the other."""
    filled.close()
    library = opened()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(library.search, ["the lease"] * 8))
    assert all(alike(answer, answers[0]) for answer in answers)


def test_get_by_source_and_by_id(filled: Library, folder: Path) -> None:
    """A document comes whole, with its metadata and the places of its passages."""
    source = str(folder / "lease.txt")
    document = filled.get(source)
    assert document is not None
    assert (document.source, document.text) == (source, TEXTS["lease.txt"])
    assert document.document_id == document_id(source)
    assert document.metadata["file_name"] == "lease.txt"
    assert (document.tokens, document.tokens_read, document.windows) == (7, 7, 1)
    (passage,) = document.passages
    assert document.text[passage.start : passage.end] == TEXTS["lease.txt"]
    assert filled.get(document.document_id) == document
    assert document.to_dict()["passages"][0]["text"] == TEXTS["lease.txt"]
    for unknown in ("nothing", document_id("nothing")):
        assert filled.get(unknown) is None
    several = filled.get(["nothing", document.document_id, str(folder / "garden.txt"), source])
    assert [each and Path(each.source).name for each in several] == [
        None,
        "lease.txt",
        "garden.txt",
        "lease.txt",
    ]
    assert several[1] == several[3] == document
    assert filled.get([]) == []


def test_pages(filled: Library, folder: Path) -> None:
    """Pages follow each other in the order of ids, and every document is on one of them."""
    filled.add(Document(id=f"note {n}", text=f"note {n}") for n in range(5))
    seen, after = [], None
    while True:
        page = filled.documents(limit=3, after=after)
        assert len(page.documents) <= 3
        seen += [each.source for each in page.documents]
        after = page.next
        if after is None:
            break
    assert len(seen) == 7
    assert seen == sorted(seen, key=document_id)
    assert str(folder / "lease.txt") in seen
    assert filled.documents().documents[0].tokens > 0
    assert page.to_dict() == {"documents": page.to_dict()["documents"], "next": None}
    with pytest.raises(SettingsError, match="limit=0"):
        filled.documents(limit=0)


def test_info(filled: Library, folder: Path) -> None:
    """The numbers are those of what was ingested."""
    info = filled.info()
    assert (info.documents, info.tokens, info.collection) == (2, 14, "documents")
