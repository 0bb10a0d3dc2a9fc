"""What a benchmark found: one row for each task and system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from longembed_eval.tasks.values import Kind, MainMetric, Query

#: Systems that every other is compared with, where they were run.
REFERENCES = ("bm25", "chunked")
#: What a row's ``machine`` has, where others ran beside it.
SPREAD = "spread"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What indexing a task's documents and answering its queries took.

    Attributes:
        documents: Documents in the task.
        tokens: Tokens in them; 0 for systems that count none (words).
        tokens_read: Tokens that reached the model.
        index_seconds: Wall-clock seconds from texts to something that can be searched.
        peak_memory_bytes: Most memory that the process held meanwhile (resident set; on a GPU
            that of the device is added).
        vectors: Dense vectors kept, those of tokens among them.
        index_bytes: Bytes of what is kept to search: vectors as float32, those of tokens as
            float16 or bits, postings; not the texts.
        query_ms: Median milliseconds from a query's text to its ranking, asked one at a time.
    """

    documents: int
    tokens: int
    tokens_read: int
    index_seconds: float
    peak_memory_bytes: int
    vectors: int
    index_bytes: int
    query_ms: float

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens read per second of indexing; None for systems that count none."""
        if not self.tokens_read or self.index_seconds <= 0:
            return None
        return self.tokens_read / self.index_seconds

    def to_dict(self) -> dict[str, Any]:
        """Every number by name, with those that follow from them, ready for JSON."""
        read = self.tokens_read / self.tokens if self.tokens else None
        speed = self.tokens_per_second
        return {
            "documents": self.documents,
            "tokens": self.tokens,
            "tokens_read": self.tokens_read,
            "share_read": None if read is None else round(read, 4),
            "tokens_per_second": None if speed is None else round(speed, 1),
            "index_seconds": round(self.index_seconds, 3),
            "peak_memory_bytes": self.peak_memory_bytes,
            "vectors": self.vectors,
            "vectors_per_document": round(self.vectors / self.documents, 2),
            "index_bytes": self.index_bytes,
            "bytes_per_document": round(self.index_bytes / self.documents),
            "query_ms": round(self.query_ms, 3),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Cost:
        """From :meth:`to_dict`'s values."""
        names = cls.__dataclass_fields__
        return cls(**{name: values[name] for name in names})


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How much better a row is than another system on the same queries.

    Attributes:
        mean: Mean difference of the task's main metric, in points (0 to 100).
        low: Lower end of its 95 % interval by paired bootstrap over queries.
        high: Upper end.
    """

    mean: float
    low: float
    high: float

    @property
    def certain(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0

    def to_dict(self) -> dict[str, float]:
        """Every number by name, ready for JSON."""
        return {name: round(getattr(self, name), 2) for name in ("mean", "low", "high")}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One system on one task.

    Attributes:
        task: Name of the task, such as ``"qmsum"`` or ``"passkey-1024"``.
        group: What it is averaged under: the task's name without its length.
        kind: Kind of the task.
        main_metric: Which of the metrics the task is judged by.
        length: Nominal tokens of each document, for tasks that are made for one length.
        system: The system as it was asked for, such as ``"pcw"`` or ``"chunked:window=512"``.
        settings: Everything that its scores depend on, resolved, the model among it.
        metrics: Means over queries in points (0 to 100): ``"ndcg@10"``, ``"accuracy@1"``,
            ``"recall@5"``, ``"recall@10"``, ``"mrr@10"``.
        cost: What it took.
        scores: The main metric of each query, by its id, 0 to 1.
        rankings: The first documents that each query found, by its id, best first.
        versus: Differences to other systems on the same task: keys ``"bm25"`` and ``"chunked"``,
            where these were run, and the row is another's.
        versions: Versions of the packages that decide.
        machine: Processor, cores, memory, device, threads; and :data:`SPREAD`, where it was run
            beside others.
        made: When, ISO date and time in UTC.
        fingerprint: Hash of task, system and settings.
    """

    task: str
    group: str
    kind: Kind
    main_metric: MainMetric
    length: int | None
    system: str
    settings: Mapping[str, Any]
    metrics: Mapping[str, float]
    cost: Cost
    scores: Mapping[str, float] = field(repr=False)
    rankings: Mapping[str, Sequence[str]] = field(repr=False)
    versus: Mapping[str, Difference] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    made: str = ""
    fingerprint: str = ""

    @property
    def score(self) -> float:
        """The main metric, in points."""
        return self.metrics[self.main_metric]


@dataclass(frozen=True, kw_only=True)
class TaskInfo:
    """What a report says of a task.

    Attributes:
        name: Its name.
        source: Where it comes from.
        notes: What a reader of its results must know.
        documents: How many documents it has.
        words: Mean words of a document.
        queries: Its queries, by id.
        gold: The documents that answer each query, by its id.
    """

    name: str
    source: str
    notes: tuple[str, ...]
    documents: int
    words: float
    queries: Mapping[str, Query] = field(repr=False)
    gold: Mapping[str, Mapping[str, int]] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A task, or a system on a task, that could not be run.

    Attributes:
        task: Name of the task.
        system: The system; None when the task itself could not be had.
        reason: Why, for people.
    """

    task: str
    system: str | None
    reason: str

    def to_dict(self) -> dict[str, str | None]:
        """Every field by name, ready for JSON."""
        return {"task": self.task, "system": self.system, "reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class Results:
    """Everything that tables and reports are made of.

    Attributes:
        rows: Task by task in the order asked for, within a task system by system.
        tasks: What is known of each task, by name.
        command: The command that made them, without paths of the machine.
        model: Name of the model that the dense systems ran.
        failed: What could not be run.
    """

    rows: tuple[Row, ...]
    tasks: Mapping[str, TaskInfo]
    command: str
    model: str
    failed: tuple[Failure, ...] = ()

    @property
    def systems(self) -> list[str]:
        """The systems, in the order in which they first appear."""
        return list(dict.fromkeys(row.system for row in self.rows))

    @property
    def groups(self) -> list[str]:
        """The groups of tasks, in the order in which they first appear."""
        return list(dict.fromkeys(row.group for row in self.rows))

    def of(self, *, group: str, system: str) -> list[Row]:
        """The rows of a system on a group of tasks, in order."""
        return [row for row in self.rows if row.group == group and row.system == system]

    def score(self, *, group: str, system: str) -> float | None:
        """Plain mean of a system's main metric over a group's tasks; None if it was not run."""
        rows = self.of(group=group, system=system)
        return sum(row.score for row in rows) / len(rows) if rows else None
