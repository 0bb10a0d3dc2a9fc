"""Folders that a collection is kept in step with while it is served."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from longembed_rag.server.failures import ApiError

if TYPE_CHECKING:
    from longembed_rag.files.options import ReadOptions
    from longembed_rag.files.selection import Selection
    from longembed_rag.ingest.report import Event, IngestReport
    from longembed_rag.server.service import Service

_LOG = logging.getLogger("longembed_rag.server")
#: Milliseconds without a change until what changed is read, and between looks where the system
#: does not tell (network drives).
_CALM, _POLL = 1_000, 2_000
_AGAIN = 5.0  # seconds


class Watcher:
    """Reads folders at first, and again whenever something in them has changed.

    Args:
        service: Whose jobs do it.
        folders: The folders.
        selection: Which of their files are taken.
        reading: How files are read.
    """

    def __init__(
        self,
        service: Service,
        folders: Sequence[Path],
        *,
        selection: Selection | None = None,
        reading: ReadOptions | None = None,
    ) -> None:
        self._service = service
        self._folders = [folder.absolute() for folder in folders]
        self._selection = selection
        self._reading = reading
        self._ends = threading.Event()
        self._waits = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="longembed-watch", daemon=True)

    def start(self) -> None:
        """Read the folders, and watch them from now on."""
        self._thread.start()

    def close(self) -> None:
        """Watch no more."""
        self._ends.set()
        self._thread.join(10)

    def _watch(self) -> None:
        from watchfiles import watch

        # Watched first: what changes while they are read for the first time is not missed.
        changes = watch(
            *self._folders,
            watch_filter=self._is_of_interest,
            stop_event=self._ends,
            debounce=_CALM,
            poll_delay_ms=_POLL,
            rust_timeout=1_000,
            yield_on_timeout=True,
            raise_interrupt=False,
        )
        is_due = True
        for found in changes:
            if is_due or found:
                is_due = not self._read()
            if self._ends.is_set():
                return

    def _read(self) -> bool:
        """Have the folders read; says whether that is under way."""
        if self._waits.is_set():
            return True  # one that has not begun yet sees all of it
        self._waits.set()
        try:
            self._service.jobs.run("folders", self._ingest)
        except ApiError:  # too many jobs wait
            self._waits.clear()
            self._ends.wait(_AGAIN)
            return False
        return True

    def _ingest(self, hear: Callable[[Event], None]) -> IngestReport:
        self._waits.clear()
        return self._service.library.ingest(
            [folder for folder in self._folders if folder.exists()],
            on_event=hear,
            selection=self._selection,
            reading=self._reading,
        )

    def _is_of_interest(self, change: object, path: str) -> bool:
        """Whether a change may be one of a document: the store's own files are none."""
        store = self._service.library.path
        return store is None or not Path(path).is_relative_to(store)
