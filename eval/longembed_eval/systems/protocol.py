"""What a system is: two methods, and what they give back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

#: Documents that were found, by id, with what they are ranked by; best first.
Ranking = tuple[tuple[str, float], ...]
#: Is told how many of how many characters are indexed.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Indexed:
    """What indexing a task's documents took.

    Attributes:
        seconds: Wall-clock time.
        peak_memory_bytes: Most memory that the process held meanwhile.
        tokens: Tokens in the documents; 0 for systems that count none.
        tokens_read: Tokens that reached the model.
        vectors: Dense vectors kept.
        index_bytes: Bytes of what is kept to search, texts aside.
    """

    seconds: float
    peak_memory_bytes: int
    tokens: int = 0
    tokens_read: int = 0
    vectors: int = 0
    index_bytes: int = 0


class System(Protocol):
    """Something that finds documents; one object serves one set of documents."""

    def index(self, documents: Mapping[str, str], *, on_progress: Progress) -> Indexed:
        """Take in all documents: texts by id."""

    def search(self, queries: Sequence[str], *, depth: int) -> list[Ranking]:
        """For each query the best documents, at most so many."""


def ranked(scores: Mapping[str, float], depth: int) -> Ranking:
    """The best of scored documents, best first, equal ones in the order of their ids."""
    best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return tuple((document, float(score)) for document, score in best[:depth])


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without what changes no vector: why a method was taken, and what runs the model."""
    left_out = ("method_reason", "model_path", "device", "batch_tokens")
    return {name: value for name, value in settings.items() if name not in left_out}
