"""A deterministic stand-in for LongEncoder: words hashed into a vector, no weights."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from longembed_rag.encoder.settings import EncoderSettings, Kind
from longembed_rag.encoder.values import Coverage, Encoding
from longembed_rag.errors import TruncationWarning

DIMENSION = 32


class FakeEncoder:
    """Embeds by words, with another prompt for queries than for documents.

    Like the real one it may be used by several threads.

    Attributes:
        calls: For every call its kind, texts and names.
    """

    def __init__(self, settings: EncoderSettings | None = None) -> None:
        self.settings = settings or EncoderSettings(model="fake")
        self.calls: list[tuple[str, list[str], list[str]]] = []
        self._lock = threading.Lock()

    def encode(
        self, texts: Sequence[str], *, kind: Kind = "document", names: Sequence[str] | None = None
    ) -> Encoding:
        with self._lock:
            self.calls.append((kind, list(texts), list(names or [])))
        coverage = []
        for position, text in enumerate(texts):
            tokens = len(text.split())
            read = min(tokens, self.settings.max_length)
            if self.settings.overflow == "truncate" and read < tokens:
                name = names[position] if names else position
                warnings.warn(
                    f"{name}: {read} of {tokens} tokens read", TruncationWarning, stacklevel=2
                )
            coverage.append(Coverage(tokens, read, 1, "truncate"))
        embeddings = np.stack([self._vector(text, kind) for text in texts])
        return Encoding(embeddings, tuple(coverage))

    def _vector(self, text: str, kind: str) -> np.ndarray:
        vector = np.zeros(DIMENSION, dtype=np.float32)
        # The prompt is one faint word, so that the right document still wins.
        for word, weight in [(f"{kind}:", 0.1), *((word, 1.0) for word in text.lower().split())]:
            digest = sha256(word.strip(".,;!?").encode("utf-8", "surrogatepass")).digest()
            vector[digest[0] % DIMENSION] += weight * (1 if digest[1] % 2 else -1)
        norm = float(np.linalg.norm(vector))
        return (vector / norm if norm else vector).astype(np.float32)
