"""The loop: resuming changes nothing, other runs are refused, and nothing is done twice."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from longembed_rag.errors import SettingsError, TrainingError
from longembed_rag.training.checkpoint import read_state
from longembed_rag.training.loop import CHECKPOINT, LOG, Loss, Progress, Trainer
from longembed_rag.training.options import TrainingOptions
from tests.training.material import quick


class Fit:
    """A linear map to be learned from random batches; may stop at a step, or give no number.

    It stops before it has read the batch, or ``late``, when only its update is missing.
    """

    def __init__(
        self, *, name: str = "fit", stop_at: int = -1, nan_at: int = -1, late: bool = False
    ) -> None:
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(4, 3, generator=generator))
        self.bias = nn.Parameter(torch.zeros(3))
        self.name = name
        self.stop_at, self.nan_at, self.late = stop_at, nan_at, late
        self.asked = self.drawn = 0
        self.measured = self.seen = 0

    def parameters(self) -> Mapping[str, nn.Parameter]:
        return {"weight": self.weight, "bias": self.bias}

    def memory(self) -> Mapping[str, Tensor]:
        return {"asked": torch.tensor(self.seen)}

    def remember(self, memory: Mapping[str, Tensor]) -> None:
        self.seen = int(memory["asked"])

    def keep(self) -> None:
        self.seen += 1

    def batches(self) -> Iterator[tuple[int, Tensor]]:
        random = np.random.default_rng(0)
        number = 0
        while True:
            self.drawn += 1
            yield number, torch.from_numpy(random.normal(size=(8, 4)).astype(np.float32))
            number += 1

    def loss(self, batch: tuple[int, Tensor]) -> Loss:
        number, inputs = batch
        if number == self.stop_at and not self.late:
            raise KeyboardInterrupt
        self.asked += 1
        if number == self.stop_at:
            raise KeyboardInterrupt
        wanted = inputs @ torch.arange(12.0).view(4, 3)
        total = (inputs @ self.weight + self.bias - wanted).square().mean()
        if number == self.nan_at:
            total = total * math.nan
        return Loss(total, inputs.numel(), {"part": float(total.detach()) / 2})

    def measure(self) -> Mapping[str, float]:
        self.measured += 1
        return {"size": float(self.weight.detach().norm())}


def run(fit: Fit, folder: Path, options: TrainingOptions | None = None) -> Progress:
    options = options or quick(8, checkpoint_seconds=0)
    return Trainer(fit, options, identity={"name": fit.name}, folder=folder).run()


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("stop_at", [0, 1, 5, 7])
def test_resuming_changes_nothing(stop_at: int, late: bool, tmp_path: Path) -> None:
    """Bit for bit the parameters, and line for line the log, of a run that was not stopped."""
    whole = Fit()
    run(whole, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(Fit(stop_at=stop_at, late=late), tmp_path / "stopped")
    rest = Fit()
    told = run(rest, tmp_path / "stopped")
    assert rest.asked == 8 - stop_at
    assert torch.equal(whole.weight, rest.weight)
    assert torch.equal(whole.bias, rest.bias)
    assert rest.seen == 8, "what it keeps between batches was kept"
    assert (told.step, told.tokens) == (8, 8 * 32)
    first, second = log_of(tmp_path / "whole"), log_of(tmp_path / "stopped")
    for line in (*first, *second):
        line.pop("seconds")
    assert first == second
    assert len(first) == 16


def test_lines_after_the_checkpoint_are_written_once(tmp_path: Path) -> None:
    """What was logged but not saved, and a half-written line, are replaced upon resuming."""
    with pytest.raises(KeyboardInterrupt):
        run(Fit(stop_at=4), tmp_path)
    with (tmp_path / LOG).open("a") as file:
        file.write('{"step": 5, "loss": 0}\n{"step": 6, "lo')
    run(Fit(), tmp_path)
    steps = [line["step"] for line in log_of(tmp_path) if "loss" in line]
    assert steps == list(range(1, 9))


@pytest.mark.parametrize("late", [False, True])
def test_ctrl_c_saves_the_last_whole_update(late: bool, tmp_path: Path) -> None:
    """However long checkpoints are apart, no update that was done has to be done again."""
    slow = quick(8, checkpoint_seconds=1e9)
    stopped, whole = Fit(stop_at=3, late=late), Fit()
    with pytest.raises(KeyboardInterrupt):
        run(stopped, tmp_path, slow)
    state = read_state(tmp_path / CHECKPOINT)
    assert (state["step"], state["tokens"]) == (3, 3 * 32)
    assert state["seconds"] > 0
    assert (len(log_of(tmp_path)), stopped.measured) == (3, 0)
    rest = Fit()
    run(rest, tmp_path, slow)
    run(whole, tmp_path / "whole", slow)
    assert (rest.asked, rest.seen) == (5, 8)
    assert torch.equal(whole.weight, rest.weight)
    assert [line["step"] for line in log_of(tmp_path)] == [*range(1, 9), 8]


def test_ctrl_c_while_it_is_measured(tmp_path: Path) -> None:
    """The update before it is saved, as it is where a listener stops the run."""

    def stop(*given: object) -> Mapping[str, float]:
        raise KeyboardInterrupt

    fit = Fit()
    fit.measure = stop  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        run(fit, tmp_path / "measured")
    options = quick(8, checkpoint_seconds=1e9, log_every=2)
    trainer = Trainer(Fit(), options, identity={}, folder=tmp_path / "told", on_progress=stop)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert read_state(tmp_path / "measured" / CHECKPOINT)["step"] == 1
    assert read_state(tmp_path / "told" / CHECKPOINT)["step"] == 2


def test_half_an_update_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while parameters change leaves the checkpoint as it was."""
    step = torch.optim.AdamW.step
    calls = []

    def stop(self: torch.optim.AdamW, *given: object) -> object:
        calls.append(step(self, *given))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return calls[-1]

    monkeypatch.setattr(torch.optim.AdamW, "step", stop)
    with pytest.raises(KeyboardInterrupt):
        run(Fit(), tmp_path / "seldom", quick(8, checkpoint_seconds=1e9))
    assert not (tmp_path / "seldom" / CHECKPOINT).exists()
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        run(Fit(), tmp_path / "often")
    assert read_state(tmp_path / "often" / CHECKPOINT)["step"] == 3


