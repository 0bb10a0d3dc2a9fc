"""Distillation: nothing to learn from oneself, and much from another."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from longembed_rag.errors import SettingsError
from longembed_rag.training.distil import (
    Distillation,
    DistilOptions,
    learning_parameters,
    relative_error,
)
from longembed_rag.training.loop import Trainer
from longembed_rag.training.mixture import Mixture, MixtureOptions
from longembed_rag.training.opening import TextTokens, open_reader
from longembed_rag.training.reading import TrainingModel
from longembed_rag.training.separate import ATTENTION
from longembed_rag.training.student import rotary_student
from tests.models import TinyModels
from tests.training.material import planner_of, quick, some_texts

#: What families call their word embeddings.
NAMES = {
    "bert": "embeddings.word_embeddings.weight",
    "modernbert": "embeddings.tok_embeddings.weight",
    "qwen3": "embed_tokens.weight",
}
MIXTURE = MixtureOptions(lengths=(8, 32), shares=(1.0,), batch_tokens=256)


def students_of(folder: Path, count: int = 1) -> list[TrainingModel]:
    """A BERT, and so many equal rotary students of it that learn."""
    planner = planner_of(folder)
    teacher, tokens = open_reader(planner), TextTokens(planner)
    mixture = Mixture(some_texts(), tokens, options=MIXTURE, seed=0)
    samples = [torch.from_numpy(ids)[None] for batch in islice(mixture, 3) for ids in batch]
    students = []
    for _ in range(count):
        model = rotary_student(teacher.model, samples, length=32)
        model.set_attn_implementation(ATTENTION)  # type: ignore[operator]
        students.append(replace(teacher, model=model, rules=None))
        for parameter in learning_parameters(model).values():
            parameter.requires_grad_(True)
    return [teacher, *students]


def distillation(
    folder: Path, teacher: TrainingModel, student: TrainingModel, **options: Any
) -> Distillation:
    """A student taught by a teacher."""
    tokens = TextTokens(planner_of(folder))
    return Distillation(
        teacher,
        student,
        Mixture(some_texts(), tokens, options=MIXTURE, seed=0),
        options=DistilOptions(**options),
        measured={"10": [ids[:10] for ids in tokens([p.passage for p in some_texts().pairs])]},
    )


def of_a_bert(folder: Path, **options: Any) -> Distillation:
    """The rotary student of a BERT taught by it."""
    return distillation(folder, *students_of(folder), **options)


def of_itself(folder: Path, **options: Any) -> Distillation:
    """A rotary student taught by another that is equal to it."""
    _, teacher, student = students_of(folder, 2)
    teacher.model.requires_grad_(False)
    return distillation(folder, teacher, student, **options)


def test_nothing_is_learned_from_oneself(tiny_models: TinyModels) -> None:
    """The loss is 0 where the student is the teacher, and the measured cosine is 1."""
    same = of_itself(tiny_models.folder("bert"))
    loss = same.loss(next(same.batches()))
    assert float(loss.total.detach()) == pytest.approx(0.0, abs=2e-6)
    assert loss.values["states"] == pytest.approx(0.0, abs=1e-10)
    assert same.measure() == {"cosine@10": pytest.approx(1.0, abs=1e-6)}


def test_the_parts_make_the_whole(tiny_models: TinyModels) -> None:
    """States, and the pooled distance by its weight; tokens are those of the batch."""
    folder = tiny_models.folder("bert")
    teacher, student = students_of(folder)
    taught = distillation(folder, teacher, student, last_weight=3.0, pooled_weight=7.0)
    batch = next(taught.batches())
    loss = taught.loss(batch)
    with torch.no_grad():
        theirs, ours = (reader.read(batch) for reader in (teacher, student))
        errors = [
            float(relative_error(one, two))
            for one, two in zip(ours.layers[1:], theirs.layers[1:], strict=True)
        ]
        pooled = [
            1 - torch.cosine_similarity(one.mean(dim=0), two.mean(dim=0), dim=0)
            for one, two in zip(
                *(torch.split(each.layers[-1], each.lengths) for each in (ours, theirs)),
                strict=True,
            )
        ]
    states = (errors[0] + errors[1] + 3 * errors[2]) / 5
    assert loss.values == {
        "states": pytest.approx(states, rel=1e-5),
        "last": pytest.approx(errors[2], rel=1e-5),
        "pooled": pytest.approx(float(torch.stack(pooled).mean()), rel=1e-5),
    }
    whole = states + 7 * loss.values["pooled"]
    assert float(loss.total.detach()) == pytest.approx(whole, rel=1e-5)
    assert loss.tokens == sum(map(len, batch))


def test_a_student_learns(tiny_models: TinyModels, tmp_path: Path) -> None:
    """A few dozen updates bring a rotary student clearly closer."""
    taught = of_a_bert(tiny_models.calm("bert"))
    fixed = list(islice(taught.batches(), 6))

    def cost() -> float:
        with torch.no_grad():
            return float(np.mean([float(taught.loss(batch).total) for batch in fixed]))

    before, cosine = cost(), taught.measure()["cosine@10"]
    Trainer(taught, quick(60, learning_rate=1e-2), identity={}, folder=tmp_path).run()
    assert cost() < 0.8 * before
    assert taught.measure()["cosine@10"] > cosine


def test_word_embeddings_and_the_teacher_do_not_learn(tiny_models: TinyModels) -> None:
    """Everything else in the student does."""
    taught = of_a_bert(tiny_models.folder("bert"))
    names = {name for name, _ in taught._student.model.named_parameters()}
    assert names - set(taught.parameters()) == {"embeddings.word_embeddings.weight"}
    taught.loss(next(taught.batches())).total.backward()
    assert all(parameter.grad is None for parameter in taught._teacher.model.parameters())
    assert all(parameter.grad is not None for parameter in taught.parameters().values())


@pytest.mark.parametrize(("family", "name"), NAMES.items())
def test_word_embeddings_are_known_by_any_name(
    family: str, name: str, tiny_models: TinyModels
) -> None:
    """However a family calls them, they and nothing else are left out."""
    model = open_reader(planner_of(tiny_models.folder(family))).model
    everything = {name for name, _ in model.named_parameters()}
    assert everything - set(learning_parameters(model)) == {name}


def test_measured_by_name(tiny_models: TinyModels) -> None:
    """A mean over the texts of each name, of any lengths."""
    folder = tiny_models.folder("bert")
    teacher, student = students_of(folder)
    taught = distillation(folder, teacher, student)
    texts = next(taught.batches())
    taught._measured = {"some": texts[:1], "all": texts}
    with torch.no_grad():
        cosines = torch.cosine_similarity(
            *(reader.embed(texts, budget=10**6) for reader in (teacher, student))
        )
    assert len({len(ids) for ids in texts}) > 1
    assert taught.measure() == {
        "cosine@some": pytest.approx(float(cosines[0]), abs=1e-5),
        "cosine@all": pytest.approx(float(cosines.mean()), abs=1e-5),
    }


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
    student = open_reader(planner)
    with pytest.raises(SettingsError, match=told):
        Distillation(teacher, student, mixture, options=DistilOptions(), measured={})


def test_relative_error_by_hand() -> None:
    """Of half-precision states too, the error is over the mean square of the target."""
    ours, theirs = torch.tensor([1.0, 3.0]), torch.tensor([2.0, 1.0])
    assert float(relative_error(ours, theirs)) == pytest.approx(2.5 / 2.5)
    assert float(relative_error(ours.bfloat16(), 2 * theirs)) == pytest.approx(5 / 10)
