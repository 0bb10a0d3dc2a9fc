"""The port: what the store and the search need of a place that keeps points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from longembed_rag.errors import CollectionNotFoundError, NotAllowedError, StoreError
from longembed_rag.points.filters import Filter, HasIdCondition, combine
from longembed_rag.points.values import native_id

if TYPE_CHECKING:
    from longembed_rag.points.filters import AnyFilter
    from longembed_rag.points.nearness import Comparing
    from longembed_rag.points.seal import Damage
    from longembed_rag.points.spread import MissingReplicas
    from longembed_rag.points.values import Ask, Described, Hit, Layout, Page, Point, Stored

#: Makes the error to raise from the reason and the status of a refusal, if it was one; the status
#: is that of Qdrant's HTTP protocol.
Failure = Callable[[str, "int | None"], StoreError]
NOT_FOUND = 404
#: What is answered to a key that is wrong, or that may not do this.
LOGIN = (401, 403)

_KINDS: dict[int | None, type[StoreError]] = {
    NOT_FOUND: CollectionNotFoundError,
    **dict.fromkeys(LOGIN, NotAllowedError),
}
_PAGE = 1000  # points per page: well below a megabyte, without texts and vectors


class Served(Protocol):
    """What can be told of the answers of a server, after them; any number of threads may call."""

    def missing(self, names: Sequence[str]) -> MissingReplicas | None:
        """The replicas of collections that take no part in answers; asked once in ten seconds.

        Args:
            names: The collections, which belong together and are spread alike.

        Returns:
            None where all do, where there is one of each shard, or where nothing is to be learned:
            an answer that is there is not lost for that.
        """

    def stop_weighing(self, name: str, vectors: Sequence[str]) -> None:
        """Put no longer into sparse vectors how rare their terms are.

        Raises:
            StoreError: It cannot be changed.
        """

    def require_corpora(self) -> None:
        """Refuse a server that cannot count among some points how rare terms are.

        Raises:
            StoreError: It cannot, which it would not say of a query; or it cannot be asked.
        """

    def comparing(self, name: str) -> Comparing:
        """How a query's vector is compared with a collection's.

        Raises:
            StoreError: The collection cannot be read.
        """


class Points(Protocol):
    """Collections of points in one place.

    Every method raises a :class:`~longembed_rag.errors.StoreError` that says ``what`` failed and
    why, or the one that ``failure`` makes; CollectionNotFoundError where there is no such
    collection. What is written is there when the method returns, and may be written once more.
    Any number of threads may call.
    """

    @property
    def location(self) -> str:
        """Folder or address, for messages."""

    @property
    def engine(self) -> str:
        """``"edge"``, ``"local"`` or ``"server"``."""

    @property
    def embedded(self) -> bool:
        """Whether this process alone writes to them, so that nothing has to be sent."""

    @property
    def served(self) -> Served | None:
        """What can be told of a server's answers; None of an embedded store, which gives all."""

    @property
    def changes(self) -> int | None:
        """How often it was written to since it was opened; None where others may write to it, too.

        So that what is known of its points is known until this is another number. It rises once a
        write is done, so that what was read meanwhile counts as old.
        """

    @property
    def is_touched(self) -> bool:
        """Whether files were changed since this package closed them, by a program or by damage.

        So that what is ours is to be looked at before it is believed (:meth:`believe`).
        """

    def believe(self) -> None:
        """Go on with files that somebody has changed: what is ours in them was found whole."""

    def describe(self, name: str) -> Described | None:
        """A collection; None when it is not there. A name may be an alias on a server."""

    def make(
        self, name: str, layout: Layout, *, metadata: Mapping[str, Any] | None = None
    ) -> Described:
        """Make a collection; one that somebody else has made just now is as good.

        Args:
            name: Its name.
            layout: Its vectors.
            metadata: What to note down with it, JSON.
        """

    def note(self, name: str, metadata: Mapping[str, Any]) -> None:
        """Change what is noted down with a collection; None removes a key, others stay."""

    def drop(self, name: str) -> None:
        """Remove a collection, if it is there."""

    def index(self, name: str, fields: Mapping[str, Sequence[str]]) -> None:
        """Index fields of the payload that are not indexed yet.

        Args:
            name: The collection.
            fields: Kinds of index that serve each field, the likelier first; one is made.
                :data:`~longembed_rag.points.values.TENANT_INDEX` is one of a keyword.

        Raises:
            NotAllowedError: The key may not do this.
        """

    def require_room(self, point: Point, *, source: str) -> None:
        """Refuse a point that could never be written, before anything is.

        Raises:
            PointRefusedError: It is over the limit for one request; names the source.
        """

    def write(
        self, name: str, points: Iterable[Point], *, what: str, failure: Failure | None = None
    ) -> None:
        """Write points, in place of those with the same ids."""

    def exchange(
        self, name: str, points: Sequence[Point], *, only_if: AnyFilter, what: str
    ) -> set[str]:
        """Write points, each only if there is none of its id or a filter lets that one through.

        Of several who do so at once, one does: whoever is to do something is settled by it. Their
        payloads must differ, or nobody could tell whose point is there.

        Returns:
            The ids of the points that are there as they were given.
        """

    def revise(self, name: str, points: Sequence[Point], *, what: str) -> None:
        """Replace vectors of points that are there; others and the payloads stay.

        A sparse vector that is empty is taken off its point.
        """

    def set_payload(
        self, name: str, point: str, payload: Mapping[str, Any], *, key: str, what: str
    ) -> None:
        """Set fields below a key of a point's payload; others stay."""

    def fetch(
        self,
        name: str,
        ids: Sequence[str],
        *,
        what: str,
        keys: Sequence[str] | None = None,
        vectors: bool | Sequence[str] = False,
    ) -> list[Stored]:
        """Points by id; those that are not there are passed over.

        Args:
            name: The collection.
            ids: The ids.
            what: What this is for, for messages.
            keys: Fields of the payload; None for all.
            vectors: Whether their vectors come, too, or the names of those that do.
        """

    def page(
        self,
        name: str,
        *,
        what: str,
        keys: Sequence[str] | None = None,
        matching: AnyFilter | None = None,
        vectors: bool | Sequence[str] = False,
        after: str | None = None,
        limit: int = _PAGE,
    ) -> Page:
        """Points in the order of their ids.

        Args:
            name: The collection.
            what: What this is for, for messages.
            keys: Fields of the payload; None for all.
            matching: Which points; None for all.
            vectors: Whether their vectors come, too, or the names of those that do.
            after: Where to begin: the last page's ``next``.
            limit: Most points; there may be fewer though more follow.
        """

    def query(self, name: str, asks: Sequence[Ask], *, what: str) -> list[list[Hit]]:
        """For each query the points closest to its vector, best first."""

    def count(
        self, name: str, *, matching: AnyFilter | None = None, exact: bool = True, what: str
    ) -> int:
        """How many points there are."""

    def tally(self, name: str, key: str, *, what: str) -> dict[str, int]:
        """How many points have each value of an indexed field."""

    def delete(
        self,
        name: str,
        which: Sequence[str] | AnyFilter,
        *,
        what: str,
        failure: Failure | None = None,
    ) -> None:
        """Remove points, by their ids or by a filter; those that are not there are passed over."""

    def damages(self) -> Sequence[Damage]:
        """The files of an embedded store that are not as they were written; reads all of them.

        None while they are being written, and none of a server.
        """

    def flush(self) -> None:
        """Write out what would only be read again after a crash."""

    def close(self) -> None:
        """Close it and let other processes in; again is harmless."""


