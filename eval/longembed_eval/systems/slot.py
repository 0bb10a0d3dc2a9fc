"""One model in memory at a time."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any


class ModelSlot:
    """Keeps the model that was used last; another one takes its place."""

    def __init__(self) -> None:
        self._kept: tuple[object, Any] | None = None

    def get(self, key: object, load: Callable[[], Any]) -> Any:
        """The model of a key.

        Args:
            key: What tells it from other models.
            load: Loads it, where it is not the one used last.
        """
        if self._kept is None or self._kept[0] != key:
            self.clear()
            self._kept = key, load()
        return self._kept[1]

    def clear(self) -> None:
        """Give back the memory of the model, for work that needs none."""
        if self._kept is not None:
            self._kept = None
            gc.collect()
