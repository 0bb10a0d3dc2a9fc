"""The port: every adapter keeps to it alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast
from uuid import UUID

import numpy as np
import pytest

from longembed_rag.errors import CollectionNotFoundError, StoreError
from longembed_rag.points.connection import open_points
from longembed_rag.points.filters import Filter, HasIdCondition, matches
from longembed_rag.points.port import Points, scroll
from longembed_rag.points.values import Ask, Layout, Point, SparseVector
from longembed_rag.words.terms import document_vector, query_vector
from tests.points.fake_qdrant import running_fake
from tests.store.corpora import assert_same_vector
from tests.stores import ENGINES, make_local, scratch

LAYOUT = Layout(dense={"meaning": 4}, sparse=("words",))
WORDS = ("lease", "tenant", "plum")


def identity(number: int) -> str:
    """The id of a point, as ours are."""
    return str(UUID(int=number + 1))


def point(number: int, *words: str) -> Point:
    """A point with a vector of its own, some words and a payload."""
    vector = np.zeros(4, dtype=np.float32)
    vector[number % 4] = 1.0
    terms = document_vector(words, length=len(words), average=2.0)
    return Point(
        identity(number),
        {"meaning": vector, "words": terms},
        {"kind": f"k{number % 2}", "own": {"number": number}},
    )


@pytest.fixture(params=ENGINES)
def points(request: pytest.FixtureRequest) -> Iterator[Points]:
    """A place of each kind with a collection in it."""
    with scratch() as folder, running_fake() as fake:
        place = {"url": fake.url} if request.param == "server" else {"path": folder}
        if request.param == "local":
            make_local(folder)
        opened = open_points(**place)  # type: ignore[arg-type]
        opened.make("c", LAYOUT, metadata={"record": {"a": 1}})
        opened.index("c", {"kind": ("keyword",), "own.number": ("integer",)})
        yield opened
        opened.close()


def test_a_collection_is_described_noted_and_dropped(points: Points) -> None:
    """Metadata is merged, None takes a key away; making it again changes nothing."""
    described = points.describe("c")
    assert described is not None
    assert (described.name, described.metadata) == ("c", {"record": {"a": 1}})
    points.note("c", {"more": 2})
    points.note("c", {"more": None, "other": [3]})
    again = points.make("c", LAYOUT, metadata={"record": "another"})
    assert again.metadata == {"record": {"a": 1}, "other": [3]}
    if points.engine != "local":
        assert dict(described.indexes) == {"kind": "keyword", "own.number": "integer"}
    points.drop("c")
    points.drop("c")
    assert points.describe("c") is None


def test_points_come_back_as_they_were_written(points: Points) -> None:
    """By id and page by page, with their vectors; a point without words has no vector of them."""
    written = [point(number, *WORDS[: number % 3]) for number in range(7)]
    points.write("c", iter(written), what="writing")
    found = list(scroll(points, "c", what="reading", vectors=True, limit=3))
    assert [each.id for each in found] == [each.id for each in written]
    for each, own in zip(found, written, strict=True):
        assert each.payload == own.payload
        words = cast("SparseVector", own.vectors["words"])
        assert set(each.vectors) == ({"meaning", "words"} if len(words.indices) else {"meaning"})
        for name, vector in each.vectors.items():
            assert_same_vector(vector, own.vectors[name])
    (one,) = points.fetch("c", [identity(2), identity(99)], keys=["own.number"], what="reading")
    assert (one.id, one.payload, dict(one.vectors)) == (identity(2), {"own": {"number": 2}}, {})
    assert points.fetch("c", [], what="reading") == []
    page = points.page("c", what="reading", matching=Filter(must=[matches("kind", "k1")]))
    assert [each.payload["own"]["number"] for each in page.points] == [1, 3, 5]
    assert page.next is None


def test_queries_find_what_is_close(points: Points) -> None:
    """By meaning and by words, filtered, several at once; what asks for nothing finds nothing."""
    points.write("c", [point(0, "lease"), point(1, "lease", "plum"), point(2)], what="writing")
    vector = point(1).vectors["meaning"]
    asks = [
        Ask("meaning", vector, 2, keys=("kind",)),
        Ask("words", query_vector(["plum"]), 5),
        Ask("words", query_vector([]), 5),
        Ask("words", None, 5),
        Ask("meaning", vector, 5, Filter(must=[HasIdCondition([identity(0)])])),
    ]
    meaning, plum, nothing, none, one = points.query("c", asks, what="searching")
    assert (meaning[0].id, meaning[0].payload) == (identity(1), {"kind": "k1"})
    assert meaning[0].score == pytest.approx(1.0, abs=1e-6)
    assert [each.id for each in plum] == [identity(1)]
    assert plum[0].score > 0
    assert nothing == none == []
    assert [each.id for each in one] == [identity(0)]


def test_vectors_and_payloads_are_revised(points: Points) -> None:
    """What is named is replaced, an empty one is taken away, everything else stays."""
    points.write("c", [point(0, "lease"), point(1, "lease"), point(2)], what="writing")
    new = {"words": document_vector(["plum"], length=1, average=1.0)}
    none = {"words": document_vector([], length=0, average=1.0)}
    changes = [Point(identity(0), new, {}), Point(identity(1), none, {})]
    changes.append(Point(identity(2), none, {}))
    points.revise("c", changes, what="revising")
    points.set_payload("c", identity(0), {"more": [1]}, key="own", what="revising")
    first, second, third = points.fetch(
        "c", [identity(number) for number in range(3)], what="reading", vectors=True
    )
    assert_same_vector(first.vectors["words"], new["words"])
    assert first.payload == {"kind": "k0", "own": {"number": 0, "more": [1]}}
    assert set(second.vectors) == set(third.vectors) == {"meaning"}
    assert points.query("c", [Ask("words", query_vector(["lease"]), 5)], what="searching") == [[]]


def test_points_are_counted_and_removed(points: Points) -> None:
    """All or by a filter; by the values of a field; by ids or by a filter."""
    points.write("c", [point(number) for number in range(5)], what="writing")
    odd = Filter(must=[matches("kind", "k1", "k9")])
    assert points.count("c", what="counting") == 5
    assert points.count("c", matching=odd, what="counting") == 2
    assert points.tally("c", "kind", what="counting") == {"k0": 3, "k1": 2}
    points.delete("c", [identity(0), identity(99)], what="removing")
    points.delete("c", odd, what="removing")
    points.delete("c", [], what="removing")
    assert points.tally("c", "kind", what="counting") == {"k0": 2}


def test_points_with_numbers_for_ids_are_read_and_written(points: Points) -> None:
    """Other programs' points may have them."""
    foreign = Point("7", point(0).vectors, {"note": "theirs"})
    points.write("c", [foreign, point(1)], what="writing")
    (found,) = points.fetch("c", ["7"], what="reading")
    assert found.id == "7"
    assert len(list(scroll(points, "c", what="reading", limit=1))) == 2
    asked = Ask("meaning", point(0).vectors["meaning"], 1, Filter(must=[HasIdCondition([7])]))
    assert points.query("c", [asked], what="searching")[0][0].id == "7"
    points.delete("c", ["7"], what="removing")
    assert points.count("c", what="counting") == 1


def test_what_fails_says_what_it_was(points: Points) -> None:
    """A collection that is not there is told as such; a failure may be told in other words."""
    for call in (
        lambda: points.count("nowhere", what="counting plums"),
        lambda: points.fetch("nowhere", [identity(0)], what="counting plums"),
        lambda: points.page("nowhere", what="counting plums"),
    ):
        with pytest.raises(CollectionNotFoundError, match="counting plums"):
            call()
    with pytest.raises(StoreError, match="my own words"):
        points.write(
            "nowhere",
            [point(0)],
            what="writing",
            failure=lambda told, status: StoreError(f"my own words {status}"),
        )


def test_not_exactly_one_place_is_refused(tmp_path: Path) -> None:
    """None, and two."""
    from longembed_rag.errors import SettingsError

    for place in ({}, {"path": tmp_path, "url": "http://localhost:1"}):
        with pytest.raises(SettingsError, match="give one of"):
            open_points(**place)  # type: ignore[arg-type]
