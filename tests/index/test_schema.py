"""Ids and the values that go in."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import InputError
from longembed_rag.index.schema import document_id
from tests.index.fakes import make_document


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_ids_are_uuid5_and_follow_the_source(first: str, second: str) -> None:
    """Qdrant takes the id as a UUID; equal sources have equal ids, others have others."""
    assert UUID(document_id(first)).version == 5
    assert (document_id(first) == document_id(second)) == (first == second)


def test_an_id_never_changes() -> None:
    """The id of a known source, written down: another one would duplicate every document."""
    assert document_id("/docs/a.txt") == "80ba0a34-236c-564d-bdf0-b2d43c92bae9"


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
