"""Systems behind Qdrant: the same vectors and words, in the product's own store and search."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from longembed_eval.meter import Meter
from longembed_eval.systems.protocol import Indexed, Progress, Ranking
from longembed_eval.systems.readings import Reader, Reading, Readings, TokenReader
from longembed_rag import (
    DocumentStore,
    IndexedDocument,
    IndexOptions,
    Passage,
    SearchOptions,
    TokenOptions,
    TokenRecord,
    embed_queries,
    get_analyzer,
    search_documents,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_eval.systems.tokens import KeptTokens

    _Read = tuple[NDArray[np.float32] | None, tuple[NDArray[np.float32], ...] | None]

Mode = Literal["hybrid", "dense", "sparse", "passages"]
#: Bytes of one posting: the id of a term and its weight.
_POSTING = 8
#: How an ingest keeps tokens.
KEPT = TokenOptions()


@dataclass
class StoredSystem:
    """Documents in a collection of their own, found by the product's search.

    Attributes:
        mode: The search mode: ``"dense"``, ``"passages"``, ``"sparse"`` or ``"hybrid"``.
        reader: What makes vectors; None for ``"sparse"``, which has none.
        readings: Where readings are kept.
        open_store: Opens an empty store.
        language: What words are stemmed as.
        token_reader: The reader once more, where tokens are kept and compared; None where not.
    """

    mode: Mode
    reader: Reader | None
    readings: Readings
    open_store: Callable[[], DocumentStore]
    language: str = "english"
    token_reader: TokenReader | None = None
    _store: DocumentStore | None = None

    @property
    def _keeps_parts(self) -> bool:
        return self.mode in ("passages", "hybrid")

    def index(self, documents: Mapping[str, str], *, on_progress: Progress) -> Indexed:
        """Embed the documents and write them to the store."""
        reading, tokens = self._read(documents, on_progress)
        store = self._store = self.open_store()
        with Meter() as meter:
            store.ensure(
                fingerprint="benchmark",
                dimension=int(reading.vectors.shape[1]),
                description={},
                options=IndexOptions(passages=self._keeps_parts, language=self.language),
                tokens=None if tokens is None else TokenRecord.of(KEPT, tokens.centre),
            )
            for document in _documents(documents, reading, tokens, with_parts=self._keeps_parts):
                store.upsert(document)
            store.reweigh()
        vectors = 0 if self.reader is None else len(reading.vectors)
        vectors += len(reading.parts) if self._keeps_parts else 0
        of_tokens = (0, 0, 0.0)
        if tokens is not None:
            of_tokens = (len(tokens.vectors), int(tokens.vectors.nbytes), tokens.seconds)
        words = self._postings(documents, reading) if self.mode in ("sparse", "hybrid") else 0
        return Indexed(
            seconds=reading.seconds + of_tokens[2] + meter.seconds,
            peak_memory_bytes=max(reading.peak_memory_bytes, meter.peak_memory_bytes),
            tokens=int(reading.tokens.sum()),
            tokens_read=int(reading.tokens_read.sum()),
            vectors=vectors + of_tokens[0],
            index_bytes=4 * vectors * int(reading.vectors.shape[1])
            + of_tokens[1]
            + _POSTING * words,
        )

    def _read(
        self, documents: Mapping[str, str], on_progress: Progress
    ) -> tuple[Reading, KeptTokens | None]:
        if self.reader is None:
            return _without_vectors(len(documents)), None
        if self.token_reader is None:
            return self.readings.get(self.reader, documents, on_progress=on_progress), None
        return self.readings.get_with_tokens(
            self.token_reader, documents, KEPT, on_progress=on_progress
        )

    def _postings(self, documents: Mapping[str, str], reading: Reading) -> int:
        """Entries of the word lists: of documents, and for the hybrid of pairs and passages."""
        analyzer = get_analyzer(self.language)
        total = 0
        parts = _parts_of(reading, len(documents))
        for text, (first, last) in zip(documents.values(), parts, strict=True):
            stems = analyzer.stems(text)
            total += len(set(stems))
            if self.mode == "hybrid":
                total += len(set(itertools.pairwise(stems)))
                for start, end in reading.spans[first:last].tolist():
                    total += len(set(analyzer.stems(text[start:end])))
        return total

    def search(self, queries: Sequence[str], *, depth: int) -> list[Ranking]:
        """Rank documents as ``longembed-rag search`` does."""
        assert self._store is not None, "index documents first"
        read: Sequence[_Read] = [(None, None)] * len(queries)
        if self.token_reader is not None:
            read = embed_queries(queries, self.token_reader.encode_queries)
        elif self.reader is not None:
            read = [(vector, None) for vector in self.reader.embed_queries(queries)]
        options = SearchOptions(mode=self.mode, limit=depth, passages=0, snippets=False)
        found = []
        for query, (vector, tokens) in zip(queries, read, strict=True):
            results = search_documents(
                self._store, query, vector=vector, tokens=tokens, options=options
            )
            found.append(tuple((result.source, result.score) for result in results))
        return found


def _without_vectors(documents: int) -> Reading:
    """What stands for the vectors of documents that have none: a collection wants one each."""
    import numpy as np

    return Reading(
        vectors=np.ones((documents, 1), dtype=np.float32),
        parts=np.empty((0, 1), dtype=np.float32),
        owners=np.empty(0, dtype=np.int64),
        spans=np.empty((0, 2), dtype=np.int64),
        part_tokens=np.empty(0, dtype=np.int64),
        tokens=np.zeros(documents, dtype=np.int64),
        tokens_read=np.zeros(documents, dtype=np.int64),
    )


def _parts_of(reading: Reading, documents: int) -> list[tuple[int, int]]:
    """First part of each document and one past its last."""
    import numpy as np

    bounds = np.searchsorted(reading.owners, np.arange(documents + 1)).tolist()
    return list(itertools.pairwise(bounds))


def _documents(
    documents: Mapping[str, str],
    reading: Reading,
    tokens: KeptTokens | None,
    *,
    with_parts: bool,
) -> Iterator[IndexedDocument]:
    parts = _parts_of(reading, len(documents))
    for number, (name, text) in enumerate(documents.items()):
        first, last = parts[number] if with_parts else (0, 0)
        spans = reading.spans[first:last].tolist()
        lengths = reading.part_tokens[first:last].tolist()
        yield IndexedDocument(
            source=name,
            text=text,
            metadata={},
            content_hash=name,
            tokens=int(reading.tokens[number]),
            tokens_read=int(reading.tokens_read[number]),
            windows=1,
            embedding=reading.vectors[number],
            passages=tuple(
                Passage(start, end, tokens)
                for (start, end), tokens in zip(spans, lengths, strict=True)
            ),
            passage_embeddings=reading.parts[first:last],
            token_vectors=None if tokens is None else tokens.of(first, last),
        )