def test_without_a_checkpoint_the_log_starts_anew(tmp_path: Path) -> None:
    """A run that was killed before its first checkpoint leaves no lines behind."""
    slow = quick(8, checkpoint_seconds=1e9)
    with pytest.raises(TrainingError):
        run(Fit(nan_at=3), tmp_path, slow)
    assert len(log_of(tmp_path)) == 3
    assert not (tmp_path / CHECKPOINT).exists()
    run(Fit(), tmp_path, slow)
    assert [line["step"] for line in log_of(tmp_path)] == [*range(1, 9), 8]


def test_a_stop_before_the_first_update_leaves_nothing(tmp_path: Path) -> None:
    """There is nothing to go on from."""
    with pytest.raises(KeyboardInterrupt):
        run(Fit(stop_at=0), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_other_runs_are_refused(tmp_path: Path) -> None:
    """With the names of what has changed, and with the checkpoint left as it was."""
    run(Fit(), tmp_path)
    before = (tmp_path / CHECKPOINT).read_bytes()
    changed = quick(9, checkpoint_seconds=0, learning_rate=0.5)
    with pytest.raises(SettingsError, match=r"other settings \(learning_rate, name, steps\)"):
        run(Fit(name="other"), tmp_path, changed)
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_how_often_it_is_saved_may_change(tmp_path: Path) -> None:
    """A run goes on with another rhythm of checkpoints and lines."""
    with pytest.raises(KeyboardInterrupt):
        run(Fit(stop_at=4), tmp_path)
    fit = Fit()
    run(fit, tmp_path, quick(8, checkpoint_seconds=1e9, log_every=3))
    assert fit.asked == 4


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    """Nothing is drawn, computed or logged; it ends, and reports, as it did."""
    first, again = Fit(), Fit()
    before = run(first, tmp_path)
    lines = (tmp_path / LOG).read_text()
    told = run(again, tmp_path)
    assert again.drawn == again.asked == again.measured == 0
    assert told.to_dict() == before.to_dict() == log_of(tmp_path)[-1]
    assert set(told.values) == {"size"}
    assert told.step == 8
    assert torch.equal(first.weight, again.weight)
    assert (tmp_path / LOG).read_text() == lines


def test_a_finished_run_without_its_log(tmp_path: Path) -> None:
    """It still knows how far it came."""
    run(Fit(), tmp_path)
    (tmp_path / LOG).unlink()
    told = run(Fit(), tmp_path)
    assert (told.step, told.tokens, told.values) == (8, 8 * 32, {})


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    """The checkpoint before it is kept, and the step is named."""
    with pytest.raises(TrainingError, match="nan at step 4: start again in another folder"):
        run(Fit(nan_at=3), tmp_path)
    fit = Fit()
    run(fit, tmp_path)
    assert fit.asked == 5
    assert bool(fit.weight.isfinite().all())


def test_a_gradient_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    """Although the loss is one: it would be in the parameters, and in the next checkpoint."""
    fit = Fit()

    def loss(batch: tuple[int, Tensor]) -> Loss:
        # The square root of nothing is 0, but its slope has no end.
        slope = (fit.weight * 0).sum().sqrt() if batch[0] == 3 else 0.0
        return Loss(fit.weight.sum() + fit.bias.sum() + slope, 1)

    fit.loss = loss  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match="the gradient is nan at step 4"):
        run(fit, tmp_path)
    saved = Fit()
    run(saved, tmp_path)
    assert saved.asked == 5
    assert bool(saved.weight.isfinite().all())


