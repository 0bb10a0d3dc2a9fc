"""What an ingest tells: events while it runs, a report at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from longembed_rag.files.values import Failure, Skipped

Status = Literal["added", "updated", "unchanged"]


@dataclass(frozen=True, kw_only=True)
class Started:
    """The files are known; comes once, first.

    Attributes:
        total: Files to read.
        total_bytes: Their sizes, together.
        again: Documents that were taken in without the vectors of their tokens, which the
            collection keeps now: those among the files are read once more.
        again_tokens: Tokens of those documents, together.
    """

    total: int
    total_bytes: int
    again: int = 0
    again_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The work is shared among processes of a Ray cluster; comes after :class:`Started`.

    Attributes:
        address: Of the cluster; ``"local"`` for this machine alone.
        models: Processes with a model.
        gpus: GPUs that these have.
        others: Processes that read files, and that write.
        dashboard: Address of Ray's own page of it; None where it has none.
    """

    address: str
    models: int
    gpus: int
    others: int
    dashboard: str | None


@dataclass(frozen=True, kw_only=True)
class DocumentStarted:
    """A file is about to be read.

    Attributes:
        source: Which one.
        size: Its bytes.
        position: Which of the files it is, from 1.
    """

    source: str
    size: int
    position: int


@dataclass(frozen=True, kw_only=True)
class DocumentDone:
    """A document is in the collection as it is on disk.

    Attributes:
        source: Which one.
        status: ``"added"`` and ``"updated"`` were embedded and written; ``"unchanged"`` was there.
        tokens: Tokens in its text.
        tokens_read: Tokens that reached the model.
        windows: Forward windows that it was read in.
        size: Its bytes on disk.
        seconds: Time it took, reading and writing included.
        notes: What a reader of the file should know, for instance that its encoding was guessed.
    """

    source: str
    status: Status
    tokens: int
    tokens_read: int
    windows: int
    size: int
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DocumentProgress:
    """A part of the document in hand has been read by the model.

    Attributes:
        source: Which document.
        tokens_done: Tokens that are read.
        tokens_total: Tokens that will be.
        seconds: Time since the document was begun.
    """

    source: str
    tokens_done: int
    tokens_total: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class DocumentFailed:
    """A document could not be taken in.

    Attributes:
        source: Which one.
        reason: Why, and what can be done about it.
        kept: Whether an earlier version of it stays in the collection.
    """

    source: str
    reason: str
    kept: bool


@dataclass(frozen=True, kw_only=True)
class DocumentDeleted:
    """A document was removed from the collection, because its file is gone.

    Attributes:
        source: Which one.
    """

    source: str


Event = (
    Started
    | Spread
    | DocumentStarted
    | DocumentProgress
    | DocumentDone
    | DocumentFailed
    | DocumentDeleted
)


@dataclass(frozen=True, kw_only=True)
class IngestReport:
    """What an ingest did.

    Attributes:
        added: Documents that are new in the collection.
        updated: Documents whose earlier version was replaced.
        unchanged: Documents that were there already, with the same text.
        deleted: Documents that were removed because their files are gone, or are passed over now.
        failed: Files and folders that could not be taken in; earlier versions stay.
        skipped: Files in folders that are of no type that can be read.
        recovered: Documents that an earlier run had left half-written or half-removed.
        tokens: Tokens in the texts that were embedded in this run.
        tokens_read: Those of them that reached the model.
        seconds: Time it took.
        remarks: What to know of the documents together, for instance that many are in a language
            that the model does not know.
        excluded: Files and folders that the selection passed over, each with the pattern.
    """

    added: int
    updated: int
    unchanged: int
    deleted: int
    failed: tuple[Failure, ...]
    skipped: tuple[Skipped, ...]
    recovered: tuple[str, ...]
    tokens: int
    tokens_read: int
    seconds: float
    remarks: tuple[str, ...] = ()
    excluded: tuple[Skipped, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        return {
            "added": self.added,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "deleted": self.deleted,
            "failed": [{"source": each.source, "reason": each.reason} for each in self.failed],
            "skipped": {
                "count": len(self.skipped),
                "names": [each.source for each in self.skipped],
            },
            "excluded": [{"source": each.source, "reason": each.reason} for each in self.excluded],
            "recovered": list(self.recovered),
            "tokens": self.tokens,
            "tokens_read": self.tokens_read,
            "seconds": round(self.seconds, 3),
            "remarks": list(self.remarks),
        }
