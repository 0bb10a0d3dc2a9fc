"""Models that learn: where they do."""

from __future__ import annotations

import pytest
import torch

from longembed_rag.training.opening import learning_device


@pytest.mark.parametrize(
    ("asked", "cuda", "picked"),
    [(None, False, "cpu"), (None, True, "cuda"), ("mps", False, "mps"), ("cpu", True, "cpu")],
)
def test_mps_has_to_be_asked_for(
    asked: str | None, cuda: bool, picked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training on a Mac goes on where it always did; elsewhere it takes what encoders take."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert learning_device(asked).type == picked
