"""The task of two facts, far apart, and the facts it hides."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longembed_eval.tasks.synthetic import LENGTHS, LONGEST_SENTENCE
from longembed_eval.tasks.two_facts import LABELS, SIDE, load_clues, two_facts_task
from longembed_rag import get_analyzer
from longembed_rag.errors import SettingsError


def held(text: str) -> frozenset[str]:
    """The questions of the facts that a text holds."""
    return frozenset(clue.question for clue in load_clues() if clue.fact in text)


def stems(text: str) -> frozenset[str]:
    return frozenset(get_analyzer().stems(text))


def test_the_task_is_described() -> None:
    """Name, kind, metric and numbers are those of a task that is made here."""
    task = two_facts_task(1024)
    assert (task.name, task.group, task.length) == ("two_facts-1024", "two_facts", 1024)
    assert (task.kind, task.metric) == ("two_facts", "accuracy@1")
    assert (len(task.documents), len(task.queries)) == (100, 50)
    assert all(query.depth is None for query in task.queries)
    assert any("right once in ten" in note for note in task.notes)


@settings(deadline=None, max_examples=15)
@given(
    length=st.sampled_from((256, 512, 1024, 2048)),
    seed=st.integers(-3, 2**40),
    documents=st.integers(4, SIDE * SIDE),
)
def test_one_document_holds_both_and_others_either(length: int, seed: int, documents: int) -> None:
    """Every document holds a pair of its own; each fact of a query stands in others, too."""
    task = two_facts_task(length, seed=seed, documents=documents, queries=min(documents, 8))
    pairs = {name: held(text) for name, text in task.documents.items()}
    assert all(len(pair) == 2 for pair in pairs.values())
    assert len(set(pairs.values())) == documents
    for query in task.queries:
        asked = frozenset(re.findall(r"[^?]+\?", query.text.replace("? ", "?")))
        assert {name: 1 for name, pair in pairs.items() if pair == asked} == task.gold[query.id]
        if documents >= 9:
            assert all(sum(one in pair for pair in pairs.values()) > 1 for one in asked)


@pytest.mark.parametrize("length", [512, 1024, 8192, LENGTHS[-1]])
def test_half_of_the_document_lies_between_them(length: int) -> None:
    """Facts stand in either order, with half of the filler between them, to a sentence."""
    task = two_facts_task(length, documents=40, queries=1)
    first: Counter[str] = Counter()
    for text in task.documents.values():
        places = sorted((text.index(c.fact), c.fact, c.by) for c in load_clues() if c.fact in text)
        (start, one, by), (later, _, _) = places
        between = later - (start + len(one))
        assert between >= len(text) / 2 - 400  # two sentences, to whose ends places are moved
        assert length * 0.75 - LONGEST_SENTENCE - 1 < len(text.split()) <= length * 0.75
        first[by] += 1
    assert min(first["words"], first["meaning"]) > 5


def test_each_fact_stands_in_ten_documents_of_a_hundred() -> None:
    """Who sees one of the two facts has ten documents to choose from."""
    counts = Counter(one for text in two_facts_task(256).documents.values() for one in held(text))
    assert sorted(counts.values()) == [10] * 20


def test_queries_are_told_apart_by_how_they_point() -> None:
    """A quarter of all pairs is asked for by words alone, a quarter by meaning alone."""
    kinds = Counter(
        query.id.rpartition("-")[2] for query in two_facts_task(256, queries=100).queries
    )
    assert kinds == {"words": 25, "mixed": 50, "meaning": 25}
    by = {clue.question: clue.by for clue in load_clues()}
    for query in two_facts_task(256).queries:
        words = sum(how == "words" for question, how in by.items() if question in query.text)
        assert query.id.endswith(LABELS[words])


def test_the_same_arguments_give_the_same_task() -> None:
    """Another seed asks for other pairs, another length for the same ones."""
    tasks = [two_facts_task(256), two_facts_task(256, seed=1), two_facts_task(512)]
    assert two_facts_task(256).fingerprint == tasks[0].fingerprint
    assert len({task.fingerprint for task in tasks}) == 3
    one, other_seed, longer = [[query.text for query in task.queries] for task in tasks]
    assert one == longer != other_seed


def test_clues_point_by_what_they_say_they_do() -> None:
    """Half repeat words of their own fact, half none; no question has words of another fact."""
    clues = load_clues()
    assert Counter(clue.by for clue in clues) == {"words": SIDE, "meaning": SIDE}
    assert len({clue.fact for clue in clues} | {clue.question for clue in clues}) == 4 * SIDE
    for clue in clues:
        shared = stems(clue.question) & stems(clue.fact)
        assert len(shared) >= 3 if clue.by == "words" else not shared
        assert not any(stems(clue.question) & stems(o.fact) for o in clues if o != clue)


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ({"length": 63}, "from 64 to"),
        ({"documents": 3, "queries": 1}, "ask for 4 or more"),
        ({"documents": 145}, "from 1 to 144"),
        ({"queries": 101}, "queries=101"),
    ],
)
def test_numbers_out_of_range(numbers: dict[str, int], told: str) -> None:
    """What cannot be made is refused with what can."""
    with pytest.raises(SettingsError, match=told):
        two_facts_task(**{"length": 256, **numbers})
