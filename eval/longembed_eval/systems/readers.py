"""Three ways from texts to vectors: whole, in chunks, and as sentence-transformers does."""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from longembed_eval.systems.protocol import Progress, plain
from longembed_eval.systems.readings import Reading
from longembed_rag.errors import InputError, SettingsError, TruncationWarning

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

    from longembed_rag import LongEncoder, Planner

#: Chunks that are embedded in one call.
_CHUNKS_AT_ONCE = 256


@contextmanager
def _cutting_on_purpose() -> Iterator[None]:
    """What a system leaves unread is told in its costs; a warning a document would hide it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)
        yield


@dataclass(frozen=True)
class WholeReader:
    """Reads each document whole, and its passages from the same forward pass, as an ingest does.

    Attributes:
        planner: How texts are read; its method is what is compared.
        load: Loads the model, or hands out the loaded one.
        passage_tokens: Most tokens in a passage.
    """

    planner: Planner
    load: Callable[[], LongEncoder]
    passage_tokens: int

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that its vectors depend on."""
        return {
            "fingerprint": self.planner.fingerprint,
            **plain(self.planner.describe()),
            "passage_tokens": self.passage_tokens,
        }

    def read(self, documents: Mapping[str, str], *, on_progress: Progress) -> Reading:
        """Embed documents and their passages."""
        import numpy as np

        encoder = self.load()
        vectors, parts, owners, spans, part_tokens, coverage = [], [], [], [], [], []
        done, total = 0, sum(map(len, documents.values()))
        for number, (name, text) in enumerate(documents.items()):
            share = functools.partial(_told, on_progress, done, len(text), total)
            with _cutting_on_purpose():
                encoding = encoder.encode_passages(
                    text, passage_tokens=self.passage_tokens, name=name, on_progress=share
                )
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
        with _cutting_on_purpose():
            return self.load().encode(queries, kind="query").embeddings


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
        if not 0 <= self.overlap < self.room:
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
            "fingerprint": self.planner.fingerprint,
            **plain(self.planner.describe()),
            "window": self.window,
            "overlap": self.overlap,
            "splitter": f"SentenceSplitter of llama-index-core {version('llama-index-core')}",
        }

    def read(self, documents: Mapping[str, str], *, on_progress: Progress) -> Reading:
        """Cut documents into chunks and embed them, each document's vector being their mean."""
        import numpy as np

        split = self._splitter()
        done, total = 0, sum(map(len, documents.values()))
        vectors, parts, owners, spans, part_tokens, tokens = [], [], [], [], [], []
        for number, (name, text) in enumerate(documents.items()):
            pieces = _spans(text, split(text))
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

    def _embed(self, chunks: Sequence[str], name: str) -> tuple[NDArray[np.float32], list[int]]:
        """Vectors of a document's chunks, and how many tokens of each were read."""
        import numpy as np

        vectors, read = [], []
        for start in range(0, len(chunks), _CHUNKS_AT_ONCE):
            batch = chunks[start : start + _CHUNKS_AT_ONCE]
            names = [f"{name}, chunk {start + i + 1}" for i in range(len(batch))]
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
        return self.load().encode(queries, kind="query").embeddings


def _spans(text: str, chunks: Sequence[str]) -> list[tuple[int, int]]:
    """Where chunks stand in their text; the splitter gives stretches of it, trimmed."""
    spans: list[tuple[int, int]] = []
    for chunk in filter(str.strip, chunks):
        start = text.find(chunk, spans[-1][0] + 1 if spans else 0)
        if start < 0:
            raise InputError("the splitter gave a chunk that is not a stretch of its document")
        spans.append((start, start + len(chunk)))
    return spans


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    return (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32)


@dataclass(frozen=True)
class SentenceTransformerReader:
    """A sentence-transformers model as it comes: one vector a document, cut at its own limit.

    Attributes:
        name: Folder or hub name.
        model: The model, loaded.
    """

    name: str
    model: SentenceTransformer

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that its vectors depend on."""
        return {
            "model": self.name,
            "weights": _hash_of(self.model),
            "max_length": self.model.get_max_seq_length(),
            "prompts": dict(self.model.prompts),
        }

    def read(self, documents: Mapping[str, str], *, on_progress: Progress) -> Reading:
        """Embed documents."""
        import numpy as np

        texts = list(documents.values())
        total = sum(map(len, texts))
        limit = self.model.get_max_seq_length() or 10**9
        tokens = np.array([len(self.model.tokenizer(text)["input_ids"]) for text in texts])
        vectors, done = [], 0
        for start in range(0, len(texts), 16):
            batch = texts[start : start + 16]
            vectors.append(
                self.model.encode_document(
                    batch, normalize_embeddings=True, show_progress_bar=False
                )
            )
            done += sum(map(len, batch))
            on_progress(done, total)
        return Reading(
            vectors=np.concatenate(vectors).astype(np.float32),
            parts=np.empty((0, vectors[0].shape[1]), dtype=np.float32),
            owners=np.empty(0, dtype=np.int64),
            spans=np.empty((0, 2), dtype=np.int64),
            part_tokens=np.empty(0, dtype=np.int64),
            tokens=tokens,
            tokens_read=np.minimum(tokens, limit),
        )

    def embed_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of queries."""
        import numpy as np

        vectors = self.model.encode_query(
            list(queries), normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)


def _hash_of(model: SentenceTransformer) -> str:
    """Hash of its weights (hex), so that two models of one name are told apart."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).float().numpy().tobytes())
    return digest.hexdigest()
