"""Training for length: memory, collapse, and a loss that falls."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from longembed_rag.errors import SettingsError
from longembed_rag.training.contrast import contrastive_loss, same
from longembed_rag.training.distil import (
    Distillation,
    DistilOptions,
    learning_parameters,
    relative_error,
)
from longembed_rag.training.document_batch import DocumentBatch, DocumentOptions, Span, passage_id
from longembed_rag.training.documents import Documents
from longembed_rag.training.length import LengthOptions, LengthTraining, mean_cosine
from longembed_rag.training.loop import Trainer
from longembed_rag.training.mixture import Mixture, MixtureOptions
from longembed_rag.training.opening import TextTokens, open_reader
from longembed_rag.training.runs import train_length
from tests.models import TinyModels
from tests.tokenizers_of_tests import text_of
from tests.training.material import planner_of, quick, some_pairs, some_texts


def training_of(
    folder: Path, *, teacher: Path | None = None, short: bool = False, **options: Any
) -> LengthTraining:
    """A tiny BERT on documents of its own length, taught by itself unless by another."""
    pooling = options.pop("pooling", None)
    planner = planner_of(folder, **({"pooling": pooling} if pooling else {}))
    reader, tokens = open_reader(planner), TextTokens(planner)
    theirs = open_reader(planner if teacher is None else planner_of(teacher))
    for parameter in learning_parameters(reader.model).values():
        parameter.requires_grad_(True)
    documents = Documents(
        some_pairs(24, words=7),
        (),
        tokens=tokens,
        options=DocumentOptions(lengths=(32,), batch_tokens=128, queries=2, odd=0.0),
        seed=0,
    )
    mixture = MixtureOptions(lengths=(8, 32), shares=(1.0,), batch_tokens=64)
    kept = Distillation(
        theirs,
        reader,
        Mixture(some_texts(), tokens, options=mixture, seed=0),
        options=DistilOptions(),
        measured={"some": tokens([text_of(9)])},
    )
    return LengthTraining(
        reader,
        theirs,
        documents,
        kept if short else None,
        tokens=tokens,
        measured={"32": next(iter(documents))},
        options=LengthOptions(**options),
    )


def cost(training: LengthTraining, batch: Any) -> float:
    """What a batch costs, which is kept as if its update were done."""
    loss = training.loss(batch)
    training.keep()
    return float(loss.total.detach())


def by_hand(tokens: TextTokens, *documents: tuple[str, ...]) -> DocumentBatch:
    """Documents of equal length made of whole passages, each asked for by its first word."""
    ids, spans, contents = [], [], []
    asked: list[tuple[int, str]] = []
    for number, passages in enumerate(documents):
        read = tokens([*passages])
        ids.append(np.concatenate([read[0][:1], *(each[1:-1] for each in read), read[0][-1:]]))
        start = 1
        for text, each in zip(passages, read, strict=True):
            spans.append(Span(number, start, start + len(each) - 2, passage_id(text)))
            start += len(each) - 2
            asked.append((number, text))
        contents.append(frozenset(map(passage_id, passages)))
    return DocumentBatch(
        documents=np.stack(ids),
        spans=spans,
        queries=tokens([text.split()[1] for _, text in asked], "query"),
        asked_of=[number for number, _ in asked],
        answers=[passage_id(text) for _, text in asked],
        contents=contents,
    )


FOUR = ((text_of(9, seed=1), text_of(12, seed=2)), (text_of(15, seed=3), text_of(6, seed=4)))


@pytest.fixture(scope="module")
def tokens(tiny_models: TinyModels) -> TextTokens:
    return TextTokens(planner_of(tiny_models.folder("bert")))


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
    first = [cost(each, batches[0]) for each in (with_memory, without)]
    second = [cost(each, batches[1]) for each in (with_memory, without)]
    assert first[0] == first[1]
    assert second[0] > second[1] + 1e-4
    assert cost(without, batches[1]) == second[1]


def test_memory_holds_only_so_many_and_no_graph(tiny_models: TinyModels) -> None:
    """The oldest go first; what is kept does not keep the batch that it came from."""
    training = training_of(tiny_models.folder("bert"), memory=6)
    for batch in islice(training.batches(), 3):
        cost(training, batch)
    kept = list(training._memory)
    assert len(kept) == 6
    assert not any(each.vector.requires_grad for each in kept)
    training.measure()
    training.loss(batch)
    assert all(one is two for one, two in zip(kept, training._memory, strict=True)), (
        "measuring, and a batch whose update was never done, leave nothing"
    )


def test_a_stopped_run_remembers(tiny_models: TinyModels) -> None:
    """With the memory of the stopped run the next batch costs what it would have cost."""
    whole, rest = (training_of(tiny_models.folder("bert"), memory=6) for _ in range(2))
    *before, last = islice(whole.batches(), 4)
    for batch in before:
        cost(whole, batch)
    memory = whole.memory()
    assert {name: len(rows) for name, rows in memory.items()} == {"vectors": 6, "contents": 6}
    wanted = cost(whole, last)
    assert cost(training_of(tiny_models.folder("bert")), last) != wanted
    rest.remember(memory)
    assert cost(rest, last) == wanted
    rest.remember({})
    assert rest.memory() == {}
    rest.remember(whole.memory())
    assert [each.contents for each in rest._memory] == [each.contents for each in whole._memory]


def test_documents_with_the_same_passage_are_no_negatives(tiny_models: TinyModels) -> None:
    """A batch that is asked again costs less than if its earlier documents were strangers."""
    training = training_of(tiny_models.folder("bert"), memory=256)
    batch = next(training.batches())
    cost(training, batch)
    assert len(training._memory) == 4
    answering = batch[0].answering(batch[0].contents)
    assert answering[range(len(answering)), batch[0].asked_of].all()
    assert not answering.all(), "some document does not answer some query"
    known = list(training._memory)
    again = training.loss(batch)
    training._memory.clear()
    training._memory.extend(replace(each, contents=frozenset()) for each in known)
    strangers = training.loss(batch)
    assert strangers.values["contrast"] > again.values["contrast"] + 1e-3
    assert {**strangers.values, "contrast": 0, "accuracy": 0} == {
        **again.values,
        "contrast": 0,
        "accuracy": 0,
    }, "passages have no memory"


@pytest.mark.parametrize("text", [text_of(4), text_of(12), text_of(30)])
def test_one_passage_agrees_with_itself(
    text: str, tiny_models: TinyModels, tokens: TextTokens
) -> None:
    """A document of one passage is what its teacher reads; but for special tokens both agree."""
    training = training_of(tiny_models.folder("bert"))
    batch = by_hand(tokens, (text,))
    values = training.loss((batch, None)).values
    assert values["whole"] == pytest.approx(0.0, abs=1e-6)
    with torch.no_grad():
        states = training._reader.read([batch.documents[0]]).layers[-1]
    means = states[1:-1].mean(dim=0), states.mean(dim=0)
    away = 1 - float(functional.cosine_similarity(*means, dim=0))
    assert values["agreement"] == pytest.approx(4 * away, abs=1e-5)
    assert away < 0.1 + 0.5 / len(states)


@torch.no_grad()
def test_the_teacher_reads_passages_alone(tiny_models: TinyModels, tokens: TextTokens) -> None:
    """Opened and closed as texts are; documents are to be the means of their vectors by tokens."""
    folder, other = tiny_models.folder("bert"), tiny_models.calm("bert")
    training = training_of(folder, teacher=other)
    batch = by_hand(tokens, *FOUR)
    values = training.loss((batch, None)).values
    reader, teacher = open_reader(planner_of(folder)), open_reader(planner_of(other))
    texts = [text for document in FOUR for text in document]
    alone = functional.normalize(teacher.embed(tokens(texts), budget=1000), dim=-1)
    read = [reader.read([document]).layers for document in batch.documents]
    states = [layers[-1] for layers in read]
    ours = [states[span.document][span.start : span.stop].mean(dim=0) for span in batch.spans]
    cosines = functional.cosine_similarity(torch.stack(ours), alone)
    theirs = [teacher.read([ids]).layers for ids in tokens(texts)]
    errors = []
    for layer in range(1, len(read[0])):
        inside = [read[span.document][layer][span.start : span.stop] for span in batch.spans]
        outside = [layers[layer][1:-1] for layers in theirs]
        errors.append(float(relative_error(torch.cat(inside), torch.cat(outside))))
    apart = (sum(errors) + errors[-1]) / (len(errors) + 1)
    assert values["agreement"] == pytest.approx(apart + 4 * (1 - float(cosines.mean())), rel=1e-4)
    whole = torch.stack([9 * alone[0] + 12 * alone[1], 15 * alone[2] + 6 * alone[3]])
    documents = torch.stack([each.mean(dim=0) for each in states])
    cosines = functional.cosine_similarity(documents, whole)
    assert values["whole"] == pytest.approx(1 - float(cosines.mean()), abs=1e-5)


@torch.no_grad()
def test_passages_are_found_among_all_of_the_batch(
    tiny_models: TinyModels, tokens: TextTokens
) -> None:
    """By the queries that they answer; the others, in the same document too, are negatives."""
    folder = tiny_models.folder("bert")
    training = training_of(folder, temperature=0.3)
    batch = by_hand(tokens, *FOUR)
    cut = replace(batch, answers=[*batch.answers[:3], 17])
    reader = open_reader(planner_of(folder))
    states = [reader.read([document]).layers[-1] for document in batch.documents]
    ours = [states[span.document][span.start : span.stop].mean(dim=0) for span in batch.spans]
    queries = reader.embed(batch.queries, budget=1000)
    for asked, count in ((batch, 4), (cut, 3)):
        wanted, _ = contrastive_loss(
            queries[:count],
            torch.stack(ours),
            own=torch.arange(count),
            answering=torch.eye(4, dtype=torch.bool)[:count],
            temperature=0.3,
        )
        found = training.loss((asked, None)).values["passages"]
        assert found == pytest.approx(float(wanted), rel=1e-4)
    nothing = replace(batch, answers=[17] * 4)
    assert "passages" not in training.loss((nothing, None)).values


def test_the_span_in_the_own_document_is_picked() -> None:
    """Where a passage stands in several; and any other where it was cut off in its own."""
    spans = [Span(0, 1, 5, 7), Span(0, 5, 9, 8), Span(1, 1, 5, 8), Span(2, 1, 5, 7)]
    batch = DocumentBatch(
        documents=np.zeros((3, 10), dtype=np.int64),
        spans=spans,
        queries=[],
        asked_of=[0, 0, 1, 2, 1],
        answers=[7, 8, 8, 7, 9],
        contents=[],
    )
    assert LengthTraining._spans_of(batch, [0, 1, 2, 3]) == [0, 1, 2, 3]
    assert LengthTraining._spans_of(batch, [3, 1]) == [3, 1]
    moved = replace(batch, asked_of=[1, 2])
    found = LengthTraining._spans_of(replace(moved, answers=[7, 8]), [0, 1])
    assert [spans[at].passage for at in found] == [7, 8]


def test_a_passage_in_two_documents_is_no_negative(
    tiny_models: TinyModels, tokens: TextTokens
) -> None:
    """Each query finds it in its own document; the other place neither counts nor misleads."""
    shared = text_of(9, seed=1)
    training = training_of(tiny_models.folder("bert"), temperature=0.05)
    batch = by_hand(tokens, (shared, FOUR[0][1]), (FOUR[0][1], shared))
    ids = [span.passage for span in batch.spans]
    assert same(ids, ids).sum() == 8
    with torch.no_grad():
        read = training._read(batch)
        assert read.passages is not None
        queries = functional.normalize(read.queries, dim=-1)
        cosines = queries @ functional.normalize(read.passages, dim=-1).T / 0.05
    losses = []
    for row, answer in enumerate(ids):
        kept = [at for at, each in enumerate(ids) if at == row or each != answer]
        losses.append(torch.logsumexp(cosines[row, kept], dim=0) - cosines[row, row])
    found = training.loss((batch, None)).values["passages"]
    assert found == pytest.approx(float(torch.stack(losses).mean()), rel=1e-4)


def test_scores_of_passages_are_learnt(tiny_models: TinyModels, tokens: TextTokens) -> None:
    """Of those that stand in the batch, two at least; the contrast of such queries weighs less."""
    training = training_of(tiny_models.folder("bert"), temperature=0.3)
    batch = by_hand(tokens, *FOUR)
    plain = training.loss((batch, None)).values
    one, two, three, four = batch.answers
    labels = [{one: 1.0, 17: 5.0}, {two: 2.0, three: -1.0, 17: 0.0}, {}, {four: 0.5, one: 0.0}]
    found = training.loss((replace(batch, labels=labels), None))
    with torch.no_grad():
        read = training._read(batch)
        assert read.passages is not None
        unit = [functional.normalize(each, dim=-1) for each in (read.queries, read.passages)]
        logits = unit[0] @ unit[1].T / 0.3
    losses = functional.cross_entropy(logits, torch.arange(4), reduction="none").tolist()
    weighed = (losses[0] + 0.2 * losses[1] + losses[2] + 0.2 * losses[3]) / 4
    assert found.values["passages"] == pytest.approx(weighed, rel=1e-4)
    wanted = 0.0
    for row, among, said in ((1, [1, 2], [2.0, -1.0]), (3, [3, 0], [0.5, 0.0])):
        p = torch.tensor(said).softmax(dim=0)
        wanted += float((p * (p.log() - logits[row, among].log_softmax(dim=0))).sum()) / 2
    assert found.values["labels"] == pytest.approx(wanted, rel=1e-4)
    moved = float((found.total - training.loss((batch, None)).total).detach())
    change = found.values["passages"] - plain["passages"] + found.values["labels"] / 2
    assert moved == pytest.approx(0.5 * change, abs=1e-4)


def test_odd_documents_are_not_held(tiny_models: TinyModels) -> None:
    """They are to be found, and need not be like their passages' mean; short texts are held."""
    training = training_of(tiny_models.folder("bert"), teacher=tiny_models.calm("bert"), short=True)
    long, short = next(training.batches())
    parts = {"contrast", "passages", "states"}
    assert parts | {"agreement", "whole"} <= set(training.loss((long, short)).values)
    odd = training.loss((replace(long, odd=True), short)).values
    assert parts <= set(odd)
    assert not {"agreement", "whole"} & set(odd)


