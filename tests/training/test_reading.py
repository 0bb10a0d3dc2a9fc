"""Forward passes that learn: every text as if it were alone, and as the encoder reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from longembed_rag.errors import UnsupportedModelError
from longembed_rag.training import separate as attention
from longembed_rag.training.opening import TextTokens, open_reader, shorten
from longembed_rag.training.reading import TrainingModel, mean_states, passes
from longembed_rag.training.separate import separate
from tests.families import BIASED, E5_ROPE, FAMILIES, ORIGINAL_LENGTH, ROTARY
from tests.models import Dense, TinyModels, edit_json, open_encoder
from tests.tokenizers_of_tests import text_of
from tests.training.material import planner_of

SHORT = (20, 21, 5, 6, 19, 22, 28)


#: Longer than the windows of local layers, and than the window that the models were trained for.
LONG = (60, 58)

Reader = tuple[TrainingModel, TextTokens]


def reader_of(folder: Path, **settings: Any) -> Reader:
    """A reader, and what makes its token ids."""
    planner = planner_of(folder, **settings)
    return open_reader(planner), TextTokens(planner)


def some_ids(tokens: TextTokens, lengths: Sequence[int]) -> list[Any]:
    """Token ids of texts of so many words."""
    return tokens([text_of(words, seed=words) for words in lengths])


def pooled(reader: TrainingModel, ids: Any, position_ids: torch.Tensor) -> torch.Tensor:
    """The mean state of one text at given positions, read by the model itself."""
    inputs = {"input_ids": torch.from_numpy(ids)[None], "position_ids": position_ids}
    return reader.model(**inputs).last_hidden_state[0].mean(dim=0)


@given(st.lists(st.integers(1, 60), max_size=40), st.integers(1, 200))
def test_passes_cover_every_text_in_order(lengths: list[int], budget: int) -> None:
    """Each text once and in its place, the budget held by more than one, none begun too early."""
    found = list(passes(lengths, budget=budget))
    assert [at for each in found for at in range(len(lengths))[each]] == [*range(len(lengths))]
    for each in found:
        assert len(lengths[each]) == 1 or 0 < sum(lengths[each]) <= budget
    for one, two in pairwise(found):
        assert sum(lengths[one]) + lengths[two.start] > budget


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(1, 20)), min_size=1, max_size=8))
def test_mean_states_are_means(drawn: list[tuple[int, int]]) -> None:
    """Of any stretches, overlapping ones too, in float32 though states are coarser."""
    bounds = [(start, min(20, start + count)) for start, count in drawn]
    states = torch.randn(20, 3, generator=torch.Generator().manual_seed(0)).bfloat16()
    wanted = torch.stack([states[start:stop].float().mean(dim=0) for start, stop in bounds])
    found = mean_states(states, bounds)
    assert found.dtype == torch.float32
    assert torch.allclose(found, wanted, atol=1e-6)


def test_mean_states_by_hand() -> None:
    """Gradients are shared among the tokens of a stretch, and reach no other."""
    states = torch.tensor([[1.0], [2.0], [6.0], [9.0]], requires_grad=True)
    found = mean_states(states, [(1, 3), (0, 1)])
    assert found.tolist() == [[4.0], [1.0]]
    found.sum().backward()
    assert states.grad is not None
    assert states.grad.tolist() == [[1.0], [0.5], [0.5], [0.0]]


def test_shorten_keeps_the_special_tail() -> None:
    """By hand, with and without a tail, and texts that are short enough as they are."""
    ids = np.array([1, 5, 6, 7, 8, 2])
    assert shorten(ids, 4, tail=1).tolist() == [1, 5, 6, 2]
    assert shorten(ids, 4, tail=0).tolist() == [1, 5, 6, 7]
    assert shorten(ids, 6, tail=1) is ids


@pytest.mark.parametrize("family", [*FAMILIES, E5_ROPE.name])
def test_vectors_are_the_encoder_s(family: str, tiny_models: TinyModels) -> None:
    """In rows of several texts and fp32, every family's vectors point where LongEncoder's do."""
    rotary = family not in FAMILIES or family in ROTARY
    settings: dict[str, Any] = {"method": "none"} if rotary else {}
    folder = tiny_models.folder(family)
    texts = [text_of(words, seed=words) for words in (*SHORT, *(LONG if rotary else ()))]
    reader, tokens = reader_of(folder, **settings)
    with torch.no_grad():
        vectors = reader.embed(tokens(texts), budget=120)
    ours = functional.normalize(vectors, dim=-1).numpy()
    theirs = open_encoder(folder, **settings).encode(texts).embeddings
    assert (ours * theirs).sum(axis=1).min() >= 1 - 1e-6


@pytest.mark.parametrize("family", BIASED)
def test_biases_are_read_one_at_a_time(family: str, tiny_models: TinyModels) -> None:
    """T5's biases and ALiBi do not fit several texts into transformers' rows, and need not."""
    reader, tokens = reader_of(tiny_models.folder(family), method="none")
    texts = [text_of(words, seed=words) for words in (5, 28, 20)]
    with torch.no_grad():
        ours = functional.normalize(reader.embed(tokens(texts), budget=200), dim=-1).numpy()
    theirs = open_encoder(tiny_models.folder(family), method="none").encode(texts).embeddings
    assert (ours * theirs).sum(axis=1).min() >= 1 - 1e-6
    assert not reader.packs


def test_attentions_of_their_own_do_not_pack(tiny_models: TinyModels) -> None:
    """Every other family's texts stand in one row, but for MPNet's."""
    packing = {
        family for family in FAMILIES if open_reader(planner_of(tiny_models.folder(family))).packs
    }
    assert packing == set(FAMILIES) - {"mpnet"}


@pytest.mark.parametrize("pooling", ["mean", "cls", "last_token"])
@pytest.mark.parametrize("family", ["bert", "mpnet", "qwen3", "modernbert", "gemma3_text"])
def test_neighbours_do_not_matter(pooling: str, family: str, tiny_models: TinyModels) -> None:
    """A text among others gets the states and the vector that it gets alone, however pooled."""
    rotary = family in ROTARY
    settings = {"method": "none"} if rotary else {}
    reader, tokens = reader_of(tiny_models.folder(family), pooling=pooling, **settings)
    ids = some_ids(tokens, (*SHORT, *LONG) if rotary else SHORT)
    with torch.no_grad():
        together = reader.read(ids)
        vectors = reader.pool(together.layers[-1], together.lengths)
        alone = [reader.read([each]) for each in ids]
    assert together.lengths == tuple(map(len, ids))
    assert len(together.layers) == reader.model.config.num_hidden_layers + 1
    for number, layer in enumerate(together.layers):
        assert torch.allclose(layer, torch.cat([each.layers[number] for each in alone]), atol=2e-4)
    first = {"cls": 0, "last_token": -1}
    for vector, each in zip(vectors, alone, strict=True):
        states = each.layers[-1]
        wanted = states.mean(dim=0) if pooling == "mean" else states[first[pooling]]
        assert torch.allclose(vector, wanted, atol=2e-4)


def test_a_neighbour_reaches_no_text(tiny_models: TinyModels) -> None:
    """Another text beside it changes nothing, and gets no gradient from it."""
    reader, tokens = reader_of(tiny_models.folder("modernbert"))
    one, two, three = some_ids(tokens, (20, 12, 25))
    words = reader.model.get_input_embeddings().weight.requires_grad_(True)
    vectors = reader.embed([one, two], budget=500)
    vectors[0].sum().backward()
    assert words.grad is not None
    touched = set(words.grad.abs().sum(dim=1).nonzero().flatten().tolist())
    assert touched == set(one.tolist())
    assert set(two.tolist()) - touched
    with torch.no_grad():
        other = reader.embed([one, three], budget=500)
    assert torch.allclose(other[0], vectors[0].detach(), atol=1e-5)


def test_a_local_layer_sees_its_window_and_no_more(tiny_models: TinyModels) -> None:
    """Where all layers are local, a token far away changes nothing, and a near one does."""
    kinds = ["sliding_attention"] * 2
    folder = tiny_models.variant(
        "modernbert", "modernbert-local", num_hidden_layers=2, layer_types=kinds
    )
    reader, tokens = reader_of(folder, method="none")
    (ids,) = some_ids(tokens, (40,))
    changed = ids.copy()
    changed[20] = ids[3] if ids[3] != ids[20] else ids[4]
    with torch.no_grad():
        one, two = (reader.read([each, ids]).layers[-1][: len(ids)] for each in (ids, changed))
    moved = (one - two).abs().amax(dim=1) > 1e-6
    # Two layers, each with four tokens to either side.
    assert moved.nonzero().flatten().tolist() == list(range(12, 29))


@pytest.mark.parametrize("family", ["bert", "modernbert", "gemma3_text", "mistral"])
def test_no_mask_is_made_for_a_row(
    family: str, tiny_models: TinyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be as wide and as high as the row is long, and nobody would look at it."""
    reader, tokens = reader_of(tiny_models.folder(family))

    def never(*given: object, **options: object) -> None:
        raise AssertionError("a mask was made")

    monkeypatch.setattr(attention, "sdpa_mask", never)
    ids = some_ids(tokens, (12, 20))
    with torch.no_grad():
        assert reader.read(ids).lengths == tuple(map(len, ids))
        mask = torch.ones(1, len(ids[0]), dtype=torch.long)
        mask[0, 0] = 0
        with pytest.raises(AssertionError, match="a mask was made"):
            reader.model(input_ids=torch.from_numpy(ids[0])[None], attention_mask=mask)


