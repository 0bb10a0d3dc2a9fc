"""What a query costs in an embedded store of 1,000 documents and 60,000 passages, and what of it.

Wall and CPU milliseconds of a search for five documents, the model left out, how often the store
is asked, and how long it takes to answer. With ``--against``, another version of the package is
measured in the same run, in turn, and what both answer is compared.

    python benchmarks/lifelike.py --documents 1000 --out STORE
    python benchmarks/query_speed.py --store STORE --against CHECKOUT --out FILE
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from lifelike import PASSAGES, World
from machine import machine

from longembed_rag import SearchOptions, __version__, search_documents
from longembed_rag.store.place import Place
from longembed_rag.store.store import DocumentStore

WARM_UP = 5
WAYS = ("hybrid", "hybrid with tokens", "sparse", "dense", "passages", "late")
_ASKED = ("query", "query_together", "fetch", "count", "page")


class Counting:
    """The port, with what it is asked and how long it takes noted down.

    Args:
        points: The port.
    """

    def __init__(self, points: Any) -> None:
        self._points = points
        self.times: dict[str, list[float]] = defaultdict(list)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._points, name)
        return self._timed(name, found) if name in _ASKED else found

    def _timed(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(collection: str, *args: Any, **options: Any) -> Any:
            began = time.process_time()
            try:
                return method(collection, *args, **options)
            finally:
                of = collection.rpartition(".")[2]
                self.times[f"{name} {of}"].append(1000 * (time.process_time() - began))

        return timed


def measure(folder: Path, way: str, first: int, count: int) -> dict[str, Any]:
    """Queries one by one, after some that do not count."""
    world = World()
    asked = [world.query(first + number) for number in range(WARM_UP + count)]
    late = way in ("hybrid with tokens", "passages", "late")
    options = SearchOptions(mode=way.split()[0])  # type: ignore[arg-type]
    began = time.perf_counter()
    with DocumentStore.open(path=folder) as store:
        store.existing_record()
        counting = Counting(store.place.points)
        place: Place = store.place
        store._collection.place = replace(place, points=counting)  # type: ignore[arg-type]
        opened = time.perf_counter() - began
        wall, cpu, answers = [], [], []
        for number, query in enumerate(asked):
            if number == WARM_UP:
                counting.times.clear()
            began, began_cpu = time.perf_counter(), time.process_time()
            found = search_documents(
                store,
                query.text,
                vector=query.vector,
                tokens=query.tokens if late else None,
                options=options,
            )
            cpu.append(1000 * (time.process_time() - began_cpu))
            wall.append(1000 * (time.perf_counter() - began))
            answers.append(
                [
                    [hit.source, hit.score, [(p.start, p.score) for p in hit.passages]]
                    for hit in found
                ]
            )
        return {
            "open": opened,
            "first": cpu[0],
            "wall": wall[WARM_UP:],
            "cpu": cpu[WARM_UP:],
            "asked": {name: [len(each), sum(each)] for name, each in counting.times.items()},
            "answers": answers,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def in_turn(
    folder: Path, way: str, versions: dict[str, Path], queries: int, rounds: int
) -> dict[str, Any]:
    """Each version in processes of its own, in turn, with the same queries."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in versions}
    for turn in range(rounds):
        for name, checkout in versions.items():
            command = [sys.executable, __file__, "--store", str(folder), "--worker", way]
            command += ["--first", str(turn * (queries + WARM_UP)), "--queries", str(queries)]
            told = subprocess.run(
                command,
                env={**os.environ, "PYTHONPATH": str(checkout)},
                check=True,
                capture_output=True,
                text=True,
            )
            found[name].append(json.loads(told.stdout))
    rows = {name: _row(each) for name, each in found.items()}
    result: dict[str, Any] = dict(rows)
    if len(found) == 2:
        before, now = found.values()
        pairs = [
            pair
            for one, other in zip(before, now, strict=True)
            for pair in zip(one["answers"], other["answers"], strict=True)
        ]
        result["before / now, CPU"] = round(
            rows["before"]["CPU ms (median)"] / rows["now"]["CPU ms (median)"], 2
        )
        result["queries with the same ranking"] = sum(_ranks(a) == _ranks(b) for a, b in pairs)
        result["queries compared"] = len(pairs)
        result["largest difference of scores"] = max(
            abs(one[1] - other[1]) for a, b in pairs for one, other in zip(a, b, strict=False)
        )
    return result


def _ranks(answer: list[Any]) -> list[Any]:
    return [(source, [start for start, _ in passages]) for source, _, passages in answer]


def _row(runs: list[dict[str, Any]]) -> dict[str, Any]:
    cpu = np.concatenate([each["cpu"] for each in runs])
    wall = np.concatenate([each["wall"] for each in runs])
    asked: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
    for run in runs:
        for name, (times, taken) in run["asked"].items():
            asked[name][0] += times
            asked[name][1] += taken
    within = sum(taken for _, taken in asked.values()) / len(cpu)
    return {
        "CPU ms (median)": round(float(np.median(cpu)), 1),
        "CPU ms (mean)": round(float(cpu.mean()), 1),
        "CPU ms (95th of 100)": round(float(np.percentile(cpu, 95)), 1),
        "wall ms (median)": round(float(np.median(wall)), 1),
        "first query, CPU ms": round(float(np.median([each["first"] for each in runs])), 1),
        "open, s": round(float(np.median([each["open"] for each in runs])), 2),
        "most memory, MB": round(max(each["memory"] for each in runs)),
        "requests": round(sum(times for times, _ in asked.values()) / len(cpu), 1),
        "outside of the store, CPU ms (mean)": round(float(cpu.mean()) - within, 1),
        "asked: times and CPU ms a query (mean)": {
            name: [round(times / len(cpu), 1), round(taken / len(cpu), 2)]
            for name, (times, taken) in sorted(asked.items())
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--against", type=Path, help="a checkout of an earlier version")
    parser.add_argument("--ways", nargs="*", default=WAYS, choices=WAYS)
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--worker", choices=WAYS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(measure(given.store, given.worker, given.first, given.queries)))
        return
    versions = {"now": Path(__file__).parents[1]}
    if given.against:
        versions = {"before": given.against.absolute(), **versions}
    rows = {}
    for way in given.ways:
        rows[way] = in_turn(given.store, way, versions, given.queries, given.rounds)
        print(json.dumps({way: rows[way]}, indent=1), flush=True)
    with DocumentStore.open(path=given.store) as store:
        documents = store.place.points.count(store.place.documents, what="counting")
    result = {
        "command": "python benchmarks/query_speed.py --store STORE --against CHECKOUT --out FILE",
        "version": __version__,
        "machine": machine(),
        "documents": documents,
        "passages": documents * PASSAGES,
        "a query": rows,
    }
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
