"""Systems that compare vectors: of documents, or of their best part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from longembed_eval.systems.protocol import Indexed, Progress, Ranking, ranked
from longembed_eval.systems.readings import Reader, Reading, Readings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: What of a reading is compared with the query: each document's vector, or the best of its parts.
Level = Literal["documents", "parts"]

#: Numbers in one block of cosines, so that memory stays small on large collections.
_BLOCK = 1 << 24


def indexed(reading: Reading, *, level: Level, more_seconds: float = 0.0) -> Indexed:
    """What it took to index by a reading.

    Args:
        reading: The reading.
        level: Which of its vectors are kept.
        more_seconds: Time that came on top.
    """
    kept = reading.vectors if level == "documents" else reading.parts
    return Indexed(
        seconds=reading.seconds + more_seconds,
        peak_memory_bytes=reading.peak_memory_bytes,
        tokens=int(reading.tokens.sum()),
        tokens_read=int(reading.tokens_read.sum()),
        vectors=len(kept),
        index_bytes=int(kept.nbytes),
    )


def cosines(queries: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosines of queries with vectors that may be of any length, shape ``[q, n]``."""
    found: NDArray[np.float32] = unit(queries) @ unit(vectors).T
    return found


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors with unit length, shape ``[n, d]``; one of zeros stays."""
    import numpy as np

    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)


def best_by_owner(
    scores: NDArray[np.float32], owners: NDArray[np.int64], documents: int
) -> NDArray[np.float32]:
    """The best score of each owner's parts (MaxSim); -inf for owners without any.

    Args:
        scores: Shape ``[q, m]``.
        owners: Which document each part belongs to, shape ``[m]``, ascending.
        documents: How many documents there are.

    Returns:
        Shape ``[q, documents]``.
    """
    import numpy as np

    best = np.full((len(scores), documents), -np.inf, dtype=np.float32)
    there, starts = np.unique(owners, return_index=True)
    if len(there):
        best[:, there] = np.maximum.reduceat(scores, starts, axis=1)
    return best


@dataclass
class VectorSystem:
    """Exact comparison of every vector, in memory.

    Attributes:
        reader: What makes vectors.
        level: Which of them are compared.
        readings: Where readings are kept.
    """

    reader: Reader
    level: Level
    readings: Readings
    _names: list[str] = field(default_factory=list)
    _reading: Reading | None = None
    _kept: NDArray[np.float32] | None = None

    def index(self, documents: Mapping[str, str], *, on_progress: Progress) -> Indexed:
        """Embed the documents."""
        self._names = list(documents)
        self._reading = self.readings.get(self.reader, documents, on_progress=on_progress)
        reading = self._reading
        self._kept = unit(reading.vectors if self.level == "documents" else reading.parts)
        return indexed(reading, level=self.level)

    def search(self, queries: Sequence[str], *, depth: int) -> list[Ranking]:
        """Rank documents by cosine."""
        assert self._reading is not None, "index documents first"
        assert self._kept is not None
        vectors = unit(self.reader.embed_queries(queries))
        step = max(1, _BLOCK // max(len(self._kept), 1))
        found: list[Ranking] = []
        for start in range(0, len(vectors), step):
            scores = vectors[start : start + step] @ self._kept.T
            if self.level == "parts":
                scores = best_by_owner(scores, self._reading.owners, len(self._names))
            found += [
                ranked(dict(zip(self._names, row.tolist(), strict=True)), depth) for row in scores
            ]
        return found