def test_outside_of_rows_it_is_the_usual_attention(tiny_models: TinyModels) -> None:
    """A padded batch given to the model itself is masked, after a row was read as well."""
    reader, tokens = reader_of(tiny_models.folder("modernbert"))
    short, long = some_ids(tokens, (10, 20))
    with separate([3]), pytest.raises(RuntimeError):
        reader.model(input_ids=torch.from_numpy(long)[None])
    rows = torch.zeros(2, len(long), dtype=torch.long)
    mask = torch.zeros_like(rows)
    for row, ids in enumerate((short, long)):
        rows[row, : len(ids)] = torch.from_numpy(ids)
        mask[row, : len(ids)] = 1
    with torch.no_grad():
        states = reader.model(input_ids=rows, attention_mask=mask).last_hidden_state
        wanted = reader.read([short, long]).layers[-1]
    found = torch.cat([states[0, : len(short)], states[1]])
    assert torch.allclose(found, wanted, atol=1e-4)


def test_each_text_stands_by_its_own_length(tiny_models: TinyModels) -> None:
    """Short texts at a tuned table's anchors, longer ones at all rows, in one row of texts."""
    planner = planner_of(tiny_models.folder("bert"))
    reader = open_reader(planner)
    reader = replace(reader, rules=replace(planner.rules, anchors=10, anchor_step=3))
    ids = some_ids(TextTokens(planner), (8, 9, 6, 7))
    with torch.no_grad():
        together = reader.embed(ids, budget=500)
        for row, each in zip(together, ids, strict=True):
            step = 3 if len(each) <= 10 else 1
            wanted = pooled(reader, each, torch.arange(len(each))[None] * step)
            assert torch.allclose(row, wanted, atol=1e-5)
    assert [len(each) for each in ids] == [10, 11, 8, 9]