def test_checkpoints_come_in_time(tmp_path: Path) -> None:
    """At every update where no time may pass between them, else at the end alone."""
    often, seldom = Fit(), Fit()
    run(often, tmp_path / "often")
    run(seldom, tmp_path / "seldom", quick(8, checkpoint_seconds=1e9))
    assert often.measured == 8
    assert seldom.measured == 1


def test_the_log_holds_means_and_all_is_told(tmp_path: Path) -> None:
    """Means since the last line, the last updates included, and the same to who listens."""
    heard: list[Progress] = []
    options = quick(5, log_every=2, checkpoint_seconds=1e9)
    folder = tmp_path / "two"
    trainer = Trainer(Fit(), options, identity={}, folder=folder, on_progress=heard.append)
    last = trainer.run()
    run(Fit(), tmp_path / "one", quick(5, checkpoint_seconds=1e9))
    losses = [line["loss"] for line in log_of(tmp_path / "one")[:5]]
    found = log_of(tmp_path / "two")
    means = [np.mean(losses[0:2]), np.mean(losses[2:4]), losses[4]]
    assert [line["loss"] for line in found[:3]] == pytest.approx(means, abs=2e-6)
    assert [line["part"] for line in found[:3]] == pytest.approx(np.divide(means, 2), abs=2e-6)
    assert [progress.to_dict() for progress in heard] == found
    assert heard[-1] == last
    assert set(last.values) == {"size"}


def test_it_learns_at_the_scheduled_rate(tmp_path: Path) -> None:
    """Without decay or clipping, AdamW's first update is the rate in every entry."""
    fit = Fit()
    before = fit.weight.detach().clone()
    options = quick(1, learning_rate=0.125, warmup_steps=5, weight_decay=0.0, clip_norm=1e9)
    run(fit, tmp_path, options)
    moved = (fit.weight.detach() - before).abs()
    assert torch.allclose(moved, torch.full_like(moved, 0.025), rtol=1e-4)


def test_the_second_moment_keeps_up(tmp_path: Path) -> None:
    """By hand, from its definition: betas of 0.9 and 0.98."""
    fit = Fit()
    gradients = (3.0, 0.5)
    fit.loss = lambda batch: Loss(gradients[batch[0]] * fit.bias.sum() + 0 * fit.weight.sum(), 1)  # type: ignore[method-assign]
    options = quick(2, learning_rate=0.1, weight_decay=0.0, clip_norm=1e9)
    run(fit, tmp_path, options)
    wanted, mean, square = 0.0, 0.0, 0.0
    for step, grad in enumerate(gradients, start=1):
        mean, square = 0.9 * mean + 0.1 * grad, 0.98 * square + 0.02 * grad**2
        moved = mean / (1 - 0.9**step) / math.sqrt(square / (1 - 0.98**step))
        wanted -= options.rate_at(step - 1) * moved
    assert torch.allclose(fit.bias, torch.full((3,), wanted), rtol=1e-5)


def test_only_matrices_decay(tmp_path: Path) -> None:
    """A bias without a gradient stays; a matrix without one shrinks."""
    fit = Fit()
    fit.bias.data += 1.0
    before = fit.weight.detach().clone()
    fit.loss = lambda batch: Loss(0.0 * (fit.weight.sum() + fit.bias.sum()), 1)  # type: ignore[method-assign]
    run(fit, tmp_path, quick(1, learning_rate=0.1, weight_decay=0.5))
    assert torch.equal(fit.bias, torch.ones(3))
    assert torch.allclose(fit.weight, before * 0.95)


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    """Resuming from a file that is no checkpoint says which."""
    (tmp_path / CHECKPOINT).write_bytes(b"no tensors")
    with pytest.raises(SettingsError, match="is not a checkpoint"):
        run(Fit(), tmp_path)
