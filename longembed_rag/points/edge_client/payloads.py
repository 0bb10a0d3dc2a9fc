"""What an EdgeClient writes of payloads and their indexes; the methods of a QdrantClient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from longembed_rag.points.edge.convert import convert_filter, point_ids
from longembed_rag.points.edge.engine import engine_errors
from longembed_rag.points.edge.vectors import with_plain_payload
from longembed_rag.points.edge_client.results import completed
from longembed_rag.points.edge_client.schema import index_of, noted_index

if TYPE_CHECKING:
    import qdrant_edge as edge
    from qdrant_client import models

    from longembed_rag.points.edge.collection import EdgeCollection


class PayloadWrites(ABC):
    """The methods that write payloads.

    What is written is in the write-ahead log on return, whatever ``wait`` says, and outlives the
    process.
    """

    @abstractmethod
    def _collection(self, name: str) -> EdgeCollection:
        """The collection of that name."""

    def _update(
        self, collection_name: str, make: Callable[[EdgeCollection], edge.UpdateOperation]
    ) -> models.UpdateResult:
        collection = self._collection(collection_name)
        with engine_errors():
            operation = make(collection)
        collection.shard.update(operation)
        return completed()

    def set_payload(
        self,
        collection_name: str,
        payload: dict[str, Any],
        points: Any,
        key: str | None = None,
        wait: bool = True,
        **kwargs: Any,
    ) -> models.UpdateResult:
        """Set fields of points' payloads, and leave the others.

        Raises:
            ValueError: There is no such collection or point (the others are written then).
            RuntimeError: The collection cannot be written.
        """
        import qdrant_edge as edge

        make = edge.UpdateOperation
        return self._write(
            collection_name, payload, points, key, make.set_payload, make.set_payload_by_filter
        )

    def overwrite_payload(
        self,
        collection_name: str,
        payload: dict[str, Any],
        points: Any,
        key: str | None = None,
        wait: bool = True,
        **kwargs: Any,
    ) -> models.UpdateResult:
        """Replace points' payloads; see :meth:`set_payload`."""
        import qdrant_edge as edge

        make = edge.UpdateOperation
        return self._write(
            collection_name,
            payload,
            points,
            key,
            make.overwrite_payload,
            make.overwrite_payload_by_filter,
        )

    def _write(
        self,
        collection_name: str,
        payload: dict[str, Any],
        points: Any,
        key: str | None,
        by_ids: Callable[..., edge.UpdateOperation],
        by_filter: Callable[..., edge.UpdateOperation],
    ) -> models.UpdateResult:
        def operation(make: Callable[..., edge.UpdateOperation], chosen: Any) -> Any:
            return with_plain_payload(payload, lambda plain: make(chosen, plain, key))

        return self._update(
            collection_name,
            lambda collection: selected(
                points,
                lambda ids: operation(by_ids, ids),
                lambda chosen: operation(by_filter, chosen),
            ),
        )

    def delete_payload(
        self,
        collection_name: str,
        keys: Sequence[str],
        points: Any,
        wait: bool = True,
        **kwargs: Any,
    ) -> models.UpdateResult:
        """Remove fields of points' payloads; see :meth:`set_payload`."""
        import qdrant_edge as edge

        names = list(keys)
        return self._update(
            collection_name,
            lambda collection: selected(
                points,
                lambda ids: edge.UpdateOperation.delete_payload(ids, names),
                lambda chosen: edge.UpdateOperation.delete_payload_by_filter(chosen, names),
            ),
        )

    def clear_payload(
        self, collection_name: str, points_selector: Any, wait: bool = True, **kwargs: Any
    ) -> models.UpdateResult:
        """Remove points' whole payloads; see :meth:`set_payload`."""
        import qdrant_edge as edge

        return self._update(
            collection_name,
            lambda collection: selected(
                points_selector,
                edge.UpdateOperation.clear_payload,
                edge.UpdateOperation.clear_payload_by_filter,
            ),
        )

    def create_payload_index(
        self,
        collection_name: str,
        field_name: str,
        field_schema: Any = None,
        field_type: Any = None,
        wait: bool = True,
        **kwargs: Any,
    ) -> models.UpdateResult:
        """Index a field of the payload; an index of it that is there is replaced.

        Raises:
            ValueError: There is no such collection, or no index of that kind.
            RuntimeError: The collection cannot be written.
        """
        import qdrant_edge as edge

        schema = field_schema if field_schema is not None else field_type
        if schema is None:
            raise ValueError("field_schema is needed: this engine does not guess it")
        answer = self._update(
            collection_name,
            lambda collection: edge.UpdateOperation.create_field_index(
                field_name, index_of(schema)
            ),
        )
        self._collection(collection_name).note_indexes({field_name: noted_index(schema)})
        return answer

    def delete_payload_index(
        self, collection_name: str, field_name: str, wait: bool = True, **kwargs: Any
    ) -> models.UpdateResult:
        """Remove the index of a field; without one, nothing happens.

        Raises:
            ValueError: There is no such collection.
            RuntimeError: The collection cannot be written.
        """
        import qdrant_edge as edge

        answer = self._update(
            collection_name,
            lambda collection: edge.UpdateOperation.delete_field_index(field_name),
        )
        self._collection(collection_name).note_indexes({field_name: None})
        return answer


def selected(
    selector: Any,
    by_ids: Callable[[list[Any]], edge.UpdateOperation],
    by_filter: Callable[[edge.Filter], edge.UpdateOperation],
) -> edge.UpdateOperation:
    """The operation on the points that a selector names.

    Args:
        selector: Ids, a filter, or either in a selector of qdrant_client's.
        by_ids: Makes the operation on ids.
        by_filter: Makes it on the points that a filter lets through.

    Raises:
        ValueError: It is none of these, or names no id.
    """
    selector = getattr(selector, "filter", getattr(selector, "points", selector))
    if isinstance(selector, (list, tuple)):
        if not selector:
            raise ValueError("Empty update request")
        return by_ids(point_ids(selector))
    if type(selector).__name__ != "Filter":
        raise ValueError(f"Unsupported selector type: {type(selector)}")
    chosen = convert_filter(selector)
    assert chosen is not None
    return by_filter(chosen)
