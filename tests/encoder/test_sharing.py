"""One model for everything that reads with the same settings."""

from __future__ import annotations

import pytest

from longembed_rag.encoder import sharing
from longembed_rag.encoder.settings import EncoderSettings
from longembed_rag.encoder.sharing import SharedEncoder
from tests.models import TinyModels


def test_the_planner_needs_no_weights(
    tiny_models: TinyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the model is loaded there is a planner, and afterwards it is the model's."""
    settings = EncoderSettings(model=str(tiny_models.folder("bert")), method="gp")
    shared = SharedEncoder.of_settings(settings)
    assert SharedEncoder.of_settings(settings) is shared
    with monkeypatch.context() as without_model:
        without_model.setattr(sharing, "_load", lambda settings: pytest.fail("a model is loaded"))
        assert shared.planner.method == "gp"
    assert shared.encoder.planner is shared.planner
