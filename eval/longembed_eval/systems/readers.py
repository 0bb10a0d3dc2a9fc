"""Two ways from texts to vectors: whole, and in chunks."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from longembed_eval.systems.protocol import Progress, of_planner
from longembed_eval.systems.readings import Reading
from longembed_rag import IndexOptions, TokenOptions
from longembed_rag.errors import (
    InputError,
    SettingsError,
    TruncationWarning,
    UnknownTokensWarning,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_eval.systems.readings import TakeTokens
    from longembed_rag import LongEncoder, Planner, QueryEncoding

#: Every token by itself, from which any other way of keeping them follows.
_EVERY_TOKEN = TokenOptions(pool=1, bits=False)
#: Chunks that are embedded in one call.
_CHUNKS_AT_ONCE = 256


@contextmanager
def cutting_on_purpose() -> Iterator[None]:
    """What a system leaves unread is told in its costs; a warning a document would hide it.

    What it makes of tokens that it does not know shows in its scores.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)
        warnings.simplefilter("ignore", UnknownTokensWarning)
        yield


@dataclass(frozen=True)
class WholeReader:
    """Reads each document whole, and its passages from the same forward pass, as an ingest does.

    Attributes:
        planner: How texts are read; its method is what is compared.
        load: Loads the model, or hands out the loaded one.
        passage_tokens: Most tokens in a passage.

    Raises:
        SettingsError: ``passage_tokens`` is out of range.
    """

    planner: Planner
    load: Callable[[], LongEncoder]
    passage_tokens: int

    def __post_init__(self) -> None:
        IndexOptions(passage_tokens=self.passage_tokens)  # refuses what is out of range

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that its vectors depend on."""
        return {**of_planner(self.planner), "passage_tokens": self.passage_tokens}

    def prepare(self) -> None:
        """Load the model, and let it read something: the first pass is slow."""
        self.load().encode(["warming up"])

    def read(
        self,
        documents: Mapping[str, str],
        *,
        on_progress: Progress,
        take_tokens: TakeTokens | None = None,
    ) -> Reading:
        """Embed documents and their passages, and hand on the tokens of these."""
        import numpy as np

        encoder = self.load()
        every = None if take_tokens is None else _EVERY_TOKEN
        vectors, parts, owners, spans, part_tokens, coverage = [], [], [], [], [], []
        done, total = 0, sum(map(len, documents.values()))
        for number, (name, text) in enumerate(documents.items()):
            share = functools.partial(_told, on_progress, done, len(text), total)
            with cutting_on_purpose():
                encoding = encoder.encode_passages(
                    text,
                    passage_tokens=self.passage_tokens,
                    tokens=every,
                    name=name,
                    on_progress=share,
                )
            if take_tokens is not None and encoding.tokens is not None:
                take_tokens(encoding.tokens, encoder.token_centre)
            vectors.append(encoding.embedding)
            parts.append(encoding.embeddings)
            owners += [number] * len(encoding.passages)
            spans += [(passage.start, passage.end) for passage in encoding.passages]
            part_tokens += [passage.tokens for passage in encoding.passages]
            coverage.append(encoding.coverage)
            done += len(text)
            on_progress(done, total)
        return Reading(
            vectors=np.stack(vectors),
            parts=np.concatenate(parts),
            owners=np.array(owners, dtype=np.int64),
            spans=np.array(spans, dtype=np.int64).reshape(-1, 2),
            part_tokens=np.array(part_tokens, dtype=np.int64),
            tokens=np.array([each.tokens for each in coverage], dtype=np.int64),
            tokens_read=np.array([each.tokens_read for each in coverage], dtype=np.int64),
        )

    def embed_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of queries."""
        with cutting_on_purpose():
            return self.load().encode(queries, kind="query").embeddings

    def encode_queries(self, queries: Sequence[str]) -> QueryEncoding:
        """Vectors of queries and of their tokens."""
        with cutting_on_purpose():
            return self.load().encode_queries(queries)


