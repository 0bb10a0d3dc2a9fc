"""One collection of the engine: its shard, and what is known of it beside that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from longembed_rag.points.edge.engine import Shard
from longembed_rag.points.edge.vectors import VectorLayout

if TYPE_CHECKING:
    from uuid import UUID

    from longembed_rag.points.edge.folders import CollectionFolder, Description


# Ids of so many points are kept spelled out: some 25 MB.
_MOST_NAMES = 100_000


class Names:
    """Points' ids spelled out, each once: that takes longer than to find them."""

    def __init__(self) -> None:
        self._names: dict[Any, str] = {}

    def of(self, identities: Sequence[int | str | UUID]) -> list[str]:
        """Ids of the engine, spelled out."""
        names = self._names
        if len(names) >= _MOST_NAMES:
            names = self._names = {}
        numbers = [getattr(each, "int", None) for each in identities]
        spelled: list[Any] = list(map(names.get, numbers))
        for place, name in enumerate(spelled):
            if name is None:
                spelled[place] = name = str(identities[place])
                if numbers[place] is not None:
                    names[numbers[place]] = name
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

    def note_index(self, field: str, noted: Any) -> None:
        """Note down a payload index of the shard, as JSON values; None that it is gone."""
        with self._lock:
            indexes = {**self.description.indexes, field: noted}
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
