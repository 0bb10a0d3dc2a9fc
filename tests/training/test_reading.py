"""Forward passes that learn: every text as if it were alone, and as the encoder reads it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from longembed_rag.errors import UnsupportedModelError
from longembed_rag.training.opening import TextTokens, open_reader, shorten
from longembed_rag.training.reading import pieces
from tests.families import FAMILIES, ORIGINAL_LENGTH, ROTARY
from tests.models import Dense, TinyModels, open_encoder
from tests.tokenizers_of_tests import text_of
from tests.training.material import planner_of

SHORT = (20, 21, 5, 6, 19, 22, 28)


@given(st.lists(st.integers(1, 60), max_size=40), st.integers(1, 200))
def test_pieces_cover_every_text_once(lengths: list[int], budget: int) -> None:
    """Tokens stand where they stood, the budget holds for more than one, padding is bounded."""
    texts = [np.arange(1, length + 1) + 100 * row for row, length in enumerate(lengths)]
    seen: list[int] = []
    for piece in pieces(texts, budget=budget):
        seen += piece.rows
        assert piece.ids.shape[0] == len(piece.rows)
        assert len(piece.rows) == 1 or piece.ids.numel() <= budget
        mask = torch.ones_like(piece.ids) if piece.mask is None else piece.mask
        assert piece.mask is None or int((mask == 0).sum()) > 0
        for row, ids, read in zip(piece.rows, piece.ids, mask, strict=True):
            assert int(read.sum()) == lengths[row]
            assert np.array_equal(ids[: lengths[row]].numpy(), texts[row])
            assert lengths[row] >= 0.875 * piece.ids.shape[1]
    assert sorted(seen) == list(range(len(texts)))


def test_shorten_keeps_the_special_tail() -> None:
    """By hand, with and without a tail, and texts that are short enough as they are."""
    ids = np.array([1, 5, 6, 7, 8, 2])
    assert shorten(ids, 4, tail=1).tolist() == [1, 5, 6, 2]
    assert shorten(ids, 4, tail=0).tolist() == [1, 5, 6, 7]
    assert shorten(ids, 6, tail=1) is ids


@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_are_the_encoder_s(family: str, tiny_models: TinyModels) -> None:
    """In padded batches and fp32, every family's vectors point where LongEncoder's do."""
    rotary = family in ROTARY
    settings: dict[str, Any] = {"method": "none"} if rotary else {}
    planner = planner_of(tiny_models.folder(family), **settings)
    texts = [text_of(words, seed=words) for words in (*SHORT, *((60, 58) if rotary else ()))]
    with torch.no_grad():
        vectors = open_reader(planner).embed(TextTokens(planner)(texts), budget=200)
    ours = functional.normalize(vectors, dim=-1).numpy()
    theirs = open_encoder(tiny_models.folder(family), **settings).encode(texts).embeddings
    assert (ours * theirs).sum(axis=1).min() >= 1 - 1e-6


@pytest.mark.parametrize("pooling", ["mean", "cls", "last_token"])
@pytest.mark.parametrize("family", ["bert", "mpnet", "qwen3"])
def test_neighbours_do_not_matter(pooling: str, family: str, tiny_models: TinyModels) -> None:
    """A text in a padded batch gets the vector that it gets alone, under every pooling."""
    planner = planner_of(tiny_models.folder(family), pooling=pooling)
    reader, tokens = open_reader(planner), TextTokens(planner)
    ids = tokens([text_of(words, seed=words) for words in SHORT])
    with torch.no_grad():
        together = reader.embed(ids, budget=500)
        alone = torch.cat([reader.embed([each], budget=500) for each in ids])
    assert torch.allclose(together, alone, atol=1e-5)


def test_each_text_stands_by_its_own_length(tiny_models: TinyModels) -> None:
    """Short texts at a tuned table's anchors, longer ones at all rows, in one padded batch."""
    planner = planner_of(tiny_models.folder("bert"))
    reader = open_reader(planner)
    reader = replace(reader, rules=replace(planner.rules, anchors=10, anchor_step=3))
    ids = TextTokens(planner)([text_of(words, seed=words) for words in (8, 9, 6, 7)])
    with torch.no_grad():
        together = reader.embed(ids, budget=500)
        for row, each in zip(together, ids, strict=True):
            step = 3 if len(each) <= 10 else 1
            positions = torch.arange(len(each))[None] * step
            states = reader.states(torch.from_numpy(each)[None], position_ids=positions)[-1]
            assert torch.allclose(row, reader.pool(states)[0], atol=1e-5)
    assert [len(each) for each in ids] == [10, 11, 8, 9]


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_starts_shift_positions(family: str, tiny_models: TinyModels) -> None:
    """A start of u puts token i at the row of position u + i, whatever the family's offset."""
    planner = planner_of(tiny_models.folder(family))
    reader = open_reader(planner)
    ids = TextTokens(planner)([text_of(words, seed=words) for words in (10, 11, 4)])
    starts = [7, 0, 20]
    with torch.no_grad():
        found = reader.embed(ids, budget=500, starts=starts)
        plain = reader.embed(ids, budget=500)
        for row, (each, start) in enumerate(zip(ids, starts, strict=True)):
            positions = torch.arange(len(each))[None] + start + reader.offset
            states = reader.states(torch.from_numpy(each)[None], position_ids=positions)[-1]
            assert torch.allclose(found[row], reader.pool(states)[0], atol=1e-5)
    assert torch.allclose(found[1], plain[1], atol=1e-5)
    assert not torch.allclose(found[0], plain[0], atol=1e-3)