def _told(on_progress: Progress, before: int, size: int, total: int, done: int, of: int) -> None:
    on_progress(before + size * done // max(of, 1), total)


@dataclass(frozen=True)
class ChunkReader:
    """Cuts documents into chunks and embeds each by itself: what everybody does.

    Chunks are made by LlamaIndex's ``SentenceSplitter``, which keeps sentences together where it
    can. A document's own vector is the mean of its chunks' vectors.

    Attributes:
        planner: How chunks are read.
        load: Loads the model, or hands out the loaded one.
        window: Most tokens in a chunk, special tokens and prompt included.
        overlap: Tokens that a chunk shares with the one before.

    Raises:
        SettingsError: The numbers leave no room for text.
    """

    planner: Planner
    load: Callable[[], LongEncoder]
    window: int
    overlap: int

    def __post_init__(self) -> None:
        if self.overlap < 0:
            raise SettingsError(f"chunked: overlap={self.overlap} must not be negative")
        if self.overlap >= self.room:
            raise SettingsError(
                f"chunked: window={self.window} with overlap={self.overlap} leaves no room for "
                f"text: {self._overhead} tokens of each window are special ones or the prompt"
            )

    @property
    def _overhead(self) -> int:
        return self.planner.tokenizer.overhead(self.planner.document_prompt)

    @property
    def room(self) -> int:
        """Most content tokens in a chunk."""
        return self.window - self._overhead

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that its vectors depend on."""
        return {
            **of_planner(self.planner),
            "window": self.window,
            "overlap": self.overlap,
            "splitter": f"SentenceSplitter of llama-index-core {version('llama-index-core')}",
        }

    def prepare(self) -> None:
        """Load the model and the splitter, and let the model read something."""
        self._splitter()
        self.load().encode(["warming up"])

    def read(self, documents: Mapping[str, str], *, on_progress: Progress) -> Reading:
        """Cut documents into chunks and embed them, each document's vector being their mean."""
        import numpy as np

        split = self._splitter()
        done, total = 0, sum(map(len, documents.values()))
        vectors, parts, owners, spans, part_tokens, tokens = [], [], [], [], [], []
        for number, (name, text) in enumerate(documents.items()):
            pieces = self._pieces(text, split, name)
            embeddings, read = self._embed([text[a:b] for a, b in pieces], name)
            vectors.append(_unit(embeddings.mean(axis=0)))
            parts.append(embeddings)
            owners += [number] * len(pieces)
            spans += pieces
            part_tokens += read
            tokens.append(self.planner.count_tokens(text))
            done += len(text)
            on_progress(done, total)
        owner_of = np.array(owners, dtype=np.int64)
        counts = np.array(part_tokens, dtype=np.int64)
        return Reading(
            vectors=np.stack(vectors),
            parts=np.concatenate(parts),
            owners=owner_of,
            spans=np.array(spans, dtype=np.int64),
            part_tokens=counts,
            tokens=np.array(tokens, dtype=np.int64),
            tokens_read=np.bincount(owner_of, counts, len(documents)).astype(np.int64),
        )

    def _pieces(
        self, text: str, split: Callable[[str], list[str]], name: str
    ) -> list[tuple[int, int]]:
        """Where a document's chunks stand; each fits a window."""
        try:
            chunks = split(text)
        except ValueError as error:  # what LlamaIndex raises
            raise InputError(f"{name} cannot be cut into chunks: {error}") from error
        spans = chunk_spans(text, chunks, overlapping=self.overlap > 0)
        return [part for span in spans for part in self._fitting(text, *span)]

    def _fitting(self, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        """A chunk, or its halves where it is a token too long.

        The splitter counts pieces before it joins and trims them; "word" may be more tokens than
        the same with a blank before it.
        """
        places = self.planner.tokenize([text[start:end]])[0].spans
        middle = start + int(places[len(places) // 2][0]) if len(places) else start
        if len(places) <= self.room or not start < middle < end:
            yield start, end
            return
        yield from self._fitting(text, start, middle)
        yield from self._fitting(text, middle, end)

    def _embed(self, chunks: Sequence[str], name: str) -> tuple[NDArray[np.float32], list[int]]:
        """Vectors of a document's chunks, and how many tokens of each were read."""
        import numpy as np

        vectors, read = [], []
        for start in range(0, len(chunks), _CHUNKS_AT_ONCE):
            batch = chunks[start : start + _CHUNKS_AT_ONCE]
            names = [f"{name}, chunk {start + i + 1}" for i in range(len(batch))]
            with cutting_on_purpose():
                encoding = self.load().encode(batch, names=names)
            vectors.append(encoding.embeddings)
            read += [each.tokens_read for each in encoding.coverage]
        return np.concatenate(vectors), read

    def _splitter(self) -> Callable[[str], list[str]]:
        from llama_index.core.node_parser import SentenceSplitter

        tokenizer = self.planner.tokenizer

        def content(text: str) -> NDArray[np.int64] | list[int]:
            return tokenizer([text], prompt="")[0].content if text.strip() else []

        splitter = SentenceSplitter(
            chunk_size=self.room, chunk_overlap=self.overlap, tokenizer=content
        )
        return splitter.split_text

    def embed_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of queries."""
        with cutting_on_purpose():
            return self.load().encode(queries, kind="query").embeddings


def chunk_spans(text: str, chunks: Sequence[str], *, overlapping: bool) -> list[tuple[int, int]]:
    """Where chunks stand in their text; the splitter gives stretches of it, trimmed.

    Args:
        text: The document.
        chunks: The chunks, in order.
        overlapping: Whether a chunk may begin before the one before it ends.

    Raises:
        InputError: A chunk is no stretch of the text.
    """
    spans: list[tuple[int, int]] = []
    there = [chunk for chunk in chunks if chunk.strip()]
    for number, chunk in enumerate(there):
        before = spans[-1] if spans else (-1, 0)
        start = text.find(chunk, before[0] + 1 if overlapping else before[1])
        while overlapping and start >= 0 and start + len(chunk) <= before[1]:
            start = text.find(chunk, start + 1)
        if number == len(there) - 1 and text.rstrip().endswith(chunk):
            start = len(text.rstrip()) - len(chunk)  # however often the text repeats it
        if start < 0:
            raise InputError("the splitter gave a chunk that is not a stretch of its document")
        spans.append((start, start + len(chunk)))
    return spans


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    return (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32)
