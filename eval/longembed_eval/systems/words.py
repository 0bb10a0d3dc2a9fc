"""BM25 over whole documents: the baseline that no published embedding model beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from longembed_eval.meter import Meter
from longembed_eval.systems.protocol import Indexed, Progress, Ranking, ranked
from longembed_rag import get_analyzer

#: bm25s' own defaults, and those of this package's index.
K1 = 1.5
B = 0.75


@dataclass
class WordSystem:
    """BM25 by bm25s (Lucene's formula), exact, in memory.

    Words are cut and stemmed by the analyzer of this package's index, so that this baseline and
    the product's own word search see the same words; that the latter finds other forms of them,
    too (``e-mail`` as ``email``), is its own.

    Attributes:
        language: What words are stemmed as.
    """

    language: str = "english"
    _names: list[str] = field(default_factory=list)
    _index: Any = None

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that its scores depend on."""
        return {"language": self.language, "k1": K1, "b": B, "formula": "lucene"}

    def index(self, documents: Mapping[str, str], *, on_progress: Progress) -> Indexed:
        """Count words."""
        import bm25s

        analyzer = get_analyzer(self.language)
        done, total = 0, sum(map(len, documents.values()))
        stems = []
        with Meter() as meter:
            for text in documents.values():
                stems.append(analyzer.stems(text))
                done += len(text)
                on_progress(done, total)
            if any(stems):
                self._index = bm25s.BM25(k1=K1, b=B, method="lucene")
                self._index.index(stems, show_progress=False)
        self._names = list(documents)
        arrays = self._index.scores.values() if self._index is not None else ()
        return Indexed(
            seconds=meter.seconds,
            peak_memory_bytes=meter.peak_memory_bytes,
            index_bytes=sum(int(getattr(array, "nbytes", 0)) for array in arrays),
        )

    def search(self, queries: Sequence[str], *, depth: int) -> list[Ranking]:
        """Rank documents that hold at least one word of the query."""
        return [self._search(query, depth) for query in queries]

    def _search(self, query: str, depth: int) -> Ranking:
        stems = get_analyzer(self.language).stems(query)
        if self._index is None or not stems:
            return ()
        scores = self._index.get_scores(stems)
        named = zip(self._names, scores.tolist(), strict=True)
        return ranked({name: score for name, score in named if score > 0}, depth)
