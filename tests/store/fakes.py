"""Documents and an encoder that need no model: words hashed into vectors."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longembed_rag.encoder.token_vectors import TokenOptions, TokenVectors, keep_tokens
from longembed_rag.encoder.values import (
    Coverage,
    Encoding,
    Passage,
    PassageEncoding,
    QueryEncoding,
)
from longembed_rag.errors import EmptyTextError
from longembed_rag.store.tokens import TokenRecord
from longembed_rag.store.values import IndexedDocument

DIMENSION = 16
#: How the vectors of its words are kept.
TOKENS = TokenRecord.of(TokenOptions(pool=1), np.zeros(DIMENSION, dtype=np.float32))
_WORD = re.compile(r"\S+")


@lru_cache(maxsize=50_000)
def _direction(word: str, dimension: int) -> NDArray[np.float64]:
    """A direction of a word's own; drawn once, as a generator takes longer to make than to ask."""
    seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "replace")).digest()[:4], "big")
    drawn = np.random.default_rng(seed).standard_normal(dimension)
    drawn.flags.writeable = False
    return drawn


def vector_of(text: str, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """A unit vector that depends on a text's words alone."""
    total = np.zeros(dimension)
    for word in _WORD.findall(text.lower()):
        total += _direction(word, dimension)
    norm = np.linalg.norm(total)
    return (total / (norm if norm > 0 else 1)).astype(np.float32)


def cut(text: str, words: int) -> tuple[Passage, ...]:
    """Passages of so many words each."""
    found = list(_WORD.finditer(text))
    runs = [found[start : start + words] for start in range(0, len(found), words)]
    return tuple(Passage(run[0].start(), run[-1].end(), len(run)) for run in runs)


def tokens_of(text: str, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """The vectors of a text's words, ``[words, dimension]``."""
    words = [vector_of(word, dimension) for word in _WORD.findall(text)]
    return np.array(words, dtype=np.float32).reshape(-1, dimension)


@dataclass(frozen=True)
class FakeSettings:
    """Settings, as far as an ingest looks at them."""

    model: str = "fake"

    def to_dict(self) -> dict[str, Any]:
        return {"model": self.model}


@dataclass
class FakeEncoder:
    """Counts words as tokens; behaves like LongEncoder where an ingest can see it."""

    fingerprint: str = "f" * 32
    dimension: int = DIMENSION
    settings: FakeSettings = field(default_factory=FakeSettings)
    before: Callable[[str], None] = lambda text: None
    unknown: Callable[[str], int] = lambda text: 0
    encoded: list[str] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        return {
            "model": "fake",
            "method": "none",
            "max_length": 100,
            "late_interaction": True,
            "device": "cpu",
        }

    @property
    def token_centre(self) -> NDArray[np.float32]:
        return np.zeros(self.dimension, dtype=np.float32)

    def encode_queries(
        self, texts: Sequence[str], *, names: Sequence[str] | None = None
    ) -> QueryEncoding:
        encoding = self.encode(texts, kind="query", names=names)
        tokens = tuple(tokens_of(text, self.dimension) for text in texts)
        return QueryEncoding(encoding.embeddings, tokens, encoding.coverage)

    def encode(
        self, texts: Sequence[str], *, kind: str = "document", names: Sequence[str] | None = None
    ) -> Encoding:
        read = [
            self.encode_passages(text, name=name)
            for text, name in zip(texts, names or [None] * len(texts), strict=True)
        ]
        return Encoding(np.stack([r.embedding for r in read]), tuple(r.coverage for r in read))

    def encode_passages(
        self,
        text: str,
        *,
        passage_tokens: int = 256,
        tokens: TokenOptions | None = None,
        token_centre: NDArray[np.float32] | None = None,
        name: str | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> PassageEncoding:
        self.before(text)
        passages = cut(text, passage_tokens)
        if not passages:
            raise EmptyTextError(f"{name}: nothing to read")
        self.encoded.append(str(name))
        count = sum(passage.tokens for passage in passages)
        centre = self.token_centre if token_centre is None else token_centre
        return PassageEncoding(
            embedding=vector_of(text, self.dimension),
            passages=passages,
            embeddings=np.stack(
                [vector_of(text[each.start : each.end], self.dimension) for each in passages]
            ),
            coverage=Coverage(count, count, 1, "none", tokens_unknown=self.unknown(text)),
            tokens=None
            if tokens is None
            else self.vectors_of_tokens(text, passages, TokenRecord.of(tokens, centre)),
        )

    def vectors_of_tokens(
        self, text: str, passages: Sequence[Passage], kept_as: TokenRecord = TOKENS
    ) -> TokenVectors:
        options, centre = kept_as.options, kept_as.centre
        kept = [
            keep_tokens(tokens_of(text[each.start : each.end], self.dimension), options, centre)
            for each in passages
        ]
        counts = np.array([len(each) for each in kept], dtype=np.int64)
        empty = keep_tokens(tokens_of("", self.dimension), options, centre)
        return TokenVectors(counts, np.concatenate([empty, *kept]), len(centre))


def make_document(source: str, text: str, **changes: Any) -> IndexedDocument:
    """A document with the vectors of the fake encoder."""
    encoding = FakeEncoder().encode_passages(text, passage_tokens=4, name=source)
    values: dict[str, Any] = {
        "source": source,
        "text": text,
        "metadata": {"file_name": source.rsplit("/", 1)[-1]},
        "content_hash": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(),
        "tokens": encoding.coverage.tokens,
        "tokens_read": encoding.coverage.tokens_read,
        "windows": 1,
        "embedding": encoding.embedding,
        "passages": encoding.passages,
        "passage_embeddings": encoding.embeddings,
    }
    values.update(changes)
    if "token_vectors" not in changes:
        values["token_vectors"] = FakeEncoder().vectors_of_tokens(text, values["passages"])
    return IndexedDocument(**values)
