"""The reference against transformers' own models, wherever those can read a text that way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from tests.exact import FEW
from tests.families import (
    CAUSAL,
    FAMILIES,
    LEARNED,
    ORIGINAL_LENGTH,
    ROTARY,
    covering,
    methods_of,
)
from tests.models import TinyModels
from tests.reference import definitions
from tests.reference.definitions import Settings, reading_of

if TYPE_CHECKING:
    from tests.conftest import ReferenceFactory

LONG = 7 * ORIGINAL_LENGTH
#: Transformers computes rotary tables, and most RMSNorms, in float32 even in a float64 model.
TOLERANCE = 2e-5


def stock_states(
    folder: Path, ids: list[int], positions: Tensor | None = None, **config: Any
) -> Tensor:
    """Last hidden states of transformers' own model, eager attention in float64."""
    from transformers import AutoConfig, AutoModel

    changed = AutoConfig.from_pretrained(folder)
    for name, value in config.items():
        setattr(changed, name, value)
    model = AutoModel.from_pretrained(
        folder, config=changed, attn_implementation="eager", dtype=torch.float64
    )
    tokens = torch.tensor([ids])
    arguments = {} if positions is None else {"position_ids": positions[None]}
    with torch.no_grad():
        return model(tokens, attention_mask=torch.ones_like(tokens), **arguments).last_hidden_state[
            0
        ]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tokens", [4, 21, ORIGINAL_LENGTH])
def test_within_the_window(
    family: str, tokens: int, tiny_models: TinyModels, load_reference: ReferenceFactory
) -> None:
    """Within the window the reference is the stock model, token by token."""
    reference = load_reference(family)
    ids = reference.ids(reference.text(tokens))
    expected = stock_states(tiny_models.folder(family), ids)
    actual = reference.states(tuple(ids), reading_of(tokens, Settings()))
    assert len(ids) == tokens
    assert (actual - expected).abs().max() < TOLERANCE


def _rope(folder: Path, **changes: Any) -> dict[str, Any]:
    """The model's rotary parameters, changed for its full layers only."""
    from transformers import AutoConfig

    parameters = AutoConfig.from_pretrained(folder).rope_parameters
    if "full_attention" in parameters:
        full = parameters["full_attention"] | changes
        return {"rope_parameters": parameters | {"full_attention": full}}
    return {"rope_parameters": parameters | changes}


@pytest.mark.parametrize(
    ("family", "method"),
    covering(
        ("gte",), 1, [(family, each) for family in ROTARY for each in ("none", "pi", "ntk", "yarn")]
    ),
)
def test_rotary_methods_of_transformers(
    family: str, method: str, tiny_models: TinyModels, load_reference: ReferenceFactory
) -> None:
    """Beyond the window, changed frequencies give what transformers' own rotary types give."""
    folder, reference = tiny_models.folder(family), load_reference(family)
    ids = reference.ids(reference.text(LONG))
    theta = FAMILIES[family].config["rope_parameters"]
    theta = theta.get("full_attention", theta)["rope_theta"]
    changes: dict[str, dict[str, Any]] = {
        "none": {},
        "pi": {"rope_type": "linear", "factor": 8.0},
        "ntk": {"rope_theta": theta * 10},
        "yarn": {
            "rope_type": "yarn",
            "factor": 8.0,
            "original_max_position_embeddings": ORIGINAL_LENGTH,
        },
    }
    config = _rope(folder, **changes[method])
    if family == "mistral":
        config["sliding_window"] = None
    expected = stock_states(folder, ids, **config)
    settings = Settings(method=method, attention_scaling="none")
    actual = reference.states(tuple(ids), reading_of(LONG, settings))
    assert (actual - expected).abs().max() < 10 * TOLERANCE


@pytest.mark.parametrize("family", sorted({*ROTARY} - {*CAUSAL, "modernbert", "gemma3_text"}))
def test_grouped_positions_of_rotary_models(
    family: str, tiny_models: TinyModels, load_reference: ReferenceFactory
) -> None:
    """GP is the stock model with its position ids divided; no local layers here to disturb it."""
    reference = load_reference(family)
    ids = reference.ids(reference.text(LONG))
    expected = stock_states(tiny_models.folder(family), ids, torch.arange(LONG) // 8)
    reading = reading_of(LONG, Settings(method="gp", attention_scaling="none"))
    assert (reference.states(tuple(ids), reading) - expected).abs().max() < TOLERANCE


@pytest.mark.parametrize("family", LEARNED)
@pytest.mark.parametrize("method", ["gp", "rp"])
def test_position_ids_of_learned_tables(
    family: str, method: str, tiny_models: TinyModels, load_reference: ReferenceFactory
) -> None:
    """GP and RP are the stock model with other position ids, counted from RoBERTa's offset."""
    reference = load_reference(family)
    ids = reference.ids(reference.text(LONG))
    steps = torch.arange(LONG)
    positions = steps // 8 if method == "gp" else steps % ORIGINAL_LENGTH
    if family != "bert":
        positions += 2
    expected = stock_states(tiny_models.folder(family), ids, positions)
    reading = reading_of(LONG, Settings(method=method, attention_scaling="none"))
    assert (reference.states(tuple(ids), reading) - expected).abs().max() < TOLERANCE


@pytest.mark.parametrize(
    "family",
    [pytest.param(each, marks=() if each in FEW else pytest.mark.slow) for each in FAMILIES],
)
def test_every_method_shows_in_the_vector(family: str, load_reference: ReferenceFactory) -> None:
    """A slightly wrong method moves a long text's vector far beyond the tolerance of the tests."""
    reference = load_reference(family)
    text = reference.text(LONG)
    variants = [Settings(method=method) for method in methods_of(family)]
    variants.append(Settings(method="gp", group_size=9))
    variants.append(Settings(method="gp", attention_scaling="none"))
    if FAMILIES[family].positions == "rotary":
        variants.append(Settings(method="self_extend", group_size=10))
        variants.append(Settings(method="self_extend", neighbor_window=5))
        variants.append(Settings(method="ntk", ntk_lambda=11))
        variants.append(Settings(method="self_extend", attention_scaling="none"))
    vectors = [reference.encode(text, settings) for settings in variants]
    for i, one in enumerate(vectors):
        for other in vectors[:i]:
            assert abs(one - other).max() > 5e-3


def test_scale_is_a_power_of_two_or_fixed() -> None:
    """The dynamic scale is the smallest power of two that fits; the static one is ceil(T / L0)."""
    lengths = [(32, 1), (33, 2), (64, 2), (65, 4), (224, 8)]
    for length, scale in lengths:
        assert definitions.scale_of(length, 32, Settings()) == scale
    static = Settings(scaling="static", max_length=200)
    assert [definitions.scale_of(length, 32, static) for length, _ in lengths] == [1, 7, 7, 7, 7]
