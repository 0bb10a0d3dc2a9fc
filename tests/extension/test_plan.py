"""Plans: scale, group size, window, λ and log-n from a text's own token count."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import SettingsError, UnsupportedMethodError
from longembed_rag.extension.methods import METHODS, METHODS_BY_POSITIONS, require_method
from longembed_rag.extension.plan import (
    ExtensionPlan,
    PlanRules,
    default_ntk_lambda,
    dynamic_scale,
    static_scale,
)
from longembed_rag.extension.sharpening import log_n_factor


def rules(method: str, **changes: object) -> PlanRules:
    values: dict[str, object] = {
        "positions": "rotary",
        "original_length": 512,
        "max_length": 4096,
        "rotary_dim": 64,
        **changes,
    }
    return PlanRules(method=method, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("length", "scale", "ntk_lambda", "group", "window"),
    [
        (512, 2, 3, 3, 256),
        (512, 4, 5, 5, 128),
        (512, 8, 10, 9, 64),
        (4096, 2, 3, 3, 2048),
        (4096, 4, 5, 5, 1024),
        (4096, 8, 10, 9, 512),
    ],
)
def test_table_6(length: int, scale: int, ntk_lambda: int, group: int, window: int) -> None:
    """The defaults are Table 6 of the paper, for both of its original lengths."""
    sizes = {"original_length": length, "max_length": scale * length}
    ntk = rules("ntk", **sizes).plan(scale * length)
    extend = rules("self_extend", **sizes).plan(scale * length)
    assert (ntk.scale, ntk.ntk_lambda) == (scale, ntk_lambda)
    assert (extend.group_size, extend.neighbor_window) == (group, window)


@given(st.integers(1, 7), st.sampled_from([512, 2048, 4096, 8192]))
def test_self_extend_fills_the_window(exponent: int, length: int) -> None:
    """The rule behind the table: w + (T - w) / g is the original length."""
    target = length * 2**exponent
    plan = rules("self_extend", original_length=length, max_length=target).plan(target)
    assert plan.group_size is not None
    assert plan.neighbor_window is not None
    assert plan.neighbor_window + (target - plan.neighbor_window) / plan.group_size == length


def test_lambda_outside_the_table() -> None:
    """Elsewhere λ is s^(d/(d-2)) rounded up, and a tiny head does not divide by zero."""
    assert default_ntk_lambda(16, 64) == math.ceil(16 ** (64 / 62)) == 18
    assert default_ntk_lambda(64, 64) == 74
    assert default_ntk_lambda(3, 64) == 4
    assert default_ntk_lambda(16, 2) == 16


@given(st.integers(2, 256), st.sampled_from([16, 32, 64, 128]))
def test_lambda_grows_with_the_scale(scale: int, dimension: int) -> None:
    """λ is never below the scale, and a larger scale never gets a smaller one."""
    value = default_ntk_lambda(scale, dimension)
    assert value >= scale
    assert default_ntk_lambda(scale + 1, dimension) >= value or scale + 1 in (4, 8)


@given(st.integers(1, 100_000), st.integers(2, 8192))
def test_dynamic_scale_is_the_smallest_that_fits(tokens: int, length: int) -> None:
    """A power of two that holds the text, and half of it does not."""
    scale = dynamic_scale(tokens, length)
    assert scale & (scale - 1) == 0
    assert scale * length >= tokens
    assert scale == 1 or scale // 2 * length < tokens


def test_static_scale_rounds_up() -> None:
    """The scale is ceil(T / L0), never below one."""
    assert [static_scale(t, 512) for t in (100, 512, 513, 4096, 4097)] == [1, 1, 2, 8, 9]


@pytest.mark.parametrize(
    ("tokens", "length", "factor"),
    [
        (1024, 512, 1.1111),
        (2048, 512, 1.2222),
        (4096, 512, 1.3333),
        (32768, 512, 1.6667),
        (8192, 4096, 1.0833),
        (32768, 4096, 1.25),
        (512, 512, 1.0),
        (7, 512, 1.0),
    ],
)
def test_log_n(tokens: int, length: int, factor: float) -> None:
    """The published values of max(1, ln n / ln L0)."""
    assert log_n_factor(tokens, length) == pytest.approx(factor, abs=5e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scaling", ["dynamic", "static"])
@given(tokens=st.integers(1, 512))
def test_short_texts_are_never_touched(method: str, scaling: str, tokens: int) -> None:
    """Law 2, as arithmetic: within L0 no plan changes anything."""
    plan = rules(method, scaling=scaling, group_size=4).plan(tokens)
    assert not plan.extends
    assert plan.scale == 1
    assert plan.attention_factor == 1.0


def test_static_scaling_ignores_the_text() -> None:
    """Beyond L0, static plans take the scale from max_length; log-n stays the text's own."""
    plan = rules("ntk", scaling="static").plan(600)
    assert plan.scale == 8
    assert plan.ntk_lambda == 10
    assert plan.attention_factor == pytest.approx(math.log(600) / math.log(512))