@pytest.mark.parametrize("left_out", ["passages", "agreement", "whole", "distillation", None])
def test_every_part_has_its_weight(left_out: str | None, tiny_models: TinyModels) -> None:
    """A weight of nothing leaves its part out of the total, and the others where they are."""
    weights = {"passages": 0.5, "agreement": 3.0, "whole": 0.25, "distillation": 1.5}
    if left_out is not None:
        weights[left_out] = 0.0
    training = training_of(
        tiny_models.folder("bert"), teacher=tiny_models.calm("bert"), short=True, **weights
    )
    batch = next(training.batches())
    loss = training.loss(batch)
    assert batch[1] is not None
    assert training._short is not None
    parts = {
        "passages": loss.values.get("passages", 0.0),
        "agreement": loss.values["agreement"],
        "whole": loss.values["whole"],
        "distillation": float(training._short.loss(batch[1]).total.detach()),
    }
    assert all(value > 0.01 for name, value in parts.items() if name != left_out)
    total = loss.values["contrast"] + sum(weights[name] * value for name, value in parts.items())
    assert float(loss.total.detach()) == pytest.approx(total, rel=1e-5)


def test_the_teacher_is_not_asked_without_need(
    tiny_models: TinyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing is held to its vectors."""
    unasked = {"agreement": 0.0, "whole": 0.0, "passages": 0.0}
    training = training_of(tiny_models.folder("bert"), **unasked)
    monkeypatch.setattr(training, "_teacher", None)
    loss = training.loss(next(training.batches()))
    assert set(loss.values) == {"contrast", "accuracy"}
    assert float(loss.total.detach()) == pytest.approx(loss.values["contrast"], rel=1e-6)


@pytest.mark.parametrize("pooling", ["cls", "last_token"])
def test_other_poolings_have_no_passages(pooling: str, tiny_models: TinyModels) -> None:
    """What is not a mean of tokens cannot be taken from the middle of a document."""
    training = training_of(tiny_models.folder("bert"), pooling=pooling)
    loss = training.loss(next(training.batches()))
    assert set(loss.values) == {"contrast", "accuracy"}


def test_the_teacher_reads_only_so_far(tiny_models: TinyModels, tokens: TextTokens) -> None:
    """Longer passages are held to nothing, special tokens counted; the shorter ones still are."""
    folder, other = tiny_models.folder("bert"), tiny_models.calm("bert")
    batch = by_hand(tokens, *FOUR)
    kept = {7: [], 8: [3], 11: [0, 3], 16: [0, 1, 3], 17: [0, 1, 2, 3]}
    for reach, known in kept.items():
        values = training_of(folder, teacher=other, teacher_tokens=reach).loss((batch, None)).values
        fewer = replace(batch, spans=[batch.spans[at] for at in known])
        wanted = training_of(folder, teacher=other).loss((fewer, None)).values
        for name in ("agreement", "whole"):
            assert (name in values) == bool(known)
            assert values.get(name) == wanted.get(name)


def test_the_loss_falls(tiny_models: TinyModels, tmp_path: Path) -> None:
    """On tiny data a few dozen updates find documents and passages."""
    training = training_of(
        tiny_models.calm("bert"), memory=0, temperature=0.1, agreement=0.2, whole=0.5
    )
    fixed = list(islice(training.batches(), 6))

    def costs() -> dict[str, float]:
        with torch.no_grad():
            values = [training.loss(batch).values for batch in fixed]
        return {name: float(np.mean([each[name] for each in values])) for name in values[0]}

    before = costs()
    last = Trainer(training, quick(40, learning_rate=1e-3), identity={}, folder=tmp_path).run()
    after = costs()
    assert after["contrast"] < 0.8 * before["contrast"]
    assert after["passages"] < 0.8 * before["passages"]
    assert set(last.values) == {"accuracy@32", "collapse@32"}
    assert -1 <= last.values["collapse@32"] <= 1


def test_short_texts_are_measured_too(tiny_models: TinyModels) -> None:
    """Beside long documents, where short texts are kept."""
    found = training_of(tiny_models.folder("bert"), short=True).measure()
    assert set(found) == {"accuracy@32", "collapse@32", "cosine@some"}
    assert found["cosine@some"] == pytest.approx(1.0, abs=1e-6)


def test_tokens_are_counted(tiny_models: TinyModels) -> None:
    """Documents and queries, and short texts where they are read; word embeddings do not learn."""
    for short in (False, True):
        training = training_of(tiny_models.folder("bert"), short=short)
        long, texts = batch = next(training.batches())
        assert (texts is None) == (not short)
        wanted = long.documents.size + sum(map(len, long.queries))
        wanted += 0 if texts is None else sum(map(len, texts))
        assert training.loss(batch).tokens == wanted
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
            documents=DocumentOptions(lengths=(32, 64)),
            mixture=MixtureOptions(),
            length=LengthOptions(),
            options=quick(),
            folder=tmp_path / "run",
        )
    assert not (tmp_path / "run").exists()
