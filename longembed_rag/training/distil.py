"""Teaching a rotary student to read short texts as its teacher does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from longembed_rag.errors import SettingsError
from longembed_rag.training.loop import Loss
from longembed_rag.training.mixture import Mixture
from longembed_rag.training.reading import TrainingModel

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class DistilOptions:
    """What being close to the teacher means.

    Attributes:
        last_weight: What the last layer's states weigh against those of each other layer.
        pooled_weight: What the distance of pooled vectors weighs against that of states.
    """

    last_weight: float = 2.0
    pooled_weight: float = 4.0


class Distillation:
    """Hidden states of every layer, and the pooled vector, towards the teacher's.

    Args:
        teacher: Whose states are copied; nothing of it learns.
        student: As many layers, as wide.
        mixture: The texts.
        options: What being close means.
        measured: Texts to measure on, by what they are called.
        budget: Tokens of a pass when measuring.

    Raises:
        SettingsError: The two models have other shapes or vocabularies.
    """

    def __init__(
        self,
        teacher: TrainingModel,
        student: TrainingModel,
        mixture: Mixture,
        *,
        options: DistilOptions,
        measured: Mapping[str, Sequence[Ints]],
        budget: int = 8192,
    ) -> None:
        require_alike(teacher.model, student.model)
        self._teacher = teacher
        self._student = student
        self._mixture = mixture
        self._options = options
        self._measured = measured
        self._budget = budget

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """Everything but the word embeddings."""
        return learning_parameters(self._student.model)

    def memory(self) -> Mapping[str, Tensor]:
        """Nothing: a batch does not depend on those before it."""
        return {}

    def remember(self, memory: Mapping[str, Tensor]) -> None:
        """Nothing to take up."""

    def keep(self) -> None:
        """Nothing to keep."""

    def batches(self) -> Iterator[list[Ints]]:
        """Texts of all lengths."""
        return iter(self._mixture)

    def loss(self, batch: list[Ints]) -> Loss:
        """Relative squared error of each layer's states, and the pooled vectors' distance."""
        with torch.no_grad(), self._teacher.precision():
            targets = self._teacher.read(batch)
        with self._student.precision():
            layers = self._student.read(batch).layers[1:]
        ours = self._student.pool(layers[-1], targets.lengths)
        theirs = self._teacher.pool(targets.layers[-1], targets.lengths)
        total, values = distance(layers, targets.layers[1:], ours, theirs, options=self._options)
        return Loss(total, sum(targets.lengths), values)

    def _vectors(self, reader: TrainingModel, texts: Sequence[Ints]) -> Tensor:
        with reader.precision():
            return reader.embed(texts, budget=self._budget)

    @torch.no_grad()
    def measure(self) -> Mapping[str, float]:
        """Mean cosine to the teacher's vectors."""
        found = {}
        both = (self._teacher, self._student)
        for name, texts in self._measured.items():
            theirs, ours = (self._vectors(reader, texts) for reader in both)
            found[f"cosine@{name}"] = float(functional.cosine_similarity(theirs, ours).mean())
        return found


def distance(
    layers: Sequence[Tensor],
    their_layers: Sequence[Tensor],
    pooled: Tensor,
    their_pooled: Tensor,
    *,
    options: DistilOptions,
) -> tuple[Tensor, dict[str, float]]:
    """How far a student is from its teacher, and the parts of it.

    Args:
        layers: Token states after each layer, ``[tokens, hidden]`` each.
        their_layers: The teacher's.
        pooled: A vector per text, ``[texts, hidden]``.
        their_pooled: The teacher's.
        options: What being close means.
    """
    errors = [relative_error(*each) for each in zip(layers, their_layers, strict=True)]
    weights = torch.ones(len(errors), device=errors[0].device)
    weights[-1] = options.last_weight
    states = (torch.stack(errors) * weights).sum() / weights.sum()
    apart = 1.0 - functional.cosine_similarity(pooled, their_pooled).mean()
    values = {
        "states": float(states.detach()),
        "last": float(errors[-1].detach()),
        "pooled": float(apart.detach()),
    }
    return states + options.pooled_weight * apart, values


def relative_error(ours: Tensor, theirs: Tensor) -> Tensor:
    """Mean squared error over the targets' mean square, a scalar."""
    theirs = theirs.float()
    return (ours.float() - theirs).square().mean() / theirs.square().mean()


def learning_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Everything of a transformers model but its word embeddings, by name."""
    words = cast("Any", model).get_input_embeddings().weight
    return {name: each for name, each in model.named_parameters() if each is not words}


def require_alike(teacher: nn.Module, student: nn.Module) -> None:
    """Refuse a teacher whose states cannot be compared with the student's.

    Raises:
        SettingsError: Names what differs.
    """
    for name in ("num_hidden_layers", "hidden_size", "vocab_size"):
        theirs, ours = (getattr(model.config, name, None) for model in (teacher, student))
        if theirs != ours:
            raise SettingsError(
                f"the teacher's {name} is {theirs}, the student's {ours}: they must be alike"
            )
