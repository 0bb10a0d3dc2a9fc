"""What other forms of words cost where nobody asks for them: BM25 by both versions of the analyzer.

Words alone, no model: nDCG@10 by the words of documents (``--mode sparse``), and by words and half
of their pairs as ``hybrid`` takes them. Version 1 of the analyzer knows one form of each word; with
version 2 compounds that are written together weigh what ``--together`` says. Tasks are those of
``fusion.py``; ``other forms`` is their share of all terms.

    python benchmarks/forms.py --data DIR ... --pairs FILE ... --out FILE
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fusion_tasks import Task, tasks_of
from numpy.typing import NDArray
from words import mean_ndcg

from longembed_rag import __version__
from longembed_rag.words import forms
from longembed_rag.words.analyzer import get_analyzer
from longembed_rag.words.query import query_words
from longembed_rag.words.terms import K1, B, saturation, tally, word_pairs

Floats = NDArray[np.float64]
Counts = Mapping[str, float]


def scores(
    documents: Sequence[Counts], queries: Iterable[Counts], lengths: Floats, k1: float
) -> Iterator[Floats]:
    """BM25 of all documents for each query, by what their terms count."""
    half = k1 * (1 - B + B * lengths / lengths.mean())
    found: dict[str, dict[int, float]] = {}
    for number, counts in enumerate(documents):
        for term, count in counts.items():
            found.setdefault(term, {})[number] = count
    for query in queries:
        total = np.zeros(len(documents))
        for term, weight in query.items():
            holding = found.get(term)
            if holding:
                places = np.fromiter(holding, np.int64)
                counts = np.fromiter(holding.values(), np.float64)
                rarity = np.log1p((len(documents) - len(places) + 0.5) / (len(places) + 0.5))
                total[places] += weight * rarity * counts / (counts + half[places])
        yield total


def measured(task: Task, version: int, together: Sequence[float]) -> dict[str, Any]:
    """A task by one version of the analyzer."""
    analyzer = get_analyzer(version=version)
    found = [analyzer.terms(text) for text in task.documents.values()]
    stems = [[term.stem for term in terms if term.main] for terms in found]
    counts = [tally(terms) for terms in found]
    pairs = [tally_pairs(each) for each in stems]
    lengths = np.array([len(each) for each in stems], dtype=np.float64)
    numbers = {name: number for number, name in enumerate(task.documents)}
    answers = [numbers[task.answers[name]] for name in task.queries]
    rows = {}
    for weight in together:
        forms.TOGETHER = weight
        queries = [query_words(text, [analyzer]) for text in task.queries.values()]
        weights = [each.weights for each in queries]
        sparse = mean_ndcg(scores(counts, weights, lengths, K1), answers)
        k1 = saturation(float(lengths.mean()))
        of_pairs = scores(pairs, [each.pairs for each in queries], lengths, K1)
        of_words = scores(counts, weights, lengths, k1)
        both = (one + 0.5 * other for one, other in zip(of_words, of_pairs, strict=True))
        rows[f"{weight:g}"] = [round(sparse, 2), round(mean_ndcg(both, answers), 2)]
    others = sum(not term.main for terms in found for term in terms)
    return {"ndcg@10": rows, "others": round(others / max(sum(map(len, found)), 1), 4)}


def tally_pairs(stems: Sequence[str]) -> dict[str, float]:
    counts: dict[str, float] = {}
    for pair in word_pairs(stems):
        counts[pair] = counts.get(pair, 0.0) + 1.0
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, nargs="*", default=[])
    parser.add_argument("--pairs", type=Path, nargs="*", default=[])
    parser.add_argument("--together", type=float, nargs="*", default=[0.0, 0.25, 0.5, 1.0])
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    chosen = forms.TOGETHER
    rows = []
    for task in tasks_of(given.data, given.pairs):
        before = measured(task, 1, [chosen])["ndcg@10"][f"{chosen:g}"]
        after = measured(task, 2, given.together)
        row = {"task": task.name, "before": before, "after": after["ndcg@10"]}
        rows.append({**row, "other forms": after["others"], "queries": len(task.queries)})
        print(json.dumps(rows[-1]), flush=True)
    changes = [
        [b - a for a, b in zip(row["before"], row["after"][f"{chosen:g}"], strict=True)]
        for row in rows
    ]
    named = (
        f"--{name} " + " ".join(path.name for path in getattr(given, name))
        for name in ("data", "pairs")
        if getattr(given, name)
    )
    result = {
        "command": " ".join(["python benchmarks/forms.py", *named, "--out FILE"]),
        "version": __version__,
        "machine": f"{platform.machine()}, {platform.python_implementation()} "
        f"{platform.python_version()}",
        "columns": ["sparse", "words and pairs as hybrid takes them"],
        "chosen": chosen,
        "mean change": np.round(np.mean(changes, axis=0), 3).tolist(),
        "worst change": np.round(np.min(changes, axis=0), 2).tolist(),
        "tasks": rows,
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
