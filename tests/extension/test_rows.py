"""The way of a GPU, run on a CPU: interpreted kernels in place of the GPU's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
import torch
from _pytest.mark import ParameterSet
from hypothesis import given, settings
from hypothesis import strategies as st

from longembed_rag.extension import rows
from longembed_rag.extension.frequencies import RotaryFrequencies, inverse_frequencies
from longembed_rag.extension.kernels import CUDNN, FLASH
from longembed_rag.extension.methods import Method
from longembed_rag.extension.packing import FULL, Pack, Run
from longembed_rag.extension.plan import PlanRules
from longembed_rag.extension.rotary import run_attention, unpack
from longembed_rag.extension.rows import Layer, stretch_attention, stretches
from tests.exact import PAIRS, check, options_of
from tests.families import BY_PIECES, ORIGINAL_LENGTH
from tests.kernels_of_tests import Counted, interpreted
from tests.models import TinyModels, open_encoder
from tests.reference.definitions import Settings
from tests.tokenizers_of_tests import text_of

if TYPE_CHECKING:
    from tests.conftest import EncoderFactory, ReferenceFactory

#: From how much work on runs go by whole attention: all, those of long texts, none.
HEAVY = {"all": 0.0, "long": 4 * 100.0**2 * 32, "none": float("inf")}


#: One family for each mechanism that has its attention from here, with all methods; SelfExtend,
#: and what is not extended, at every threshold.
FAMILIES = ("bert", "modernbert", "gte", "gemma3_text", "mistral", "qwen3")
CASES = [
    (family, method, heavy)
    for family, method in PAIRS
    if family in FAMILIES
    for heavy in HEAVY
    if heavy == "none" or method in ("none", "self_extend")
]


def turns(cases: Sequence[tuple[str, str, str]]) -> list[ParameterSet]:
    """Cases of which every family, method and threshold has some; the rest are slow tests.

    All of one family, and of each other every third, beginning with another one.
    """
    kept, seen = set(cases), Counter[str]()
    for case in cases:
        family = case[0]
        place = seen[family] + FAMILIES.index(family)
        seen[family] += 1
        if family != "gte" and (place % 3 or case[1] in BY_PIECES):
            kept.remove(case)
    return [pytest.param(*case, marks=() if case in kept else pytest.mark.slow) for case in cases]


@pytest.fixture
def take_kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Both kernels are there; the test says which one is taken from where on."""
    with interpreted(FLASH, CUDNN) as counted:
        yield lambda heavy: monkeypatch.setattr(rows, "_HEAVY", HEAVY[heavy])
    assert counted.flash or counted.cudnn, "neither kernel was taken"


@pytest.mark.parametrize(("family", "method", "heavy"), turns(CASES))
def test_every_method_is_exact(
    family: str,
    method: str,
    heavy: str,
    take_kernels: Callable[[str], None],
    load_encoder: EncoderFactory,
    load_reference: ReferenceFactory,
) -> None:
    """As the brute force in float64, in a pack of texts of all lengths."""
    take_kernels(heavy)
    check(load_encoder, load_reference, family, Settings(method=method, max_length=256))


@pytest.mark.parametrize("heavy", HEAVY)
@pytest.mark.parametrize("family", ["gte", "mistral"])
def test_texts_of_one_length_are_exact(
    family: str,
    heavy: str,
    take_kernels: Callable[[str], None],
    load_encoder: EncoderFactory,
    load_reference: ReferenceFactory,
) -> None:
    """Several texts in a run, beside others, under static scales without attention scaling."""
    take_kernels(heavy)
    settings = Settings(
        method="self_extend", max_length=224, scaling="static", attention_scaling="none"
    )
    reference = load_reference(family)
    texts = [reference.text(tokens, seed) for seed, tokens in enumerate((120, 120, 120, 40, 40))]
    encoder = load_encoder(family, **options_of(settings))
    vectors = encoder.encode(texts).embeddings
    expected = [reference.encode(text, settings) for text in texts]
    assert np.abs(vectors - np.stack(expected)).max() < 1e-4


def frequencies(width: int) -> dict[str, RotaryFrequencies]:
    inv_freq = inverse_frequencies(100.0, width)
    return {FULL: RotaryFrequencies(inv_freq=inv_freq, theta=100.0)}


