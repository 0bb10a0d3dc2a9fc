"""What comparing tokens adds to a query's CPU time: the same queries with and without, in turn.

Over the stores that ``fusion.py`` has filled, as a search of five documents does it, the model left
out.

    python benchmarks/query_time.py --data DIR ... --model NAME --cache DIR --out FILE
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import islice
from pathlib import Path

import numpy as np
from fusion_encodings import filled
from fusion_tasks import Task, tasks_of

from longembed_rag import LongEncoder, SearchOptions, __version__, search_documents

QUERIES = 50


def measure(task: Task, encoder: LongEncoder, cache: Path) -> dict[str, float]:
    taken: dict[str, list[float]] = {"without tokens": [], "with tokens": []}
    with filled(task, encoder, cache) as (store, queries):
        for (_, text), vector, tokens in islice(queries, QUERIES):
            for way, given in (("without tokens", None), ("with tokens", tokens)):
                began = time.process_time()
                search_documents(
                    store, text, vector=vector, tokens=given, options=SearchOptions(limit=5)
                )
                taken[way].append(1000 * (time.process_time() - began))
        passages = store.info().passages
    # The first queries open and read what later ones find in memory.
    medians = {way: round(float(np.median(each[5:])), 1) for way, each in taken.items()}
    added = round(medians["with tokens"] - medians["without tokens"], 1)
    return {"passages": passages, **medians, "added": added}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, nargs="*", default=[])
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    encoder = LongEncoder.from_pretrained(given.model, dtype="float32")
    names = " ".join(path.name for path in given.data)
    result = {
        "command": f"python benchmarks/query_time.py --data {names} --model {given.model} "
        "--cache DIR --out FILE",
        "version": __version__,
        "CPU ms a query (median)": {
            task.name: measure(task, encoder, given.cache) for task in tasks_of(given.data, [])
        },
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
