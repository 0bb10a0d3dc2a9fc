"""What a point holds beside its vectors."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.schema import NodeRelationship, ObjectType, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict

from longembed_rag.errors import PointRefusedError
from longembed_rag.store.payload import (
    BUCKETS,
    TECHNICAL_METADATA,
    bucket,
    document_payload,
    folders,
    passage_payload,
    read_node,
    read_own,
    read_source,
    read_stored_source,
)
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.tokens import bits_payload
from longembed_rag.store.values import IndexedDocument, document_id
from longembed_rag.words.lengths import TermCounts
from tests.store.fakes import make_document
from tests.stores import find

TEXT = "a text of seven words in all"
COUNTS = TermCounts(terms=4, passage_terms=3, average=5.5, passage_average=2.25)


def test_the_text_is_stored_once() -> None:
    """A payload is little larger than its text."""
    text = "words and words " * 10_000
    payload = document_payload(make_document("/a.txt", text), COUNTS)
    assert len(json.dumps(payload)) < 1.02 * len(text)


@pytest.mark.parametrize("metadata", [{}, {"file_name": "ä.txt", "tags": ["a"], "doc_id": "mine"}])
def test_it_is_what_llama_index_itself_writes(metadata: dict[str, Any]) -> None:
    """Byte for byte, our own fields aside, and it makes the same node of it."""
    document = make_document("/a.txt", "Grüße, \U0001f600", metadata=metadata)
    node = TextNode(
        id_=document_id("/a.txt"),
        text=document.text,
        metadata=metadata,
        excluded_embed_metadata_keys=list(metadata),
        excluded_llm_metadata_keys=[name for name in TECHNICAL_METADATA if name in metadata],
        relationships={
            NodeRelationship.SOURCE: RelatedNodeInfo(
                node_id="/a.txt", node_type=ObjectType.DOCUMENT, hash=document.content_hash
            )
        },
    )
    theirs = {"source": "/a.txt", **node_to_metadata_dict(node)}
    ours = document_payload(document, COUNTS)
    del ours["longembed"]
    assert ours == theirs
    assert metadata_dict_to_node(ours) == node


def test_own_fields_stay_out_of_the_metadatas_way() -> None:
    """Metadata with the names of our fields, or of LlamaIndex's, comes back as it was."""
    names = ("tokens", "longembed", "doc_id", "_node_content", "source")
    metadata = dict.fromkeys(names, "mine")
    payload = document_payload(make_document("/a.txt", TEXT, metadata=metadata), COUNTS)
    assert read_node(payload) == (TEXT, metadata)
    stored = read_stored_source(payload)
    assert stored is not None
    assert (stored.tokens, stored.passages, stored.counts) == (7, 2, COUNTS)
    assert (payload["doc_id"], payload["source"]) == ("/a.txt", "mine")
    assert read_source(payload, point_id="id") == "/a.txt"


def test_the_source_can_be_filtered_by() -> None:
    """A document without a source of its own in its metadata is found by ours, as its passages."""
    document = make_document("/a.txt", TEXT, metadata={})
    assert document_payload(document, COUNTS)["source"] == "/a.txt"
    passage = passage_payload(document, document.passages[0], index=0, point_id=document_id("any"))
    assert passage["source"] == "/a.txt"


def test_points_of_others_are_read_as_far_as_they_go() -> None:
    """A point without our record still has a name; a broken one is no crash."""
    assert read_source({"doc_id": "theirs"}, point_id="id") == "theirs"
    assert read_source({"doc_id": "None"}, point_id="id") == "id"
    assert read_node({"_node_content": "{"}) == (None, {})
    assert read_node({}) == (None, {})
    assert read_stored_source({"longembed": "theirs"}) is None
    assert read_stored_source(None) is None


