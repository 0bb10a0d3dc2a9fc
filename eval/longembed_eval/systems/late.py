"""Late interaction, exact: every token of a query against every token of every passage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longembed_eval.systems.protocol import Indexed, Progress, Ranking, ranked
from longembed_eval.systems.readings import Reading, Readings, TokenReader
from longembed_eval.systems.vectors import best_by_owner
from longembed_rag import embed_queries

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_eval.systems.tokens import KeptTokens
    from longembed_rag import TokenOptions

#: Tokens of passages, and of queries, that are compared in one product: 32 MiB of cosines.
_BLOCK = 4096
_OF_QUERIES = 2048


@dataclass
class LateSystem:
    """Ranks documents by their best passage's MaxSim (ColBERT, arXiv 2004.12832).

    A passage's score is the mean over the query's tokens of each one's best cosine in the passage.
    Of a query of several sentences each has a best passage of its own, as in the product's search.
    All passages are compared, without candidates, in turns, so that memory is that of the tokens'
    vectors themselves.

    Attributes:
        reader: What makes vectors.
        options: How those of tokens are kept.
        readings: Where readings are kept.
    """

    reader: TokenReader
    options: TokenOptions
    readings: Readings
    _names: list[str] = field(default_factory=list)
    _kept: tuple[Reading, KeptTokens] | None = None

    def index(self, documents: Mapping[str, str], *, on_progress: Progress) -> Indexed:
        """Read the documents, keeping tokens."""
        self._names = list(documents)
        self._kept = self.readings.get_with_tokens(
            self.reader, documents, self.options, on_progress=on_progress
        )
        reading, tokens = self._kept
        return Indexed(
            seconds=reading.seconds + tokens.seconds,
            peak_memory_bytes=reading.peak_memory_bytes,
            tokens=int(reading.tokens.sum()),
            tokens_read=int(reading.tokens_read.sum()),
            vectors=len(tokens.vectors),
            index_bytes=int(tokens.vectors.nbytes),
        )

    def search(self, queries: Sequence[str], *, depth: int) -> list[Ranking]:
        """Rank documents by MaxSim."""
        assert self._kept is not None, "index documents first"
        reading, tokens = self._kept
        asked = [parts for _, parts in embed_queries(queries, self.reader.encode_queries)]
        each = [part for parts in asked for part in parts]
        scores = _joined(
            best_passages(each, tokens, reading.owners, len(self._names)),
            [[len(part) for part in parts] for parts in asked],
        )
        return [ranked(dict(zip(self._names, row.tolist(), strict=True)), depth) for row in scores]


def _joined(
    scores: NDArray[np.float32], counts: Sequence[Sequence[int]]
) -> Iterator[NDArray[np.float32]]:
    """For each query the mean over all of its tokens, from those over each part's."""
    import numpy as np

    first = 0
    for of_parts in counts:
        weights = np.array(of_parts, dtype=np.float32) / np.float32(max(sum(of_parts), 1))
        mean: NDArray[np.float32] = weights @ scores[first : first + len(of_parts)]
        yield mean
        first += len(of_parts)


def best_passages(
    queries: Sequence[NDArray[np.float32]],
    tokens: KeptTokens,
    owners: NDArray[np.int64],
    documents: int,
) -> NDArray[np.float32]:
    """MaxSim of each query with the best passage of each document.

    Args:
        queries: Vectors of each one's tokens, of unit length, shape ``[tokens, dimension]``.
        tokens: Those of passages.
        owners: Which document each passage belongs to, ascending.
        documents: How many documents there are.

    Returns:
        float32, shape ``[queries, documents]``; -1, the least that there is, where either has no
        tokens.
    """
    import numpy as np

    best = np.full((len(queries), documents), -1, dtype=np.float32)
    for parts, rows in tokens.blocks(_BLOCK):
        starts = np.cumsum(tokens.counts[parts]) - tokens.counts[parts]
        for group in _groups([len(each) for each in queries]):
            scores = _max_similarities([queries[each] for each in group], rows, starts)
            here = best_by_owner(scores, owners[parts], documents)
            best[group] = np.maximum(best[group], here)
    return best


def _max_similarities(
    queries: Sequence[NDArray[np.float32]], rows: NDArray[np.float32], starts: NDArray[np.int64]
) -> NDArray[np.float32]:
    """MaxSim of each query with each passage, ``[queries, passages]``; none is empty."""
    import numpy as np

    lengths = np.array([len(each) for each in queries])
    of_tokens = np.maximum.reduceat(np.concatenate(queries) @ rows.T, starts, axis=1)
    sums = np.add.reduceat(of_tokens, np.cumsum(lengths) - lengths, axis=0)
    return np.asarray(sums / lengths[:, None], dtype=np.float32)


def _groups(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Queries that are compared together, by number; those without tokens are left out."""
    group: list[int] = []
    size = 0
    for number, length in enumerate(lengths):
        if group and size + length > _OF_QUERIES:
            yield group
            group, size = [], 0
        if length:
            group.append(number)
            size += length
    if group:
        yield group
