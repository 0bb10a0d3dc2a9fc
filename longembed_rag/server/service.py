"""What the routes of a server share: the library, the queue before its model, the jobs."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import warnings
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from longembed_rag.errors import LongEmbedError, LongEmbedWarning, StoreError
from longembed_rag.server.failures import ApiError, busy
from longembed_rag.server.jobs import Jobs
from longembed_rag.server.metrics import Metrics
from longembed_rag.server.options import ServerOptions
from longembed_rag.server.spool import Spool
from longembed_rag.server.texts import TextQueue

if TYPE_CHECKING:
    from longembed_rag.encoder.encoder import LongEncoder
    from longembed_rag.encoder.planner import Planner
    from longembed_rag.library.library import Library

_LOG = logging.getLogger("longembed_rag.server")
Found = TypeVar("Found")
#: Other ways of reading that are kept; each is small, as they share the weights.
_WAYS = 16
_A_SEARCH = 0.1  # seconds, about
_LOOK = 0.05
_TO_THE_END = 30.0


class Service:
    """One library, warm and open.

    Args:
        library: The collection; whoever opened it closes it.
        options: Limits.

    Attributes:
        address: Where it is reached.
        last_used: When a request came last, by the monotonic clock.
        running: Requests that are under way.
        on_start: Is called once it has started.
        ends: Ends the server that it is served by.

    Raises:
        SettingsError: What is sent cannot be kept.
    """

    def __init__(self, library: Library, options: ServerOptions) -> None:
        self.library = library
        self.options = options
        self.metrics = Metrics()
        self.address = ""
        self.last_used = time.monotonic()
        self.on_start: Callable[[], None] = _nothing
        self.ends: Callable[[], None] = _nothing
        self._model_error: LongEmbedError | None = None
        self._is_ready = threading.Event()
        self._ways: OrderedDict[tuple[str | None, int | None], LongEncoder] = OrderedDict()
        self._ways_lock = threading.Lock()
        self._searches = 0
        where = (library.location, library.collection)
        self._spool = Spool.of(*where) if options.spool is None else Spool(options.spool)
        self.running = 0
        self._texts: TextQueue | None = None
        self._jobs: Jobs | None = None

    def start(self) -> None:
        """Load the model on a thread, and go on with what an earlier server was sent."""
        # Every answer tells what of a text was read and known; nobody sees a warning here.
        warnings.filterwarnings("ignore", category=LongEmbedWarning)
        most = self.options.max_jobs
        self._jobs = Jobs(self.library, self._spool, most=most, metrics=self.metrics)
        threading.Thread(target=self._warm_up, name="longembed-model", daemon=True).start()
        self.on_start()

    def close(self) -> None:
        """Finish the texts that wait, and stop the job in hand where it can go on later."""
        if self._jobs is not None:
            self._jobs.close(within=_TO_THE_END)
        if self._texts is not None:
            self._texts.close(within=_TO_THE_END)

    def _warm_up(self) -> None:
        try:
            with suppress(StoreError):  # there is no collection yet, or somebody else's
                _ = self.library.needs_encoder_for_queries  # what reads queries comes first
            encoder = self.library.encoder
            encoder.encode(["ready"], kind="query")
            self._model_error = None
        except LongEmbedError as error:
            _LOG.error("model", extra={"event": "model_failed", "error": str(error)})
            self._model_error = error
        finally:
            self._is_ready.set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return self.jobs.is_idle and not self._searches and not self.running

    @property
    def is_ready(self) -> bool:
        """Whether the model is loaded."""
        return self._is_ready.is_set() and self._model_error is None

    @property
    def why_not_ready(self) -> str:
        """What is waited for, or wrong."""
        return str(self._model_error) if self._model_error else "the model is being loaded"

    @property
    def jobs(self) -> Jobs:
        """The jobs."""
        assert self._jobs is not None, "the server has not begun"
        return self._jobs

    @property
    def texts(self) -> TextQueue:
        """The queue before the model."""
        if self._texts is None:
            budget = self.library.encoder.batch_tokens
            waiting = self.options.max_waiting
            self._texts = TextQueue(budget=budget, most_waiting=waiting, metrics=self.metrics)
        return self._texts

    async def model_loaded(self) -> LongEncoder:
        """The encoder, once it is there.

        Raises:
            ApiError: It takes too long, or cannot be loaded.
        """
        until = time.monotonic() + self.options.timeout
        while not self._is_ready.is_set() and time.monotonic() < until:
            await asyncio.sleep(_LOOK)  # and not on one of the few threads that searches need
        if not self.is_ready:
            raise ApiError(503, self.why_not_ready, code="model_not_ready", retry_after=5)
        return self.library.encoder

    @property
    def planner(self) -> Planner:
        """What says how texts are read, which is there before the model is.

        Raises:
            ApiError: It cannot be loaded.
        """
        found = self.library.planner
        assert found is not None, "a server's encoder is our own"
        return found

    def encoder_for(self, method: str | None, max_length: int | None) -> LongEncoder:
        """The encoder that reads in another way, with the same weights.

        Args:
            method: Its method; None takes the collection's.
            max_length: Its longest text; None takes the collection's.

        Raises:
            SettingsError: One is out of range, or does not fit the model.
        """
        encoder = self.library.encoder
        if method is None and max_length is None:
            return encoder
        with self._ways_lock:
            way = (method, max_length)
            if way not in self._ways:
                changes: dict[str, Any] = {"method": method, "max_length": max_length}
                given = {name: value for name, value in changes.items() if value is not None}
                self._ways[way] = encoder.reading_otherwise(**given)
            self._ways.move_to_end(way)
            while len(self._ways) > _WAYS:
                self._ways.popitem(last=False)
            return self._ways[way]

    async def with_store(self, work: Callable[..., Found], *args: Any, **options: Any) -> Found:
        """Do what asks the store, on another thread; so many at once.

        Raises:
            ApiError: Too many wait.
        """
        if self._searches >= self.options.max_searches:
            seconds = _A_SEARCH * self._searches
            raise busy(f"{self._searches} searches wait", seconds=seconds)
        self._searches += 1
        try:
            return await asyncio.to_thread(partial(work, *args, **options))
        finally:
            self._searches -= 1

    def require_writable(self) -> None:
        """Require that this server may add and remove.

        Raises:
            ApiError: It was started to be read only.
        """
        if self.options.read_only:
            raise ApiError(403, "this server is read only (--read-only)", code="read_only")


def _nothing() -> None:
    """What happens where nobody has said what should."""