def by_stretches(pack: Pack, layer: Layer, states: list[torch.Tensor]) -> torch.Tensor:
    """As on a GPU, ``[tokens, heads, head_dim]``."""
    query, key, value = states
    pieces = []
    for stretch in stretches(pack, layer, query, key, value):
        if stretch.apart:
            pieces.append(by_runs(pack, layer, states, stretch.runs)[stretch.rows])
            continue
        own = (each[stretch.rows] for each in states)
        pieces.append(stretch_attention(pack, stretch, layer, *own))
    return torch.cat(pieces)


def by_runs(
    pack: Pack, layer: Layer, states: list[torch.Tensor], runs: Sequence[Run] | None = None
) -> torch.Tensor:
    """As without the kernels, which is tested by brute force elsewhere; all runs or some."""
    out = torch.empty_like(states[0])
    groups = states[0].shape[1] // states[1].shape[1]
    full = [states[0], *(each.repeat_interleave(groups, dim=1) for each in states[1:])]
    for run in pack.runs if runs is None else runs:
        query, key, value = (unpack(each.transpose(0, 1).unsqueeze(0), run) for each in full)
        piece = run_attention(
            pack,
            run,
            query,
            key,
            value,
            window=layer.window,
            causal=layer.causal,
            scale=layer.scale,
        )
        out[run.start : run.stop] = piece.transpose(1, 2).flatten(0, 1)
    return out


