"""What an ingest would do, without doing it: ``--dry-run``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from longembed_rag.errors import ReadError
from longembed_rag.files.discover import discover, source_of
from longembed_rag.files.readers import read_file
from longembed_rag.files.values import Failure, Skipped
from longembed_rag.ingest.deletions import gone_sources, refusal
from longembed_rag.ingest.taking import content_hash, without_name
from longembed_rag.store.values import StoredSource

Action = Literal["add", "update", "keep", "delete"]


@dataclass(frozen=True)
class Step:
    """What would be done to one document.

    Attributes:
        source: Which one.
        action: ``"add"`` and ``"update"`` would be embedded, ``"keep"`` is there already.
        characters: Length of its text now; 0 for one that would be deleted.
    """

    source: str
    action: Action
    characters: int


@dataclass(frozen=True, kw_only=True)
class IngestPlan:
    """What an ingest would do.

    Attributes:
        steps: For each document, files first.
        failed: Files and folders that could not be taken in.
        skipped: Files in folders that are of no type that can be read.
        refused: Why the ingest would be refused, since it would delete more than can be meant;
            None where it would not.
    """

    steps: tuple[Step, ...]
    failed: tuple[Failure, ...]
    skipped: tuple[Skipped, ...]
    refused: str | None = None

    def count(self, action: Action) -> int:
        """How many documents that would be done to."""
        return sum(step.action == action for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """The plan, ready for JSON."""
        return {
            "dry_run": True,
            "added": self.count("add"),
            "updated": self.count("update"),
            "unchanged": self.count("keep"),
            "deleted": self.count("delete"),
            "refused": self.refused,
            "steps": [
                {"source": s.source, "action": s.action, "characters": s.characters}
                for s in self.steps
            ],
            "failed": [{"source": each.source, "reason": each.reason} for each in self.failed],
            "skipped": {
                "count": len(self.skipped),
                "names": [each.source for each in self.skipped],
            },
        }


def plan_ingest(
    paths: Iterable[Path],
    *,
    stored: Mapping[str, StoredSource],
    whole: Collection[str] | None = None,
    devices: Mapping[str, int] | None = None,
    exclude: Path | None = None,
) -> IngestPlan:
    """Find out what an ingest would do. Files are read; nothing is embedded or written.

    Args:
        paths: Files and folders.
        stored: What is in the collection, by source; empty when there is none.
        whole: Those of them that have all of their passages; None for all.
        devices: The file system that each root lay on when it was last ingested.
        exclude: A folder to pass over, the store's own.

    Raises:
        SettingsError: A path does not exist.
    """
    found = discover(paths, exclude=[] if exclude is None else [exclude])
    steps: list[Step] = []
    failed = list(found.unreadable)
    for path in found.files:
        source = source_of(path)
        try:
            text = read_file(path).text
        except ReadError as error:
            failed.append(Failure(source, without_name(str(error), source, str(path))))
            continue
        earlier = stored.get(source)
        action: Action = "add" if earlier is None else "update"
        is_whole = whole is None or source in whole
        if earlier is not None and is_whole and earlier.content_hash == content_hash(text):
            action = "keep"
        steps.append(Step(source, action, len(text)))
    steps.extend(Step(source, "delete", 0) for source in gone_sources(stored, found))
    return IngestPlan(
        steps=tuple(steps),
        failed=tuple(failed),
        skipped=found.skipped,
        refused=refusal(found, stored, devices=devices or {}, exclude=exclude),
    )
