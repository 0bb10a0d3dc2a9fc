"""Ids and the values that go in."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import InputError, SettingsError
from longembed_rag.points.values import StorageOptions
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.values import (
    document_id,
    manifest_collection,
    passage_id,
    passages_collection,
)
from tests.store.fakes import make_document


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_ids_are_uuid5_and_follow_the_source(first: str, second: str) -> None:
    """Qdrant takes the id as a UUID; equal sources have equal ids, others have others."""
    assert UUID(document_id(first)).version == 5
    assert (document_id(first) == document_id(second)) == (first == second)


def test_an_id_never_changes() -> None:
    """The id of a known source, written down: another one would duplicate every document."""
    document = document_id("/docs/a.txt")
    assert document == "80ba0a34-236c-564d-bdf0-b2d43c92bae9"
    assert passage_id(document, "a hash", 7) == "bf1236e7-2cdb-5ff7-bde4-1dfa5cc265ad"


@given(st.text(), st.text(), st.integers(0, 99), st.integers(0, 99))
def test_passages_of_each_version_have_ids_of_their_own(
    first: str, second: str, one: int, other: int
) -> None:
    """No version of a document overwrites another one's passages; the same one does."""
    document = document_id("/docs/a.txt")
    ids = passage_id(document, first, one), passage_id(document, second, other)
    assert (ids[0] == ids[1]) == ((first, one) == (second, other))
    assert document not in ids
    assert passage_id(document_id("/docs/b.txt"), first, one) != ids[0]


def test_names_of_the_collections_beside() -> None:
    """They follow from that of the documents, so that one name is enough."""
    assert passages_collection("docs") == "docs.passages"
    assert manifest_collection("docs") == "docs.manifest"


def test_options_come_back_and_unknown_ones_are_passed_over() -> None:
    """A collection that a later version made can still be read."""
    options = IndexOptions(passages=False, passage_tokens=7, language="none")
    assert IndexOptions.from_dict({**options.to_dict(), "later": 1}) == options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"passage_tokens": 0}, "passage_tokens=0 must be at least 1"),
        ({"passage_tokens": 2.5}, "passage_tokens=2.5 must be a whole number"),
        ({"passage_tokens": True}, "passage_tokens=True must be a whole number"),
        ({"language": "klingon"}, "language='klingon' is not one of: .*english"),
        ({"k1": -0.1}, "k1=-0.1 must be 0 or more"),
        ({"k1": float("nan")}, "k1=nan must be 0 or more"),
        ({"k1": "2"}, "k1='2' must be a number"),
        ({"b": 1.5}, "b=1.5 must be from 0"),
        ({"b": True}, "b=True must be a number"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object], message: str) -> None:
    """They are named with what was given."""
    with pytest.raises(SettingsError, match=message):
        IndexOptions(**options)  # type: ignore[arg-type]


def test_an_unknown_quantization_is_refused() -> None:
    """The ones there are, are named."""
    with pytest.raises(SettingsError, match="quantization='half' is not one of: none, scalar"):
        StorageOptions(quantization="half")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"embedding": np.zeros((2, 16), dtype=np.float32)},
        {"embedding": np.full(16, np.nan, dtype=np.float32)},
        {"passage_embeddings": np.zeros((5, 16), dtype=np.float32)},
        {"passage_embeddings": np.zeros((1, 8), dtype=np.float32)},
        {"passage_embeddings": np.full((1, 16), np.inf, dtype=np.float32)},
    ],
)
def test_vectors_that_cannot_be_are_refused(changes: dict[str, object]) -> None:
    """Vectors of wrong shape or value are refused with the document's name."""
    with pytest.raises(InputError, match=r"/a\.txt"):
        make_document("/a.txt", "one two three", **changes)
