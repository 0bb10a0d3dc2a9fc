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
from longembed_rag.training.reading import States, TrainingModel, separate

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class DistilOptions:
    """What being close to the teacher means.

    Attributes:
        apart_steps: First updates in which every layer is given the teacher's states, so that all
            learn at once and none has to mend what those below it cannot do yet.
        last_weight: What the last layer's states weigh against those of each other layer.
        pooled_weight: What the distance of pooled vectors weighs against that of states.
    """

    apart_steps: int = 0
    last_weight: float = 2.0
    pooled_weight: float = 4.0


@dataclass(frozen=True)
class ShortBatch:
    """Texts of one update.

    Attributes:
        texts: Token ids of each.
        apart: Whether each layer learns by itself.
    """

    texts: list[Ints]
    apart: bool = False


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

    def batches(self) -> Iterator[ShortBatch]:
        """Texts of all lengths."""
        for number, texts in enumerate(self._mixture):
            yield ShortBatch(texts, apart=number < self._options.apart_steps)

    def loss(self, batch: ShortBatch) -> Loss:
        """Relative squared error of each layer's states, and the pooled vectors' distance."""
        with torch.no_grad(), self._teacher.precision():
            targets = self._teacher.read(batch.texts)
        with self._student.precision():
            if batch.apart:
                layers = _layers_apart(self._student, batch.texts, targets)
            else:
                layers = self._student.read(batch.texts).layers[1:]
        errors = [relative_error(*each) for each in zip(layers, targets.layers[1:], strict=True)]
        weights = torch.ones(len(errors), device=errors[0].device)
        weights[-1] = self._options.last_weight
        total = (torch.stack(errors) * weights).sum() / weights.sum()
        values = {"states": float(total.detach()), "last": float(errors[-1].detach())}
        if not batch.apart:
            away = 1.0 - self._cosines(layers[-1], targets).mean()
            total = total + self._options.pooled_weight * away
            values["pooled"] = float(away.detach())
        return Loss(total, sum(targets.lengths), values)

    def _cosines(self, states: Tensor, targets: States) -> Tensor:
        return functional.cosine_similarity(
            self._student.pool(states, targets.lengths),
            self._teacher.pool(targets.layers[-1], targets.lengths),
        )

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


def _layers_apart(
    student: TrainingModel, texts: Sequence[Ints], targets: States
) -> tuple[Tensor, ...]:
    """Each layer's states where it is given the teacher's, the first its own embeddings."""
    model = cast("Any", student.model)
    row = torch.from_numpy(np.concatenate(texts))[None].to(student.device)
    own = model.embeddings(input_ids=row, token_type_ids=torch.zeros_like(row))
    position_ids = student.positions(targets.lengths, [None] * len(texts))
    turned = model.rotary_emb(own, position_ids)
    given = [own, *(layer[None] for layer in targets.layers[1:-1])]
    with separate(targets.lengths):
        outs = [
            layer(states.to(own.dtype), attention_mask=None, position_embeddings=turned)
            for layer, states in zip(model.layers, given, strict=True)
        ]
    return tuple(out[0] for out in outs)


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
