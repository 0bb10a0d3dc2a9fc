"""Training for length: memory, collapse, and a loss that falls."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import SettingsError
from longembed_rag.training.documents import DocumentOptions, Documents
from longembed_rag.training.length import LengthOptions, LengthTraining, mean_cosine
from longembed_rag.training.loop import Trainer
from longembed_rag.training.mixture import MixtureOptions
from longembed_rag.training.opening import TextTokens, open_reader
from longembed_rag.training.runs import train_length
from tests.models import TinyModels
from tests.training.material import planner_of, quick, some_pairs, some_texts


def training_of(folder: Path, **options: Any) -> LengthTraining:
    """A tiny BERT on documents of its own length, short texts left free."""
    planner = planner_of(folder)
    reader, tokens = open_reader(planner), TextTokens(planner)
    for name, parameter in reader.model.named_parameters():
        parameter.requires_grad_("word_embeddings" not in name)
    documents = Documents(
        some_pairs(24, words=7),
        (),
        tokens=tokens,
        options=DocumentOptions(lengths=(32,), weights=(1.0,), batch_tokens=128, queries=2),
        seed=0,
    )
    random_documents = list(islice(documents, 3))
    return LengthTraining(
        reader,
        documents,
        None,
        measured=random_documents[:1],
        options=LengthOptions(**options),
    )


def test_mean_cosine_by_hand() -> None:
    """Of three vectors with cosines 0, 0.6 and 0.8 between them; lengths do not matter."""
    vectors = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 4.0]])
    assert mean_cosine(vectors) == pytest.approx((0 + 0.6 + 0.8) / 3)
    assert mean_cosine(vectors[[0, 0, 0]]) == pytest.approx(1.0)


@given(st.integers(0, 1000), st.integers(2, 9))
def test_mean_cosine_is_that_of_all_pairs(seed: int, count: int) -> None:
    """The sum over pairs, computed the long way."""
    vectors = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed)).double()
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    cosines = [float(unit[i] @ unit[j]) for i in range(count) for j in range(count) if i != j]
    assert mean_cosine(vectors) == pytest.approx(sum(cosines) / len(cosines), abs=1e-9)


def test_earlier_documents_are_negatives(tiny_models: TinyModels) -> None:
    """The first batch costs the same with and without memory, the second costs more with it."""
    with_memory = training_of(tiny_models.folder("bert"), memory=256)
    without = training_of(tiny_models.folder("bert"), memory=0)
    batches = list(islice(without.batches(), 2))
    first = [float(each.loss(batches[0]).total.detach()) for each in (with_memory, without)]
    second = [float(each.loss(batches[1]).total.detach()) for each in (with_memory, without)]
    assert first[0] == first[1]
    assert second[0] > second[1] + 1e-4
    assert float(without.loss(batches[1]).total.detach()) == second[1]


def test_memory_holds_only_so_many_and_no_graph(tiny_models: TinyModels) -> None:
    """The oldest go first; what is kept does not keep the batch that it came from."""
    training = training_of(tiny_models.folder("bert"), memory=6)
    for batch in islice(training.batches(), 3):
        training.loss(batch)
    kept = list(training._memory)
    assert len(kept) == 6
    assert not any(each.vector.requires_grad for each in kept)
    training.measure()
    assert all(one is two for one, two in zip(kept, training._memory, strict=True))


def test_a_stopped_run_remembers(tiny_models: TinyModels) -> None:
    """With the memory of the stopped run the next batch costs what it would have cost."""
    whole, rest = (training_of(tiny_models.folder("bert"), memory=6) for _ in range(2))
    *before, last = islice(whole.batches(), 4)
    for batch in before:
        whole.loss(batch)
    memory = whole.memory()
    assert {name: len(rows) for name, rows in memory.items()} == {"vectors": 6, "contents": 6}
    wanted = float(whole.loss(last).total.detach())
    assert float(training_of(tiny_models.folder("bert")).loss(last).total.detach()) != wanted
    rest.remember(memory)
    assert float(rest.loss(last).total.detach()) == wanted
    assert [each.contents for each in rest._memory] == [each.contents for each in whole._memory]


def test_documents_with_the_same_passage_are_no_negatives(tiny_models: TinyModels) -> None:
    """A batch that is asked again costs no more: its earlier documents answer its queries."""
    training = training_of(tiny_models.folder("bert"), memory=256)
    batch = next(training.batches())
    first = float(training.loss(batch).total.detach())
    assert len(training._memory) == 4
    answering = batch[0].answering(batch[0].contents)
    assert answering[range(len(answering)), batch[0].asked_of].all()
    assert not answering.all(), "some document does not answer some query"
    again = training.loss(batch)
    assert again.values["accuracy"] == 1.0 or float(again.total.detach()) >= first
    strangers = training_of(tiny_models.folder("bert"), memory=256)
    strangers.loss(batch)
    for each in list(strangers._memory):
        strangers._memory.append(replace(each, contents=frozenset()))
    assert float(strangers.loss(batch).total.detach()) > float(again.total.detach())


def test_the_loss_falls(tiny_models: TinyModels, tmp_path: Path) -> None:
    """On tiny data a few dozen updates find documents by their passages."""
    training = training_of(tiny_models.calm("bert"), memory=0, temperature=0.1)
    fixed = list(islice(training.batches(), 6))

    def cost() -> float:
        with torch.no_grad():
            return sum(float(training.loss(batch).total) for batch in fixed) / len(fixed)

    before = cost()
    last = Trainer(training, quick(40, learning_rate=1e-3), identity={}, folder=tmp_path).run()
    assert cost() < 0.7 * before
    assert set(last.values) == {"accuracy@32", "collapse@32"}
    assert -1 <= last.values["collapse@32"] <= 1


def test_tokens_are_counted(tiny_models: TinyModels) -> None:
    """Documents and queries, what is read for the loss; word embeddings do not learn."""
    training = training_of(tiny_models.folder("bert"))
    batch = next(training.batches())
    loss = training.loss(batch)
    assert loss.tokens == batch[0].documents.size + sum(map(len, batch[0].queries))
    assert loss.values["contrast"] == pytest.approx(float(loss.total.detach()))
    assert "embeddings.word_embeddings.weight" not in training.parameters()
    assert "embeddings.position_embeddings.weight" in training.parameters()


def test_a_table_that_ends_before_the_documents(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Is refused before anything is loaded, with the way out."""
    planner = planner_of(tiny_models.folder("bert"))
    with pytest.raises(
        SettingsError, match=r"ends at 32, before documents of 64 .*train positions"
    ):
        train_length(
            planner,
            planner,
            some_texts(),
            documents=DocumentOptions(lengths=(32, 64), weights=(1.0, 1.0)),
            mixture=MixtureOptions(),
            length=LengthOptions(),
            options=quick(),
            folder=tmp_path / "run",
        )
    assert not (tmp_path / "run").exists()
