"""What to look for, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from longembed_rag.errors import SettingsError

if TYPE_CHECKING:
    from longembed_rag.points.filters import AnyFilter

Mode = Literal["hybrid", "dense", "sparse", "passages", "late"]
MODES: tuple[Mode, ...] = get_args(Mode)
DEFAULT_MODE: Mode = "hybrid"
#: Most documents, and passages of a document, that an adaptive search gives unless told.
ADAPTIVE_LIMIT = 50
ADAPTIVE_PASSAGES = 10
#: Most documents that can be asked for at once.
MOST_DOCUMENTS = 10_000


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """What to look for, and how much of it.

    Attributes:
        mode: ``"hybrid"`` weighs words and meaning of documents and passages; ``"dense"``
            compares vectors of documents, ``"sparse"`` words of documents (BM25), ``"passages"``
            vectors of passages, and of the best of them the tokens where those are kept;
            ``"late"`` tokens alone, of passages that are among the best by words or vector.
        limit: Most documents; None takes 5, or with ``adaptive`` 50.
        adaptive: Whether to stop at the largest gap between scores.
        passages: Most passages of each document; None takes 3, or with ``adaptive`` 10.
        filter: Which documents are looked at; None for all.
        snippets: Whether to make a snippet of each document. Without passages that takes longer
            than the search, where documents are long.
        vectors: Whether the vectors of documents and passages come, too.

    Raises:
        SettingsError: A value is out of range.
    """

    mode: Mode = DEFAULT_MODE
    limit: int | None = None
    adaptive: bool = False
    passages: int | None = None
    filter: AnyFilter | None = None
    snippets: bool = True
    vectors: bool = False

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise SettingsError(f"mode={self.mode!r} is not one of: {', '.join(MODES)}")
        if self.limit is not None and self.limit < 1:
            raise SettingsError(f"limit={self.limit} must be at least 1")
        if self.limit is not None and self.limit > MOST_DOCUMENTS:
            raise SettingsError(
                f"limit={self.limit} is more than the {MOST_DOCUMENTS:,} documents that one search "
                "gives; a filter narrows what is looked at"
            )
        if self.passages is not None and self.passages < 0:
            raise SettingsError(f"passages={self.passages} must not be negative")

    @property
    def most(self) -> int:
        """Most documents."""
        return self.limit or (ADAPTIVE_LIMIT if self.adaptive else 5)

    @property
    def most_passages(self) -> int:
        """Most passages of each document."""
        if self.passages is not None:
            return self.passages
        return ADAPTIVE_PASSAGES if self.adaptive else 3

    @property
    def compares_tokens(self) -> bool:
        """Whether the query's tokens are compared, where the collection keeps those of passages."""
        return self.mode in ("hybrid", "passages", "late")

    @property
    def needs_vector(self) -> bool:
        """Whether the query has to be embedded."""
        return self.mode != "sparse"
