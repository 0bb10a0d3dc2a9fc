"""Time and memory of work, and what results say of the machine."""

from __future__ import annotations

import getpass
import json
import mmap
import socket
import time
from pathlib import Path

import psutil
import pytest

from longembed_eval import meter as meter_module
from longembed_eval.meter import Meter, machine, versions

SIZE = 60 * 2**20


def work(seconds: float) -> None:
    """Keep the processor busy."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(1000))


def fresh_memory() -> mmap.mmap:
    """Pages from the system, all touched: an allocator might hand out what it had kept."""
    block = mmap.mmap(-1, SIZE)
    block.write(b"1" * SIZE)
    return block


def held() -> int:
    """Memory of this process now; what earlier tests have left may be given back at any time."""
    return int(psutil.Process().memory_info().rss)


def test_memory_that_came_and_went_is_seen() -> None:
    """The peak is of what was held meanwhile, not of what is held at the end."""
    with Meter() as meter:
        block = fresh_memory()
        work(0.15)
        meanwhile = held()
        block.close()
        work(0.05)
    assert held() < meanwhile - 0.5 * SIZE
    assert meter.peak_memory_bytes >= meanwhile - 0.1 * SIZE
    assert meter.peak_memory_bytes < meanwhile + 3 * SIZE


def test_what_is_held_at_the_end_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that is done between two looks is not missed: there is a look at the end, too."""
    monkeypatch.setattr(meter_module, "_INTERVAL", 3600)
    with Meter() as meter:
        work(0.05)  # the first look is over
        block = fresh_memory()
    assert meter.peak_memory_bytes >= held() - 0.1 * SIZE
    assert block[-1:] == b"1"


def test_seconds_are_those_of_the_work() -> None:
    """Wall-clock time of the body, also where the body fails."""
    with Meter() as meter:
        work(0.1)
    assert 0.1 <= meter.seconds < 5
    failing = Meter()

    def fail() -> None:
        with failing:
            work(0.02)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert 0.02 <= failing.seconds < 5
    assert failing.peak_memory_bytes > 0


def test_even_no_work_has_a_peak() -> None:
    """The process itself needs memory: never zero, which a report would divide by."""
    with Meter() as meter:
        pass
    assert meter.peak_memory_bytes > 10 * 2**20
    assert meter.seconds >= 0


def test_machine_is_told_without_naming_it() -> None:
    """JSON for a report that is passed on: no host, no user, no path."""
    told = machine()
    text = json.dumps([told, versions()])
    assert told["cores"] >= 1
    assert told["processor"]
    assert told["memory_gib"] >= 1
    names = (socket.gethostname(), getpass.getuser(), str(Path.home()), str(Path.cwd()))
    for value in (*told.values(), *versions().values()):
        assert str(value) not in names
    assert str(Path.cwd()) not in text
    assert f"{Path.home()}/" not in text


def test_machine_is_the_same_each_time() -> None:
    """Kept vectors are found again by it."""
    assert machine() == machine()


def test_versions_of_what_decides() -> None:
    """Python and the packages that can change a score; nothing for what is not installed."""
    told = versions()
    assert {"python", "longembed-rag", "torch", "numpy", "bm25s", "ir-measures"} <= told.keys()
    assert all(isinstance(value, str) and value for value in told.values())


def test_a_package_that_is_missing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not there cannot have changed a result."""
    monkeypatch.setattr(meter_module, "_PACKAGES", ("numpy", "no-such-package-at-all"))
    assert versions().keys() == {"python", "numpy"}
