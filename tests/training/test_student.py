"""The rotary student: the teacher's logits before rotation, and a model that everyone reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from longembed_rag.encoder.planner import Planner
from longembed_rag.errors import UnsupportedModelError
from longembed_rag.training.distil import DistilOptions
from longembed_rag.training.mixture import MixtureOptions
from longembed_rag.training.opening import TextTokens, open_reader, shorten
from longembed_rag.training.runs import distil_rotary
from longembed_rag.training.separate import ATTENTION
from longembed_rag.training.student import logit_moments, rotary_student, sort_heads
from tests.families import ORIGINAL_LENGTH
from tests.models import TinyModels, open_encoder
from tests.tokenizers_of_tests import text_of
from tests.training.material import planner_of, quick, some_texts

HEADS = 4

PROSE = (
    "The harbour was quiet in the early morning, and the fishermen mended their nets. "
    "A new law about water came into force last spring. "
    "Children learn to read faster when somebody reads to them every evening. "
    "The committee could not agree on the price of copper. "
    "She had seen the mountains only once before, from the window of a train. "
    "Several engineers warned that the bridge would not carry so many lorries. "
    "In the south the vines are already in leaf. "
    "Nobody remembered who had planted the old chestnut tree. "
)


@pytest.fixture(scope="module")
def teacher(tiny_models: TinyModels) -> nn.Module:
    return open_reader(planner_of(tiny_models.folder("bert"))).model


@pytest.fixture(scope="module")
def samples(tiny_models: TinyModels) -> list[Tensor]:
    tokens = TextTokens(planner_of(tiny_models.folder("bert")))
    return [torch.from_numpy(np.stack(tokens([text_of(28, seed=n)]))) for n in range(12)]


@pytest.fixture(scope="module")
def saved(tiny_models: TinyModels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student of the tiny BERT after a few updates, as it is saved."""
    return distil_rotary(
        planner_of(tiny_models.folder("bert")),
        some_texts(),
        mixture=MixtureOptions(lengths=(8, ORIGINAL_LENGTH), shares=(1.0,), batch_tokens=128),
        distil=DistilOptions(),
        options=quick(3, learning_rate=1e-3),
        folder=tmp_path_factory.mktemp("student"),
    ).folder


def heads_of(student: nn.Module, states: Tensor, layer: int) -> tuple[Tensor, Tensor]:
    """Queries and keys of a layer before rotation, ``[tokens, heads, d]``."""
    attention = student.layers[layer].self_attn
    return tuple(  # type: ignore[return-value]
        projection(states).view(len(states), HEADS, -1)
        for projection in (attention.q_proj, attention.k_proj)
    )


def logits_of(student: nn.Module, states: Tensor, layer: int) -> Tensor:
    """Unrotated products of all queries with all keys, float64 ``[heads, tokens, tokens]``."""
    queries, keys = heads_of(student, states, layer)
    return torch.einsum("nhd,mhd->hnm", queries.double(), keys.double())


@torch.no_grad()
def test_unrotated_attention_is_unchanged(teacher: nn.Module, samples: list[Tensor]) -> None:
    """Sorting shifts all of a query's products alike: softmax makes the same weights of them."""
    plain = rotary_student(teacher, [], length=32)
    turned = rotary_student(teacher, samples, length=32)
    states = torch.randn(20, 32, generator=torch.Generator().manual_seed(0))
    for layer in range(len(teacher.encoder.layer)):
        before, after = (logits_of(each, states, layer) for each in (plain, turned))
        shift = before - after
        assert float(shift.abs().max()) > 0.1, "the mean key was taken away"
        largest = float(before.abs().max())
        assert float((shift - shift[..., :1]).abs().max()) <= 1e-5 * largest
        weights = [(logits / 8**0.5).softmax(dim=-1) for logits in (before, after)]
        assert float((weights[0] - weights[1]).abs().max()) <= 1e-6
        queries = [heads_of(each, states, layer)[0] for each in (plain, turned)]
        assert float((queries[0] - queries[1]).abs().max()) > 0.1, "and the heads were turned"


