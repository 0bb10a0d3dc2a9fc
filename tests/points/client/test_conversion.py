"""Between the port's values and qdrant-client's models."""

from __future__ import annotations

import numpy as np
import pytest

from longembed_rag.errors import InputError
from longembed_rag.points.client.conversion import point_struct, vector_changes, vector_for
from longembed_rag.points.values import Point
from longembed_rag.words.terms import document_vector

VECTOR = np.linspace(-1, 1, 16, dtype=np.float32) / 3
NO_WORDS = document_vector([], length=0, average=1.0)
WORDS = document_vector(["lease", "tenant", "lease"], length=3, average=2.0)


def test_vectors_travel_as_arrays_or_short_numbers() -> None:
    """Local mode takes arrays; a server few digits, in half the bytes."""
    kept, sent = (vector_for(VECTOR, embedded=embedded) for embedded in (True, False))
    assert isinstance(kept, np.ndarray)
    assert kept.dtype == np.float32
    assert isinstance(sent, list)
    assert all(len(str(abs(number))) <= 11 for number in sent)
    np.testing.assert_allclose(sent, VECTOR, atol=1e-9)


def test_a_point_without_words_has_no_sparse_vector() -> None:
    """An empty one is none; and to take it away from a point is another request."""
    point = Point("0" * 32, {"meaning": VECTOR, "words": NO_WORDS}, {})
    assert set(point_struct(point, embedded=False).vector) == {"meaning"}  # type: ignore[arg-type]
    changes, emptied = vector_changes(
        [Point("a", {"words": NO_WORDS}, {}), Point("b", {"words": WORDS}, {})], embedded=False
    )
    assert [each.id for each in changes] == ["b"]
    assert emptied == {"words": ["a"]}


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("embedded", [True, False])
def test_what_is_not_finite_is_never_sent(value: float, embedded: bool) -> None:
    """A server would take 1e39 and answer with null."""
    vector = VECTOR.copy()
    vector[3] = value
    with pytest.raises(InputError, match="finite"):
        vector_for(vector, embedded=embedded)
