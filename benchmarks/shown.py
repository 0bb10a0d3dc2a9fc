"""How often the passage that a search shows of the right document holds the answer.

Over the stores that ``fusion.py`` has filled: of every query's own document the first passage, with
tokens compared and without. The answer is the fact that was hidden, or the text of the pair.

    python benchmarks/shown.py --pairs FILE ... --model NAME --cache DIR --out FILE
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from fusion_encodings import filled
from fusion_tasks import Task, tasks_of

from longembed_rag import LongEncoder, SearchOptions, __version__, search_documents
from longembed_rag.points.filters import Filter, matches


def measure(task: Task, encoder: LongEncoder, cache: Path) -> dict[str, float]:
    found: dict[str, list[bool]] = {"without tokens": [], "with tokens": []}
    with filled(task, encoder, cache) as (store, queries):
        for (name, text), vector, tokens in queries:
            document = task.documents[task.answers[name]]
            start = document.index(task.holding[name])
            middle = start + len(task.holding[name]) // 2
            own = Filter(must=[matches("source", task.answers[name])])
            options = SearchOptions(limit=1, passages=1, snippets=False, filter=own)
            for way, given in (("without tokens", None), ("with tokens", tokens)):
                (result,) = search_documents(
                    store, text, vector=vector, tokens=given, options=options
                )
                first = result.passages[0]
                found[way].append(first.start <= middle < first.end)
    return {way: round(100 * float(np.mean(each)), 1) for way, each in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=Path, nargs="*", default=[])
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    encoder = LongEncoder.from_pretrained(given.model, dtype="float32")
    files = " ".join(path.name for path in given.pairs)
    result = {
        "command": f"python benchmarks/shown.py --pairs {files} --model {given.model} "
        "--cache DIR --out FILE",
        "version": __version__,
        "model": encoder.model_name,
        "first passage holds the answer, of 100": {
            task.name: measure(task, encoder, given.cache) for task in tasks_of([], given.pairs)
        },
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
