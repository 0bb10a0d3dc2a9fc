"""The port over Qdrant's own engine in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from longembed_rag.points.edge.collections import EdgeCollections
from longembed_rag.points.edge.convert import convert_filter, plain_id, point_id, point_ids
from longembed_rag.points.edge.engine import engine_errors, first_line
from longembed_rag.points.edge.folders import Description
from longembed_rag.points.edge.requests import (
    converted,
    emptied,
    named,
    search,
    selected,
    stored,
)
from longembed_rag.points.edge.schema import field_index
from longembed_rag.points.edge.vectors import make_point, with_plain_payload
from longembed_rag.points.port import NOT_FOUND, Failure, exchange_alone, failing
from longembed_rag.points.values import (
    Ask,
    Described,
    Hit,
    Layout,
    Page,
    Point,
    Stored,
    described_kind,
    native_id,
)

if TYPE_CHECKING:
    import qdrant_edge as edge

    from longembed_rag.points.filters import AnyFilter
    from longembed_rag.points.seal import Damage

Result = TypeVar("Result")

# Points that are converted and written at once.
_BATCH = 256
# More values than any field of ours has.
_MOST_VALUES = 2**31


class EdgePoints:
    """The collections of an embedded store; see :class:`~longembed_rag.points.port.Points`.

    Args:
        collections: The collections.
        location: Folder of the store, for messages.
        on_close: What is to be done once they are closed; None leaves them open, they are
            somebody else's.
    """

    engine = "edge"
    embedded = True
    is_touched = False
    served = None

    def __init__(
        self,
        collections: EdgeCollections,
        *,
        location: str,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.collections = collections
        self.location = location
        self._on_close = on_close

    @classmethod
    def open(cls, path: Path, *, location: str, on_close: Callable[[], None]) -> EdgePoints:
        """Open the collections in a folder; raises as :class:`EdgeCollections`."""
        return cls(EdgeCollections(path), location=location, on_close=on_close)

    @property
    def changes(self) -> int:
        """How often they were written to: by this process, since no other one can."""
        return self.collections.changes

    def believe(self) -> None:
        """Do nothing: nobody else writes to them."""

    def describe(self, name: str) -> Described | None:
        """A collection; None when it is not there."""
        with self._told(f"reading collection {name!r}"):
            return self._described(name) if name in self.collections.names() else None

    def make(
        self, name: str, layout: Layout, *, metadata: Mapping[str, Any] | None = None
    ) -> Described:
        """Make a collection, unless it is there."""
        weighing = {"modifier": "idf"} if layout.weighs_rarity else {}
        description = Description(
            name=name,
            vectors={k: {"size": size, "distance": "Cosine"} for k, size in layout.dense.items()},
            sparse_vectors=dict.fromkeys(layout.sparse, weighing),
            metadata=None if metadata is None else dict(metadata),
        )
        with self._told(f"making collection {name!r}"):
            if name not in self.collections.names():
                self.collections.make(description)
            return self._described(name)

    def _described(self, name: str) -> Described:
        description = self.collections.get(name).description
        kinds = {
            field: noted["type"] if isinstance(noted, dict) else str(noted)
            for field, noted in description.indexes.items()
        }
        return Described(name=name, metadata=description.metadata or {}, indexes=kinds)

    def note(self, name: str, metadata: Mapping[str, Any]) -> None:
        """Change what is noted down with a collection."""
        with self._told(f"noting in collection {name!r}"):
            self.collections.get(name).note_metadata(metadata)

    def drop(self, name: str) -> None:
        """Remove a collection, if it is there."""
        with self._told(f"removing collection {name!r}"):
            self.collections.drop(name)

    def index(self, name: str, fields: Mapping[str, Sequence[str]]) -> None:
        """Index fields of the payload that are not indexed yet."""
        import qdrant_edge as edge

        if self.collections.read_only_of is not None:
            return  # a filter finds the same without
        with self._told(f"making an index in {name!r}"):
            collection = self.collections.get(name)
            known = collection.description.indexes
            missing = {f: described_kind(kinds[0]) for f, kinds in fields.items() if f not in known}
            for field, kind in missing.items():
                operation = edge.UpdateOperation.create_field_index(field, field_index(kind))
                collection.shard.update(operation)
            collection.note_indexes(missing)  # who is killed before makes them again

    def require_room(self, point: Point, *, source: str) -> None:
        """Take any point: nothing is sent."""

    def write(
        self, name: str, points: Iterable[Point], *, what: str, failure: Failure | None = None
    ) -> None:
        """Write points, in place of those with the same ids."""
        import qdrant_edge as edge

        with self._told(what, failure):
            collection = self.collections.get(name)
            remaining = iter(points)
            while batch := list(islice(remaining, _BATCH)):
                with engine_errors():
                    made = [
                        make_point(native_id(point.id), converted(collection, point), point.payload)
                        for point in batch
                    ]
                    operation = edge.UpdateOperation.upsert_points(made)
                collection.shard.update(operation)

    exchange = exchange_alone

    def revise(self, name: str, points: Sequence[Point], *, what: str) -> None:
        """Replace vectors of points that are there."""
        import qdrant_edge as edge

        with self._told(what):
            collection = self.collections.get(name)
            with engine_errors():
                made = [
                    edge.PointVectors(point_id(native_id(point.id)), vectors)
                    for point in points
                    if (vectors := converted(collection, point))
                ]
                operations = [edge.UpdateOperation.update_vectors(made)] if made else []
                operations += [
                    edge.UpdateOperation.delete_vectors([point_id(native_id(point.id))], [vector])
                    for point, vector in emptied(points)
                ]
            for operation in operations:
                collection.shard.update(operation)

    def set_payload(
        self, name: str, point: str, payload: Mapping[str, Any], *, key: str, what: str
    ) -> None:
        """Set fields below a key of a point's payload."""
        import qdrant_edge as edge

        with self._told(what):
            with engine_errors():
                operation = with_plain_payload(
                    dict(payload),
                    lambda plain: edge.UpdateOperation.set_payload(_native([point]), plain, key),
                )
            self.collections.get(name).shard.update(operation)

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
        ours, wanted, which = _native(ids), selected(keys), named(vectors)
        found = self._read(name, lambda shard: shard.retrieve(ours, wanted, which), what=what)
        return [stored(each, vectors=bool(vectors)) for each in found]

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
        import qdrant_edge as edge

        def read(shard: edge.EdgeShard) -> Any:
            return shard.scroll(
                edge.ScrollRequest(
                    offset=None if after is None else point_id(native_id(after)),
                    limit=limit,
                    filter=convert_filter(matching),
                    with_payload=selected(keys),
                    with_vector=named(vectors),
                )
            )

        found, following = self._read(name, read, what=what)
        return Page(
            tuple(stored(each, vectors=bool(vectors)) for each in found),
            None if following is None else str(plain_id(following)),
        )

    def query(self, name: str, asks: Sequence[Ask], *, what: str) -> list[list[Hit]]:
        """For each query the points closest to its vector, best first."""
        with self._told(what):
            return search(self.collections.get(name), asks)

    def count(
        self, name: str, *, matching: AnyFilter | None = None, exact: bool = True, what: str
    ) -> int:
        """How many points there are."""
        import qdrant_edge as edge

        def read(shard: edge.EdgeShard) -> int:
            return shard.count(edge.CountRequest(exact=exact, filter=convert_filter(matching)))

        return self._read(name, read, what=what)

    def tally(self, name: str, key: str, *, what: str) -> dict[str, int]:
        """How many points have each value of an indexed field."""
        import qdrant_edge as edge

        request = edge.FacetRequest(key=key, limit=_MOST_VALUES, exact=True)
        found = self._read(name, lambda shard: shard.facet(request), what=what)
        # Values whose points are gone are told with none.
        return {str(hit.value): int(hit.count) for hit in found.hits if hit.count}

    def delete(
        self,
        name: str,
        which: Sequence[str] | AnyFilter,
        *,
        what: str,
        failure: Failure | None = None,
    ) -> None:
        """Remove points, by their ids or by a filter."""
        import qdrant_edge as edge

        with self._told(what, failure):
            with engine_errors():
                if isinstance(which, (list, tuple)):
                    operation = edge.UpdateOperation.delete_points(_native(which))
                else:
                    chosen = convert_filter(which)  # type: ignore[arg-type]
                    assert chosen is not None
                    operation = edge.UpdateOperation.delete_points_by_filter(chosen)
            self.collections.get(name).shard.update(operation)

    def damages(self) -> Sequence[Damage]:
        """The files that are not as they were written."""
        return self.collections.seal.damages(thorough=True)

    def flush(self) -> None:
        """Write out what is only in the log."""
        with self._told("writing out the store"):
            self.collections.flush()

    def close(self) -> None:
        """Close it and let other processes in; again is harmless."""
        if self._on_close is not None:
            try:
                with self._told("closing the store"):
                    self.collections.close()
            finally:
                self._on_close()

    def _read(self, name: str, action: Callable[[edge.EdgeShard], Result], *, what: str) -> Result:
        with self._told(what):
            return self.collections.get(name).shard.call(action)

    @contextmanager
    def _told(self, what: str, failure: Failure | None = None) -> Iterator[None]:
        """Turn what the engine raises into the errors of the port."""
        try:
            yield
        except (ValueError, RuntimeError, OSError) as error:
            missing = isinstance(error, ValueError) and str(error).endswith("not found")
            make = failure or failing(what, self.location)
            told = first_line(error) or type(error).__name__
            raise make(told, NOT_FOUND if missing else None) from error


def _native(ids: Sequence[str]) -> list[Any]:
    return point_ids(native_id(each) for each in ids)
