"""Models that learn: where they do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from longembed_rag.encoder.planner import Planner
from longembed_rag.errors import UnsupportedModelError
from longembed_rag.training.opening import learning_device, open_reader
from tests.late_models import native_folder
from tests.models import TinyModels


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


def test_models_made_for_late_interaction_are_refused(
    tiny_models: TinyModels, tmp_path: Path
) -> None:
    """What is trained here is a pooled state, which such a model does not give."""
    planner = Planner.from_pretrained(native_folder(tiny_models, "bert", tmp_path / "model"))
    with pytest.raises(UnsupportedModelError, match="made for late interaction"):
        open_reader(planner)