@torch.no_grad()
def test_keys_of_the_samples_have_no_mean(teacher: nn.Module, samples: list[Tensor]) -> None:
    """Their mean, that no softmax sees, would favour some distances once it is rotated."""
    student = rotary_student(teacher, samples, length=32)
    states = [teacher(input_ids=ids, output_hidden_states=True).hidden_states for ids in samples]
    for layer in range(len(teacher.encoder.layer)):
        given = torch.cat([each[layer][0] for each in states])
        keys = heads_of(student, given, layer)[1]
        spread = keys.square().mean().sqrt()
        assert float(keys.mean(dim=0).abs().max()) <= 1e-4 * float(spread)


@torch.no_grad()
def test_moments_are_those_of_queries_and_keys(teacher: nn.Module, samples: list[Tensor]) -> None:
    """Second moments of the queries, mean and covariance of the keys, over all tokens alike."""
    longer = [*samples, torch.cat([samples[0], samples[1]], dim=1)[:, :32]]
    found = logit_moments(teacher, longer)
    assert len(found) == len(teacher.encoder.layer)
    given = [teacher(input_ids=ids, output_hidden_states=True).hidden_states for ids in longer]
    for number, moments in enumerate(found):
        attention = teacher.encoder.layer[number].attention.self
        states = torch.cat([each[number][0] for each in given])
        for head in range(HEADS):
            queries, keys = (
                projection(states).double().numpy()[:, 8 * head : 8 * head + 8]
                for projection in (attention.query, attention.key)
            )
            assert np.allclose(moments.queries[head], queries.T @ queries / len(states), rtol=1e-4)
            covariance = np.cov(keys.T, bias=True)
            assert np.allclose(moments.keys[head], covariance, atol=1e-4 * covariance.max())
            assert np.allclose(moments.mean_key[head], keys.mean(axis=0), atol=1e-5)
            assert moments.queries.dtype == moments.mean_key.dtype == torch.float64


@torch.no_grad()
def test_sorted_heads_are_sorted_once(teacher: nn.Module, samples: list[Tensor]) -> None:
    """By the moments that it is given, a student's heads are turned as when it is built."""
    built = rotary_student(teacher, samples, length=32)
    turned = rotary_student(teacher, samples[:1], length=32)
    again = rotary_student(teacher, [], length=32)
    sort_heads(again, logit_moments(teacher, samples), heads=HEADS)
    state, other = again.state_dict(), turned.state_dict()
    projections = [name for name in state if "q_proj" in name or "k_proj" in name]
    assert len(projections) == 12
    for name in projections:
        assert torch.equal(built.state_dict()[name], state[name])
        assert not torch.equal(other[name], state[name])


@torch.no_grad()
def test_the_opening_token_keeps_its_own_row(
    tiny_models: TinyModels, samples: list[Tensor]
) -> None:
    """Its first state is the teacher's; the others have the mean of the rows that come after."""
    teacher = open_reader(planner_of(tiny_models.folder("bert"))).model
    for rows in (None, 20):
        student = rotary_student(teacher, samples, length=32, rows=rows)
        table = teacher.embeddings.position_embeddings.weight.clone()
        for ids in samples[:3]:
            wanted = teacher(input_ids=ids, output_hidden_states=True).hidden_states[0]
            found = student(input_ids=ids, output_hidden_states=True).hidden_states[0]
            assert torch.allclose(found[0, 0], wanted[0, 0], atol=1e-5)
            mean = table[1:rows].mean(dim=0)
            teacher.embeddings.position_embeddings.weight.copy_(mean.expand_as(table))
            wanted = teacher(input_ids=ids, output_hidden_states=True).hidden_states[0]
            assert torch.allclose(found[0, 1:], wanted[0, 1:], atol=1e-5)
            teacher.embeddings.position_embeddings.weight.copy_(table)


