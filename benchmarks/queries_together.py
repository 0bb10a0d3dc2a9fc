"""Searching for many queries in one go against one by one, the model included.

The store is one of ``lifelike.py``; its words and vectors are made up, so that the model reads real
questions beside them, as many. CPU time, both ways in turn in one run.

    python benchmarks/queries_together.py --store STORE --out FILE
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lifelike import PASSAGES, World
from machine import machine

from longembed_rag import LongEncoder, SearchOptions, __version__
from longembed_rag.search.asking import AskedQuery
from longembed_rag.search.search import search_many
from longembed_rag.search.syntax import Query
from longembed_rag.store.store import DocumentStore

QUESTIONS = Path(__file__).parent / "data" / "paraphrases.jsonl"


def timed(action: Callable[[Any], None], given: Sequence[Any]) -> float:
    """CPU seconds that an action takes for all that it is given."""
    began = time.process_time()
    for each in given:
        action(each)
    return time.process_time() - began


def measure(folder: Path, queries: int, rounds: int, *, late: bool) -> dict[str, Any]:
    encoder = LongEncoder.from_pretrained()
    rows = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    texts = [row["question"] for row in rows][:queries]
    world = World()
    options = SearchOptions()
    half = queries // 2
    alone: dict[str, list[float]] = {"model": [], "search": []}
    together: dict[str, list[float]] = {"model": [], "search": []}
    with DocumentStore.open(path=folder) as store:

        def embed(several: list[str]) -> None:
            (encoder.encode_queries if late else encoder.encode)(several)

        def search(several: list[AskedQuery]) -> None:
            search_many(store, several, options=options)

        for turn in range(rounds + 1):
            made = [world.query(turn * queries + number) for number in range(queries)]
            asked = [
                AskedQuery(Query(text=each.text), each.vector, each.tokens if late else None)
                for each in made
            ]
            taken = (
                timed(lambda each: embed([each]), texts[:half]),
                timed(lambda each: search([each]), asked[:half]),
                timed(embed, [texts[half:]]),
                timed(search, [asked[half:]]),
            )
            if turn:  # the first queries open and read what later ones find in memory
                for place, name in enumerate(("model", "search")):
                    alone[name].append(taken[place] / half)
                    together[name].append(taken[2 + place] / (queries - half))
        documents = store.place.points.count(store.place.documents, what="counting")
    one, other = _milliseconds(alone), _milliseconds(together)
    return {
        "documents": documents,
        "passages": documents * PASSAGES,
        "tokens compared": late,
        "one by one, CPU ms a query": one,
        "together, CPU ms a query": other,
        "together / one by one, queries a second": round(one["all"] / other["all"], 2),
    }


def _milliseconds(taken: dict[str, list[float]]) -> dict[str, float]:
    medians = {name: 1000 * float(np.median(each)) for name, each in taken.items()}
    medians["all"] = sum(medians.values())
    return {name: round(each, 2) for name, each in medians.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", type=Path, required=True, action="append")
    parser.add_argument("--queries", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows = []
    for folder in given.store:
        for late in (False, True):
            rows.append(measure(folder, given.queries, given.rounds, late=late))
            print(json.dumps(rows[-1], indent=1), flush=True)
    result = {
        "command": "python benchmarks/queries_together.py --store STORE --out FILE",
        "version": __version__,
        "machine": machine(),
        "queries": rows,
    }
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
