"""What an encoder gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longembed_rag.encoder.presets import MULTILINGUAL_MODEL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.encoder.token_vectors import TokenVectors

#: Share of a text's tokens from which on so many unknown ones are worth a word. Ordinary texts of
#: a language that the model knows stay far below it.
_MANY_UNKNOWN = 0.1


@dataclass(frozen=True)
class Coverage:
    """How much of one text was read, and how.

    Attributes:
        tokens: Tokens in the text, special tokens and prompt included.
        tokens_read: Tokens that reached the model; fewer than ``tokens`` only under truncation.
        windows: Forward windows the text was cut into (1 when it was read in one piece).
        method: The extension method that was used, never ``"auto"``.
        tokens_unknown: Tokens of the text itself that stand for what the tokenizer does not know,
            such as characters of another script: they are read, but all alike. Always 0 where it
            knows every byte.
    """

    tokens: int
    tokens_read: int
    windows: int
    method: str
    tokens_unknown: int = 0

    @property
    def complete(self) -> bool:
        """Whether every token was read."""
        return self.tokens_read == self.tokens

    @property
    def unknown_note(self) -> str:
        """What to tell people when over a tenth of the tokens are unknown; else nothing."""
        if self.tokens_unknown <= _MANY_UNKNOWN * self.tokens:
            return ""
        return (
            f"{self.tokens_unknown:,} of {self.tokens:,} tokens are unknown to the model, which "
            "cannot tell what they mean; one of many languages could, for instance "
            f"{MULTILINGUAL_MODEL}"
        )


@dataclass(frozen=True)
class Encoding:
    """Vectors of several texts, in the order in which the texts were given.

    Attributes:
        embeddings: float32, shape ``[n, dimension]``.
        coverage: One :class:`Coverage` per text.
    """

    embeddings: NDArray[np.float32]
    coverage: tuple[Coverage, ...]


@dataclass(frozen=True)
class QueryEncoding:
    """Vectors of several queries and of their tokens, in the order in which they were given.

    Attributes:
        embeddings: float32, shape ``[n, dimension]``; equal to ``encode(kind="query")``'s.
        tokens: Of each query the vectors of its tokens, float32 of unit length, shape
            ``[tokens, dimension]``.
        coverage: One :class:`Coverage` per query.
    """

    embeddings: NDArray[np.float32]
    tokens: tuple[NDArray[np.float32], ...]
    coverage: tuple[Coverage, ...]


@dataclass(frozen=True)
class Passage:
    """A piece of a text.

    Attributes:
        start: First character of the passage in the text.
        end: One past its last character, so that ``text[start:end]`` is the passage.
        tokens: Content tokens in it.
    """

    start: int
    end: int
    tokens: int


@dataclass(frozen=True)
class PassageEncoding:
    """A text's own vector, and one contextual vector for each of its passages (late chunking).

    Attributes:
        embedding: The whole text, float32, shape ``[dimension]``; equal to ``encode([text])``.
        passages: Where each passage lies; together they hold every content token once, in order.
        embeddings: One vector per passage, float32, shape ``[len(passages), dimension]``.
        coverage: How much of the text was read.
        tokens: The vectors of each passage's tokens; None where they were not asked for.
    """

    embedding: NDArray[np.float32]
    passages: tuple[Passage, ...]
    embeddings: NDArray[np.float32]
    coverage: Coverage
    tokens: TokenVectors | None = None


@dataclass(frozen=True)
class ReadDocument:
    """A document of several, with its vectors or with what was wrong with it.

    Attributes:
        name: What it is called; None where nothing was said.
        seconds: Its share of the forward passes that read it, by its tokens.
        encoding: Its vectors; None where it could not be read.
        error: Why not: an :class:`~longembed_rag.errors.InputError` or ``MemoryError``.
    """

    name: str | None
    seconds: float
    encoding: PassageEncoding | None = None
    error: Exception | None = None

    def get(self) -> PassageEncoding:
        """Its vectors; raises what was wrong with it."""
        if self.error is not None:
            raise self.error
        assert self.encoding is not None
        return self.encoding
