"""Work that goes on after the request: what was sent is taken in, one job after the other."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from longembed_rag.errors import LongEmbedError
from longembed_rag.ingest.report import (
    DocumentDone,
    DocumentFailed,
    DocumentProgress,
    DocumentStarted,
    Event,
    IngestReport,
    Started,
)
from longembed_rag.server.failures import busy

if TYPE_CHECKING:
    from longembed_rag.ingest.documents import Document
    from longembed_rag.library.library import Library
    from longembed_rag.server.metrics import Metrics
    from longembed_rag.server.spool import Spool

Status = Literal["queued", "running", "done", "failed"]
_LOG = logging.getLogger("longembed_rag.server")
_KEPT = 1000
_A_JOB = 10.0  # seconds, about


@dataclass(kw_only=True)
class Job:
    """A job, as it stands.

    Attributes:
        id: Its id.
        kind: ``"files"``, ``"documents"`` or ``"folders"``.
        status: How far it is.
        total: Documents of it.
        done: Those that are in the collection.
        current: The one in hand.
        tokens_done: Tokens of that which are read.
        tokens_total: Tokens of that.
        failed: Those that could not be taken in, each with the reason.
        error: Why all of it failed.
        report: What was done, once it is over.
        created: When it came, seconds since 1970.
        ended: When it was over.
    """

    id: str
    kind: str
    status: Status = "queued"
    total: int = 0
    done: int = 0
    current: str | None = None
    tokens_done: int = 0
    tokens_total: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    error: str | None = None
    report: dict[str, Any] | None = None
    created: float = field(default_factory=time.time)
    ended: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        return {**vars(self), "failed": list(self.failed)}

    def hear(self, event: Event) -> None:
        """Take note of what happens."""
        if isinstance(event, Started):
            self.total = event.total
        elif isinstance(event, DocumentStarted):
            self.current, self.tokens_done, self.tokens_total = event.source, 0, 0
        elif isinstance(event, DocumentProgress):
            self.current = event.source
            self.tokens_done, self.tokens_total = event.tokens_done, event.tokens_total
        elif isinstance(event, DocumentDone):
            self.done += 1
        elif isinstance(event, DocumentFailed):
            self.failed.append({"source": event.source, "reason": event.reason})


class _Ending(BaseException):
    """Stops a job between two documents, or two windows of one."""


Work = Callable[[Callable[[Event], None]], IngestReport | None]


class Jobs:
    """The jobs of a server; a thread of their own does one after the other.

    Args:
        library: What they write to.
        spool: Keeps what was sent.
        most: Most jobs that wait.
        metrics: Are told of each that is over.
    """

    def __init__(self, library: Library, spool: Spool, *, most: int, metrics: Metrics) -> None:
        self._library = library
        self._spool = spool
        self._most = most
        self._metrics = metrics
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Job, Work]] = deque()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._is_ending = False
        for left in spool.left():
            self._take_up(left)
        self._thread = threading.Thread(target=self._work, name="longembed-jobs", daemon=True)
        self._thread.start()

    def add_files(self, files: Sequence[tuple[str, BinaryIO]]) -> Job:
        """Take in files that were sent; they are on disk when this returns.

        Raises:
            ApiError: Too many jobs wait.
            StoreError: There is no room for them.
        """
        job = self._new("files", len(files))
        self._spool.keep_files(job.id, files)
        return self._put(job, self._work_of(job))

    def add_documents(self, documents: Sequence[Document]) -> Job:
        """Take in texts that were sent; they are on disk when this returns.

        Raises:
            ApiError: Too many jobs wait.
            StoreError: There is no room for them.
        """
        job = self._new("documents", len(documents))
        self._spool.keep_documents(job.id, documents)
        return self._put(job, self._work_of(job))

    def run(self, kind: str, work: Work) -> Job:
        """Have any other work done that writes.

        Args:
            kind: What it is called.
            work: Does it, and tells how it goes.

        Raises:
            ApiError: Too many jobs wait.
        """
        return self._put(self._new(kind, 0), work)

    def find(self, identity: str) -> Job | None:
        """A job, if there is one of that id."""
        return self._jobs.get(identity)

    def all(self) -> list[Job]:
        """Every job that is known, newest first."""
        with self._changed:
            return list(reversed(self._jobs.values()))

    @property
    def is_idle(self) -> bool:
        """Whether none waits or runs."""
        with self._changed:
            return not any(each.status in ("queued", "running") for each in self._jobs.values())

    def close(self, *, within: float) -> None:
        """Stop after the window in hand; what is left goes on when the next server starts."""
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()
        self._thread.join(within)

    def _new(self, kind: str, total: int) -> Job:
        with self._changed:
            if len(self._waiting) >= self._most:
                told = f"{len(self._waiting)} jobs wait"
                raise busy(told, seconds=_A_JOB * len(self._waiting))
        return Job(id=f"job-{uuid.uuid4().hex}", kind=kind, total=total)

    def _put(self, job: Job, work: Work) -> Job:
        with self._changed:
            self._jobs[job.id] = job
            self._waiting.append((job, work))
            over = [each.id for each in self._jobs.values() if each.ended is not None]
            for identity in over[: max(0, len(self._jobs) - _KEPT)]:
                del self._jobs[identity]
            self._changed.notify_all()
        return job

    def _take_up(self, identity: str) -> None:
        """Go on with a job that an earlier server left."""
        note = self._spool.read(identity)
        kind = next((each for each in ("files", "documents") if each in note), None)
        if kind is None:
            _LOG.warning("job", extra={"event": "job_unreadable", "job": identity})
            return
        job = Job(id=identity, kind=kind, total=len(note[kind]))
        self._put(job, self._work_of(job))

    def _work_of(self, job: Job) -> Work:
        def work(hear: Callable[[Event], None]) -> IngestReport:
            from longembed_rag.ingest.documents import Document

            if job.kind == "files":
                report = self._library.add_files(self._spool.files(job.id), on_event=hear)
            else:
                given = self._spool.read(job.id)["documents"]
                report = self._library.add([Document(**each) for each in given], on_event=hear)
            return report

        return work

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_ending)
                if self._is_ending:
                    return
                job, work = self._waiting.popleft()
                job.status = "running"
            self._do(job, work)

    def _do(self, job: Job, work: Work) -> None:
        def hear(event: Event) -> None:
            job.hear(event)
            if self._is_ending:
                raise _Ending

        try:
            report = work(hear)
            job.report = None if report is None else report.to_dict()
            job.status = "done"
        except _Ending:
            job.status = "queued"
            return
        except LongEmbedError as error:
            job.error, job.status = str(error), "failed"
        except Exception as error:  # noqa: BLE001 - one job's trouble, and no other's
            _LOG.error("job", exc_info=error, extra={"event": "job_failed", "job": job.id})
            job.error, job.status = f"it failed ({type(error).__name__})", "failed"
        # Also what has failed: were it done by a later server, it would undo what came since.
        self._spool.forget(job.id)
        job.ended, job.current = time.time(), None
        self._metrics.job_ended(job.status)
        values = {"event": "job", "job": job.id, "status": job.status, "documents": job.done}
        _LOG.info("job", extra=values)
