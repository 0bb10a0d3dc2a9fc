"""What an encoder says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from longembed_rag.encoder.batching import default_batch_tokens
from longembed_rag.encoder.loading import LoadedModel
from longembed_rag.encoder.planner import Planner
from longembed_rag.encoder.settings import EncoderSettings


class Described:
    """What a loaded model is, and what its settings came to.

    Args:
        planner: Everything about reading a text that needs no weights.
        loaded: The model.
    """

    def __init__(self, planner: Planner, loaded: LoadedModel) -> None:
        self._planner = planner
        self._loaded = loaded

    @property
    def planner(self) -> Planner:
        """Everything about reading a text that needs no weights."""
        return self._planner

    @property
    def settings(self) -> EncoderSettings:
        """The settings as given."""
        return self._planner.settings

    @property
    def model(self) -> torch.nn.Module:
        """The transformers model; called directly, it is the stock one."""
        return self._loaded.model

    @property
    def model_name(self) -> str:
        """What the model is called."""
        return self._planner.model_name

    @property
    def model_path(self) -> Path:
        """The folder where the weights lie."""
        return self._planner.model_path

    @property
    def family(self) -> str:
        """The architecture, transformers' ``model_type``."""
        return self._planner.family.name

    @property
    def method(self) -> str:
        """The extension method, never ``"auto"``."""
        return self._planner.method

    @property
    def method_reason(self) -> str:
        """Why this method."""
        return self._planner.method_reason

    @property
    def original_length(self) -> int:
        """Tokens that the model was trained to read (``L0``)."""
        return self._planner.original_length

    @property
    def max_length(self) -> int:
        """Longest text read in one go, tokens (``T``)."""
        return self._planner.max_length

    @property
    def pooling(self) -> str:
        """``"mean"``, ``"cls"``, ``"last_token"`` or ``"sif"``."""
        return self._planner.pooling

    @property
    def query_prompt(self) -> str:
        """Text put before queries."""
        return self._planner.query_prompt

    @property
    def document_prompt(self) -> str:
        """Text put before documents."""
        return self._planner.document_prompt

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.settings.truncate_dim or self._loaded.dimension

    @property
    def device(self) -> torch.device:
        """Where the model runs."""
        return self._loaded.device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of its weights; vectors are always float32."""
        return self._loaded.dtype

    @property
    def batch_tokens(self) -> int:
        """Tokens per forward pass."""
        config = self._planner.config
        width = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
        return self.settings.batch_tokens or default_batch_tokens(self.device, width=int(width))

    @property
    def fingerprint(self) -> str:
        """Hash of the model's files and of every setting that changes a vector (hex)."""
        return self._planner.fingerprint

    def describe(self) -> dict[str, Any]:
        """The model and its settings, resolved, ready for JSON."""
        return {
            **self._planner.describe(),
            "model_path": str(self.model_path),
            "model_hash": self._planner.model_hash,
            "dimension": self.dimension,
            "device": self.settings.device or str(self.device),
            "dtype": str(self.dtype).removeprefix("torch."),
            "batch_tokens": self.batch_tokens,
        }
