"""The best passages by one signal, until they come from enough documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longembed_rag.points.filters import AnyFilter, Filter, combine
from longembed_rag.points.values import Ask, Hit, Stored
from longembed_rag.search.owners import Key
from longembed_rag.search.steps import Steps, ask, fetch
from longembed_rag.store.payload import PASSAGE_DOCUMENT_KEY, PASSAGE_VERSION_KEY, read_own
from longembed_rag.store.values import DENSE_VECTOR
from longembed_rag.store.writing import of_documents

if TYPE_CHECKING:
    from longembed_rag.search.known import Known, Table
    from longembed_rag.search.requests import Probe
    from longembed_rag.store.place import Place

#: Best passages of a signal that are looked at in one go.
PASSAGES = 256

# They come from few documents where those are very long; then the others' are looked at, too.
_MOST_ROUNDS = 8
# As few fields as tell whose passage it is: hundreds of them come back.
_KEYS = (PASSAGE_DOCUMENT_KEY, PASSAGE_VERSION_KEY)
# Most passages that are asked for in one go, where earlier searches had to look so far.
_DEEPEST = 4096


@dataclass(frozen=True)
class BestPassages:
    """The best passages by a signal.

    Attributes:
        scores: The best score of each document and version.
        floor: What documents without one have at most.
        passages: All of them, in the order in which they came.
        keys: Whose each of them is.
    """

    scores: dict[Key, float]
    floor: float
    passages: list[Hit]
    keys: dict[str, Key]


@dataclass
class Looking:
    """Looking for the best passages by a signal.

    Who looks for passages of further documents asks the store once more, which compares all of them
    once more. So where whose passage a point is costs nothing to tell, as many are asked for at
    first as earlier searches had to look at; what is found is the same.

    Attributes:
        probe: The signal.
        matching: Which passages are looked at; None for all.
        known: What is known of the collection.
        table: Its documents; None where they are not known.
        place: Where it is.
    """

    probe: Probe
    matching: AnyFilter | None
    known: Known
    table: Table | None
    place: Place
    _depth: int = field(init=False)

    def __post_init__(self) -> None:
        deep = 0 if self.table is None else self.known.depths.get(self.probe[0], 0)
        self._depth = max(PASSAGES, deep)

    def first(self) -> Ask:
        """What is asked for first."""
        return self._ask(self._depth, self.matching)

    def _ask(self, depth: int, matching: AnyFilter | None) -> Ask:
        return Ask(*self.probe, depth, matching, _KEYS if self.table is None else ())

    def best(self, found: Sequence[Hit], documents: int) -> Steps[BestPassages]:
        """Best passages of at least so many documents, where there are so many.

        Args:
            found: What was found of :meth:`first`.
            documents: So many.
        """
        keys = yield from self._keys(found)
        scores: dict[Key, float] = {}
        passages: list[Hit] = []
        floor, looked, is_dense = 0.0, 0, self.probe[0] == DENSE_VECTOR
        asked_again = False
        depth, left = self._depth, list(enumerate(found, start=1))
        for turn in range(_MOST_ROUNDS):
            if turn:
                seen = {document for document, _ in scores}
                left = [each for each in left[PASSAGES:] if keys[each[1].id][0] not in seen]
                if len(left) < PASSAGES and len(found) == depth:
                    asked_again, depth, others = (
                        True,
                        PASSAGES,
                        combine(self.matching, _without(seen)),
                    )
                    (found,) = yield from ask(self.place.passages, [self._ask(depth, others)])
                    keys.update((yield from self._keys(found)))
                    left = list(enumerate(found, start=1 + self._depth))
            points = [point for _, point in left[:PASSAGES]]
            passages.extend(points)
            for point in points:  # best first
                scores.setdefault(keys[point.id], float(point.score))
            looked = max([looked, *(place for place, _ in left[:PASSAGES][-1:])])
            full = len(points) == PASSAGES
            # Who has no passage at all has none of the words, and the least of the cosines.
            floor = points[-1].score if points and (full or is_dense) else floor
            if not full or len(scores) >= documents:
                break
        self._note(looked, was_enough=not asked_again)
        return BestPassages(scores, floor if full or is_dense else 0.0, passages, keys)

    def _note(self, looked: int, *, was_enough: bool) -> None:
        """Remember how far it was looked: up at once, down little by little."""
        if self.table is not None:
            # To ask once more takes as long as some thousand passages more.
            deep = max(looked * 5 // 4, self._depth * (31 if was_enough else 48) // 32)
            self.known.depths[self.probe[0]] = min(deep, _DEEPEST)

    def _keys(self, points: Sequence[Hit]) -> Steps[dict[str, Key]]:
        """Whose passages points are."""
        if self.table is None:
            return {point.id: _key(point) for point in points}
        ids = [point.id for point in points]
        keys = self.table.owners.of(ids)
        others = [identity for identity in ids if identity not in keys]
        read = yield from fetch(self.place.passages, others, keys=_KEYS)
        keys.update({each: _key(read[each]) if each in read else ("", "") for each in others})
        return keys


def _key(passage: Hit | Stored) -> Key:
    own = read_own(passage.payload)
    return str(own.get("document")), str(own.get("version"))


def _without(documents: set[str]) -> Filter | None:
    """Passages of other documents than these."""
    return Filter(must_not=of_documents(sorted(documents)).must) if documents else None
