"""From a model and its settings to the rules by which each text gets its plan."""

from __future__ import annotations

from typing import Any

from longembed_rag.encoder.families import Family, TunedTable, rotary_dim, rotary_parameters
from longembed_rag.encoder.rope_factors import require_fitting_factors
from longembed_rag.encoder.settings import EncoderSettings
from longembed_rag.errors import SettingsError
from longembed_rag.extension.methods import OF_FREQUENCIES, WINDOWED, Method
from longembed_rag.extension.plan import PlanRules
from longembed_rag.extension.rescaling import RopeFactors


def rules_for(
    settings: EncoderSettings,
    config: Any,
    family: Family,
    *,
    method: Method,
    original_length: int,
    table: TunedTable | None,
    model: str,
) -> PlanRules:
    """The rules of one model under one set of settings.

    Args:
        settings: As given.
        config: transformers' config.
        family: The architecture.
        method: The extension method, resolved.
        original_length: ``L0``, resolved, tokens.
        table: What its config says of a tuned table.
        model: What it is called, for errors.

    Raises:
        SettingsError: A setting does not fit the model or the method.
    """
    rotates = family.positions == "rotary"
    dim, theta = 0, 0.0
    if rotates:
        dim, theta = rotary_dim(config), float(rotary_parameters(config).get("rope_theta", 0.0))
    _require_resonance(settings, family, method, model)
    _require_temperature(settings, family, method, model)
    if method == "abf":
        _require_larger_base(settings.rope_theta, theta, model)
    return PlanRules(
        method=method,
        positions=family.positions,
        original_length=original_length,
        max_length=settings.max_length,
        rotary_dim=dim,
        scaling=settings.scaling,
        attention_scaling=settings.attention_scaling,
        group_size=settings.group_size,
        neighbor_window=settings.neighbor_window,
        ntk_lambda=settings.ntk_lambda,
        chunk_size=settings.chunk_size,
        anchors=0 if table is None else table.original_length,
        anchor_step=1 if table is None else table.step,
        theta=theta,
        rope_theta=settings.rope_theta,
        rope_factors=_factors(settings, config, method, dim, original_length, model),
        resonance=settings.resonance,
        temperature=settings.attention_temperature or 1.0,
    )


def _require_resonance(
    settings: EncoderSettings, family: Family, method: Method, model: str
) -> None:
    if not settings.resonance:
        return
    if family.positions != "rotary":
        raise SettingsError(
            f"resonance rounds the wavelengths of a rotation, and {model} ({family.name}) does not "
            "rotate; leave it off"
        )
    if method not in OF_FREQUENCIES:
        raise SettingsError(
            f"resonance is for methods that read plain positions past the window, not for "
            f"{method!r}: take method={', '.join(OF_FREQUENCIES)}, or leave it off"
        )


def _require_temperature(
    settings: EncoderSettings, family: Family, method: Method, model: str
) -> None:
    if settings.attention_temperature is None:
        return
    if family.positions == "alibi":
        raise SettingsError(
            f"attention_temperature does not fit {model} ({family.name}): ALiBi models are read by "
            "transformers' own attention; leave it off"
        )
    if method in WINDOWED:
        raise SettingsError(
            f"attention_temperature changes texts that are read past the window at once, which "
            f"method={method!r} never does: name another method, or leave it off"
        )


def _require_larger_base(rope_theta: float | None, theta: float, model: str) -> None:
    if rope_theta is not None and rope_theta <= theta:
        raise SettingsError(
            f"rope_theta={rope_theta:,.0f} is no larger than {model}'s own base, {theta:,.0f}: "
            "abf reads further by a larger one"
        )


def _factors(
    settings: EncoderSettings,
    config: Any,
    method: Method,
    dim: int,
    original_length: int,
    model: str,
) -> RopeFactors | None:
    """The factors of LongRoPE that were given; None where the model has its own, or none is asked.

    Raises:
        SettingsError: There are none, or another model's.
    """
    if method != "longrope":
        return None
    if settings.rope_factors is not None:
        return require_fitting_factors(
            settings.rope_factors, rotary_dim=dim, original_length=original_length, model=model
        )
    if rotary_parameters(config).get("rope_type") == "longrope":
        return None
    raise SettingsError(
        f"method='longrope' needs rescale factors, which {model} does not come with: name a file "
        "with rope_factors (--rope-factors), as 'tune --rope-factors FILE' makes it"
    )


def base_note(config: Any, family: Family) -> str | None:
    """How long texts a model's rotary base is enough for, in words.

    None for models without a rotation, or with frequencies that do not follow from a base alone.
    """
    if family.positions != "rotary":
        return None
    parameters = rotary_parameters(config)
    if parameters.get("rope_type", "default") != "default" or not parameters.get("rope_theta"):
        return None
    from longembed_rag.extension.base_bound import enough_for, in_words

    theta, dim = float(parameters["rope_theta"]), rotary_dim(config)
    return in_words(theta, enough_for(theta, dim))
