"""How soon a repeated word should stop counting: BM25's k1 for short documents and for long ones.

Words alone, no model: for every task nDCG@10 by the words of documents, and by words and half of
their word pairs (which keep k1 = 1.5), with constants and with rules that find k1 from the
collection:

- *root of the average*: ``k1 = 1.5 * sqrt(max(1, average length / N))``, which is
  :func:`longembed_rag.words.terms.saturation` for N = 3000; *power 0.7* likewise;
- *root of the own length*: the same of each document's own length;
- *each word's mean*: ``1.5 * sqrt(occurrences / documents)`` of the word, lengths evened out;
- *each word's gain*: Lv and Zhai 2011, "Adaptive term frequency normalization for BM25": the k1
  whose curve is nearest to the information that further occurrences of the word give.

Then every rule is judged with one task left out: which one would have been chosen by all other
tasks, and what it gains on the one.

Tasks are those of ``fusion.py``, and each again with its documents joined to more than 16,000
words, asked by the queries of single parts, and where queries have several sentences by each.

    python benchmarks/words.py --data DIR ... --pairs FILE ... --out FILE
"""

from __future__ import annotations

import argparse
import json
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fusion_tasks import Task, pairs_task, parts_task, read_task, sentences_task
from numpy.typing import NDArray

from longembed_rag import __version__
from longembed_rag.words.analyzer import get_analyzer
from longembed_rag.words.terms import K1, B, saturation, word_pairs

Floats = NDArray[np.float64]
WORDS = 16_000
CONSTANTS = (1.2, 1.5, 2.5, 4.0, 6.0, 8.0)


@dataclass(frozen=True)
class Postings:
    """Where the words of the queries stand.

    Attributes:
        queries: Words of each query, with how often it says them.
        found: Of each word the documents that hold it, and how often.
        lengths: Of the documents, in words; float64, shape ``[documents]``.
    """

    queries: list[Counter[str]]
    found: dict[str, tuple[NDArray[np.int64], Floats]]
    lengths: Floats

    @classmethod
    def of(
        cls, documents: Sequence[list[str]], queries: Iterable[list[str]], lengths: Floats
    ) -> Postings:
        """Look the queries' words up."""
        counted = [Counter(query) for query in queries]
        wanted = {word for query in counted for word in query}
        found: dict[str, tuple[list[int], list[int]]] = {}
        for number, words in enumerate(documents):
            for word, count in Counter(word for word in words if word in wanted).items():
                numbers, counts = found.setdefault(word, ([], []))
                numbers.append(number)
                counts.append(count)
        postings = {
            word: (np.array(numbers), np.array(counts, dtype=np.float64))
            for word, (numbers, counts) in found.items()
        }
        return cls(counted, postings, lengths)

    @property
    def evened(self) -> Floats:
        """By how much each document's counts are to be divided, for its length."""
        return 1 - B + B * self.lengths / self.lengths.mean()

    def scores(self, k1: Callable[[str], float | Floats]) -> Iterator[Floats]:
        """BM25 of all documents for each query, ``k1`` by word, one for all or for each."""
        total, norm = len(self.lengths), self.evened
        weights = {}
        for word, (numbers, counts) in self.found.items():
            rarity = np.log1p((total - len(numbers) + 0.5) / (len(numbers) + 0.5))
            half = (np.broadcast_to(k1(word), total) * norm)[numbers]
            weights[word] = rarity * counts / (counts + half)
        for query in self.queries:
            scores = np.zeros(total)
            for word, said in query.items():
                if word in weights:
                    scores[self.found[word][0]] += said * weights[word]
            yield scores


Rule = Callable[[Postings], Callable[[str], "float | Floats"]]


def constant(k1: float) -> Rule:
    return lambda postings: lambda word: k1


def of_average(long: float, power: float = 0.5) -> Rule:
    return lambda postings: (
        lambda word: K1 * float(max(1.0, postings.lengths.mean() / long)) ** power
    )


def of_own_length(long: float) -> Rule:
    return lambda postings: lambda word: K1 * np.sqrt(np.maximum(1.0, postings.lengths / long))


def of_mean_count(postings: Postings) -> Callable[[str], float]:
    norm = postings.evened

    def k1(word: str) -> float:
        numbers, counts = postings.found[word]
        return K1 * float(np.sqrt((counts / norm[numbers]).mean()))

    return k1


def of_gain(postings: Postings) -> Callable[[str], float]:
    """Lv and Zhai's k1 of a word, by least squares over a grid."""
    norm, total = postings.evened, len(postings.lengths)
    grid = np.geomspace(0.1, 50, 60)[:, None]

    def k1(word: str) -> float:
        numbers, counts = postings.found[word]
        evened = np.sort(counts / norm[numbers])
        times = np.arange(1, min(max(int(evened[-1] + 0.5), 1), 200) + 1)
        holding = len(evened) - np.searchsorted(evened, times - 0.5)
        holding[0] = len(evened)
        gain = -np.log2((holding + 0.5) / (total + 1))
        curves = (grid + 1) * times / (grid + times)
        wanted = np.maximum(gain / max(gain[0], 1e-9), 1.0)
        return float(grid[((curves - wanted) ** 2).sum(axis=1).argmin(), 0])

    return k1


RULES: dict[str, Rule] = {
    **{f"k1 = {k1}": constant(k1) for k1 in CONSTANTS},
    **{f"root of the average, {n}": of_average(n) for n in (1000, 2000, 3000, 4500)},
    **{f"power 0.7 of the average, {n}": of_average(n, 0.7) for n in (2000, 3000)},
    "root of the own length, 3000": of_own_length(3000),
    "each word's mean": of_mean_count,
    "each word's gain": of_gain,
}
CHOSEN = "root of the average, 3000"


