"""One document as it lies in a store, in every engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from longembed_rag.store.document import find_sources, read_documents, read_indexed
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import document_id, passages_collection
from tests.store.fakes import make_document
from tests.stores import ENGINES, ensure, opening

TEXT = "one two three four five six seven eight nine"


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DocumentStore]:
    """A store with two documents of some passages."""
    with opening(request.param, tmp_path) as opener, opener() as opened:
        ensure(opened)
        for source in ("a", "b"):
            opened.upsert(make_document(source, f"{TEXT} {source}"))
        yield opened


def test_a_document_comes_whole(store: DocumentStore) -> None:
    """Text, metadata, numbers and the places of all passages, by source and by id."""
    document = read_documents(["a"], place=store.place)[0]
    assert document is not None
    assert (document.source, document.text) == ("a", f"{TEXT} a")
    assert (document.tokens, document.windows) == (10, 1)
    assert document.metadata == {"file_name": "a"}
    pieces = [document.text[each.start : each.end] for each in document.passages]
    assert pieces == ["one two three four", "five six seven eight", "nine a"]
    both = read_documents(["c", document_id("a"), "b", "a"], place=store.place)
    assert [each and each.source for each in both] == [None, "a", "b", "a"]
    assert both[1] == both[3] == document
    assert read_documents([], place=store.place) == []


def test_a_document_is_ready_to_be_written_again(store: DocumentStore) -> None:
    """Its vectors are those that it was written with, and writing it changes nothing."""
    written = make_document("a", f"{TEXT} a")
    read = read_indexed("a", place=store.place)
    assert read is not None
    assert read.passages == written.passages
    np.testing.assert_allclose(read.embedding, written.embedding, atol=1e-6)
    np.testing.assert_allclose(read.passage_embeddings, written.passage_embeddings, atol=1e-6)
    before = read_documents(["a"], place=store.place)[0]
    store.upsert(read)
    assert read_documents(["a"], place=store.place)[0] == before
    assert len(store.complete_sources()) == 2
    assert read_indexed("c", place=store.place) is None


def test_a_document_that_has_lost_passages(store: DocumentStore) -> None:
    """It can still be read, and not be written again, for it would lose them for good."""
    store.client.delete_collection(passages_collection(store.collection))
    document = read_documents(["a"], place=store.place)[0]
    assert document is not None
    assert document.passages == ()
    assert read_indexed("a", place=store.place) is None


def test_sources_are_found_by_either_name(store: DocumentStore) -> None:
    """In the order given, each name once, and the unknown left out."""
    asked = [document_id("b"), "c", "a", document_id("c"), "a", "not-a-uuid"]
    assert find_sources(asked, place=store.place) == {document_id("b"): "b", "a": "a"}
    assert find_sources([], place=store.place) == {}
