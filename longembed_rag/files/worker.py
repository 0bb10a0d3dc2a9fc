"""The process that reads files for another: places in, texts out, a line of JSON each.

Started by :mod:`longembed_rag.files.reading` with its options as the first argument. It ends when
its input does, even in the middle of a file, since then the other process is gone; by ``SIGALRM``
when a file takes too long, and by whatever a library does to it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from functools import partial
from queue import SimpleQueue
from typing import Any

from longembed_rag.errors import LongEmbedError
from longembed_rag.files.options import ReadOptions
from longembed_rag.files.readers import read_file
from longembed_rag.files.reading import unforeseen
from longembed_rag.files.remote import Location, located


def main() -> None:
    """Read what is asked for until nothing more is."""
    options = ReadOptions(**json.loads(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # that is the other process's to answer
    _limit(options.memory)
    # Libraries may write to what they think is the terminal.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    asked: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_receive, args=(asked,), daemon=True).start()
    while True:
        line = asked.get()
        _begin(options.timeout)
        answer = _answer(located(json.loads(line)), options)
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _receive(asked: SimpleQueue[bytes]) -> None:
    """Take what is asked for; end where there is nobody any more who might ask."""
    for line in sys.stdin.buffer:
        asked.put(line)
    os._exit(0)


def _begin(seconds: float) -> None:
    """Let this process end when the time is over, even in the middle of a library's code."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _answer(path: Location, options: ReadOptions) -> dict[str, Any]:
    try:
        read = read_file(path, options=options, on_step=partial(_begin, options.timeout))
        return {
            "text": read.text,
            "metadata": read.metadata,
            "notes": read.notes,
            "layout": read.layout.to_dict(),
            "stamp": None if read.stamp is None else read.stamp.to_list(),
        }
    except LongEmbedError as error:
        return {"error": str(error)}
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is one file's
        return {"error": str(unforeseen(path, error))}


def _limit(memory: int) -> None:
    """Let libraries have no more memory than this, beside what the process has already."""
    try:
        import resource
    except ImportError:  # not on this system
        return
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most == resource.RLIM_INFINITY or most > memory:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, most))
