"""The tasks of ``fusion.py`` and ``words.py``: documents, queries, and the one answer to each."""

from __future__ import annotations

import json
import lzma
import math
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from longembed_rag.files.readers import read_file

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Task:
    """Documents, queries, and the one document that answers each query.

    Attributes:
        holding: For each query the text in that document that answers it, where that is known.
    """

    name: str
    documents: dict[str, str]
    queries: dict[str, str]
    answers: dict[str, str]
    holding: dict[str, str] = field(default_factory=dict, kw_only=True)


def read_task(folder: Path) -> Task:
    documents = {}
    for line in (folder / "corpus.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        documents[row["_id"]] = f"{row.get('title', '')} {row['text']}".strip()
    rows = (json.loads(line) for line in (folder / "queries.jsonl").open(encoding="utf-8"))
    queries = {row["_id"]: row["text"] for row in rows}
    lines = (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]
    answers = dict(line.split("\t")[:2] for line in lines if line)
    return Task(folder.name, documents, queries, answers)


def pairs_task(file: Path, *, most: int = 100, texts: int = 30, questions: int = 3) -> Task:
    """Documents of so many texts that follow each other in the file, with questions on some."""
    chance = random.Random(0)
    by_text: dict[str, list[str]] = {}
    with lzma.open(file, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            by_text.setdefault(row["pos"], []).append(row["query"])
    every = list(by_text)
    documents, queries, answers, holding = {}, {}, {}, {}
    for number in range(min(most, len(every) // texts)):
        part = every[number * texts : (number + 1) * texts]
        documents[f"d{number}"] = "\n\n".join(part)
        for text in chance.sample(part, questions):
            name = f"q{len(queries)}"
            queries[name], answers[name] = chance.choice(by_text[text]), f"d{number}"
            holding[name] = text
    return Task(file.name.partition(".")[0], documents, queries, answers, holding=holding)


@dataclass(frozen=True)
class Joined(Task):
    """Very long documents, each of several of another task's; a query tells of one part only.

    Attributes:
        task: The other task.
        groups: The names of its documents, by document.
    """

    task: Task
    groups: tuple[tuple[str, ...], ...]


def joined_task(task: Task, *, words: int = 15_000, most: int = 400) -> Joined:
    """Documents of neighbouring ones of a task, of more than so many words on average."""
    names = list(task.documents)
    average = sum(len(text.split()) for text in task.documents.values()) / len(names)
    parts = int(words // average) + 1
    groups = tuple(tuple(names[at : at + parts]) for at in range(0, len(names) - parts + 1, parts))
    within = {name: f"d{number}" for number, group in enumerate(groups) for name in group}
    documents = {
        f"d{number}": "\n\n".join(task.documents[name] for name in group)
        for number, group in enumerate(groups)
    }
    queries = {q: text for q, text in task.queries.items() if task.answers[q] in within}
    every = -(-len(queries) // most)
    queries = dict(list(queries.items())[::every])
    answers = {query: within[task.answers[query]] for query in queries}
    return Joined(f"{task.name}_joined", documents, queries, answers, task, groups)


def parts_task(task: Task, *, words: int) -> Task | None:
    """Documents of more than so many words, joined, and queries that tell of one part only.

    None where the task's documents are as long already, or make fewer than twenty.
    """
    names = list(task.documents)
    average = sum(len(text.split()) for text in task.documents.values()) / len(names)
    parts = math.ceil(words / average)
    if parts < 2 or len(names) // parts < 20:
        return None
    documents: dict[str, str] = {}
    joined: dict[str, str] = {}
    for number in range(len(names) // parts):
        group = names[number * parts : (number + 1) * parts]
        documents[f"d{number}"] = "\n\n".join(task.documents[name] for name in group)
        joined.update(dict.fromkeys(group, f"d{number}"))
    queries = {name: text for name, text in task.queries.items() if task.answers[name] in joined}
    answers = {name: joined[task.answers[name]] for name in queries}
    return Task(f"{task.name}_parts", documents, queries, answers)


def sentences_task(task: Task, *, words: int = 6) -> Task | None:
    """Every sentence of the queries as one of its own; None where queries have only one."""
    queries, answers = {}, {}
    for name, text in task.queries.items():
        for number, sentence in enumerate(re.split(r"(?<=[.!?])\s+", text)):
            if len(sentence.split()) >= words:
                queries[f"{name}/{number}"] = sentence
                answers[f"{name}/{number}"] = task.answers[name]
    if len(queries) < 2 * len(task.queries):
        return None
    return Task(f"{task.name}_sentences", task.documents, queries, answers)


def paraphrase_task() -> Task:
    """Facts hidden in the demo's documents, asked for in other words."""
    chance = random.Random(0)
    rows = [json.loads(line) for line in (HERE / "data" / "paraphrases.jsonl").open()]
    files = sorted((HERE.parent / "demo" / "documents").iterdir())
    sentences = [
        sentence
        for file in files
        for sentence in re.split(r"(?<=[.!?])\s+", read_file(file).text)
        if sentence.strip()
    ]
    each = len(sentences) // len(rows)
    documents = {}
    for number, row in enumerate(rows):
        part = sentences[number * each : (number + 1) * each]
        part.insert(chance.randrange(len(part) + 1), row["fact"])
        documents[row["id"]] = " ".join(part)
    return Task(
        "paraphrases",
        documents,
        {row["id"]: row["question"] for row in rows},
        {row["id"]: row["id"] for row in rows},
        holding={row["id"]: row["fact"] for row in rows},
    )


def tasks_of(
    data: Iterable[Path], pairs: Iterable[Path], *, joined: Iterable[str] = ()
) -> list[Task]:
    """All tasks, and beside those that are named the same with documents joined."""
    tasks = [
        paraphrase_task(),
        *(pairs_task(file) for file in pairs),
        *(read_task(folder) for folder in data),
    ]
    names = set(joined)
    return [*tasks, *(joined_task(task) for task in tasks if task.name in names)]
