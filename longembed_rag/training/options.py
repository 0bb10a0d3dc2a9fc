"""How long and how fast a model learns."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from longembed_rag.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Everything about a run that is not the model, the objective or the texts.

    Attributes:
        steps: Updates.
        learning_rate: At its highest, after the warm-up.
        warmup_steps: Updates over which the learning rate rises from zero; it then falls linearly,
            to zero after the last.
        weight_decay: AdamW's.
        clip_norm: Largest norm of a gradient.
        seed: Decides every random choice.
        checkpoint_seconds: Time between checkpoints.
        log_every: Updates between lines of the log.

    Raises:
        SettingsError: A value is out of range.
    """

    steps: int
    learning_rate: float
    warmup_steps: int = 100
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    seed: int = 0
    checkpoint_seconds: float = 300.0
    log_every: int = 10

    def __post_init__(self) -> None:
        for name in ("steps", "learning_rate", "clip_norm", "log_every"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"{name}={getattr(self, name)!r} must be greater than zero")
        for name in ("warmup_steps", "weight_decay", "checkpoint_seconds"):
            if not getattr(self, name) >= 0:
                raise SettingsError(f"{name}={getattr(self, name)!r} must not be negative")

    def rate_at(self, step: int) -> float:
        """The learning rate of the update after ``step`` others."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        left = (self.steps - step) / max(1, self.steps - self.warmup_steps)
        return self.learning_rate * max(0.0, min(1.0, left))

    def identity(self) -> dict[str, Any]:
        """What two runs must share for one to go on where the other stopped."""
        values = asdict(self)
        for name in ("checkpoint_seconds", "log_every"):
            values.pop(name)
        return values