@pytest.mark.parametrize("family", ["bert", "qwen3", "modernbert"])
def test_gradients_reach_the_first_layer(family: str, tiny_models: TinyModels) -> None:
    """The fused attention keeps the graph, also over padding and where heads share keys."""
    planner = planner_of(tiny_models.folder(family))
    reader = open_reader(planner)
    learning = [p for name, p in reader.model.named_parameters() if "layers.0." in name]
    learning = learning or [p for n, p in reader.model.named_parameters() if ".layer.0." in n]
    for parameter in learning:
        parameter.requires_grad_(True)
    ids = TextTokens(planner)([text_of(words, seed=words) for words in (10, 11)])
    reader.embed(ids, budget=500)[:, 0].sum().backward()
    # A shift of all keys changes no softmax: the bias of keys has no gradient to speak of.
    matrices = [parameter.grad for parameter in learning if parameter.ndim > 1]
    assert matrices
    assert all(grad is not None and float(grad.abs().max()) > 0 for grad in matrices)


def test_bf16_keeps_sums_and_weights_in_float32(tiny_models: TinyModels) -> None:
    """Vectors come in float32 and near those of fp32; outside the context nothing changes."""
    exact = open_reader(planner_of(tiny_models.calm("bert")))
    coarse = open_reader(planner_of(tiny_models.calm("bert"), dtype="bfloat16"))
    ids = TextTokens(planner_of(tiny_models.calm("bert")))([text_of(9), text_of(20)])
    with torch.no_grad():
        with coarse.precision():
            found = coarse.embed(ids, budget=100)
        wanted = exact.embed(ids, budget=100)
        assert torch.equal(coarse.embed(ids, budget=100), wanted)
    assert found.dtype == torch.float32
    assert not torch.equal(found, wanted)
    assert float(functional.cosine_similarity(found, wanted).min()) > 0.99


def test_nothing_learns_until_it_is_said(tiny_models: TinyModels) -> None:
    """A reader comes frozen and without dropout."""
    reader = open_reader(planner_of(tiny_models.folder("bert")))
    assert not any(parameter.requires_grad for parameter in reader.model.parameters())
    assert not reader.model.training


def test_steps_after_pooling_are_refused(tiny_models: TinyModels) -> None:
    """The step is named."""
    folder = tiny_models.sentence_transformers("bert", "bert-dense-trained", dense=(Dense(8),))
    with pytest.raises(UnsupportedModelError, match="has a Dense step after pooling"):
        open_reader(planner_of(folder))


def test_tokens_carry_prompts_and_specials(tiny_models: TinyModels) -> None:
    """Queries and documents get the prompts that the encoder gives them."""
    planner = planner_of(tiny_models.folder("bert"), query_prompt="query ", document_prompt="")
    tokens = TextTokens(planner)
    query, document = tokens(["note"], "query")[0], tokens(["note"])[0]
    assert len(query) == len(document) + 1 == planner.count_tokens("note", kind="query")
    assert (tokens.head, tokens.tail) == (1, 1)
    assert len(document) < ORIGINAL_LENGTH
