"""What Ctrl-C does, as far as it can be seen without a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from longembed_rag.interrupts import interrupts


@pytest.fixture
def taken_over(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ctrl-C is answered by the program, as long as the test lasts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    for name, value in vars(type(interrupts)()).items():
        monkeypatch.setattr(interrupts, name, value)  # as new: other tests have answered by it
    interrupts.take_over()
    yield
    signal.signal(signal.SIGINT, before)


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_code_that_saves_something_first_gets_the_first_one(taken_over: None) -> None:
    """As the exception that it is elsewhere."""
    with pytest.raises(KeyboardInterrupt), interrupts.raised():
        press()


def test_an_answer_that_is_being_written_is_written_to_its_end(taken_over: None) -> None:
    """Half of a JSON value, or a second one, would be no answer."""
    interrupts.is_answered = True
    press()
    press()
    assert interrupts.is_answered


def test_what_somebody_has_said_to_ignore_stays_ignored() -> None:
    """As for a command that a shell has sent to the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupts.take_over()
    assert signal.signal(signal.SIGINT, before) is signal.SIG_IGN


@pytest.mark.parametrize(
    ("before", "status"), [("", 130), ("import os; os.close(1); os.close(2)", 130)]
)
def test_it_says_its_line_and_ends(before: str, status: int) -> None:
    """Whatever the code does at that moment, and wherever the line goes."""
    code = f"""
import os, signal
from longembed_rag.interrupts import interrupts
interrupts.take_over()
interrupts.message = "all is stored"
{before}
class Odd:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            pass
Odd()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == status
    assert ended.stderr == ("" if before else "interrupted: all is stored\n")
