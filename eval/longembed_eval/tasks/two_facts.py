"""Two facts, far apart: can a system find the one document that holds both?

The LongEmbed paper hides one fact in a document (arXiv 2404.12096, section 3.1) and leaves open
what becomes of evidence that lies in two places. Here each document hides two facts with half of
its text between them. Every fact stands in as many documents as there are facts of the other
side, so that whoever sees only one of the two is left with ten documents to choose from. Facts
are this project's own, the haystack is that of the needle task.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import isqrt
from pathlib import Path
from typing import Literal

from longembed_eval.tasks.needle import overlap_notes, read_haystack, shipped_haystack
from longembed_eval.tasks.synthetic import (
    DOCUMENTS,
    QUERIES,
    hide_apart,
    random_for,
    require_counts,
    require_length,
    task_of_hidden,
    words_of,
)
from longembed_eval.tasks.values import Task
from longembed_rag.errors import SettingsError

#: Facts of a side at most, which the documents pair with those of the other side.
SIDE = 12
#: How a query's two questions point at their facts; query ids end with it.
LABELS = {2: "words", 1: "mixed", 0: "meaning"}

_NOTE = (
    "Each query is two questions, one for each of two facts with half of the document between "
    "them; each fact alone stands in ten documents of a hundred. Half of the questions repeat "
    "words of their facts, the other half share none: words alone settle a quarter of the queries "
    "(ids ending in words), narrow half down to ten documents (mixed), and say nothing of a "
    "quarter (meaning). Who finds one fact and not the other is right once in ten."
)


@dataclass(frozen=True, kw_only=True)
class Clue:
    """A fact and a question that points at it.

    Attributes:
        fact: A sentence, which needs no context.
        question: What this fact answers, and no other one.
        by: ``"words"`` where the question repeats words of the fact, ``"meaning"`` where it shares
            no stem with it.
    """

    fact: str
    question: str
    by: Literal["words", "meaning"]


def two_facts_task(
    length: int,
    *,
    haystack: Path | None = None,
    seed: int = 0,
    documents: int = DOCUMENTS,
    queries: int = QUERIES,
) -> Task:
    """Documents of one length, each of which hides another pair of facts.

    Args:
        length: Tokens of each document, from 64 to 1,048,576; it has about 0.75 words for each.
        haystack: As in :func:`~longembed_eval.tasks.needle.needle_task`.
        seed: Decides on pairs, places and order, and on which pairs are asked for.
        documents: How many documents, 4 to 144.
        queries: How many of the pairs are asked for.

    Returns:
        ``two_facts-<length>``, the same for the same arguments and haystack on every platform.

    Raises:
        SettingsError: A number is out of range, or the haystack does not exist or is too short;
            says what to do.
        ReadError: A file of the haystack cannot be read.
    """
    require_length(length)
    require_counts(documents, queries, available=SIDE * SIDE, what="pairs of facts")
    if documents < 4:
        raise SettingsError(
            f"documents={documents} is too few for pairs of facts: ask for 4 or more, so that "
            "each fact stands in another document, too"
        )
    hay = shipped_haystack() if haystack is None else read_haystack(haystack)
    rng, same = random_for("two_facts", length, seed), random_for("two_facts", None, seed)
    pairs = _pairs(*_sides(seed), documents)
    start, words = rng.random(), words_of(length)
    hidden = []
    for index, pair in enumerate(pairs):
        facts = [clue.fact for clue in pair]
        rng.shuffle(facts)
        filler = hay.from_share((start + index / documents) % 1)
        hidden.append(hide_apart((facts[0], facts[1]), filler, words=words, rng=rng))
    return task_of_hidden(
        "two_facts",
        length,
        hidden=hidden,
        questions=[f"{one.question} {other.question}" for one, other in pairs],
        labels=[LABELS[sum(clue.by == "words" for clue in pair)] for pair in pairs],
        queries=queries,
        chance=same,
        source=hay.source,
        notes=(_NOTE, *overlap_notes(hay, words, documents)),
    )


@cache
def load_clues() -> tuple[Clue, ...]:
    """The facts that ship (``data/fact_pairs.jsonl``), by words and by meaning in turn."""
    text = (files("longembed_eval") / "data" / "fact_pairs.jsonl").read_text(encoding="utf-8")
    rows = map(json.loads, text.splitlines())
    return tuple(Clue(fact=row["fact"], question=row["question"], by=row["by"]) for row in rows)


def _sides(seed: int) -> tuple[list[Clue], list[Clue]]:
    """Two sides of facts that have none in common, by words and by meaning in turn."""
    chance = random_for("two_facts-sides", None, seed)
    by_words, by_meaning = (
        chance.sample(found, SIDE)
        for found in (
            [clue for clue in load_clues() if clue.by == "words"],
            [clue for clue in load_clues() if clue.by == "meaning"],
        )
    )
    sides: tuple[list[Clue], list[Clue]] = ([], [])
    for index, both in enumerate(zip(by_words, by_meaning, strict=True)):
        sides[index % 2].extend(both)
    return sides


def _pairs(left: list[Clue], right: list[Clue], documents: int) -> list[tuple[Clue, Clue]]:
    """So many pairs, each once, which hold every fact of a side about equally often."""
    side = isqrt(documents - 1) + 1
    return [
        (left[index % side], right[(index + index // side) % side]) for index in range(documents)
    ]
