"""What an EdgeClient writes of points and their vectors; the methods of a QdrantClient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from longembed_rag.points.edge.convert import convert_filter, point_id
from longembed_rag.points.edge_client.payloads import PayloadWrites, selected
from longembed_rag.points.edge_client.vectors import convert_points

if TYPE_CHECKING:
    import qdrant_edge as edge
    from qdrant_client import models

    from longembed_rag.points.edge.collection import EdgeCollection


class Writes(PayloadWrites):
    """The methods that write; arguments and answers are those of a QdrantClient."""

    def upsert(
        self,
        collection_name: str,
        points: Any,
        wait: bool = True,
        update_filter: models.Filter | None = None,
        update_mode: models.UpdateMode | None = None,
        **kwargs: Any,
    ) -> models.UpdateResult:
        """Write points, in place of those with the same ids; all of them or, if one is wrong, none.

        Vectors may be numpy arrays.

        Raises:
            ValueError: There is no such collection, or a point is malformed.
            RuntimeError: The collection cannot be written.
        """
        import qdrant_edge as edge

        mode = None
        if update_mode is not None:
            mode = getattr(edge.UpdateMode, update_mode.value.title().replace("_", ""))
        return self._update(
            collection_name,
            lambda collection: edge.UpdateOperation.upsert_points(
                convert_points(points, collection.layout), convert_filter(update_filter), mode
            ),
        )

    def upload_points(
        self,
        collection_name: str,
        points: Iterable[Any],
        batch_size: int = 64,
        update_filter: models.Filter | None = None,
        update_mode: models.UpdateMode | None = None,
        **kwargs: Any,
    ) -> None:
        """Write many points, ``batch_size`` at a time; see :meth:`upsert`."""
        self._collection(collection_name)
        remaining = iter(points)
        while batch := list(islice(remaining, batch_size)):
            self.upsert(
                collection_name, batch, update_filter=update_filter, update_mode=update_mode
            )

    def update_vectors(
        self,
        collection_name: str,
        points: Sequence[models.PointVectors],
        wait: bool = True,
        update_filter: models.Filter | None = None,
        **kwargs: Any,
    ) -> models.UpdateResult:
        """Replace the vectors named, and leave the points' others and payloads as they are.

        Raises:
            ValueError: There is no such collection or point (the others are written then), or a
                vector is malformed.
            RuntimeError: The collection cannot be written.
        """
        import qdrant_edge as edge

        if not points:
            raise ValueError("must specify points to update")
        return self._update(
            collection_name,
            lambda collection: edge.UpdateOperation.update_vectors(
                [
                    edge.PointVectors(
                        point_id(point.id), collection.layout.convert_all(point.vector)
                    )
                    for point in points
                ],
                convert_filter(update_filter),
            ),
        )

    def delete_vectors(
        self, collection_name: str, vectors: Sequence[str], points: Any, **kwargs: Any
    ) -> models.UpdateResult:
        """Remove the vectors named from points.

        Raises:
            ValueError: There is no such collection or vector.
            RuntimeError: The collection cannot be written.
        """
        import qdrant_edge as edge

        if not vectors:
            raise ValueError("must specify vector names to delete")
        names = list(vectors)

        def make(collection: EdgeCollection) -> edge.UpdateOperation:
            for name in names:
                collection.layout.require(name)
            return selected(
                points,
                lambda ids: edge.UpdateOperation.delete_vectors(ids, names),
                lambda chosen: edge.UpdateOperation.delete_vectors_by_filter(chosen, names),
            )

        return self._update(collection_name, make)

    def delete(
        self, collection_name: str, points_selector: Any, wait: bool = True, **kwargs: Any
    ) -> models.UpdateResult:
        """Remove points; those that are not there are passed over.

        Raises:
            ValueError: There is no such collection, or the selector is wrong.
            RuntimeError: The collection cannot be written.
        """
        import qdrant_edge as edge

        return self._update(
            collection_name,
            lambda collection: selected(
                points_selector,
                edge.UpdateOperation.delete_points,
                edge.UpdateOperation.delete_points_by_filter,
            ),
        )
