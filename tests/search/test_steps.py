"""Steps: what several searches ask at the same time is asked in one request."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from longembed_rag.points.values import Ask, Hit, Stored
from longembed_rag.search.steps import Steps, ask, fetch, run, run_together


class Points:
    """Answers with what it was asked, and remembers it."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def query(self, name: str, asks: list[Ask], *, what: str) -> list[list[Hit]]:
        self.asked.append((name, [each.using for each in asks]))
        return [[Hit(f"{name} {each.using}", 1.0, {})] for each in asks]

    def fetch(self, name: str, ids: list[str], **options: Any) -> list[Stored]:
        self.asked.append((name, list(ids)))
        return [Stored(each, {"of": name}) for each in ids if each != "gone"]


def place() -> Any:
    """A place with such points."""
    return SimpleNamespace(points=Points())


def search(name: str, *, rounds: int) -> Steps[list[str]]:
    """Asks two collections, then one so many times, then fetches."""
    found = []
    for collection in ("a", "b", *(["c"] * rounds)):
        ((hit,), _) = yield from ask(collection, [Ask(name, None, 1), Ask("all", None, 1)])
        found.append(hit.id)
    stored = yield from fetch("a", [name, "shared", "gone", name])
    return [*found, *stored]


def test_each_gets_its_own_answers_and_all_ask_together() -> None:
    """One request a step and collection, whoever takes longer."""
    where = place()
    several = [search("x", rounds=0), search("y", rounds=2), search("z", rounds=0)]
    found = run_together(several, where)
    assert found == [
        ["a x", "b x", "x", "shared"],
        ["a y", "b y", "c y", "c y", "y", "shared"],
        ["a z", "b z", "z", "shared"],
    ]
    assert where.points.asked == [
        ("a", ["x", "all", "y", "all", "z", "all"]),
        ("b", ["x", "all", "y", "all", "z", "all"]),
        ("c", ["y", "all"]),
        ("a", ["x", "shared", "gone", "z"]),
        ("c", ["y", "all"]),
        ("a", ["y", "shared", "gone"]),
    ]
    assert run(search("x", rounds=0), place()) == found[0]
    assert run_together([], where) == []


def test_nothing_is_fetched_for_nothing() -> None:
    """A request for no points is none."""
    where = place()
    assert run(fetch("a", []), where) == {}
    assert where.points.asked == []


def test_an_error_of_one_ends_all() -> None:
    """It goes on to whoever asked."""

    def wrong() -> Steps[list[str]]:
        yield from ask("a", [])
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        run_together([search("x", rounds=0), wrong()], place())
