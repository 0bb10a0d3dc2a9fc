"""What an ingest would do, and how each file would be read, without doing it: ``--dry-run``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from longembed_rag.errors import LongEmbedError
from longembed_rag.files.discover import discover
from longembed_rag.files.options import ReadOptions
from longembed_rag.files.reading import FileReader
from longembed_rag.files.remote import Location
from longembed_rag.files.selection import Selection
from longembed_rag.files.values import Failure, Skipped
from longembed_rag.ingest.comparing import content_hash
from longembed_rag.ingest.deletions import gone_sources, refusal, require_there
from longembed_rag.ingest.flow import without_name
from longembed_rag.store.values import StoredSource

if TYPE_CHECKING:
    from longembed_rag.encoder.planner import Planner

Action = Literal["add", "update", "keep", "delete"]


@dataclass(frozen=True, kw_only=True)
class FileReading:
    """How a text would be read.

    Attributes:
        tokens: Tokens in it, special tokens and prompt included.
        tokens_read: Tokens that would reach the model.
        tokens_unknown: Tokens that the model has no name for.
        windows: Forward windows that it would be read in.
        method: The extension method, never ``"auto"``.
        plan: Every constant of the plan, by name.
        plan_in_words: The plan for people.
        note: What should be known of it, such as that the model does not know the script; or "".
    """

    tokens: int
    tokens_read: int
    tokens_unknown: int
    windows: int
    method: str
    plan: dict[str, Any]
    plan_in_words: str
    note: str


@dataclass(frozen=True, kw_only=True)
class ReadingModel:
    """The model that would read, by its config and tokenizer.

    Attributes:
        model: What it is called.
        family: Its architecture.
        method: The extension method, never ``"auto"``.
        method_reason: Why this method.
        original_length: Tokens that it was trained to read.
        max_length: Longest text read in one go, tokens.
        base_note: How long texts its rotary base is enough for, in words; None without one.
    """

    model: str
    family: str
    method: str
    method_reason: str
    original_length: int
    max_length: int
    base_note: str | None = None

    @classmethod
    def of(cls, planner: Planner) -> ReadingModel:
        """What a planner says of itself."""
        return cls(
            model=planner.model_name,
            family=planner.family.name,
            method=planner.method,
            method_reason=planner.method_reason,
            original_length=planner.original_length,
            max_length=planner.max_length,
            base_note=planner.base_note,
        )


@dataclass(frozen=True)
class Step:
    """What would be done to one document.

    Attributes:
        source: Which one.
        action: ``"add"`` and ``"update"`` would be embedded, ``"keep"`` is there already.
        characters: Length of its text now; 0 for one that would be deleted.
        reading: How it would be read; None for one that would be deleted.
    """

    source: str
    action: Action
    characters: int
    reading: FileReading | None = None

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, those of the reading among them, ready for JSON."""
        values = asdict(self)
        reading = values.pop("reading")
        return {**values, **(reading or {})}


@dataclass(frozen=True, kw_only=True)
class IngestPlan:
    """What an ingest would do.

    Attributes:
        steps: For each document, files first.
        failed: Files and folders that could not be taken in.
        skipped: Files in folders that are of no type that can be read.
        model: What would read the files; None where that is not known.
        refused: Why the ingest would be refused, since it would delete more than can be meant;
            None where it would not.
        excluded: Files and folders that the selection passes over, each with the pattern.
    """

    steps: tuple[Step, ...]
    failed: tuple[Failure, ...]
    skipped: tuple[Skipped, ...]
    model: ReadingModel | None = None
    refused: str | None = None
    excluded: tuple[Skipped, ...] = ()

    def count(self, action: Action) -> int:
        """How many documents that would be done to."""
        return sum(step.action == action for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """The plan, ready for JSON."""
        return {
            "dry_run": True,
            **(asdict(self.model) if self.model else {}),
            "added": self.count("add"),
            "updated": self.count("update"),
            "unchanged": self.count("keep"),
            "deleted": self.count("delete"),
            "refused": self.refused,
            "steps": [step.to_dict() for step in self.steps],
            "failed": [{"source": each.source, "reason": each.reason} for each in self.failed],
            "skipped": {
                "count": len(self.skipped),
                "names": [each.source for each in self.skipped],
            },
            "excluded": [{"source": each.source, "reason": each.reason} for each in self.excluded],
        }


def plan_ingest(
    paths: Iterable[Location],
    *,
    stored: Mapping[str, StoredSource],
    whole: Collection[str] | None = None,
    devices: Mapping[str, int] | None = None,
    allow_deletions: bool = False,
    exclude: Path | None = None,
    planner: Planner | None = None,
    selection: Selection | None = None,
    reading: ReadOptions | None = None,
) -> IngestPlan:
    """Find out what an ingest would do. Files are read; nothing is embedded or written.

    Args:
        paths: Files and folders, here or in buckets.
        stored: What is in the collection, by source; empty when there is none.
        whole: Those of them that have all of their passages; None for all.
        devices: The file system that each root lay on when it was last ingested.
        allow_deletions: Whether everything may be deleted.
        exclude: A folder to pass over, the store's own.
        planner: Says how texts would be read; None leaves that out.
        selection: Which files of folders are taken; None takes all of a kind that can be read.
        reading: How files are read, and within which bounds.

    Raises:
        SettingsError: A path or bucket does not exist.
        MissingDependencyError: What reads the protocol of a URL is not installed.
    """
    found = discover(paths, exclude=[] if exclude is None else [exclude], selection=selection)
    require_there(found, stored)
    steps: list[Step] = []
    failed = list(found.unreadable)
    with FileReader(reading) as reader:
        texts = reader.ahead(found.files)
        for path, source, read in zip(found.files, found.sources, texts, strict=True):
            earlier = stored.get(source)
            is_whole = whole is None or source in whole
            try:
                text = read().text
                how = None if planner is None else _reading(text, source, planner)
            except LongEmbedError as error:
                failed.append(Failure(source, without_name(str(error), source, str(path))))
                continue
            action: Action = "add" if earlier is None else "update"
            if earlier is not None and is_whole and earlier.content_hash == content_hash(text):
                action = "keep"
            steps.append(Step(source, action, len(text), how))
    steps.extend(Step(source, "delete", 0) for source in gone_sources(stored, found))
    return IngestPlan(
        steps=tuple(steps),
        failed=tuple(failed),
        skipped=found.skipped,
        excluded=found.excluded,
        model=None if planner is None else ReadingModel.of(planner),
        refused=None
        if allow_deletions
        else refusal(found, stored, devices=devices or {}, exclude=exclude),
    )


def _reading(text: str, source: str, planner: Planner) -> FileReading:
    coverage, plan = planner.inspect(text, name=source)
    return FileReading(
        tokens=coverage.tokens,
        tokens_read=coverage.tokens_read,
        tokens_unknown=coverage.tokens_unknown,
        windows=coverage.windows,
        method=coverage.method,
        plan=plan.to_dict(),
        plan_in_words=plan.describe(),
        note=coverage.unknown_note,
    )
