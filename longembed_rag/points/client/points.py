"""The port over a qdrant-client: of a server, or of its own local mode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from longembed_rag.points.client.batches import REQUEST_POINTS, batches, require_size
from longembed_rag.points.client.collections import ClientCollections
from longembed_rag.points.client.conversion import (
    point_struct,
    query_requests,
    read_vectors,
    values_of,
    vector_changes,
)
from longembed_rag.points.client.gateway import require_confirmed
from longembed_rag.points.client.rules import Rules
from longembed_rag.points.filters import to_models
from longembed_rag.points.nearness import Comparing
from longembed_rag.points.port import Failure, exchange_alone, scroll
from longembed_rag.points.values import Ask, Hit, Page, Point, Stored, is_sparse, native_id

if TYPE_CHECKING:
    from longembed_rag.points.filters import AnyFilter
    from longembed_rag.points.seal import Damage

# Values that are counted in one request.
_MOST_VALUES = 1_000_000


class ClientPoints(ClientCollections):
    """Points through a qdrant-client; see :class:`~longembed_rag.points.port.Points`."""

    def require_room(self, point: Point, *, source: str) -> None:
        """Refuse a point that is over the server's limit for a request."""
        if not self.embedded:
            require_size(point_struct(point, embedded=False), source)

    def write(
        self, name: str, points: Iterable[Point], *, what: str, failure: Failure | None = None
    ) -> None:
        """Write points, in place of those with the same ids; in requests of bounded size."""
        structs = (point_struct(point, embedded=self.embedded) for point in points)
        for batch in batches(structs, embedded=self.embedded):
            self._written(self.client.upsert, name, batch, what=what, failure=failure)

    def exchange(
        self, name: str, points: Sequence[Point], *, only_if: AnyFilter, what: str
    ) -> set[str]:
        """Write points where there is none, or the one that is there fulfils a condition."""
        if self.embedded:
            return exchange_alone(self, name, points, only_if=only_if, what=what)
        from qdrant_client.models import WriteOrdering

        # Through one node: each replica judges the filter by what it has.
        write = partial(
            self.client.upsert, update_filter=to_models(only_if), ordering=WriteOrdering.STRONG
        )
        for start in range(0, len(points), REQUEST_POINTS):
            batch = points[start : start + REQUEST_POINTS]
            structs = [point_struct(each, embedded=False) for each in batch]
            self._written(write, name, structs, what=what)
        # A server confirms it either way. A try whose answer was lost may have been the one.
        there = {
            each.id: each.payload for each in self.fetch(name, [e.id for e in points], what=what)
        }
        return {each.id for each in points if there.get(each.id) == each.payload}

    def revise(self, name: str, points: Sequence[Point], *, what: str) -> None:
        """Replace vectors of points that are there; a sparse one that is empty is taken off."""
        from qdrant_client.models import PointIdsList

        changes, emptied = vector_changes(points, embedded=self.embedded)

        for start in range(0, len(changes), REQUEST_POINTS):
            batch = changes[start : start + REQUEST_POINTS]
            self._written(self.client.update_vectors, name, batch, what=what)
        for vector, ids in emptied.items():
            taken_off = PointIdsList(points=[native_id(each) for each in ids])
            self._confirmed(
                partial(self.client.delete_vectors, name, [vector], taken_off, wait=True),
                what=what,
            )

    def set_payload(
        self, name: str, point: str, payload: Mapping[str, Any], *, key: str, what: str
    ) -> None:
        """Set fields below a key of a point's payload."""
        self._confirmed(
            lambda: self.client.set_payload(
                name, payload=dict(payload), points=[native_id(point)], key=key, wait=True
            ),
            what=what,
        )

    def fetch(
        self,
        name: str,
        ids: Sequence[str],
        *,
        what: str,
        keys: Sequence[str] | None = None,
        vectors: bool | Sequence[str] = False,
    ) -> list[Stored]:
        """Points by id."""
        if not ids:
            return []
        found = self.gateway.call(
            lambda: self.client.retrieve(
                name,
                ids=[native_id(each) for each in ids],
                with_payload=True if keys is None else list(keys),
                with_vectors=_named(vectors),
            ),
            what=what,
        )
        return [Stored(str(e.id), e.payload or {}, read_vectors(e.vector)) for e in found]

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

        def run(rules: Rules, make: Failure) -> Page:
            found, following = self.gateway.call(
                lambda: self.client.scroll(
                    name,
                    scroll_filter=to_models(rules.narrowed(matching)),
                    limit=min(limit, rules.most_found or limit),
                    offset=None if after is None else native_id(after),
                    with_payload=True if keys is None else list(keys),
                    with_vectors=_named(vectors),
                ),
                what=what,
                failure=make,
            )
            points = (Stored(str(e.id), e.payload or {}, read_vectors(e.vector)) for e in found)
            return Page(tuple(points), None if following is None else str(following))

        return self._within_rules(name, run, what=what)

    def query(self, name: str, asks: Sequence[Ask], *, what: str) -> list[list[Hit]]:
        """For each query the points closest to its vector, best first."""
        dense = any(
            each.vector is not None and not each.finds_nothing and not is_sparse(each.vector)
            for each in asks
        )

        def run(rules: Rules, make: Failure) -> list[list[Hit]]:
            comparing = self.comparing(name, failure=make) if dense else Comparing()
            rules = self._rules.get(name, rules)
            owners, requests = query_requests(asks, rules, comparing)
            found: list[list[Hit]] = [[] for _ in asks]
            most = rules.most_asked or max(len(requests), 1)
            for start in range(0, len(requests), most):
                batch = requests[start : start + most]
                answers = self.gateway.call(
                    partial(self.client.query_batch_points, name, requests=batch),
                    what=what,
                    failure=make,
                )
                for owner, answer in zip(owners[start : start + most], answers, strict=True):
                    found[owner] += [
                        Hit(str(each.id), each.score, each.payload or {}) for each in answer.points
                    ]
            return found

        return self._within_rules(name, run, what=what)

    def count(
        self, name: str, *, matching: AnyFilter | None = None, exact: bool = True, what: str
    ) -> int:
        """How many points there are."""

        def run(rules: Rules, make: Failure) -> int:
            chosen = to_models(rules.narrowed(matching))
            answer = self.gateway.call(
                lambda: self.client.count(name, count_filter=chosen, exact=exact),
                what=what,
                failure=make,
            )
            return int(answer.count)

        return self._within_rules(name, run, what=what)

    def tally(self, name: str, key: str, *, what: str) -> dict[str, int]:
        """How many points have each value of an indexed field."""

        def run(rules: Rules, make: Failure) -> dict[str, int]:
            if rules.most_found is not None:
                found = scroll(self, name, what=what, keys=[key])
                return dict(Counter(str(each) for each in values_of(found, key)))
            answer = self.gateway.call(
                lambda: self.client.facet(name, key, limit=_MOST_VALUES, exact=True),
                what=what,
                failure=make,
            )
            # Values whose points are gone are told with none.
            return {str(hit.value): int(hit.count) for hit in answer.hits if hit.count}

        return self._within_rules(name, run, what=what)

    def delete(
        self,
        name: str,
        which: Sequence[str] | AnyFilter,
        *,
        what: str,
        failure: Failure | None = None,
    ) -> None:
        """Remove points, by their ids or by a filter."""
        from qdrant_client.models import FilterSelector, PointIdsList

        selector: Any
        if isinstance(which, (list, tuple)):
            if not which:
                return  # a server refuses to remove nothing
            selector = PointIdsList(points=[native_id(each) for each in which])
        else:
            selector = FilterSelector(filter=to_models(which))
        self._confirmed(
            lambda: self.client.delete(name, points_selector=selector, wait=True),
            what=what,
            failure=failure,
        )

    def damages(self) -> Sequence[Damage]:
        """None: local mode's files are looked at when it is opened, and a server's by itself."""
        return ()

    def flush(self) -> None:
        """Do nothing: what a server has confirmed is in its log, and local mode commits at once."""

    def _written(
        self,
        write: Callable[..., Any],
        name: str,
        points: Sequence[Any],
        *,
        what: str,
        failure: Failure | None = None,
    ) -> None:
        """Write points, as many in a request as the collection takes."""

        def run(rules: Rules, make: Failure) -> None:
            most = rules.most_written or len(points)
            for start in range(0, len(points), most):
                batch = points[start : start + most]
                self._confirmed(
                    partial(write, name, points=batch, wait=True), what=what, failure=make
                )

        self._within_rules(name, run, what=what, failure=failure)

    def _confirmed(
        self, action: Callable[[], Any], *, what: str, failure: Failure | None = None
    ) -> None:
        """Call the client to write, until it says that it is done."""
        self.gateway.call(lambda: require_confirmed(action().status), what=what, failure=failure)


def _named(vectors: bool | Sequence[str]) -> bool | list[str]:
    return vectors if isinstance(vectors, bool) else list(vectors)