@pytest.mark.parametrize("family", ["bert", "roberta", "mpnet"])
def test_places_shift_positions(family: str, tiny_models: TinyModels) -> None:
    """A start of u puts token i at the row of position u + i, whatever the family's offset."""
    reader, tokens = reader_of(tiny_models.folder(family))
    ids = some_ids(tokens, (10, 11, 4))
    starts = [7, 0, 20]
    with torch.no_grad():
        placed = [at + np.arange(len(each)) for at, each in zip(starts, ids, strict=True)]
        found = reader.embed(ids, budget=24, placed=placed)
        plain = reader.embed(ids, budget=500)
        for row, each, start in zip(found, ids, starts, strict=True):
            wanted = pooled(reader, each, torch.arange(len(each))[None] + start + reader.offset)
            assert torch.allclose(row, wanted, atol=1e-5)
    assert torch.allclose(found[1], plain[1], atol=1e-5)
    assert not torch.allclose(found[0], plain[0], atol=1e-3)


def test_positions_by_hand(tiny_models: TinyModels) -> None:
    """Every text at its own places, or from the first row; rotary models have no offset."""
    roberta, _ = reader_of(tiny_models.folder("roberta"))
    gte, _ = reader_of(tiny_models.folder("gte"))
    far = np.array([5, 6, 9])
    assert roberta.positions([3, 2], [far, None]).tolist() == [[7, 8, 11, 2, 3]]
    assert gte.positions([2, 40], [None, None])[0].tolist() == [0, 1, *range(40)]
    assert gte.positions([2, 2], [far[:2], far[1:]]).tolist() == [[5, 6, 6, 9]]


@pytest.mark.parametrize("family", ["bert", "mpnet", "qwen3", "modernbert"])
def test_gradients_reach_the_first_layer(family: str, tiny_models: TinyModels) -> None:
    """The fused attention keeps the graph, also of several texts and where heads share keys."""
    reader, tokens = reader_of(tiny_models.folder(family))
    learning = [p for name, p in reader.model.named_parameters() if "layers.0." in name]
    learning = learning or [p for n, p in reader.model.named_parameters() if ".layer.0." in n]
    for parameter in learning:
        parameter.requires_grad_(True)
    reader.embed(some_ids(tokens, (10, 11)), budget=500)[:, 0].sum().backward()
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


def test_prompts_that_are_not_pooled_are_refused(tiny_models: TinyModels) -> None:
    """Without a prompt there is nothing to leave out, and the model can be trained."""
    prompts = {"query": "query ", "document": ""}
    folder = tiny_models.sentence_transformers("bert", "bert-unpooled-trained", prompts=prompts)
    edit_json(folder / "1_Pooling" / "config.json", lambda old: old | {"include_prompt": False})
    with pytest.raises(UnsupportedModelError, match="leaves its prompts out of pooling"):
        open_reader(planner_of(folder))
    assert open_reader(planner_of(folder, query_prompt="")).pooling == "mean"


def test_tokens_carry_prompts_and_specials(tiny_models: TinyModels) -> None:
    """Queries and documents get the prompts that the encoder gives them."""
    planner = planner_of(tiny_models.folder("bert"), query_prompt="query ", document_prompt="")
    tokens = TextTokens(planner)
    query, document = tokens(["note"], "query")[0], tokens(["note"])[0]
    assert len(query) == len(document) + 1 == planner.count_tokens("note", kind="query")
    assert (tokens.head, tokens.tail) == (1, 1)
    assert len(document) < ORIGINAL_LENGTH