@pytest.mark.parametrize(
    "document",
    [
        replace(make_document("/a.txt", TEXT), text="lone \ud800 surrogate"),
        replace(make_document("/a.txt", TEXT), metadata={"when": object()}),
        replace(make_document("/a.txt", TEXT), metadata={"title": "lone \ud800 surrogate"}),
        replace(make_document("/a.txt", TEXT), source="/\udcff.txt"),
    ],
)
def test_what_json_cannot_hold_is_refused_by_name(
    store: DocumentStore, document: IndexedDocument
) -> None:
    """A document that no server could take is not written to an embedded store either."""
    with pytest.raises(PointRefusedError, match="was not written"):
        store.upsert(document)
    assert store.sources() == store.entries() == {}
    assert store.info().passages == 0


def test_metadata_of_dates_is_kept_as_text() -> None:
    """What pydantic can write as JSON is no reason to refuse a document."""
    payload = document_payload(
        make_document("/a.txt", TEXT, metadata={"day": date(2026, 11, 23)}), COUNTS
    )
    assert payload["day"] == "2026-11-23"


def test_unusual_texts_come_back_unchanged(store: DocumentStore) -> None:
    """NUL, line ends of all kinds, other scripts and emoji: spans count the same characters."""
    text = "nul \0 here\r\nand\u2028there 漢字 \U0001f600 \u0301 end"
    store.upsert(make_document("/a.txt", text))
    (result,) = find(store, "\U0001f600")
    assert result.text == text
    assert result.span is not None
    assert result.passage == text[result.span[0] : result.span[1]]


def test_a_document_without_passages_is_found_without_one(store: DocumentStore) -> None:
    """No passages: the document is the answer, with no passage named."""
    document = make_document("/a.txt", TEXT)
    bare = {"passages": (), "passage_embeddings": document.passage_embeddings[:0]}
    store.upsert(replace(document, **bare, token_vectors=None))  # type: ignore[arg-type]
    (result,) = find(store, "seven")
    assert (result.source, result.passages) == ("/a.txt", ())
    assert (result.passage, result.span, result.passage_score) == (None, None, None)
    assert result.snippet is not None
    assert result.snippet.marked() == TEXT.replace("seven", "**seven**")


def test_a_passage_says_where_it_stands_and_what_it_is_of() -> None:
    """Its payload holds the document's metadata for filters, its place, and no text."""
    document = make_document("/docs/a.txt", TEXT, metadata={"file_type": "pdf"})
    point_id = document_id("any")
    payload = passage_payload(document, document.passages[1], index=1, point_id=point_id)
    assert (payload["file_type"], payload["source"]) == ("pdf", "/docs/a.txt")
    own = read_own(payload)
    assert document.token_vectors is not None
    assert own == {
        "document": document_id("/docs/a.txt"),
        "version": document.content_hash,
        "index": 1,
        "start": TEXT.index("words"),
        "end": len(TEXT),
        "tokens": 3,
        "bucket": bucket(point_id),
        "folders": ["/docs", "/"],
        "bits": bits_payload(document.token_vectors, 1),
    }
    assert TEXT not in json.dumps(payload)
    without = replace(document, token_vectors=None)
    plain = passage_payload(without, document.passages[1], index=1, point_id=point_id)
    assert set(own) - set(read_own(plain)) == {"bits"}


def test_metadata_does_not_replace_what_a_passage_says_of_itself() -> None:
    """Metadata with the names of our fields gives way in passages, which are found by them."""
    document = make_document("/a.txt", TEXT, metadata={"longembed": "mine", "doc_id": "mine"})
    payload = passage_payload(document, document.passages[0], index=0, point_id=document_id("any"))
    assert (payload["doc_id"], read_own(payload)["index"]) == ("/a.txt", 0)


@given(st.uuids())
def test_buckets_are_numbers_below_the_limit(identity: UUID) -> None:
    """A point's bucket is a whole number that any client computes alike."""
    number = bucket(str(identity))
    assert 0 <= number < BUCKETS
    assert number == int(str(identity)[:8], 16)


def test_only_files_lie_in_folders() -> None:
    """What is no absolute path, such as an address, lies in none."""
    assert folders("/a/b/c.txt") == ["/a/b", "/a", "/"]
    assert folders("https://example.org/a") == folders("a/b.txt") == []
