"""Rows as JSON, and a folder that keeps them so that nothing is run twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from longembed_eval.measures import by_depth
from longembed_eval.results import Cost, Results, Row, TaskInfo
from longembed_eval.tasks.values import Task
from longembed_rag import write_whole

#: Raised when what a row means changes, so that earlier ones are run anew.
_VERSION = 2


def fingerprint(task: Task, system: str, settings: Mapping[str, Any]) -> str:
    """Hash of everything that a row's scores depend on (hex)."""
    from longembed_rag import __version__

    content = [_VERSION, __version__, task.fingerprint, task.metric, system, dict(settings)]
    digest = hashlib.blake2b(digest_size=12)
    digest.update(json.dumps(content, sort_keys=True).encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Archive:
    """Rows that have been run, one file each.

    Attributes:
        folder: Where they are kept.
    """

    folder: Path

    def get(self, key: str) -> Row | None:
        """The row of a fingerprint; None if it has not been run, or its file is damaged."""
        path = self._path(key)
        if not path.is_file():  # a pipe would be waited for
            return None
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            cost = Cost.from_dict(values.pop("cost"))
            return Row(**values, cost=cost)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None

    def put(self, row: Row) -> None:
        """Keep a row, whole or not at all."""
        values = {
            "task": row.task,
            "group": row.group,
            "kind": row.kind,
            "main_metric": row.main_metric,
            "length": row.length,
            "system": row.system,
            "settings": dict(row.settings),
            "metrics": dict(row.metrics),
            "cost": asdict(row.cost),
            "scores": dict(row.scores),
            "rankings": {query: list(found) for query, found in row.rankings.items()},
            "versions": dict(row.versions),
            "machine": dict(row.machine),
            "made": row.made,
            "fingerprint": row.fingerprint,
        }
        write_text(self._path(row.fingerprint), json.dumps(values))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all; what UTF-8 cannot hold is written as an escape."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode("utf-8", "backslashreplace"))


def row_to_dict(row: Row, task: TaskInfo) -> dict[str, Any]:
    """A row for other programs: what was measured, without each query's own."""
    parts = by_depth(row.scores, list(task.queries.values()))
    return {
        "task": row.task,
        "kind": row.kind,
        "length": row.length,
        "system": row.system,
        "main_metric": row.main_metric,
        "metrics": {name: round(value, 2) for name, value in row.metrics.items()},
        "versus": {name: gap.to_dict() for name, gap in row.versus.items()},
        "by_depth": [part.to_dict() for part in parts],
        "queries": len(row.scores),
        "cost": row.cost.to_dict(),
        "settings": dict(row.settings),
        "versions": dict(row.versions),
        "machine": dict(row.machine),
        "made": row.made,
        "fingerprint": row.fingerprint,
    }


def results_to_dict(results: Results) -> dict[str, Any]:
    """Everything for other programs; ``"results"`` holds the rows."""
    return {
        "command": results.command,
        "model": results.model,
        "tasks": {
            name: {
                "source": task.source,
                "notes": list(task.notes),
                "documents": task.documents,
                "words": round(task.words),
                "queries": len(task.queries),
            }
            for name, task in results.tasks.items()
        },
        "results": [row_to_dict(row, results.tasks[row.task]) for row in results.rows],
        "failed": [failure.to_dict() for failure in results.failed],
    }
