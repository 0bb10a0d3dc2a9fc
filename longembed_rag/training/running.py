"""What the kinds of training share: running an objective, and writing the model at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from longembed_rag.encoder.families import native_length
from longembed_rag.encoder.planner import Planner
from longembed_rag.training.distil import learning_parameters
from longembed_rag.training.loop import CHECKPOINT, Objective, Progress, Trainer, log
from longembed_rag.training.mixture import MixtureOptions
from longembed_rag.training.options import TrainingOptions
from longembed_rag.training.reading import TrainingModel
from longembed_rag.training.saving import require_new, save_model

Told = Callable[[Progress], None] | None

#: The folder of a run in which its model is written.
MODEL = "model"


@dataclass(frozen=True)
class Trained:
    """A finished run.

    Attributes:
        folder: The model.
        progress: Where the run ended, with what was measured last.
    """

    folder: Path
    progress: Progress


def run(
    objective: Objective[Any],
    options: TrainingOptions,
    identity: dict[str, Any],
    folder: Path,
    told: Told,
) -> Progress:
    """Train to the end; a model that another run has left is refused before, not passed on."""
    if not (folder / CHECKPOINT).is_file():
        require_new(folder / MODEL)
    trainer = Trainer(objective, options, identity=identity, folder=folder, on_progress=told)
    return trainer.run()


def is_written(folder: Path) -> bool:
    """Whether the run in a folder has written its model."""
    return (folder / MODEL / "config.json").is_file()


def save_run(
    folder: Path,
    like: Planner,
    config: Any,
    state: dict[str, Any],
    max_length: int,
    progress: Progress,
    *,
    half: bool = False,
) -> Trained:
    """The model of a finished run, written unless it is there."""
    place = folder / MODEL
    if not is_written(folder):
        save_model(
            place,
            like=like,
            config=config,
            state=state,
            max_length=max_length,
            dtype=torch.float16 if half else torch.float32,
        )
    return Trained(place, progress)


def run_a_share(
    objective: Objective[Any],
    options: TrainingOptions,
    identity: dict[str, Any],
    folder: Path,
    told: Told,
    *,
    share: float,
) -> Progress:
    """:func:`run`, and leave a share of how far the parameters have moved, measured once more."""
    if share == 1.0:
        return run(objective, options, identity, folder, told)
    before = {name: each.detach().clone() for name, each in objective.parameters().items()}
    progress = run(objective, options, identity, folder, told)
    if is_written(folder):
        return progress
    take_back(before, objective.parameters(), share)
    progress = replace(progress, values=objective.measure())
    log(folder, progress, told)
    return progress


@torch.no_grad()
def take_back(
    before: Mapping[str, torch.Tensor], after: Mapping[str, torch.nn.Parameter], share: float
) -> None:
    """Leave a share of how far parameters have moved."""
    for name, parameter in after.items():
        parameter.copy_(torch.lerp(before[name], parameter, share))


def within(mixture: MixtureOptions, teacher: Planner) -> MixtureOptions:
    """Short texts no longer than what the teacher's config says that it can read."""
    reach = native_length(teacher.config, teacher.family, model_name=teacher.model_name)
    return mixture.up_to(reach)


def learning(reader: TrainingModel) -> TrainingModel:
    """The same reader, everything but the word embeddings free to learn."""
    for parameter in learning_parameters(reader.model).values():
        parameter.requires_grad_(True)
    return reader
