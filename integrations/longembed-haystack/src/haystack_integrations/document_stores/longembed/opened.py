"""One open library for all stores of a process that have the same settings."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary, finalize

from longembed_rag import Library


class OpenedLibrary:
    """A library that is closed when the last store that uses it lets it go.

    Attributes:
        library: The library.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        finalize(self, library.close)


# A pipeline that is loaded has a store of its own for each component, and a folder can be opened
# only once.
_opened: WeakValueDictionary[str, OpenedLibrary] = WeakValueDictionary()
_opening = Lock()


def open_shared(options: dict[str, Any]) -> OpenedLibrary:
    """The library of these options, opened now if nobody has it open.

    Args:
        options: Those of :meth:`~longembed_rag.Library.open`, as plain values.

    Raises:
        SettingsError: A setting is unknown or out of range.
        StoreLockedError: Another process holds the folder, or another store of this one that has
            other settings.
        StoreError: The folder cannot be used.
    """
    path = options["path"]
    # Where none is given, it is one in the working directory.
    where = [str(Path.cwd())] if path is None else str(Path(path).expanduser().absolute())
    key = json.dumps({**options, "path": where}, sort_keys=True)
    with _opening:
        opened = _opened.get(key)
        if opened is None:
            opened = _opened[key] = OpenedLibrary(Library.open(**options))
        return opened
