"""One collection of the engine: its shard, and what is known of it beside that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from longembed_rag.points.edge.engine import Shard
from longembed_rag.points.edge.vectors import VectorLayout

if TYPE_CHECKING:
    from longembed_rag.points.edge.folders import CollectionFolder, Description


# Ids of so many points are kept spelled out: some 25 MB.
_MOST_NAMES = 100_000


class Names:
    """Points' ids spelled out, each once: that takes longer than to find them."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    def of(self, points: Iterable[Any]) -> list[str]:
        """Ids of points that the engine has found, spelled out."""
        points = list(points)
        names = self._names
        if len(names) >= _MOST_NAMES:
            names = self._names = {}
        try:
            # One by one: an id that lives on is one more thing for Python to count.
            numbers = [each.id.int for each in points]
        except AttributeError:  # another program's points may be numbered
            return [str(each.id) for each in points]
        spelled: list[Any] = list(map(names.get, numbers))
        for place, name in enumerate(spelled):
            if name is None:
                spelled[place] = names[numbers[place]] = str(UUID(int=numbers[place]))
        return spelled


class EdgeCollection:
    """One collection.

    Args:
        folder: Where it lies.
        description: What it is.
        before_writing: Is called before anything is written in it.
    """

    def __init__(
        self,
        folder: CollectionFolder,
        description: Description,
        *,
        before_writing: Callable[[], None],
    ) -> None:
        self.folder = folder
        self.description = description
        self.layout = VectorLayout(description)
        self.shard = Shard(folder.shard, before_writing=before_writing)
        self.names = Names()
        self._before_writing = before_writing
        self._lock = threading.Lock()

    def note_indexes(self, noted: Mapping[str, Any]) -> None:
        """Note down payload indexes of the shard by field, as JSON values; None: it is gone."""
        if not noted:
            return
        with self._lock:
            indexes = {**self.description.indexes, **noted}
            self._note(indexes={each: kind for each, kind in indexes.items() if kind is not None})

    def note_metadata(self, changes: Mapping[str, Any]) -> None:
        """Change the collection's metadata, JSON values; as on servers, None removes a key."""
        with self._lock:
            merged = {**(self.description.metadata or {}), **changes}
            self._note(metadata={key: value for key, value in merged.items() if value is not None})

    def _note(self, **changes: Any) -> None:
        description = replace(self.description, **changes)
        self._before_writing()
        self.folder.write(description)
        self.description = description

    def with_vectors(self, given: Any) -> bool | list[str]:
        """Which vectors to give back; names that the points do not have are passed over.

        Raises:
            ValueError: It is neither a bool nor a list of names.
        """
        if given is None or isinstance(given, bool):
            return bool(given)
        if isinstance(given, (list, tuple)):
            return [name for name in given if name in self.layout.names]
        raise ValueError(f"with_vectors must be a bool or a list of vector names, got {given!r}")