@pytest.mark.parametrize("method", ["none", "yarn"])
def test_who_gets_no_log_n(method: str) -> None:
    """YaRN brings its own attention factor; `none` changes nothing at all."""
    assert rules(method).plan(4096).attention_factor == 1.0


def test_overrides_win() -> None:
    """group_size, neighbor_window and ntk_lambda replace the defaults."""
    extend = rules("self_extend", group_size=7, neighbor_window=11).plan(4096)
    assert (extend.group_size, extend.neighbor_window) == (7, 11)
    assert rules("gp", group_size=16).plan(4096).group_size == 16
    assert rules("ntk", ntk_lambda=6.5).plan(4096).ntk_lambda == 6.5


def test_a_group_too_small_for_the_table() -> None:
    """GP on a learned table must not read past its end; the error gives both ways out."""
    short_reach = rules("gp", positions="learned", group_size=2)
    assert short_reach.plan(1024).group_size == 2
    with pytest.raises(SettingsError, match=r"group_size=4 or more, or max_length=1024"):
        short_reach.plan(2000)


@pytest.mark.parametrize(
    ("method", "positions"),
    [("rp", "rotary"), ("ntk", "learned"), ("none", "learned"), ("gp", "alibi"), ("pi", "alibi")],
)
def test_senseless_pairings_list_what_is_possible(method: str, positions: str) -> None:
    """A refusal names the model and every method that would fit it."""
    with pytest.raises(UnsupportedMethodError) as caught:
        require_method(method, positions=positions, model="some-model")  # type: ignore[arg-type]
    assert "some-model" in str(caught.value)
    for able in METHODS_BY_POSITIONS[positions]:  # type: ignore[index]
        assert able in str(caught.value)


def test_plans_describe_themselves() -> None:
    """One line for people, and plain values for JSON."""
    plan = rules("self_extend").plan(4000)
    assert plan.describe() == "self_extend x8 (g=9, w=64, log-n 1.33)"
    assert ExtensionPlan(**plan.to_dict()) == plan


@pytest.mark.parametrize("method", METHODS_BY_POSITIONS["learned"])
@pytest.mark.parametrize("scaling", ["dynamic", "static"])
def test_short_texts_stand_at_the_anchors_of_a_tuned_table(method: str, scaling: str) -> None:
    """Up to as many tokens as there are anchors, under every method; beyond them plainly."""
    tuned = rules(
        method, positions="learned", original_length=64, anchors=16, anchor_step=4, scaling=scaling
    )
    for tokens in (1, 15, 16):
        plan = tuned.plan(tokens)
        assert (plan.position_step, plan.extends) == (4, False)
        assert plan.describe() == f"{method} (positions 4 apart)"
    for tokens in (17, 64, 65, 500):
        assert tuned.plan(tokens).position_step == 1
    assert tuned.plan(64) == rules(
        method, positions="learned", original_length=64, scaling=scaling
    ).plan(64)


def test_constants_of_distances() -> None:
    """DCA, STRING and DPE take their papers' shares of L0, whatever the scale."""
    length = 4096
    dca = rules("dca", original_length=length, max_length=65536).plan(8 * length)
    assert (dca.chunk_size, dca.neighbor_window) == (3072, 1024)
    assert dca.describe() == "dca x8 (s=3072, w=1024, log-n 1.25)"
    string = rules("string", original_length=131_072, max_length=262_144).plan(200_000)
    assert (string.neighbor_window, string.restart) == (43_690, 128)
    assert "S=43690, W=128" in string.describe()
    assert rules("string").plan(4096).restart == 32
    dpe = rules("dpe", original_length=8192, max_length=131_072).plan(16 * 8192)
    assert (dpe.neighbor_window, dpe.group_size) == (1024, 19)
    assert rules("dpe").plan(4096).group_size == 9


def test_overrides_of_distances() -> None:
    """A chunk leaves the rest of L0 to the window, a window the rest to the chunk."""
    plans = [
        rules("dca", **given).plan(4096)
        for given in ({"chunk_size": 100}, {"neighbor_window": 300}, {"neighbor_window": 9})
    ]
    assert [(each.chunk_size, each.neighbor_window) for each in plans] == [
        (100, 412),
        (212, 300),
        (384, 9),
    ]
    assert rules("string", neighbor_window=20).plan(4096).restart == 20


@pytest.mark.parametrize(
    ("method", "given", "words"),
    [
        ("dca", {"chunk_size": 512}, r"chunk_size=512 .*less than the model's original length"),
        ("dca", {"chunk_size": 400, "neighbor_window": 113}, "reach beyond .* length of 512"),
        ("dca", {"neighbor_window": 512}, "neighbor_window=512"),
        ("string", {"neighbor_window": 512}, "neighbor_window=512 leaves method='string' no"),
    ],
)
def test_overrides_that_lead_past_what_was_trained(
    method: str, given: dict[str, int], words: str
) -> None:
    """They are refused before any text is read, naming the setting and the way out."""
    with pytest.raises(SettingsError, match=words):
        rules(method, **given)
