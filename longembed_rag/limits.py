"""What the system lets a process have (``ulimit``), asked before something that needs more.

Libraries in other languages do not tell that a limit was reached: they end the process without a
word, or wait for ever for a thread that could not begin.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

_MIB = 1 << 20
# Threads, of which each library begins as many as there are processors, take this much of it each.
_PER_PROCESSOR = 16 * _MIB
# Threads that are begun, at all and by processor; a limit above the next figure is none.
_THREADS, _THREADS_PER_PROCESSOR, _MANY_THREADS = 8, 4, 1024


def share_processors() -> None:
    """Have torch's threads wait for each other asleep, where nobody has said how.

    Awake, as they wait by themselves, they take a processor from whoever else needs it: beside
    others at work, reading took 1.7 times the processor time and 1.3 times as long; with nobody
    else there it was 1.07 times as fast (benchmarks/threads.py). It has no effect once torch is
    imported.
    """
    if "torch" not in sys.modules:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def is_address_space_limited() -> bool:
    """Whether there is any limit to it, so that what is needed has to be known."""
    return _limit("RLIMIT_AS") is not None


def lack_of_address_space(needed: int) -> str | None:
    """What is to be said where less address space is left than is needed; None where it is enough.

    Address space is what is mapped, and far more than the memory that is used.

    Args:
        needed: Bytes, beside what the process has mapped already and what threads take.
    """
    limit = _limit("RLIMIT_AS")
    if limit is None:
        return None
    whole = _mapped() + needed + (os.cpu_count() or 1) * _PER_PROCESSOR
    if whole <= limit:
        return None
    return (
        f"{whole / _MIB:.0f} MiB of address space are needed, and this process may have "
        f"{limit / _MIB:.0f} (ulimit -v); raise the limit"
    )


def lack_of_file_size(needed: int) -> str | None:
    """What is to be said where no file may be as large as one must be; None where it may.

    Args:
        needed: Size of the largest file, bytes.
    """
    limit = _limit("RLIMIT_FSIZE")
    if limit is None or needed <= limit:
        return None
    return (
        f"files of {needed / _MIB:.0f} MiB are needed, and this process may write "
        f"{limit / _MIB:.0f} to one (ulimit -f); raise the limit"
    )


def lack_of_threads() -> str | None:
    """What is to be said where too few threads can begin; None where enough can.

    The limit counts all of a user's, so that it is tried.
    """
    limit = _limit("RLIMIT_NPROC")
    if limit is None or limit > _MANY_THREADS:
        return None
    needed = _THREADS + (os.cpu_count() or 1) * _THREADS_PER_PROCESSOR
    done, begun = threading.Event(), []
    try:
        for _ in range(needed):
            thread = threading.Thread(target=done.wait, daemon=True)
            thread.start()
            begun.append(thread)
    except RuntimeError:
        return (
            f"{needed} threads are needed, and the system lets this process begin {len(begun)} "
            f"(ulimit -u is {limit}, for all processes of this user); raise the limit"
        )
    finally:
        done.set()
        for thread in begun:
            thread.join()
    return None


def _limit(name: str) -> int | None:
    """A limit of this process; None where there is none, or the system has no such limits."""
    try:
        import resource
    except ImportError:
        return None
    limit: int = resource.getrlimit(getattr(resource, name))[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _mapped() -> int:
    """Bytes of address space that this process has mapped; 0 where the system does not tell."""
    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0
