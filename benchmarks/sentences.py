"""What it is worth to look for the sentences of a query one by one.

Each query is read twice: as one text, and sentence by sentence, as ``embed_queries`` reads it, and
is searched for with the tokens of either, by tokens alone (``late``) and by everything
(``hybrid``). Only queries of several sentences count; the others are the same in both.

Tasks are those of ``fusion.py`` (``--data``, ``--pairs``, ``--joined``), whose encodings and stores
in ``--cache`` are used; ``--first`` takes the first so many documents of each of ``--data``, and
the queries on them.
``--two-facts`` adds the task of that name at the lengths that it is told, and then the same with
the two questions of each query in one sentence.

    python benchmarks/sentences.py --data DIR ... --two-facts 1024,4096 --cache DIR --out FILE
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from fusion import command, fill
from fusion_encodings import asked_of, encodings_of, place_of
from fusion_tasks import Task, tasks_of
from machine import machine

from longembed_eval.tasks.two_facts import load_clues, two_facts_task
from longembed_rag import DocumentStore, LongEncoder, Query, SearchOptions, __version__
from longembed_rag.points.filters import Filter, matches
from longembed_rag.search.asking import AskedQuery
from longembed_rag.search.search import search_many
from longembed_rag.whole_files import write_whole


def first(task: Task, count: int) -> Task:
    """The first documents of a task, and the queries that they answer."""
    documents = dict(list(task.documents.items())[:count])
    queries = {name: q for name, q in task.queries.items() if task.answers[name] in documents}
    return replace(task, name=f"{task.name}_{count}", documents=documents, queries=queries)


def of_two_facts(length: int) -> Task:
    """The task of ``longembed-rag eval``, in the form of the others."""
    task = two_facts_task(length)
    queries = {query.id: query.text for query in task.queries}
    answers = {name: next(iter(task.gold[name])) for name in queries}
    holding = {
        name: "\n".join(clue.fact for clue in load_clues() if clue.question in text)
        for name, text in queries.items()
    }
    return Task(f"two_facts-{length}", dict(task.documents), queries, answers, holding=holding)


def in_one_sentence(task: Task) -> Task:
    """The same documents, in the same store, and both questions of a query joined to one."""
    joined = {}
    for name, text in task.queries.items():
        first, second = text.removesuffix("?").split("? ")
        joined[name] = f"{first}, and {second[0].lower()}{second[1:]}?"
    return replace(task, queries=joined)


def shown(store: DocumentStore, task: Task, name: str, asked: AskedQuery) -> bool:
    """Whether the first two passages of a query's own document hold both of its facts."""
    own = Filter(must=[matches("source", task.answers[name])])
    options = SearchOptions(limit=1, passages=2, snippets=False, filter=own)
    ((found,),) = search_many(store, [asked], options=options)
    text = task.documents[task.answers[name]]
    places = [text.index(fact) + len(fact) // 2 for fact in task.holding[name].splitlines()]
    return all(any(each.start <= at < each.end for each in found.passages) for at in places)


def measure(task: Task, encoder: LongEncoder, cache: Path) -> dict[str, Any]:
    """nDCG@10 and how many are found first, of 100, of the queries of several sentences.

    And of how many, where the task says what answers them, the first two passages hold it all.
    """
    encodings = encodings_of(task, encoder, cache)
    wholes = encoder.encode_queries(list(task.queries.values())).tokens
    gains: dict[str, list[float]] = {}
    both: dict[str, list[bool]] = {}
    parts = 0
    with DocumentStore.open(path=place_of(task, encoder, cache)) as store:
        fill(task, encoder, encodings, store)
        pairs = zip(asked_of(task, encoder), wholes, strict=True)
        for ((name, text), vector, tokens), whole in pairs:
            if len(tokens) == 1:
                continue
            parts += len(tokens)
            for way, given in (("as one", whole), ("by parts", tokens)):
                asked = AskedQuery(Query(text=text), vector, given)
                for mode in ("late", "hybrid"):
                    options = SearchOptions(mode=mode, limit=10, passages=0, snippets=False)
                    (found,) = search_many(store, [asked], options=options)
                    ranks = [each.source for each in found]
                    gains.setdefault(f"{mode}, {way}", []).append(gain(task.answers[name], ranks))
                if name in task.holding:
                    both.setdefault(way, []).append(shown(store, task, name, asked))
    count = len(next(iter(gains.values()), []))
    return {
        "task": task.name,
        "documents": len(task.documents),
        "queries of several parts": count,
        "of all": len(task.queries),
        "parts a query": round(parts / max(count, 1), 1),
        "ndcg@10": {way: mean(each) for way, each in gains.items()},
        "found first": {way: mean(g == 1 for g in each) for way, each in gains.items()},
        "both facts in two passages": {way: mean(each) for way, each in both.items()},
    }


def gain(answer: str, ranks: list[str]) -> float:
    """nDCG@10 with one document to find."""
    return float(1 / np.log2(ranks.index(answer) + 2)) if answer in ranks else 0.0


def mean(values: Iterable[float]) -> float:
    """Of 100."""
    return round(100 * float(np.mean(list(values))), 1)


def main() -> None:
    """Measure every task, and write after each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, nargs="*", default=[])
    parser.add_argument("--pairs", type=Path, nargs="*", default=[])
    parser.add_argument("--joined", nargs="*", default=[])
    parser.add_argument("--first", type=int, nargs="*", default=[], help="of each --data, in order")
    parser.add_argument("--two-facts", default="", help="lengths, separated by commas")
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    encoder = LongEncoder.from_pretrained(given.model, dtype="float32")
    counts = dict(zip((path.name for path in given.data), given.first, strict=False))
    makers: list[Callable[[], Task]] = [
        lambda task=task: first(task, counts[task.name]) if task.name in counts else task
        for task in tasks_of(given.data, given.pairs, joined=given.joined)
    ]
    lengths = [int(each) for each in given.two_facts.split(",") if each]
    makers += [lambda length=length: of_two_facts(length) for length in lengths]
    joined = [lambda length=length: in_one_sentence(of_two_facts(length)) for length in lengths]
    own = [f"--first {' '.join(map(str, given.first))}"] if given.first else []
    own += [f"--two-facts {given.two_facts}"] if given.two_facts else []
    rows: list[dict[str, Any]] = []
    for make in [*makers, *joined]:
        row = measure(make(), encoder, given.cache)
        if make in joined:
            row["task"] += ", in one sentence"
        if not row["queries of several parts"]:
            continue
        rows.append(row)
        print(json.dumps(row), flush=True)
        result = {
            "command": command(given, *own, program="sentences.py"),
            "version": __version__,
            "machine": machine(),
            "tasks": rows,
        }
        write_whole(given.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
