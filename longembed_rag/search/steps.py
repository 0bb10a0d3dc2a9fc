"""A search as steps, so that many searches ask a store together.

A step is a generator that yields what it wants to ask and is sent the answer; :func:`run` takes one
to its end, :func:`run_together` many, in step, with what they ask at the same time in one request.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from longembed_rag.points.values import Ask, Hit, Stored

if TYPE_CHECKING:
    from longembed_rag.store.place import Place

Result = TypeVar("Result")


@dataclass(frozen=True)
class _Queries:
    collection: str
    asks: Sequence[Ask]


@dataclass(frozen=True)
class _Fetch:
    collection: str
    ids: Sequence[str]
    what: str
    keys: tuple[str, ...] | None
    vectors: bool

    @property
    def kind(self) -> tuple[Any, ...]:
        return self.collection, self.what, self.keys, self.vectors


Steps: TypeAlias = Generator["_Queries | _Fetch", Any, Result]


def ask(collection: str, asks: Sequence[Ask]) -> Steps[list[list[Hit]]]:
    """Put several queries to a collection at once.

    Args:
        collection: Its name.
        asks: The queries; one without anything to compare, or for no points, finds nothing.

    Returns:
        For each the points that were found, best first.
    """
    answers: list[list[Hit]] = yield _Queries(collection, asks)
    return answers


def fetch(
    collection: str,
    ids: Iterable[str],
    *,
    what: str = "searching",
    keys: Sequence[str] | None = None,
    vectors: bool = False,
) -> Steps[dict[str, Stored]]:
    """Points by id; those that are not there are passed over.

    Args:
        collection: Name of the collection.
        ids: The ids.
        what: What this is for, for messages.
        keys: Fields of the payload; None for all.
        vectors: Whether their vectors come, too.
    """
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return {}
    chosen = None if keys is None else tuple(keys)
    found: dict[str, Stored] = yield _Fetch(collection, wanted, what, chosen, vectors)
    return found


def run(steps: Steps[Result], place: Place) -> Result:
    """Take steps to their end.

    Raises:
        StoreError: The collection cannot be searched.
    """
    (result,) = run_together([steps], place)
    return result


def run_together(several: Sequence[Steps[Result]], place: Place) -> list[Result]:
    """Take many to their end together.

    Raises:
        StoreError: The collection cannot be searched.
    """
    results: dict[int, Result] = {}
    answers: dict[int, Any] = dict.fromkeys(range(len(several)))
    while answers:
        wanted: dict[int, _Queries | _Fetch] = {}
        for number, answer in answers.items():
            try:
                wanted[number] = several[number].send(answer)
            except StopIteration as done:
                results[number] = done.value
        answers = _answers(wanted, place)
    return [results[number] for number in range(len(several))]


def _answers(wanted: dict[int, _Queries | _Fetch], place: Place) -> dict[int, Any]:
    answers: dict[int, Any] = {}
    queries: dict[str, list[int]] = {}
    fetches: dict[tuple[Any, ...], list[int]] = {}
    for number, request in wanted.items():
        if isinstance(request, _Queries):
            queries.setdefault(request.collection, []).append(number)
        else:
            fetches.setdefault(request.kind, []).append(number)
    for collection, numbers in queries.items():
        asks = [each for number in numbers for each in wanted[number].asks]  # type: ignore[union-attr]
        found = iter(place.points.query(collection, asks, what="searching"))
        for number in numbers:
            answers[number] = [next(found) for _ in wanted[number].asks]  # type: ignore[union-attr]
    for (collection, what, keys, vectors), numbers in fetches.items():
        ids = {number: wanted[number].ids for number in numbers}  # type: ignore[union-attr]
        every = list(dict.fromkeys(each for number in numbers for each in ids[number]))
        stored = {
            each.id: each
            for each in place.points.fetch(collection, every, what=what, keys=keys, vectors=vectors)
        }
        for number in numbers:
            answers[number] = {each: stored[each] for each in ids[number] if each in stored}
    return answers