@torch.no_grad()
def test_texts_that_open_differently_share_the_mean(
    teacher: nn.Module, samples: list[Tensor]
) -> None:
    """Where no token opens all texts, no word embedding is changed."""
    different = [samples[0], samples[1][:, 1:]]
    for chosen in ([], different):
        state = rotary_student(teacher, chosen, length=32).state_dict()
        words = teacher.embeddings.word_embeddings.weight
        assert torch.equal(state["embeddings.word_embeddings.weight"], words)
        mean = teacher.embeddings.position_embeddings.weight.mean(dim=0)
        types = teacher.embeddings.token_type_embeddings.weight + mean
        assert torch.allclose(state["embeddings.token_type_embeddings.weight"], types)


@torch.no_grad()
def test_slow_pairs_carry_the_most(teacher: nn.Module, samples: list[Tensor]) -> None:
    """On the samples a sorted head's queries and keys are uncorrelated, the slowest pair first."""
    student = rotary_student(teacher, samples, length=32)
    states = [teacher(input_ids=ids, output_hidden_states=True).hidden_states[0] for ids in samples]
    queries, keys = heads_of(student, torch.cat(states, dim=1)[0], 0)
    order = [3, 7, 2, 6, 1, 5, 0, 4]
    for head in range(HEADS):
        spreads = []
        for vectors in (queries[:, head].double(), keys[:, head].double()):
            moment = (vectors.T @ vectors)[order][:, order]
            spreads.append(moment.diagonal())
            rest = moment - torch.diag(moment.diagonal())
            assert float(rest.abs().max()) <= 1e-3 * float(moment.diagonal().max())
        assert torch.allclose(spreads[0], spreads[1], rtol=1e-2)
        assert bool((spreads[0].diff() <= 1e-3 * spreads[0][:-1]).all())


@torch.no_grad()
def test_without_positions_it_is_the_teacher(
    tiny_models: TinyModels, samples: list[Tensor]
) -> None:
    """Where all rows of the table are alike, a text of one token gets the teacher's states."""
    teacher = open_reader(planner_of(tiny_models.folder("bert"))).model
    table = teacher.embeddings.position_embeddings.weight
    table.copy_(table[:1].expand_as(table).clone())
    ids = torch.tensor([[7], [30]])
    wanted = teacher(input_ids=ids).last_hidden_state
    for chosen in ([], samples):
        found = rotary_student(teacher, chosen, length=32)(input_ids=ids).last_hidden_state
        assert torch.allclose(found, wanted, atol=1e-5)


def test_the_teacher_stays_as_it_is(teacher: nn.Module, samples: list[Tensor]) -> None:
    """No tensor is shared with the student, and no hook is left behind."""
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    student = rotary_student(teacher, samples, length=32)
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(before[name], now) for name, now in teacher.state_dict().items())
    linear = [module for module in teacher.modules() if isinstance(module, nn.Linear)]
    assert not any(module._forward_hooks for module in linear)


@torch.no_grad()
def test_sorting_brings_the_real_model_closer() -> None:
    """A student of MiniLM starts clearly closer to it when its heads are sorted."""
    planner = Planner.from_pretrained("all-MiniLM-L6-v2", device="cpu", dtype="float32")
    reader, tokens = open_reader(planner), TextTokens(planner)
    sentences = re.findall(r"[^.]+\. ", PROSE)
    texts = ["".join(np.random.default_rng(n).permutation(sentences)) * 4 for n in range(2)]
    ids = [torch.from_numpy(shorten(each, 256, tail=1))[None] for each in tokens(texts)]
    given = [each[0].numpy() for each in ids]
    wanted = reader.embed(given, budget=600)

    def cosine(chosen: list[Tensor]) -> float:
        model = rotary_student(reader.model, chosen, length=512)
        model.set_attn_implementation(ATTENTION)
        student = replace(reader, model=model, rules=None)
        found = student.embed(given, budget=600)
        return float(functional.cosine_similarity(found, wanted).mean())

    assert cosine(ids[:1]) > cosine([]) + 0.08


