"""The terms of a document and of its passages, as they count in the frequencies of all."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from uuid import UUID

from longembed_rag.points.values import Point, Vector, is_sparse
from longembed_rag.store.payload import OWN_KEY
from longembed_rag.store.values import PAIRS_VECTOR, TERMS_VECTOR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.store.values import StoredSource

#: What is counted of a term: documents by their words, by what ``hybrid`` compares, and passages.
COLUMNS = 3
DOCUMENTS, HYBRID, PASSAGES = range(COLUMNS)


@dataclass(frozen=True)
class Postings:
    """The terms of one document, or of many together.

    Attributes:
        terms: Ids of terms, uint32, ascending, each once.
        counts: How many documents, and passages, hold each: int64, ``[terms, COLUMNS]``.
        totals: How many documents and passages have any: int64, ``[COLUMNS]``.
    """

    terms: NDArray[np.uint32]
    counts: NDArray[np.int64]
    totals: NDArray[np.int64]

    @classmethod
    def of_vectors(
        cls, document: Mapping[str, Vector], passages: Iterable[Mapping[str, Vector]]
    ) -> Postings:
        """The terms of a document, from its sparse vectors and those of its passages."""
        import numpy as np

        columns = [
            [_indices(document.get(TERMS_VECTOR))],
            [_indices(document.get(PAIRS_VECTOR))],
            [_indices(each.get(TERMS_VECTOR)) for each in passages],
        ]
        held = [np.concatenate([np.zeros(0, np.uint32), *several]) for several in columns]
        terms = np.unique(np.concatenate(held))
        counts = np.zeros((len(terms), COLUMNS), dtype=np.int64)
        for column, ids in enumerate(held):
            np.add.at(counts[:, column], np.searchsorted(terms, ids), 1)
        totals = np.array([sum(bool(len(each)) for each in several) for several in columns])
        return cls(terms, counts, totals.astype(np.int64))

    @classmethod
    def together(cls, several: Iterable[tuple[int, Postings]]) -> Postings:
        """The sum of several, each with the sign that it counts with."""
        import numpy as np

        listed = list(several)
        none = np.zeros(0, dtype=np.uint32), np.zeros((0, COLUMNS), dtype=np.int64)
        terms = np.concatenate([none[0], *(each.terms for _, each in listed)])
        counts = np.concatenate([none[1], *(sign * each.counts for sign, each in listed)])
        totals = sum((sign * e.totals for sign, e in listed), np.zeros(COLUMNS, dtype=np.int64))
        order = np.argsort(terms, kind="stable")
        terms, counts = terms[order], counts[order]
        starts = np.flatnonzero(np.r_[True, terms[1:] != terms[:-1]]) if len(terms) else order
        summed = np.add.reduceat(counts, starts) if len(terms) else counts
        kept = summed.any(axis=1)
        return cls(terms[starts][kept], summed[kept], totals)

    def __len__(self) -> int:
        return len(self.terms)

    def between(self, first: int, last: int) -> Postings:
        """Those of rows from ``first`` to before ``last``; without totals."""
        import numpy as np

        rows = slice(first, last)
        return Postings(self.terms[rows], self.counts[rows], np.zeros(COLUMNS, dtype=np.int64))

    def packed(self) -> dict[str, Any]:
        """As a payload: compressed, about two bytes a term."""
        import numpy as np

        steps = np.diff(self.terms, prepend=np.uint32(0)).astype("<u4")
        # By columns, byte by byte: most of them are alike, which is what compresses.
        planes = [steps.view(np.uint8).reshape(-1, 4).T]
        planes += [
            self.counts[:, c].astype("<i4").view(np.uint8).reshape(-1, 4).T for c in range(COLUMNS)
        ]
        data = zlib.compress(b"".join(plane.tobytes() for plane in planes), 1)
        return {
            "terms": len(self),
            "totals": self.totals.tolist(),
            "data": base64.b64encode(data).decode(),
        }

    @classmethod
    def unpacked(cls, payload: Mapping[str, Any]) -> Postings:
        """What :meth:`packed` gave.

        Raises:
            ValueError: It is something else.
        """
        import numpy as np

        count = int(payload["terms"])
        raw = np.frombuffer(zlib.decompress(base64.b64decode(payload["data"])), dtype=np.uint8)
        planes = raw.reshape(1 + COLUMNS, 4, count)
        words = np.ascontiguousarray(planes.transpose(0, 2, 1)).view("<u4")[..., 0]
        terms = np.cumsum(words[0], dtype=np.uint32)
        counts = words[1:].astype(np.uint32).view(np.int32).T.astype(np.int64)
        return cls(terms, counts, np.array(payload["totals"], dtype=np.int64))


def _indices(vector: Vector | None) -> NDArray[np.uint32]:
    import numpy as np

    if vector is None or not is_sparse(vector):
        return np.zeros(0, dtype=np.uint32)
    return np.asarray(vector.indices, dtype=np.int64).astype(np.uint32)


def postings_id(stored: StoredSource) -> str:
    """The id of the point that holds a document's terms: another one for each version of them.

    Its first half tells the document, its second what its terms follow from.
    """
    made_by = (stored.passages, stored.counts.analyzer, stored.counts.weighing)
    follows = f"{stored.content_hash}/{stored.language}/{made_by}"
    version = blake2b(follows.encode(), digest_size=8).digest()
    return str(UUID(bytes=UUID(stored.document_id).bytes[:8] + version))


def half_of(identity: str) -> str:
    """The half of an id, of a document or of its terms, that tells the document."""
    return identity[:18]


def postings_point(
    stored: StoredSource, vectors: Mapping[str, Vector], passages: Iterable[Mapping[str, Vector]]
) -> Point:
    """The terms of a document as a point, which is written before the document itself.

    Args:
        stored: The document.
        vectors: Its sparse vectors, at least.
        passages: Those of its passages.
    """
    payload = {"kind": "postings", **Postings.of_vectors(vectors, passages).packed()}
    return Point(postings_id(stored), {}, {OWN_KEY: payload})