@settings(max_examples=settings.default.max_examples // 2)
@given(
    lengths=st.lists(st.integers(1, 150), min_size=1, max_size=5),
    repeated=st.integers(1, 3),
    width=st.sampled_from([8, 32, 64, 128]),
    groups=st.sampled_from([1, 4]),
    causal=st.booleans(),
    window=st.sampled_from([None, None, 1, 9]),
    method=st.sampled_from(["none", "ntk", "yarn", "self_extend", "dpe", "string", "dca"]),
    heavy=st.sampled_from([0.0, 4 * 60.0**2 * 64, float("inf")]),
    partial=st.booleans(),
)
def test_stretches_give_what_runs_give(
    lengths: list[int],
    repeated: int,
    width: int,
    groups: int,
    causal: bool,
    window: int | None,
    method: Method,
    heavy: float,
    partial: bool,
) -> None:
    """In any pack, for any head size, with grouped keys and heads that rotate in part only."""
    turned = width // 2 if partial else width
    rules = PlanRules(
        method=method,
        positions="rotary",
        original_length=20,
        max_length=256,
        rotary_dim=turned,
    )
    plans = [rules.plan(length) for length in sorted(lengths * repeated, reverse=True)]
    pack = Pack(plans, torch.device("cpu"), frequencies(turned))
    total = sum(plan.tokens for plan in plans)
    generator = torch.Generator().manual_seed(total)
    states = [
        torch.randn(total, heads, width, generator=generator)
        for heads in (4, 4 // groups, 4 // groups)
    ]
    layer = Layer(causal=causal, scale=0.3, window=window)
    with pytest.MonkeyPatch.context() as patch, interpreted(FLASH, CUDNN):
        patch.setattr(rows, "_HEAVY", heavy)
        off = by_stretches(pack, layer, states) - by_runs(pack, layer, states)
    assert off.abs().max() < 5e-5


def launches(lengths: list[int], layer: Layer, heavy: float) -> Counted:
    rules = PlanRules(
        method="self_extend", positions="rotary", original_length=20, max_length=256, rotary_dim=8
    )
    pack = Pack([rules.plan(length) for length in lengths], torch.device("cpu"), frequencies(8))
    states = [torch.randn(sum(lengths), 2, 8)] * 3
    with pytest.MonkeyPatch.context() as patch, interpreted(FLASH, CUDNN) as counted:
        patch.setattr(rows, "_HEAVY", heavy)
        assert rows.reads_rows(*states)
        stretches(pack, layer, *states)
        counted.flash.clear()
        counted.cudnn.clear()
        for stretch in stretches(pack, layer, *states):
            stretch_attention(pack, stretch, layer, *[each[stretch.rows] for each in states])
    return counted


def test_a_pack_takes_one_launch_for_each_part() -> None:
    """The band of all texts in one launch and each far side in one; short texts in another."""
    both = launches([70, 65, 39, 9, 5], Layer(causal=False, scale=1.0), float("inf"))
    band, side = 70 + 65, 70 + 65 - 5
    assert both.flash == [band, side, side, 39, 29, 29, 14]
    assert both.cudnn == []
    causal = launches([70, 65], Layer(causal=True, scale=1.0), float("inf"))
    assert causal.flash == [band, side]
    local = launches([70, 65, 9], Layer(causal=False, scale=1.0, window=4), 0.0)
    assert (local.flash, local.cudnn) == ([144], [])


def test_what_is_no_band_with_sides_goes_apart() -> None:
    """DCA and STRING; DPE takes the kernels, and so do short texts."""
    for method, lengths, apart in (
        ("dca", [70, 9], [True, False]),
        ("string", [70, 21, 9], [True, True, False]),
        ("dpe", [70, 9], [False, False]),
    ):
        rules = PlanRules(
            method=cast("Method", method),
            positions="rotary",
            original_length=20,
            max_length=256,
            rotary_dim=8,
        )
        pack = Pack([rules.plan(each) for each in lengths], torch.device("cpu"), frequencies(8))
        states = [torch.randn(sum(lengths), 2, 8)] * 3
        with interpreted(FLASH, CUDNN):
            found = stretches(pack, Layer(causal=False, scale=1.0), *states)
        assert [each.apart for each in found] == apart, method


def test_heavy_runs_go_by_whole_attention() -> None:
    """A long run's far sides, and all of a long plain one; its band goes by the window."""
    heavy = launches([70, 70, 65, 9], Layer(causal=False, scale=1.0), 4 * 64.0**2 * 16)
    assert heavy.cudnn == [130, 130]
    assert heavy.flash == [140, 65, 60, 60, 9]
    plain = launches([9, 9, 5], Layer(causal=False, scale=1.0), 1.0)
    assert (plain.flash, plain.cudnn) == ([], [18, 5])


def test_tokens_that_fill_a_query_up(tiny_models: TinyModels) -> None:
    """Runs with unseen tokens keep their own way beside the others."""
    encoder = open_encoder(tiny_models.folder("gte"), max_length=256)
    loaded, rules = encoder._loaded, encoder.planner.rules
    ids = [torch.arange(5, 5 + length) for length in (70, 12, 9)]
    plans = [rules.plan(len(each)) for each in ids]
    with torch.inference_mode():
        expected = loaded.states(ids, plans, [0, 4, 0])
        with interpreted(FLASH, CUDNN) as counted:
            found = loaded.states(ids, plans, [0, 4, 0])
    assert counted.flash
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours - theirs).abs().max() < 1e-4


def test_short_texts_keep_their_vectors(load_encoder: EncoderFactory) -> None:
    """A text's vector is the same alone and among others (law 1)."""
    encoder = load_encoder("gte", method="self_extend", max_length=256)
    texts = [text_of(length) for length in (3, ORIGINAL_LENGTH, 90, 200)]
    with interpreted(FLASH, CUDNN):
        together = encoder.encode(texts).embeddings
        alone = np.concatenate([encoder.encode([text]).embeddings for text in texts])
    assert np.abs(together - alone).max() < 1e-6


@pytest.mark.gpu
@pytest.mark.parametrize("heavy", [0.0, float("inf")])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("width", "groups"), [(32, 1), (64, 1), (64, 4), (128, 4)])
def test_a_gpu_gives_what_explicit_scores_give(
    width: int, groups: int, causal: bool, heavy: float, gpu: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own kernels over a ragged pack, up to what bfloat16 rounds off."""
    monkeypatch.setattr(rows, "_HEAVY", heavy)
    if gpu.startswith("cuda"):
        _check_ragged(torch.device(gpu), width, groups, causal)
        return
    with interpreted(FLASH, CUDNN):  # which tries the test itself
        _check_ragged(torch.device("cpu"), width, groups, causal)


def _check_ragged(device: torch.device, width: int, groups: int, causal: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    for method, window in (("none", None), ("ntk", None), ("ntk", 65), ("self_extend", None)):
        rules = PlanRules(
            method=cast("Method", method),
            positions="rotary",
            original_length=128,
            max_length=1024,
            rotary_dim=width,
        )
        plans = [rules.plan(length) for length in (600, 400, 400, 150, 30)]
        total = sum(plan.tokens for plan in plans)
        layer = Layer(causal=causal, scale=width**-0.5, window=window)
        states = [
            torch.randn(total, heads, width, generator=generator).bfloat16()
            for heads in (4, 4 // groups, 4 // groups)
        ]
        there = [each.to(device) for each in states]
        assert rows.reads_rows(*there)
        pack = Pack(plans, device, frequencies(width))
        exact = Pack(plans, torch.device("cpu"), frequencies(width))
        expected = by_runs(exact, layer, [each.float() for each in states])
        off = by_stretches(pack, layer, there).float().cpu() - expected
        assert off.abs().max() < 0.05, (method, window)
