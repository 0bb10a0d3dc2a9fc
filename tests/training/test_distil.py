"""Distillation: nothing to learn from oneself, and much from another."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from longembed_rag.errors import SettingsError
from longembed_rag.training import mixture as module
from longembed_rag.training.distil import Distillation, relative_error
from longembed_rag.training.loop import Trainer
from longembed_rag.training.mixture import Mixture, MixtureOptions
from longembed_rag.training.opening import TextTokens, open_reader
from longembed_rag.training.student import rotary_student
from tests.models import TinyModels
from tests.training.material import planner_of, quick, some_texts


@pytest.fixture(autouse=True)
def small_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few texts drawn at a time."""
    monkeypatch.setattr(module, "_POOL", 64)


def distillation(folder: Path, *, rotary: bool) -> Distillation:
    """A model taught by itself, or its rotary student taught by it."""
    from dataclasses import replace

    planner = planner_of(folder)
    teacher, tokens = open_reader(planner), TextTokens(planner)
    options = MixtureOptions(shortest=8, longest=32, batch_tokens=256)
    mixture = Mixture(some_texts(), tokens, options=options, seed=0)
    student = open_reader(planner)
    if rotary:
        samples = [torch.from_numpy(ids) for ids in islice(mixture, 3)]
        model = rotary_student(teacher.model, samples, length=32)
        student = replace(teacher, model=model, rules=None)
    student.model.requires_grad_(True)
    measured = [np.stack([ids[:10] for ids in tokens([p.passage for p in some_texts().pairs])])]
    return Distillation(teacher, student, mixture, measured=measured)


def test_nothing_is_learned_from_oneself(tiny_models: TinyModels) -> None:
    """The loss is 0 where the student is the teacher, and the measured cosine is 1."""
    same = distillation(tiny_models.folder("bert"), rotary=False)
    loss = same.loss(next(same.batches()))
    assert float(loss.total.detach()) == pytest.approx(0.0, abs=2e-6)
    assert loss.values["states"] == 0.0
    assert same.measure() == {"cosine@10": pytest.approx(1.0, abs=1e-6)}


def test_the_parts_make_the_whole(tiny_models: TinyModels) -> None:
    """States, and four times the pooled distance; tokens are those of the batch."""
    taught = distillation(tiny_models.folder("bert"), rotary=True)
    batch = next(taught.batches())
    loss = taught.loss(batch)
    whole = loss.values["states"] + 4 * loss.values["pooled"]
    assert float(loss.total.detach()) == pytest.approx(whole, rel=1e-5)
    assert loss.tokens == batch.size


def test_a_student_learns(tiny_models: TinyModels, tmp_path: Path) -> None:
    """A few dozen updates bring a rotary student clearly closer."""
    taught = distillation(tiny_models.calm("bert"), rotary=True)
    fixed = list(islice(taught.batches(), 6))

    def cost() -> float:
        with torch.no_grad():
            return float(np.mean([float(taught.loss(batch).total) for batch in fixed]))

    before, cosine = cost(), taught.measure()["cosine@10"]
    Trainer(taught, quick(60, learning_rate=1e-2), identity={}, folder=tmp_path).run()
    assert cost() < 0.7 * before
    assert taught.measure()["cosine@10"] > cosine


def test_word_embeddings_and_the_teacher_do_not_learn(tiny_models: TinyModels) -> None:
    """Everything else in the student does."""
    taught = distillation(tiny_models.folder("bert"), rotary=True)
    names = {name for name, _ in taught._student.model.named_parameters()}
    assert names - set(taught.parameters()) == {"embeddings.word_embeddings.weight"}
    taught.loss(next(taught.batches())).total.backward()
    assert all(parameter.grad is None for parameter in taught._teacher.model.parameters())
    assert all(parameter.grad is not None for parameter in taught.parameters().values())


@pytest.mark.parametrize(
    ("family", "changes", "told"),
    [
        ("bert", {"num_hidden_layers": 2}, "num_hidden_layers is 2, the student's 3"),
        ("bert", {"hidden_size": 16}, "hidden_size is 16, the student's 32"),
        ("roberta", {}, "vocab_size is"),
    ],
)
def test_teachers_of_another_shape_are_refused(
    family: str, changes: dict[str, int], told: str, tiny_models: TinyModels
) -> None:
    """Before anything is read, with what differs."""
    name = "-".join(["teacher", family, *map(str, changes.values())])
    teacher = open_reader(planner_of(tiny_models.variant(family, name, **changes)))
    planner = planner_of(tiny_models.folder("bert"))
    mixture = Mixture(some_texts(), TextTokens(planner), options=MixtureOptions(), seed=0)
    with pytest.raises(SettingsError, match=told):
        Distillation(teacher, open_reader(planner), mixture)


def test_relative_error_by_hand() -> None:
    """Of half-precision states too, the error is over the mean square of the target."""
    ours, theirs = torch.tensor([1.0, 3.0]), torch.tensor([2.0, 1.0])
    assert float(relative_error(ours, theirs)) == pytest.approx(2.5 / 2.5)
    assert float(relative_error(ours.bfloat16(), 2 * theirs)) == pytest.approx(5 / 10)
