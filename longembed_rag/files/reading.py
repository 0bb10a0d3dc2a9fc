"""Reading many files, ahead of who takes them, each within bounds.

A parser follows whatever a file says, and some files lead it nowhere. So parsers run in processes
of their own (:mod:`longembed_rag.files.worker`), which can be ended: a file that takes too long or
too much memory, or ends its reader, has failed, by name, and the others go on. What crosses over
is JSON. Plain text needs no parser, and is read here. Objects in buckets are fetched by the
processes that read them, within the same bounds.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any

from typing_extensions import Self

from longembed_rag.errors import ReadError
from longembed_rag.files.options import GIB, ReadOptions
from longembed_rag.files.readers import read_file
from longembed_rag.files.remote import Location, Remote
from longembed_rag.files.stamps import Stamp
from longembed_rag.files.suffixes import is_plain_text
from longembed_rag.files.values import FileText
from longembed_rag.layout import Layout

_MOST_WORKERS = 4
# Modules come from where this process has its own, and from nowhere else: least of all from the
# folder that it works in, which holds other people's files.
_START = (
    "import sys; sys.path[:] = sys.argv[2:]; from longembed_rag.files.worker import main; main()"
)
#: Files that are read ahead for each process, so that memory stays level.
_AHEAD = 4
# How long a process may take to end once nothing is asked of it any more, seconds.
_PATIENCE = 5.0


@dataclass(frozen=True)
class ReadAhead:
    """A file that is being read: called, it waits for its text, or raises :class:`ReadError`."""

    _text: Future[FileText]

    def __call__(self) -> FileText:
        """The file's text."""
        return self._text.result()

    def is_ready(self, within: float) -> bool:
        """Whether its text, or what was wrong with it, is there within so many seconds."""
        return not wait([self._text], timeout=within).not_done

    @property
    def stamp(self) -> Stamp | None:
        """The stamp of what was read, where it is known; asked once the text has been."""
        return None if self._text.exception() is not None else self._text.result().stamp


class FileReader:
    """Reads files in processes of its own; a context manager, which ends them.

    Args:
        options: How files are read, and within which bounds.
    """

    def __init__(self, options: ReadOptions | None = None) -> None:
        self.options = options or ReadOptions()
        self._count = max(1, min(_MOST_WORKERS, _processors() - 1))
        self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="longembed-read")
        self._workers: list[_Worker] = []
        self._own = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(at_once=error is not None)

    def close(self, *, at_once: bool = False) -> None:
        """End the processes.

        Args:
            at_once: Not even finishing what they are reading.
        """
        self._threads.shutdown(wait=not at_once, cancel_futures=True)
        for worker in self._workers:
            worker.end(at_once=at_once)
        self._threads.shutdown()

    def ahead(self, paths: Iterable[Location]) -> Iterator[ReadAhead]:
        """Read files in order, some ahead of what was asked for.

        Args:
            paths: The files, here or in buckets.

        Yields:
            For each something to call: it gives the file's text, or raises :class:`ReadError`.
        """
        given = iter(paths)
        waiting: deque[Future[FileText]] = deque()
        for path in islice(given, _AHEAD * self._count):
            waiting.append(self._threads.submit(self._read, path))
        while waiting:
            first = waiting.popleft()
            yield ReadAhead(first)
            for path in islice(given, 1):
                waiting.append(self._threads.submit(self._read, path))

    def _read(self, path: Location) -> FileText:
        if isinstance(path, Remote) or not is_plain_text(path):
            return self._worker().read(path)
        try:
            return read_file(path, options=self.options)
        except ReadError:
            raise
        except Exception as error:  # whatever it is, it is one file's
            raise unforeseen(path, error) from error

    def _worker(self) -> _Worker:
        """The process that belongs to this thread."""
        worker: _Worker | None = getattr(self._own, "worker", None)
        if worker is None:
            worker = _Worker(self.options)
            self._own.worker = worker
            self._workers.append(worker)
        return worker


def unforeseen(path: Location, error: BaseException) -> ReadError:
    """What is said of an exception that no reader expected."""
    if isinstance(error, MemoryError):
        return ReadError(f"{path}: reading it takes more memory than it may; raise --read-memory")
    told = " ".join(str(error).split())[:300]
    return ReadError(
        f"{path}: its reader failed ({type(error).__name__}: {told}); save the file again with the "
        "program that made it"
    )


class _Worker:
    """A process that reads one file at a time; started when it is needed."""

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._done = 0
        self._is_ended = False

    def read(self, path: Location) -> FileText:
        """Read a file; again in a new process where the one that failed had read others before.

        Raises:
            ReadError: It cannot be read.
        """
        while True:
            earlier = self._done
            answer = self._ask(path)
            self._done += 1
            if answer is None:
                status = self._stop()
                timed_out = status == -signal.SIGALRM
                if earlier and not timed_out and not self._is_ended:
                    continue  # it may have failed for what others left behind
                raise ReadError(f"{path}: {self._reason(status)}")
            if "error" in answer:
                raise ReadError(answer["error"])
            return FileText(
                answer["text"],
                answer["metadata"],
                tuple(answer["notes"]),
                Layout.from_dict(answer["layout"]),
                None if answer["stamp"] is None else Stamp(*answer["stamp"]),
            )

    def _ask(self, path: Location) -> dict[str, Any] | None:
        """What the process answers; None when it ended."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(str(path)).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except (BrokenPipeError, ValueError):  # ValueError: closed at once by another thread
            return None
        if not line.endswith(b"\n"):
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, json.dumps(self._options.to_dict()), *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries talk there, of every file
            env={**os.environ, **_FEW_THREADS},
        )
        self._process, self._done = process, 0
        return process

    def _stop(self) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            return process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def end(self, *, at_once: bool) -> None:
        """End the process; nothing is asked of it afterwards."""
        self._is_ended = True
        process = self._process
        if process is not None and at_once:
            process.kill()
        self._stop()

    def _reason(self, status: int) -> str:
        if status == -signal.SIGALRM:
            return (
                f"reading it took more than {self._options.timeout:g} s; raise --read-timeout, or "
                "save it again with the program that made it"
            )
        ended = signal.Signals(-status).name if status < 0 else f"status {status}"
        return (
            f"its reader ended ({ended}): the file is damaged, or reading it takes more than the "
            f"{self._options.memory / GIB:g} GiB of memory that it may; raise --read-memory, or "
            "save it again with the program that made it"
        )


#: A reader is one of several processes, and its libraries take a thread for every processor.
_FEW_THREADS = {
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OMP_THREAD_LIMIT": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKIO_WORKER_THREADS": "1",
}


def _processors() -> int:
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
