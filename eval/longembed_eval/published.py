"""What others have published on the same tasks: the table of the LongEmbed paper, and others.

Not our measurements. The paper's runs use other models than ours, and its passkeys and needles are
other texts: what follows from a comparison is how large differences between methods are, and
where words alone stand, not which model is better.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

#: Which column of the paper a group of ours stands beside. A group that is missing here, such as
#: a rebuilt task, has none: other documents or queries make another task.
_COLUMNS = {
    "passkey": "passkey",
    "longembed_passkey": "passkey",
    "needle": "needle",
    "longembed_needle": "needle",
    "narrativeqa": "narrativeqa",
    "qmsum": "qmsum",
    "summ_screen_fd": "summ_screen_fd",
    "2wikimqa": "2wikimqa",
}

#: Documents and queries of the labelled ones, to tell them from other tasks of the name.
_SIZES = {
    "narrativeqa": (355, 10_449),
    "qmsum": (197, 1_527),
    "summ_screen_fd": (336, 336),
    "2wikimqa": (300, 300),
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One of the paper's tasks.

    Attributes:
        id: What :attr:`PublishedRun.scores` calls it.
        title: What people call it.
        metric: What it is judged by.
    """

    id: str
    title: str
    metric: str


@dataclass(frozen=True, kw_only=True)
class PublishedRun:
    """One row of the paper's table, in points (0 to 100).

    Attributes:
        name: Model, method and length, such as ``"E5-RoPE SelfExtend 4k"``.
        model: The model.
        method: How it was made to read long texts.
        context: Tokens that it reads; None for words.
        scores: Of each task, by the column's id.
        average: Plain mean of the six.
        lengths: Accuracies by length in tokens, by the column's id, where these are known.
        source: Where it stands, and what is odd about it, if that is to be told.
    """

    name: str
    model: str
    method: str
    context: int | None
    scores: Mapping[str, float]
    average: float
    lengths: Mapping[str, Mapping[int, float]]
    source: str = ""

    def at(self, *, column: str, length: int) -> float | None:
        """Accuracy at one length; None where it is not known.

        A mean of 100 over all lengths says that it is 100 at each.
        """
        if self.scores[column] == 100:
            return 100.0
        return self.lengths.get(column, {}).get(length)


@dataclass(frozen=True, kw_only=True)
class Published:
    """The paper's table.

    Attributes:
        source: What it is.
        arxiv: Its number on arXiv.
        url: Where it can be read.
        columns: Its tasks.
        lengths: Lengths in tokens that passkey and needle are means over.
        runs: Its rows.
    """

    source: str
    arxiv: str
    url: str
    columns: tuple[Column, ...]
    lengths: tuple[int, ...]
    runs: tuple[PublishedRun, ...]

    def comparable(self, *, group: str, lengths: Sequence[int]) -> bool:
        """Whether a group's mean is a mean over what the paper's is a mean over.

        Args:
            group: A group of ours.
            lengths: Lengths that were run; empty for tasks that are not made for a length.
        """
        id_ = column_of(group)
        if id_ is None:
            return False
        return id_ not in ("passkey", "needle") or set(lengths) == set(self.lengths)

    def by_length(self, group: str, lengths: Sequence[int]) -> dict[str, dict[int, float]]:
        """Published accuracies of a group, by run and length, of the runs where any is known."""
        id_ = column_of(group)
        if id_ not in ("passkey", "needle"):
            return {}
        known: dict[str, dict[int, float]] = {}
        for run in self.runs:
            points = {length: run.at(column=id_, length=length) for length in lengths}
            found = {
                length: value
                for length, value in points.items()
                if value is not None and length in self.lengths
            }
            if found:
                known[run.name] = found
        return known


def column_of(group: str) -> str | None:
    """The id of the published column that a group of ours stands beside; None without one."""
    return _COLUMNS.get(group)


def is_published(group: str, *, documents: int, queries: int) -> bool:
    """Whether a group is the paper's task, not another one of that name.

    Args:
        group: The group.
        documents: How many documents it has.
        queries: How many queries.
    """
    sizes = _SIZES.get(group)
    return group in _COLUMNS and (sizes is None or sizes == (documents, queries))


@cache
def published() -> Published:
    """Read the table that the package carries."""
    text = (files("longembed_eval") / "data" / "published.json").read_text(encoding="utf-8")
    values = json.loads(text)
    return Published(
        source=values["source"],
        arxiv=values["arxiv"],
        url=values["url"],
        columns=tuple(Column(**column) for column in values["columns"]),
        lengths=tuple(values["lengths"]),
        runs=tuple(_run(run) for run in values["runs"]),
    )


@dataclass(frozen=True, kw_only=True)
class PublishedTasks:
    """Scores of single tasks beside LongEmbed's six, in points (0 to 100).

    Attributes:
        source: Who published them.
        url: Where.
        commit: The state they were taken from.
        metric: What they measure.
        sizes: For each task's name how many documents and queries it has, to tell it from another
            one of the name.
        tasks: For each task's name the scores by model, best first.
    """

    source: str
    url: str
    commit: str
    metric: str
    sizes: Mapping[str, tuple[int, int]]
    tasks: Mapping[str, Mapping[str, float]]

    def note(self, task: str, *, documents: int, queries: int) -> tuple[str, ...]:
        """What a reader of a task's results is told: one sentence, or none where none is known.

        Args:
            task: Its name.
            documents: How many documents it has; a few empty ones may be missing.
            queries: How many queries.
        """
        expected, asked = self.sizes.get(task, (0, 0))
        if queries != asked or not 0.99 * expected <= documents <= expected:
            return ()
        scores = ", ".join(
            f"{name} {score:.1f}" for name, score in self.tasks.get(task, {}).items()
        )
        told = f"{self.metric} published ({self.source}, {self.url} @ {self.commit[:8]}): {scores}."
        return (told,) if scores else ()


@cache
def published_tasks() -> PublishedTasks:
    """Read the scores that the package carries beside the paper's table."""
    text = (files("longembed_eval") / "data" / "published_tasks.json").read_text(encoding="utf-8")
    return PublishedTasks(**json.loads(text))


def _run(values: dict[str, Any]) -> PublishedRun:
    lengths = {
        column: {int(length): value for length, value in points.items()}
        for column, points in values["lengths"].items()
    }
    return PublishedRun(**{**values, "lengths": lengths})