def mean_ndcg(scores: Iterable[Floats], answers: Sequence[int]) -> float:
    """nDCG@10 in hundredths, one document to find; among equal scores in the middle."""
    gains = []
    for each, answer in zip(scores, answers, strict=True):
        own = each[answer]
        before = int((each > own).sum()) + (int((each == own).sum()) - 1) // 2
        gains.append(1 / np.log2(before + 2) if before < 10 else 0.0)
    return 100 * float(np.mean(gains))


def measured(task: Task) -> dict[str, Any]:
    """All rules on a task, by words alone and by words and pairs."""
    stems = get_analyzer().stems
    documents = [stems(text) for text in task.documents.values()]
    queries = [stems(text) for text in task.queries.values()]
    lengths = np.array([len(words) for words in documents], dtype=np.float64)
    numbers = {name: number for number, name in enumerate(task.documents)}
    answers = [numbers[task.answers[name]] for name in task.queries]
    words = Postings.of(documents, queries, lengths)
    pairs = Postings.of(
        [word_pairs(each) for each in documents], [word_pairs(each) for each in queries], lengths
    )
    of_pairs = [0.5 * each for each in pairs.scores(constant(K1)(pairs))]
    rows = {}
    for name, rule in RULES.items():
        alone = list(words.scores(rule(words)))
        both = [one + other for one, other in zip(alone, of_pairs, strict=True)]
        rows[name] = [round(mean_ndcg(each, answers), 2) for each in (alone, both)]
    return {
        "task": task.name,
        "documents": len(documents),
        "words per document": round(
            float(np.mean([len(text.split()) for text in task.documents.values()]))
        ),
        "terms per document": round(float(lengths.mean())),
        "occurrences of a word that is said": round(
            float(lengths.sum() / sum(len(set(each)) for each in documents)), 2
        ),
        "queries": len(queries),
        "k1 chosen": round(saturation(float(lengths.mean())), 2),
        "ndcg@10, words and with pairs": rows,
    }


def left_out(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """For each kind of rule: what the best of the other tasks gains, on average over tasks."""
    kinds = {
        "constants": [name for name in RULES if name.startswith("k1")],
        "length": [name for name in RULES if "average" in name or "own" in name],
        "each word's own": [name for name in RULES if name.startswith("each")],
    }
    long = np.array([row["words per document"] > 15_000 for row in rows])
    result: dict[str, Any] = {}
    for kind, names in kinds.items():
        scores = np.array(
            [
                [
                    row["ndcg@10, words and with pairs"][name][1]
                    - row["ndcg@10, words and with pairs"][f"k1 = {K1}"][1]
                    for row in rows
                ]
                for name in names
            ]
        )
        best = [int(np.delete(scores, i, axis=1).mean(axis=1).argmax()) for i in range(len(rows))]
        gains = scores[best, np.arange(len(rows))]
        result[kind] = {
            "chosen": sorted({names[i] for i in best}),
            "gain": round(float(gains.mean()), 3),
            "gain where long": round(float(gains[long].mean()), 3) if long.any() else None,
            "worst": round(float(gains.min()), 2),
        }
    return result


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The chosen rule with pairs against BM25, on average and at the worst."""
    result = {}
    for name, kept in (
        ("over 15,000 words", [row for row in rows if row["words per document"] > 15_000]),
        ("shorter", [row for row in rows if row["words per document"] <= 15_000]),
    ):
        if kept:
            scores = [row["ndcg@10, words and with pairs"] for row in kept]
            plain = np.array([each[f"k1 = {K1}"] for each in scores])
            ours = np.array([each[CHOSEN] for each in scores])
            against = ours[:, 1] - plain[:, 0]
            result[name] = {
                "tasks": len(kept),
                "BM25": round(float(plain[:, 0].mean()), 2),
                "BM25 with pairs": round(float(plain[:, 1].mean()), 2),
                "by the rule": round(float(ours[:, 0].mean()), 2),
                "by the rule with pairs": round(float(ours[:, 1].mean()), 2),
                "least gain over BM25": round(float(against.min()), 2),
            }
    return result


def tasks_of(data: Iterable[Path], pairs: Iterable[Path]) -> Iterator[Task]:
    for folder in data:
        task = read_task(folder)
        for each in (task, parts_task(task, words=WORDS)):
            if each is not None:
                yield each
                by_sentences = sentences_task(each)
                if by_sentences is not None:
                    yield by_sentences
    for file in pairs:
        yield pairs_task(file)
        joined = parts_task(pairs_task(file, most=400), words=WORDS)
        if joined is not None:
            yield joined


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, nargs="*", default=[])
    parser.add_argument("--pairs", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    rows = []
    for task in tasks_of(given.data, given.pairs):
        rows.append(measured(task))
        print(json.dumps({k: v for k, v in rows[-1].items() if not isinstance(v, dict)}))
    named = (
        f"--{name} " + " ".join(path.name for path in getattr(given, name))
        for name in ("data", "pairs")
        if getattr(given, name)
    )
    result = {
        "command": " ".join(["python benchmarks/words.py", *named, "--out FILE"]),
        "version": __version__,
        "machine": f"{platform.machine()}, {platform.python_implementation()} "
        f"{platform.python_version()}",
        "chosen": CHOSEN,
        "summary": summary(rows),
        "left out": left_out(rows) if len(rows) > 1 else {},
        "tasks": rows,
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
