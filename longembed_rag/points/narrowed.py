"""The port narrowed to the points that hold a value, which nothing that is read leads past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from longembed_rag.errors import StoreError
from longembed_rag.points.filters import AnyFilter, Filter, combine, matches
from longembed_rag.points.port import Points
from longembed_rag.points.values import Ask, Hit, Page, Stored, is_sparse

if TYPE_CHECKING:
    from longembed_rag.points.port import Served
    from longembed_rag.points.seal import Damage


@dataclass(frozen=True)
class NarrowedPoints:
    """Some collections as if they held only the points with a value; see :class:`Points`.

    How rare terms are is counted among these points, too. It only reads. Points of other
    collections can be fetched by their ids and not be looked for.

    Args:
        points: What keeps the collections.
        names: The collections that are narrowed.
        key: A field of the payload that is indexed, its parts joined by dots.
        value: What it has to hold, a text.
    """

    points: Points
    names: frozenset[str]
    key: str
    value: str

    @property
    def location(self) -> str:
        """Folder or address, for messages."""
        return self.points.location

    @property
    def engine(self) -> str:
        """``"edge"``, ``"local"`` or ``"server"``."""
        return self.points.engine

    @property
    def embedded(self) -> bool:
        """Whether this process alone writes to them."""
        return self.points.embedded

    @property
    def served(self) -> Served | None:
        """What can be told of a server's answers."""
        return self.points.served

    @property
    def changes(self) -> int | None:
        """How often they were written to, by whomever."""
        return self.points.changes

    @property
    def is_touched(self) -> bool:
        """Whether files were changed since this package closed them."""
        return self.points.is_touched

    @cached_property
    def own(self) -> Filter:
        """What lets the points with the value pass; one object, which many queries share."""
        return Filter(must=[matches(self.key, self.value)])

    def fetch(
        self,
        name: str,
        ids: Sequence[str],
        *,
        what: str,
        keys: Sequence[str] | None = None,
        vectors: bool | Sequence[str] = False,
    ) -> list[Stored]:
        """Points by id; others' are as if they were not there."""
        if name not in self.names:
            return self.points.fetch(name, ids, what=what, keys=keys, vectors=vectors)
        wanted = None if keys is None else list(dict.fromkeys((*keys, self.key)))
        found = self.points.fetch(name, ids, what=what, keys=wanted, vectors=vectors)
        return [each for each in found if self._holds(each.payload)]

    def _holds(self, payload: Any) -> bool:
        for part in self.key.split("."):
            payload = payload.get(part) if isinstance(payload, Mapping) else None
        return bool(payload == self.value)

    def page(
        self,
        name: str,
        *,
        what: str,
        keys: Sequence[str] | None = None,
        matching: AnyFilter | None = None,
        vectors: bool | Sequence[str] = False,
        after: str | None = None,
        limit: int = 1000,
    ) -> Page:
        """Points in the order of their ids."""
        return self.points.page(
            name,
            what=what,
            keys=keys,
            matching=self._narrowed(name, matching),
            vectors=vectors,
            after=after,
            limit=limit,
        )

    def query(self, name: str, asks: Sequence[Ask], *, what: str) -> list[list[Hit]]:
        """For each query the points closest to its vector, best first."""
        given = {id(each.filter): each.filter for each in asks}
        filters = {key: self._narrowed(name, each) for key, each in given.items()}
        narrowed = [
            replace(
                each,
                filter=filters[id(each.filter)],
                corpus=self.own if each.vector is not None and is_sparse(each.vector) else None,
            )
            for each in asks
        ]
        return self.points.query(name, narrowed, what=what)

    def count(
        self, name: str, *, matching: AnyFilter | None = None, exact: bool = True, what: str
    ) -> int:
        """How many points there are; always exact, as an estimate would depend on the others."""
        return self.points.count(name, matching=self._narrowed(name, matching), what=what)

    def tally(self, name: str, key: str, *, what: str) -> dict[str, int]:
        """Nothing: what a store counts by itself, it counts of all points.

        Raises:
            StoreError: Always.
        """
        self._refuse()

    def _narrowed(self, name: str, given: AnyFilter | None) -> AnyFilter | None:
        if name not in self.names:
            self._refuse()
        return combine(self.own, given)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise StoreError(
            f"at {self.location} this is not to be done through what shows one tenant's documents "
            "alone"
        )

    def damages(self) -> Sequence[Damage]:
        """None: files hold what is everybody's."""
        return ()

    describe = make = note = drop = index = require_room = write = exchange = revise = _refuse
    set_payload = delete = believe = flush = close = _refuse
