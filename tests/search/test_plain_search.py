"""However much is known of a collection, it is answered as if everything were asked for anew."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from longembed_rag.search.asking import AskedQuery
from longembed_rag.search.known import known_of
from longembed_rag.search.requests import Question
from longembed_rag.search.results import SearchResult
from longembed_rag.search.search import SearchOptions, search_documents, search_many
from longembed_rag.search.syntax import Query
from longembed_rag.store.kept import Kept
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import IndexedDocument
from longembed_rag.words.sentences import query_parts
from tests.search import plain_search
from tests.store.fakes import make_document, tokens_of, vector_of
from tests.stores import ensure, opening, scratch

PROJECT = Path(__file__).parents[2]
TEXTS = sorted((PROJECT / "docs").glob("*.md")) + sorted(
    each for each in (PROJECT / "demo" / "documents").iterdir() if each.suffix in (".txt", ".md")
)
WORDS = 360  # of a document: some four thousand passages of four words, from all that is written
QUERIES = [
    "who reads long documents in windows",
    "vectors of passages and of their tokens",
    "the queen said off with her head. Who reads long documents in windows? Vectors of passages.",
    "to be or not to be that is the question",
    "zzz qqq",
    "store search store search store collection points of a server",
    "the",
]
LIMIT = 6
#: Modes, and how many documents are few. Of other engines nothing is known, however few there are.
CASES = [
    ("edge", "hybrid", 0),
    ("edge", "hybrid", 2500),
    ("edge", "passages", 0),
    ("edge", "late", 2500),
    ("server", "hybrid", 0),
    *(
        pytest.param(engine, mode, most, marks=pytest.mark.slow)
        for engine, mode, most in (
            ("edge", "passages", 2500),
            ("edge", "late", 0),
            *(("local", mode, 0) for mode in ("hybrid", "passages", "late")),
            *(("server", mode, 0) for mode in ("passages", "late")),
        )
    ),
]


def real_documents() -> Iterator[IndexedDocument]:
    """The project's own pages and the demo's, in pieces."""
    for path in TEXTS:
        words = path.read_text(encoding="utf-8").split()[: 2 * WORDS]
        for start in range(0, len(words), WORDS):
            yield make_document(f"/{path.name}/{start}", " ".join(words[start : start + WORDS]))


@pytest.fixture(scope="module")
def filled() -> Iterator[Callable[[str], DocumentStore]]:
    """Stores of real texts, by engine; of local mode and the server a few, which compare slowly."""
    documents = list(real_documents())
    with ExitStack() as stack:

        @cache
        def fill(engine: str) -> DocumentStore:
            opener = stack.enter_context(opening(engine, stack.enter_context(scratch())))
            store = ensure(stack.enter_context(opener()))
            for each in documents if engine == "edge" else documents[::18]:
                store.upsert(each)
            return store

        yield fill


def forgetful(store: DocumentStore, searches: int = 0) -> None:
    """Let a store forget what is known, after so many searches."""
    store._collection.place = replace(store.place, kept=Kept())
    known_of(store.place).searches = searches


def asked(query: str) -> AskedQuery:
    """A query with the vectors of the fake encoder."""
    return AskedQuery(Query(text=query), vector_of(query or "x"), parts_of(query))


def parts_of(query: str) -> tuple[NDArray[np.float32], ...]:
    """The tokens of a query, sentence by sentence."""
    return tuple(tokens_of(part) for part in query_parts(query))


def plainly(store: DocumentStore, query: str, mode: str) -> list[plain_search.Found]:
    """What the plain way finds."""
    words = store.existing_record().query_words(query)
    question = Question(words, vector_of(query), parts_of(query))
    return plain_search.search(store, question, mode=mode, limit=LIMIT)


def same(found: list[SearchResult], plain: list[plain_search.Found]) -> None:
    """The same documents and passages in the same order, with the same scores."""
    assert [each.document_id for each in found] == [each.id for each in plain]
    for ours, theirs in zip(found, plain, strict=True):
        assert ours.score == pytest.approx(theirs.score, rel=1e-5, abs=1e-5)
        assert [each.start for each in ours.passages] == [start for start, _ in theirs.passages]
        scores = [score for _, score in theirs.passages]
        assert [each.score for each in ours.passages] == pytest.approx(scores, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize(("engine", "mode", "most"), CASES)
def test_what_is_known_changes_nothing(
    filled: Callable[[str], DocumentStore],
    monkeypatch: pytest.MonkeyPatch,
    engine: str,
    mode: str,
    most: int,
) -> None:
    """The first search, the second, the hundredth, and many at once, on real texts."""
    store = filled(engine)
    queries = QUERIES if engine == "edge" else QUERIES[::2]
    monkeypatch.setattr("longembed_rag.search.evidence.MOST_DOCUMENTS", most)
    options = SearchOptions(mode=mode, limit=LIMIT)  # type: ignore[arg-type]
    plain = {query: plainly(store, query, mode) for query in queries}
    forgetful(store)
    for _ in range(2):
        for query in queries:
            each = asked(query)
            found = search_documents(
                store, query, vector=each.vector, tokens=each.tokens, options=options
            )
            same(found, plain[query])
    for searches in (0, 100):
        forgetful(store, searches)
        answers = search_many(store, [asked(query) for query in queries], options=options)
        for query, found in zip(queries, answers, strict=True):
            same(found, plain[query])
    assert (known_of(store.place).table_now is not None) == (store.engine == "edge")


def test_what_is_written_is_found_at_once() -> None:
    """A document that comes, changes or goes is there, changed or gone in the next search."""
    with scratch() as folder, opening("edge", folder) as opener, opener() as store:
        ensure(store)
        for number in range(5):
            store.upsert(make_document(f"/{number}", f"the lease number {number} was signed"))
        options = SearchOptions(limit=10)

        def sources(query: str) -> list[str]:
            found = search_documents(store, query, vector=vector_of(query), options=options)
            return [each.source for each in found if each.signals["terms"] > 0]

        for _ in range(3):
            assert sorted(sources("lease")) == [f"/{number}" for number in range(5)]
        assert sources("heron") == []
        store.upsert(make_document("/heron", "a heron stood in the river"))
        assert sources("heron") == ["/heron"]
        store.upsert(make_document("/heron", "a stork stood in the river"))
        assert sources("heron") == []
        assert sources("stork") == ["/heron"]
        store.delete(["/heron"])
        assert sources("stork") == []


def test_threads_search_while_one_writes() -> None:
    """Every answer is one that fits some moment, and the last one what is there at the end."""
    with scratch() as folder, opening("edge", folder) as opener, opener() as store:
        ensure(store)
        store.upsert(make_document("/first", "the lease was signed in spring"))
        wrong: list[object] = []
        done = threading.Event()

        def search() -> None:
            try:
                while not done.is_set():
                    found = search_documents(store, "lease", vector=vector_of("lease"))
                    texts = {each.source: each.text for each in found}
                    if "/first" not in texts or not all(texts.values()):
                        wrong.append(texts)
            except Exception as error:  # noqa: BLE001 - told below
                wrong.append(error)

        threads = [threading.Thread(target=search) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(12):
            store.upsert(make_document(f"/{number}", f"another lease, number {number}"))
        done.set()
        for thread in threads:
            thread.join()
        assert wrong == []
        options = SearchOptions(limit=50)
        last = search_documents(store, "lease", vector=vector_of("lease"), options=options)
        assert len(last) == 13


def test_passages_belong_to_whom_their_ids_say() -> None:
    """Ids are worked out as they are made; what nobody made is nobody's."""
    from longembed_rag.search.owners import Owners
    from longembed_rag.store.values import document_id, passage_id

    keys = [(document_id(f"/{number}"), f"{number:064x}") for number in range(4)]
    owners = Owners([*keys, ("17", "another program's")], [3, 0, 7, 1, 5])
    ids = {
        passage_id(*key, index): (key, index)
        for key, count in zip(keys, (3, 0, 7, 1), strict=True)
        for index in range(count)
    }
    others = ["17", passage_id(*keys[1], 0), document_id("/")]
    asked_for = [*others[:1], *ids, *others[1:]]
    assert owners.of(asked_for) == {each: key for each, (key, _) in ids.items()}
    assert owners.numbers(asked_for) == {each: index for each, (_, index) in ids.items()}
    assert Owners([], []).of(asked_for) == {}
    assert owners.of([]) == {}