def scroll(
    points: Points,
    name: str,
    *,
    what: str,
    keys: Sequence[str] | None = None,
    matching: AnyFilter | None = None,
    vectors: bool | Sequence[str] = False,
    limit: int = _PAGE,
) -> Iterator[Stored]:
    """Every point of a collection, page by page; see :meth:`Points.page`."""
    after = None
    while True:
        page = points.page(
            name,
            what=what,
            keys=keys,
            matching=matching,
            vectors=vectors,
            after=after,
            limit=limit,
        )
        yield from page.points
        after = page.next
        if after is None:
            return


def delete_all(
    points: Points, name: str, ids: Iterable[str], *, what: str, failure: Failure | None = None
) -> None:
    """Remove points by their ids, in requests of bounded size; see :meth:`Points.delete`."""
    remaining = iter(ids)
    while page := list(islice(remaining, _PAGE)):
        points.delete(name, page, what=what, failure=failure)


def exchange_alone(
    place: Points, name: str, points: Sequence[Point], *, only_if: AnyFilter, what: str
) -> set[str]:
    """:meth:`Points.exchange` where nobody else can write."""
    ids = [each.id for each in points]
    there = {each.id for each in place.fetch(name, ids, keys=[], what=what)}
    chosen = combine(Filter(must=[HasIdCondition([native_id(each) for each in ids])]), only_if)
    fitting = {each.id for each in scroll(place, name, keys=[], matching=chosen, what=what)}
    written = [each for each in points if each.id not in there or each.id in fitting]
    place.write(name, written, what=what)
    return {each.id for each in written}


def failing(what: str, location: str) -> Failure:
    """What is raised where nothing more particular is known of a failure."""

    def failure(told: str, status: int | None) -> StoreError:
        kind = _KINDS.get(status, StoreError)
        return kind(f"{what} at {location} failed: {told}")

    return failure
