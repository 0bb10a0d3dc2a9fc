"""Plausible results, made up: what a benchmark would find, without running one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from longembed_eval.results import Cost, Difference, Results, Row, TaskInfo
from longembed_eval.tasks.values import Kind, MainMetric, Query

SYSTEMS = (
    "bm25",
    "truncate",
    "pcw",
    "rp",
    "chunked",
    "chunked_mean",
    "passages",
    "late",
    "hybrid",
    "st",
)
LABELLED = ("qmsum", "2wikimqa_rebuilt", "crd3_segments")
LENGTHS = (256, 512, 1024, 2048, 4096)

#: Chance of a hit at the first rank; how it falls with length, per doubling from 512 tokens on.
_QUALITY = {
    "bm25": (0.83, 0.01),
    "truncate": (0.16, 0.2),
    "pcw": (0.34, 0.14),
    "rp": (0.27, 0.17),
    "chunked": (0.53, 0.03),
    "chunked_mean": (0.35, 0.14),
    "passages": (0.55, 0.04),
    "late": (0.66, 0.03),
    "hybrid": (0.89, 0.01),
    "st": (0.17, 0.2),
}
#: Seconds for each document, vectors of it, milliseconds for each query, tokens read.
_COSTS = {
    "bm25": (0.002, 0, 0.4, 0.0),
    "truncate": (0.03, 1, 7.0, 0.03),
    "pcw": (0.9, 1, 7.1, 1.02),
    "rp": (2.6, 1, 7.2, 1.0),
    "chunked": (0.95, 41, 7.9, 1.12),
    "chunked_mean": (0.95, 1, 7.0, 1.12),
    "passages": (0.91, 44, 8.3, 1.02),
    "late": (0.95, 9000, 900.0, 1.02),
    "hybrid": (0.99, 45, 31.0, 1.02),
    "st": (0.03, 1, 7.0, 0.03),
}
_WORDS = [
    "budget",
    "committee",
    "vote",
    "treaty",
    "harbour",
    "engine",
    "winter",
    "letter",
    "doctor",
    "theorem",
    "garden",
]


def sample(
    *,
    labelled: Sequence[str] = LABELLED,
    synthetic: Sequence[str] = ("passkey", "needle"),
    lengths: Sequence[int] = LENGTHS,
    held_out: bool = False,
    systems: Sequence[str] = SYSTEMS,
    queries: int = 40,
) -> Results:
    """Made-up results of the tasks and systems that are asked for."""
    specs: list[tuple[str, str, Kind, int | None]] = [
        (name, name, "labelled", None) for name in labelled
    ]
    for name in synthetic:
        kind: Kind = "passkey" if name.endswith("passkey") else "needle"
        specs += [(f"{name}-{length}", name, kind, length) for length in lengths]
    if held_out:
        specs.append(("held_out", "held_out", "held_out", None))
    rows: list[Row] = []
    tasks = {}
    for number, (task, group, kind, length) in enumerate(specs):
        tasks[task] = info(task, kind, queries)
        made = [row(tasks[task], group, kind, length, system, number) for system in systems]
        rows += [with_versus(each, made) for each in made]
    return Results(
        rows=tuple(rows),
        tasks=tasks,
        command="longembed-rag eval --task qmsum --task passkey",
        model="all-MiniLM-L6-v2",
    )


def info(task: str, kind: Kind = "labelled", queries: int = 40) -> TaskInfo:
    """A task of so many queries, each answered by one document."""
    asked = {
        f"q{i}": Query(
            id=f"q{i}",
            text=f"What was said of the {_WORDS[i % 11]} and the {_WORDS[i * 7 % 11]} (no. {i})?",
            depth=None if kind == "labelled" else (i + 0.5) / queries,
        )
        for i in range(queries)
    }
    return TaskInfo(
        name=task,
        source="made up for tests",
        notes=("no such documents exist",),
        documents=queries,
        words=6500.0,
        queries=asked,
        gold={query: {f"d{i}": 1} for i, query in enumerate(asked)},
    )


def row(
    task: TaskInfo, group: str, kind: Kind, length: int | None, system: str, number: int
) -> Row:
    """A system's row, the same each time."""
    name = system.split(":")[0]
    if name not in _QUALITY:
        name = "pcw"
    metric: MainMetric = "accuracy@1" if kind in ("passkey", "needle") else "ndcg@10"
    seed = sum(map(ord, system)) + 1000 * number
    generator = np.random.default_rng(seed)
    first, fall = _QUALITY[name]
    if length is not None:
        first = 0.98 - fall * max(0.0, math.log2(length / 512))
        first -= 0.25 if kind == "needle" and name != "hybrid" else 0.0
    scores, rankings = {}, {}
    for i, query in enumerate(task.queries):
        luck = generator.random()
        rank = 1 if luck < first else 2 + int(12 * generator.random())
        others = [f"d{(i + step) % len(task.queries)}" for step in range(1, 11)]
        found = [*others[: rank - 1], f"d{i}", *others[rank - 1 :]]
        rankings[query] = found[:10]
        gain = 1 / math.log2(1 + rank) if rank <= 10 else 0.0
        scores[query] = float(rank == 1) if metric == "accuracy@1" else gain
    mean = 100 * sum(scores.values()) / len(scores)
    seconds, vectors, query_ms, read = _COSTS[name]
    scale = (length or 8192) / 8192
    tokens = 0 if name == "bm25" else task.documents * (length or 8192)
    return Row(
        task=task.name,
        group=group,
        kind=kind,
        main_metric=metric,
        length=length,
        system=system,
        settings={"model": "all-MiniLM-L6-v2", "method": name, "max_length": 32768, "depth": 10},
        metrics={"ndcg@10": mean, "accuracy@1": mean, metric: mean, "recall@10": mean},
        cost=Cost(
            documents=task.documents,
            tokens=tokens,
            tokens_read=round(tokens * min(1.2, read / min(scale, 1) if read < 0.1 else read)),
            index_seconds=seconds * task.documents * scale * (1 + number / 10),
            peak_memory_bytes=500_000_000 + 40_000_000 * min(vectors, 100),
            vectors=vectors * task.documents,
            index_bytes=task.documents * (vectors * 1536 + (0 if name in ("pcw",) else 9000)),
            query_ms=query_ms * (1 + number / 20),
        ),
        scores=scores,
        rankings=rankings,
        versions={"longembed-rag": "0.5.0", "torch": "2.9.0"},
        machine={"processor": "A Processor", "cores": 2, "memory_gib": 8, "gpu": None},
        made=f"2025-11-0{1 + number % 9}T10:00:00+00:00",
        fingerprint=f"{seed:x}",
    )


def with_versus(own: Row, rows: Sequence[Row]) -> Row:
    """A row with its differences to BM25 and chunks, intervals by the normal approximation."""
    versus = {}
    for other in rows:
        if other.system in ("bm25", "chunked") and other.system != own.system:
            gaps = [100 * (score - other.scores[query]) for query, score in own.scores.items()]
            mean, half = float(np.mean(gaps)), 1.96 * float(np.std(gaps)) / math.sqrt(len(gaps))
            versus[other.system] = Difference(mean=mean, low=mean - half, high=mean + half)
    return replace(own, versus=versus)
