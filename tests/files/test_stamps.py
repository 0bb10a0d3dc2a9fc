"""What tells that a file is as it was."""

from __future__ import annotations

import os
import time
from pathlib import Path

from longembed_rag.files.stamps import Stamp


def test_a_stamp_is_sure_two_seconds_after_the_last_change(tmp_path: Path) -> None:
    """Whatever time a program has given to the file."""
    path = tmp_path / "a.txt"
    path.write_text("x")
    os.utime(path, (1, 1))
    stamp = Stamp.now(path)
    assert stamp is not None
    assert stamp.modified == 1_000_000_000
    now = time.time_ns()
    assert not stamp.is_sure(now)
    assert stamp.is_sure(now + 3_000_000_000)


def test_another_file_has_another_stamp(tmp_path: Path) -> None:
    """Of the same size and time, in the same place; and there is none where nothing is."""
    path, other = tmp_path / "a.txt", tmp_path / "b.txt"
    for each in (path, other):
        each.write_text("x")
        os.utime(each, (1, 1))
    before = Stamp.now(path)
    other.replace(path)
    assert Stamp.now(path) != before
    assert Stamp.now(other) is None