def test_plain_transformers_reads_it(saved: Path) -> None:
    """As jina_embeddings_v3, every weight in its place, and with our vector for a short text."""
    from transformers import AutoModel, AutoTokenizer

    model, report = AutoModel.from_pretrained(
        saved, add_pooling_layer=False, output_loading_info=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert model.config.model_type == "jina_embeddings_v3"
    text = text_of(20)
    inputs = AutoTokenizer.from_pretrained(saved)(text, return_tensors="pt")
    with torch.no_grad():
        vector = model.eval()(**inputs).last_hidden_state[0].mean(dim=0)
    ours = open_encoder(saved, method="none").encode([text]).embeddings[0]
    assert np.abs((vector / vector.norm()).numpy() - ours).max() <= 1e-5


def test_sentence_transformers_reads_it(saved: Path) -> None:
    """With the same vector as LongEncoder, and the length that was trained."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(saved), device="cpu")
    texts = [text_of(20), text_of(5)]
    assert model.max_seq_length == ORIGINAL_LENGTH
    ours = open_encoder(saved, method="none").encode(texts).embeddings
    assert np.abs(model.encode(texts, show_progress_bar=False) - ours).max() <= 1e-5


@pytest.mark.parametrize("method", ["none", "ntk", "self_extend", "pcw", "pi", "yarn"])
def test_every_rotary_method_reads_it(method: str, saved: Path) -> None:
    """Long texts whole, and short ones as without any method."""
    encoder = open_encoder(saved, method=method)
    long = encoder.encode([text_of(100)])
    assert long.coverage[0].tokens_read == long.coverage[0].tokens == 102
    assert bool(np.isfinite(long.embeddings).all())
    plain = open_encoder(saved, method="none")
    short = [text_of(20)]
    difference = encoder.encode(short).embeddings - plain.encode(short).embeddings
    assert np.abs(difference).max() <= 1e-6
    if method != "none":
        moved = long.embeddings - plain.encode([text_of(100)]).embeddings
        assert np.abs(moved).max() > 1e-4


def test_word_embeddings_are_the_teacher_s(saved: Path, tiny_models: TinyModels) -> None:
    """They do not learn, and only the opening token's was changed; the position table is gone."""
    from safetensors.torch import load_file

    before = load_file(tiny_models.folder("bert") / "model.safetensors")
    after = load_file(saved / "model.safetensors")
    name = "embeddings.word_embeddings.weight"
    opening = int(TextTokens(planner_of(saved))(["note"])[0][0])
    changed = (before[name] != after[name]).any(dim=1).nonzero().flatten().tolist()
    assert changed == [opening]
    table = before["embeddings.position_embeddings.weight"]
    wanted = before[name][opening] + table[0] - table[1:].mean(dim=0)
    assert torch.allclose(after[name][opening], wanted, atol=1e-6)
    assert not any("position_embeddings" in each for each in after)


def _bert_with_odd_heads() -> nn.Module:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        hidden_size=12,
        num_attention_heads=4,
        num_hidden_layers=1,
        intermediate_size=8,
        vocab_size=20,
        max_position_embeddings=16,
    )
    return BertModel(config, add_pooling_layer=False)


@pytest.mark.parametrize("kind", ["roberta", "odd"])
def test_other_teachers_are_refused(kind: str, tiny_models: TinyModels) -> None:
    """A model that is no BERT, and heads that cannot be rotated, are named."""
    build: Callable[[], Any] = _bert_with_odd_heads
    if kind == "roberta":
        build = lambda: open_reader(planner_of(tiny_models.folder("roberta"))).model  # noqa: E731
    told = "'roberta'" if kind == "roberta" else "heads of 3"
    with pytest.raises(UnsupportedModelError, match=told):
        rotary_student(build(), [], length=16)
