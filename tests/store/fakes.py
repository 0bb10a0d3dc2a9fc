"""Documents and an encoder that need no model: words hashed into vectors."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longembed_rag.encoder.values import Coverage, Encoding, Passage, PassageEncoding
from longembed_rag.errors import EmptyTextError
from longembed_rag.store.values import IndexedDocument

DIMENSION = 16
_WORD = re.compile(r"\S+")


def vector_of(text: str, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """A unit vector that depends on a text's words alone."""
    total = np.zeros(dimension)
    for word in _WORD.findall(text.lower()):
        seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "replace")).digest()[:4], "big")
        total += np.random.default_rng(seed).standard_normal(dimension)
    norm = np.linalg.norm(total)
    return (total / (norm if norm > 0 else 1)).astype(np.float32)


def cut(text: str, words: int) -> tuple[Passage, ...]:
    """Passages of so many words each."""
    found = list(_WORD.finditer(text))
    runs = [found[start : start + words] for start in range(0, len(found), words)]
    return tuple(Passage(run[0].start(), run[-1].end(), len(run)) for run in runs)


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
        return {"model": "fake", "method": "none", "max_length": 100, "device": "cpu"}

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
        name: str | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> PassageEncoding:
        self.before(text)
        passages = cut(text, passage_tokens)
        if not passages:
            raise EmptyTextError(f"{name}: nothing to read")
        self.encoded.append(str(name))
        tokens = sum(passage.tokens for passage in passages)
        return PassageEncoding(
            embedding=vector_of(text, self.dimension),
            passages=passages,
            embeddings=np.stack(
                [vector_of(text[each.start : each.end], self.dimension) for each in passages]
            ),
            coverage=Coverage(tokens, tokens, 1, "none", tokens_unknown=self.unknown(text)),
        )


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
    return IndexedDocument(**{**values, **changes})
