"""The loop that every kind of training shares: updates, checkpoints, resuming, a log."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from longembed_rag.errors import SettingsError, TrainingError
from longembed_rag.interrupts import interrupts
from longembed_rag.training.ahead import ahead
from longembed_rag.training.checkpoint import load_checkpoint, read_state, save_checkpoint
from longembed_rag.training.options import TrainingOptions
from longembed_rag.whole_files import remove_halves

CHECKPOINT = "checkpoint.safetensors"
LOG = "log.jsonl"

Batch = TypeVar("Batch")

#: Runs here take some thousand updates: the second moment must keep up with gradients that shrink.
_BETAS = (0.9, 0.98)


@dataclass(frozen=True)
class Loss:
    """What one batch cost.

    Attributes:
        total: What is made smaller, a scalar.
        tokens: Tokens that were read for it.
        values: Its parts, for the log.
    """

    total: Tensor
    tokens: int
    values: Mapping[str, float] = field(default_factory=dict)


class Objective(Protocol[Batch]):
    """What a model learns."""

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """What learns, by name."""

    def memory(self) -> Mapping[str, Tensor]:
        """What it keeps from one batch to the next besides parameters; may be empty."""

    def remember(self, memory: Mapping[str, Tensor]) -> None:
        """Take up the memory of a run that was stopped."""

    def batches(self) -> Iterator[Batch]:
        """Endless, and the same at each call."""

    def loss(self, batch: Batch) -> Loss:
        """What a batch costs; its graph is still there."""

    def keep(self) -> None:
        """Take what it keeps of the last batch into memory: its update is done."""

    def measure(self) -> Mapping[str, float]:
        """What is measured at each checkpoint, for the log; may be empty."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        step: Updates done.
        steps: Updates in all.
        tokens: Tokens read so far.
        seconds: Time spent so far, those before a resume included.
        values: Means of the loss and its parts since the last line, or what was measured.
    """

    step: int
    steps: int
    tokens: int
    seconds: float
    values: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """A line of the log."""
        rounded = {name: round(value, 6) for name, value in self.values.items()}
        return {
            "step": self.step,
            "tokens": self.tokens,
            "seconds": round(self.seconds, 1),
            **rounded,
        }


class Trainer(Generic[Batch]):
    """Runs an objective to its end, or on from where it was stopped.

    Args:
        objective: What is learned.
        options: How long and how fast.
        identity: What the run depends on besides the options, as JSON values: another run does not
            go on from its checkpoint.
        folder: Where the checkpoint and the log are kept.
        on_progress: Is told of every line of the log.
    """

    def __init__(
        self,
        objective: Objective[Batch],
        options: TrainingOptions,
        *,
        identity: Mapping[str, Any],
        folder: Path,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._objective = objective
        self._options = options
        self._identity = json.loads(json.dumps({**identity, **options.identity()}))
        self._folder = folder
        self._tell = on_progress
        self._parameters = dict(objective.parameters())
        self._optimizer = torch.optim.AdamW(
            _groups(self._parameters.values(), options.weight_decay),
            lr=options.learning_rate,
            betas=_BETAS,
            fused=True,
        )
        self._step = self._tokens = 0
        self._seconds = 0.0
        self._started: float | None = None
        #: Whether no update is half done.
        self._whole = True

    def run(self) -> Progress:
        """Train to the last step.

        Returns:
            Where it stands at the end.

        Raises:
            SettingsError: The folder holds a checkpoint of another run.
            TrainingError: The loss is no longer a finite number.
        """
        self._resume()
        if self._step >= self._options.steps:
            # Without drawing all the batches that it has seen.
            return self._last_logged() or self._progress({})
        self._started = time.monotonic() - self._seconds
        try:
            with interrupts.raised():
                return self._run()
        except KeyboardInterrupt:
            if self._whole and self._step:
                self._save()
            raise

    def _run(self) -> Progress:
        options, saved = self._options, time.monotonic()
        sums: dict[str, float] = {}
        counted = 0
        last = self._progress({})
        for batch in ahead(islice(self._objective.batches(), self._step, options.steps)):
            loss = self._update(batch)
            for name, value in {"loss": float(loss.total), **loss.values}.items():
                sums[name] = sums.get(name, 0.0) + value
            counted += 1
            done = self._step == options.steps
            if done or self._step % options.log_every == 0:
                means = {name: value / counted for name, value in sums.items()}
                last = self._log(means) or last
                sums, counted = {}, 0
            if done or time.monotonic() - saved >= options.checkpoint_seconds:
                last = self._log(self._objective.measure()) or last
                self._save()
                saved = time.monotonic()
        return last

    def _update(self, batch: Batch) -> Loss:
        rate = self._options.rate_at(self._step)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._objective.loss(batch)
        self._require_number("loss", loss.total)
        loss.total.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self._parameters.values(), self._options.clip_norm)
        # A gradient that is no number would be in the parameters, and in the next checkpoint.
        self._require_number("gradient", norm)
        self._whole = False
        self._optimizer.step()
        self._step += 1
        self._tokens += loss.tokens
        self._objective.keep()
        self._whole = True
        return Loss(loss.total.detach(), loss.tokens, loss.values)

    def _require_number(self, name: str, value: Tensor) -> None:
        if not math.isfinite(float(value.detach())):
            raise TrainingError(
                f"the {name} is {float(value.detach())} at step {self._step + 1}: start again in "
                f"another folder with a lower learning rate (now {self._options.learning_rate:g})"
            )

    def _progress(self, values: Mapping[str, float]) -> Progress:
        if self._started is not None:
            self._seconds = time.monotonic() - self._started
        return Progress(self._step, self._options.steps, self._tokens, self._seconds, values)

    def _log(self, values: Mapping[str, float]) -> Progress | None:
        if not values:
            return None
        progress = self._progress(values)
        log(self._folder, progress, self._tell)
        return progress

    def _save(self) -> None:
        state = {
            "identity": self._identity,
            "step": self._step,
            "tokens": self._tokens,
            "seconds": self._seconds,
        }
        path, memory = self._folder / CHECKPOINT, self._objective.memory()
        save_checkpoint(path, self._parameters, self._optimizer, state, memory=memory)

    def _resume(self) -> None:
        path = self._folder / CHECKPOINT
        remove_halves(path)
        if not path.is_file():
            (self._folder / LOG).unlink(missing_ok=True)
            return
        state = read_state(path)
        before = state.get("identity", {})
        changed = sorted(
            name
            for name in {*before, *self._identity}
            if before.get(name) != self._identity.get(name)
        )
        if changed:
            raise SettingsError(
                f"{path} is of a run with other settings ({', '.join(changed)}): take another "
                "folder, or remove it to start anew"
            )
        self._objective.remember(load_checkpoint(path, self._parameters, self._optimizer))
        self._step, self._tokens = int(state["step"]), int(state["tokens"])
        self._seconds = float(state["seconds"])
        self._forget_after(self._step)

    def _last_logged(self) -> Progress | None:
        """The last line of the log, of a run that is finished."""
        path = self._folder / LOG
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        if not lines:
            return None
        values = {
            name: value
            for name, value in json.loads(lines[-1]).items()
            if name not in ("step", "tokens", "seconds")
        }
        return self._progress(values)

    def _forget_after(self, step: int) -> None:
        """Take lines out of the log that a resumed run will write again."""
        path = self._folder / LOG
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and _step_of(line) <= step]
            path.write_text("".join(kept), encoding="utf-8")


def log(folder: Path, progress: Progress, tell: Callable[[Progress], None] | None) -> None:
    """Add a line to the log of a run, and tell of it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG).open("a", encoding="utf-8") as file:
        file.write(json.dumps(progress.to_dict()) + "\n")
    if tell is not None:
        tell(progress)


def _groups(parameters: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases and the weights of layer norms do not."""
    everything = list(parameters)
    return [
        {"params": [p for p in everything if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in everything if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _step_of(line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 0
