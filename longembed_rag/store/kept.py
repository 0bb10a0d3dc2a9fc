"""What is known of a collection between two searches, until it is written to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from longembed_rag.points.port import Points

Known = TypeVar("Known")

#: Seconds after which what is known of a place that others may write to is found out anew.
FRESH = 10.0
# Tenants of which is kept what searches have found out: up to some ten megabytes each.
_MOST_LATEST = 64


class Kept:
    """One value for a collection, made when it is first asked for and dropped when that changes.

    Any number of threads may ask.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._state: Any = None
        self._made = 0.0
        self._value: Any = None

    def get(self, points: Points, name: str, make: Callable[[], Known]) -> Known:
        """The value.

        Args:
            points: What keeps the collection. Where it cannot tell whether the collection was
                written to, a value is at most :data:`FRESH` seconds old.
            name: The collection's name.
            make: Makes the value; always the same for one of these objects.
        """
        state = (points, name, points.changes)
        with self._lock:
            is_old = points.changes is None and monotonic() - self._made > FRESH
            if self._value is None or is_old or self._state != state:
                self._value, self._state, self._made = make(), state, monotonic()
            value: Known = self._value
            return value


class Latest(Generic[Known]):
    """Values by keys, those that were asked for last; any number of threads may ask."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._values: OrderedDict[Hashable, Known] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Known]) -> Known:
        """The value of a key.

        Args:
            key: The key.
            make: Makes the value, where there is none or it was given up for others.
        """
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
            self._values.move_to_end(key)
            while len(self._values) > _MOST_LATEST:
                self._values.popitem(last=False)
            return self._values[key]
