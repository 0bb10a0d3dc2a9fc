"""What a system is: two methods, and what they give back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from longembed_rag import Planner

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
        vectors: Dense vectors kept, those of tokens among them.
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


def of_planner(planner: Planner) -> dict[str, Any]:
    """Everything that the vectors of a model depend on, and what they cost, ready for JSON.

    Nothing in it names a folder of this machine, and it is the same for a method that was asked
    for and for one that was picked.
    """
    left_out = ("method_reason", "model_path", "late_interaction", "late_interaction_reason")
    told = {name: value for name, value in planner.describe().items() if name not in left_out}
    settings = planner.settings
    return {
        **told,
        "model": shown_model(planner.model_name),
        "fingerprint": planner.fingerprint,
        "device": settings.device,
        "dtype": settings.dtype,
        "batch_tokens": settings.batch_tokens,
    }


def shown_model(name: str) -> str:
    """What to call a model in results: the last part of a folder's path, a hub's name as it is."""
    path = Path(name).expanduser()
    return path.name if path.is_absolute() or path.is_dir() else name
