"""Teaching a rotary student to read short texts as its teacher does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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

#: What the distance of pooled vectors weighs against that of token states.
_POOLED_WEIGHT = 4.0


class Distillation:
    """Hidden states of every layer, and the pooled vector, towards the teacher's.

    Args:
        teacher: Whose states are copied; nothing of it learns.
        student: As many layers, as wide.
        mixture: The texts.
        measured: Texts to measure on by length, ``[texts, n]`` each.

    Raises:
        SettingsError: Teacher and student have other shapes or vocabularies.
    """

    def __init__(
        self,
        teacher: TrainingModel,
        student: TrainingModel,
        mixture: Mixture,
        *,
        measured: Sequence[Ints] = (),
    ) -> None:
        for name in ("num_hidden_layers", "hidden_size", "vocab_size"):
            theirs, ours = (getattr(each.model.config, name) for each in (teacher, student))
            if theirs != ours:
                raise SettingsError(
                    f"the teacher's {name} is {theirs}, the student's {ours}: they must be alike"
                )
        self._teacher = teacher
        self._student = student
        self._mixture = mixture
        self._measured = measured

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """Everything but the word embeddings."""
        named = self._student.model.named_parameters()
        return {name: value for name, value in named if "word_embeddings" not in name}

    def memory(self) -> Mapping[str, Tensor]:
        """Nothing: a batch does not depend on those before it."""
        return {}

    def remember(self, memory: Mapping[str, Tensor]) -> None:
        """Nothing to take up."""

    def batches(self) -> Iterator[Ints]:
        """Token ids, texts of one length."""
        return iter(self._mixture)

    def loss(self, batch: Ints) -> Loss:
        """Relative squared error of each layer's states, and the pooled vectors' distance."""
        ids = torch.from_numpy(batch)
        with torch.no_grad(), self._teacher.precision():
            targets = self._teacher.states(ids)
        with self._student.precision():
            states = self._student.states(ids)
        layers = zip(states[1:], targets[1:], strict=True)
        distances = torch.stack([relative_error(ours, theirs) for ours, theirs in layers])
        pooled = functional.cosine_similarity(
            self._student.pool(states[-1]), self._teacher.pool(targets[-1])
        )
        away = 1.0 - pooled.mean()
        values = {"states": float(distances.mean().detach()), "pooled": float(away.detach())}
        return Loss(distances.mean() + _POOLED_WEIGHT * away, ids.numel(), values)

    @torch.no_grad()
    def measure(self) -> Mapping[str, float]:
        """Mean cosine to the teacher's vectors, by length."""
        found = {}
        for ids in self._measured:
            batch = torch.from_numpy(ids)
            vectors = []
            for model in (self._teacher, self._student):
                with model.precision():
                    vectors.append(model.pool(model.states(batch)[-1]))
            cosines = functional.cosine_similarity(vectors[0], vectors[1])
            found[f"cosine@{ids.shape[1]}"] = float(cosines.mean())
        return found


def relative_error(ours: Tensor, theirs: Tensor) -> Tensor:
    """Mean squared error over the targets' mean square, a scalar."""
    theirs = theirs.float()
    return (ours.float() - theirs).square().mean() / theirs.square().mean()
