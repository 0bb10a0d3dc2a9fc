"""What is asked of the system, and of libraries, before they begin."""

from __future__ import annotations

import os
import sys

import pytest

from longembed_rag.limits import share_processors

WAIT = "OMP_WAIT_POLICY"


@pytest.mark.parametrize(
    ("given", "is_imported", "expected"),
    [(None, False, "PASSIVE"), ("ACTIVE", False, "ACTIVE"), (None, True, None)],
)
def test_torchs_threads_wait_asleep(
    given: str | None, is_imported: bool, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless somebody has said otherwise, and only where torch will hear of it."""
    monkeypatch.setenv(WAIT, given or "")
    if given is None:
        monkeypatch.delenv(WAIT)
    modules = {name: module for name, module in sys.modules.items() if name != "torch"}
    monkeypatch.setattr(sys, "modules", {**modules, **({"torch": sys} if is_imported else {})})
    share_processors()
    assert os.environ.get(WAIT) == expected
