"""Queries are read once as a whole and, where they say several things, once for each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from longembed_rag.encoder.values import Coverage, QueryEncoding
from longembed_rag.search.asking import AskedQuery, embed_queries
from longembed_rag.search.search import SearchOptions, search_documents
from longembed_rag.search.syntax import Query
from longembed_rag.words.sentences import query_parts
from tests.store.fakes import make_document, tokens_of, vector_of
from tests.stores import Opener, ensure

QUERIES = ("who pays the rent", "Who signed the lease first? When does the lease end?", "plums")


class Recorder:
    """Encodes as the fakes do, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.names: list[Sequence[str] | None] = []

    def __call__(self, texts: list[str], *, names: Sequence[str] | None = None) -> QueryEncoding:
        self.asked.append(texts)
        self.names.append(names)
        return QueryEncoding(
            embeddings=np.stack([vector_of(text) for text in texts]),
            tokens=tuple(tokens_of(text) for text in texts),
            coverage=tuple(Coverage(1, 1, 1, "fake") for _ in texts),
        )


def test_parts_are_read_in_the_same_pass() -> None:
    """Each query keeps its own vector; the tokens are those of its sentences, read alone."""
    encode = Recorder()
    read = embed_queries(QUERIES, encode, names=["a", "b", "c"])
    first, second = query_parts(QUERIES[1])
    assert encode.asked == [[*QUERIES, first, second]]
    assert encode.names == [["a", "b", "c", "b", "b"]]
    for query, (vector, tokens) in zip(QUERIES, read, strict=True):
        np.testing.assert_array_equal(vector, vector_of(query))
        parts = query_parts(query)
        assert len(tokens) == len(parts)
        for part, found in zip(parts, tokens, strict=True):
            np.testing.assert_array_equal(found, tokens_of(part))


def test_without_names_none_are_given() -> None:
    """The encoder calls them as it does."""
    encode = Recorder()
    embed_queries(QUERIES, encode)
    assert encode.names == [None]


def test_tokens_of_one_part_may_be_given_as_they_are() -> None:
    """One array is the tokens of the whole query."""
    (part,) = AskedQuery(Query(text="x"), tokens=tokens_of("x")).parts or ()
    np.testing.assert_array_equal(part, tokens_of("x"))
    assert AskedQuery(Query(text="x")).parts is None


def test_what_two_sentences_ask_may_stand_in_two_places(opener: Opener) -> None:
    """The document that holds both answers is before those that hold one of them twice."""
    # Four words are a passage.
    lease, ends, other = "signed lease tenant gladly", "ends may next year", "plums ripen late here"
    texts = {
        "/both.txt": [lease, other, other, ends],
        "/first.txt": [lease, other, lease, other],
        "/second.txt": [ends, other, ends, other],
    }
    query = f"{lease} ? {ends} ?"
    vector = vector_of(query)
    with opener() as store:
        ensure(store)
        for name, passages in texts.items():
            store.upsert(make_document(name, " ".join(passages)))
        found = {
            len(tokens): search_documents(
                store, query, vector=vector, tokens=tokens, options=SearchOptions(mode="late")
            )
            for tokens in (
                (tokens_of(query),),
                tuple(tokens_of(part) for part in query_parts(query)),
            )
        }
    alone, together = found[1], found[2]
    best = {each.source: each.score for each in together}
    assert together[0].source == "/both.txt"
    assert best["/both.txt"] > max(best["/first.txt"], best["/second.txt"]) + 0.1
    # As one text no document is better than its best passage.
    scores = [each.score for each in alone]
    assert max(scores) < best["/both.txt"] - 0.1


def test_each_sentence_is_shown_its_passage(opener: Opener) -> None:
    """Before a second passage on the same thing, which fits the whole query better."""
    lease, again, ends = "signed lease tenant gladly", "signed lease tenant twice", "may next year"
    text = " ".join([lease, again, f"ends {ends}", "plums ripen late here"])
    query = f"signed lease tenant gladly today ? lease ends {ends} ?"
    parts = query_parts(query)
    assert len(parts) == 2
    with opener() as store:
        ensure(store)
        store.upsert(make_document("/lease.txt", text))
        shown = {}
        for tokens in ((tokens_of(query),), tuple(tokens_of(part) for part in parts)):
            (found,) = search_documents(
                store,
                query,
                vector=vector_of(query),
                tokens=tokens,
                options=SearchOptions(mode="late", passages=4),
            )
            shown[len(tokens)] = [text[each.start : each.end] for each in found.passages]
    assert shown[1][:2] == [lease, again]
    assert shown[2][:2] == [lease, f"ends {ends}"]
    assert sorted(shown[1]) == sorted(shown[2])  # none is lost, and none is there twice
