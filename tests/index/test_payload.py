"""What a point holds beside its vectors."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from longembed_rag.errors import PointRefusedError
from longembed_rag.index.payload import build_payload, read_node, read_source, read_stored_source
from longembed_rag.index.points import build_point
from longembed_rag.index.store import DocumentStore
from tests.index.fakes import make_document, vector_of

TEXT = "a text of seven words in all"


def test_the_text_is_stored_once() -> None:
    """A payload is little larger than its text."""
    text = "words and words " * 10_000
    payload = build_payload(make_document("/a.txt", text), ())
    assert len(json.dumps(payload)) < 1.02 * len(text)


def test_own_fields_stay_out_of_the_metadatas_way() -> None:
    """Metadata with the names of our fields, or of LlamaIndex's, comes back as it was."""
    metadata = {"tokens": "mine", "longembed": "mine", "doc_id": "mine", "_node_content": "mine"}
    payload = build_payload(make_document("/a.txt", TEXT, metadata=metadata), ())
    assert read_node(payload) == (TEXT, {**metadata, "source": "/a.txt"})
    stored = read_stored_source(payload)
    assert stored is not None
    assert stored.tokens == 7
    assert payload["doc_id"] == "/a.txt"


def test_points_of_others_are_read_as_far_as_they_go() -> None:
    """A point without our record still has a name; a broken one is no crash."""
    assert read_source({"doc_id": "theirs"}, point_id="id") == "theirs"
    assert read_source({"doc_id": "None"}, point_id="id") == "id"
    assert read_node({"_node_content": "{"}) == (None, {})
    assert read_node({}) == (None, {})
    assert read_stored_source({"longembed": "theirs"}) is None
    assert read_stored_source(None) is None


@pytest.mark.parametrize("embedded", [True, False])
@pytest.mark.parametrize(
    "document",
    [
        replace(make_document("/a.txt", TEXT), text="lone \ud800 surrogate"),
        replace(make_document("/a.txt", TEXT), metadata={"when": object()}),
        replace(make_document("/a.txt", TEXT), source="/\udcff.txt"),
    ],
)
def test_what_json_cannot_hold_is_refused_by_name(document: object, embedded: bool) -> None:
    """A document that no server could take is not written to an embedded store either."""
    with pytest.raises(PointRefusedError, match="was not written"):
        build_point(document, embedded=embedded)  # type: ignore[arg-type]


def test_metadata_of_dates_is_kept_as_text() -> None:
    """What pydantic can write as JSON is no reason to refuse a document."""
    payload = build_payload(make_document("/a.txt", TEXT, metadata={"day": date(2026, 11, 23)}), ())
    assert payload["day"] == "2026-11-23"


def test_unusual_texts_come_back_unchanged(store: DocumentStore) -> None:
    """NUL, line ends of all kinds, other scripts and emoji: spans count the same characters."""
    text = "nul \0 here\r\nand\u2028there 漢字 \U0001f600 \u0301 end"
    store.upsert(make_document("/a.txt", text))
    (result,) = store.search(vector_of("\U0001f600"), limit=1)
    assert result.text == text
    assert result.span is not None
    assert result.passage == text[result.span[0] : result.span[1]]


def test_a_document_without_passages_is_found_without_one(store: DocumentStore) -> None:
    """No passages: the document is the answer, with no passage named."""
    document = make_document("/a.txt", TEXT)
    store.upsert(replace(document, passages=(), passage_embeddings=document.passage_embeddings[:0]))
    (result,) = store.search(vector_of("seven"), limit=1)
    assert (result.source, result.passage, result.span, result.passage_score) == (
        "/a.txt", None, None, None,
    )  # fmt: skip
