"""How one text will be read: chosen from its own token count and nothing else."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import SettingsError
from longembed_rag.extension.methods import WINDOWED, Method, PositionKind
from longembed_rag.extension.rescaling import RopeFactors
from longembed_rag.extension.sharpening import AttentionScaling, logits_factor
from longembed_rag.extension.spans import Spans, spans_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Table 6 of the LongEmbed paper: scale -> factor on the rotary base.
_NTK_LAMBDA = {1: 1.0, 2: 3.0, 4: 5.0, 8: 10.0}

#: By how many times the base grows in ABF: from 10,000 to 500,000 (arXiv 2309.16039, section 2.1).
ABF_FACTOR = 50.0

# Methods whose own factor on cosines and sines takes the place of log-n scaling.
_OWN_FACTOR = frozenset({"yarn", "longrope"})


@dataclass(frozen=True)
class ExtensionPlan:
    """How a text of ``tokens`` tokens is read.

    Attributes:
        method: The extension method.
        tokens: Tokens of the text, special tokens and prompt included (``n``).
        original_length: Tokens that the model was trained to read (``L0``).
        max_length: Longest text read in one go (``T``); beyond it, windows of that length.
        scale: How many times the original length is stretched (``s``); 1 for a text that fits.
        group_size: Neighbouring positions that share one (``g``); GP and SelfExtend, and DPE for
            its slowest dimensions.
        neighbor_window: Distance below which SelfExtend, DPE (``w``) and STRING (``S``) keep exact
            positions; how far those of DCA reach into the next chunk (``w``).
        ntk_lambda: Factor on the rotary base (``λ``); NTK and dynamic NTK only.
        attention_factor: Factor on queries, ``max(1, ln n / ln L0)`` under log-n scaling, divided
            by the temperature.
        windows: Forward windows that the text is cut into.
        position_step: From one token's position to the next one's; above 1 for texts that a tuned
            table reads at its original rows.
        attention_scaling: What the factor on queries is made by.
        temperature: What logits are divided by besides (``τ``); 1 for a text that fits.
        rope_theta: The rotary base in place of the model's; ABF only.
        rope_factors: By what each frequency is divided; LongRoPE only.
        rope_attention: Factor on cosines and sines that comes with them.
        resonance: Whether wavelengths are rounded to whole tokens.
        chunk_size: Tokens of a chunk (``s``); DCA only.
        restart: Distance at which STRING's far pairs begin (``W``).
    """

    method: Method
    tokens: int
    original_length: int
    max_length: int
    scale: int = 1
    group_size: int | None = None
    neighbor_window: int | None = None
    ntk_lambda: float | None = None
    attention_factor: float = 1.0
    windows: int = 1
    position_step: int = 1
    attention_scaling: AttentionScaling = "none"
    temperature: float = 1.0
    rope_theta: float | None = None
    rope_factors: tuple[float, ...] | None = None
    rope_attention: float = 1.0
    resonance: bool = False
    chunk_size: int | None = None
    restart: int | None = None

    @property
    def extends(self) -> bool:
        """Whether anything about the model changes for this text."""
        stretched = self.scale > 1 and self.method not in WINDOWED
        return stretched or self.resonance or self.temperature != 1

    def query_factors(self, *, causal: bool) -> float | NDArray[np.float64]:
        """What its queries are multiplied by: one number, or one for each token, ``[n]``.

        By the text's own length; under SelfExtend in causal models log-n goes by the position,
        ``ln(i + 1) / ln L0``, as in the paper's code, since a token sees only what is before it.
        """
        by_position = causal and self.method == "self_extend" and self.attention_scaling == "log_n"
        if not by_position or self.attention_factor == 1 or self.original_length < 2:
            return self.attention_factor
        import numpy as np

        seen = np.arange(1, self.tokens + 1, dtype=np.float64)
        factors = np.maximum(1.0, np.log(seen) / math.log(self.original_length))
        return np.asarray(factors / self.temperature)

    def to_dict(self) -> dict[str, Any]:
        """Every value by name, ready for JSON."""
        return asdict(self)

    def describe(self) -> str:
        """One line for people, such as ``ntk x8 (λ=10, log-n 1.33)``."""
        parts = []
        if self.group_size is not None:
            parts.append(f"g={self.group_size}")
        if self.chunk_size is not None:
            parts.append(f"s={self.chunk_size}")
        if self.neighbor_window is not None:
            parts.append(f"{'w' if self.restart is None else 'S'}={self.neighbor_window}")
        if self.restart is not None:
            parts.append(f"W={self.restart}")
        if self.ntk_lambda is not None:
            parts.append(f"λ={self.ntk_lambda:.4g}")
        if self.rope_theta is not None:
            parts.append(f"θ={self.rope_theta:,.0f}")
        if self.rope_factors is not None:
            parts.append(f"slowed {min(self.rope_factors):g} to {max(self.rope_factors):g} times")
        if self.resonance:
            parts.append("whole wavelengths")
        if self.position_step > 1:
            parts.append(f"positions {self.position_step} apart")
        scaled = self.attention_factor * self.temperature
        if self.attention_scaling != "none" and scaled > 1:
            name = "log-n" if self.attention_scaling == "log_n" else "yarn"
            parts.append(f"{name} {scaled:.2f}")
        if self.temperature != 1:
            parts.append(f"τ={self.temperature:g}")
        if self.windows > 1:
            parts.append(f"{self.windows} windows")
        scale = f" x{self.scale}" if self.scale > 1 else ""
        return f"{self.method}{scale}" + (f" ({', '.join(parts)})" if parts else "")


def dynamic_scale(tokens: int, original_length: int) -> int:
    """The smallest power of two by which the original length holds the text."""
    scale = 1
    while scale * original_length < tokens:
        scale *= 2
    return scale


def static_scale(max_length: int, original_length: int) -> int:
    """``s = ceil(T / L0)``, as in the paper."""
    return max(1, math.ceil(max_length / original_length))


def default_ntk_lambda(scale: int, rotary_dim: int) -> float:
    """The factor on the rotary base for a scale.

    Table 6 of the paper where it has an entry (2, 4, 8); elsewhere the static NTK value
    ``s^(d / (d - 2))``, rounded up: "slightly greater than s", as the paper asks.

    Args:
        scale: How many times the original length is stretched.
        rotary_dim: Rotated dimensions per head (``d``).
    """
    if scale in _NTK_LAMBDA:
        return _NTK_LAMBDA[scale]
    exponent = rotary_dim / (rotary_dim - 2) if rotary_dim > 2 else 1.0
    return float(math.ceil(scale**exponent - 1e-9))


def dynamic_ntk_lambda(tokens: int, *, scale: int, original_length: int, rotary_dim: int) -> float:
    """``(s n / L0 - (s - 1))^(d / (d - 2))``: the factor on the base by the text's own length.

    That is transformers' rope type ``dynamic`` with factor ``s``, for the text and not for the
    longest of its batch: 1 at the original length, and growing from there.
    """
    exponent = rotary_dim / (rotary_dim - 2) if rotary_dim > 2 else 1.0
    return float((scale * tokens / original_length - (scale - 1)) ** exponent)


@dataclass(frozen=True, kw_only=True)
class PlanRules:
    """Everything but the text that a plan depends on.

    Attributes:
        method: The extension method, resolved (never ``"auto"``).
        positions: The kind of positions the model was trained with.
        original_length: ``L0``, tokens.
        max_length: ``T``, tokens.
        rotary_dim: Rotated dimensions per head; 0 for models that do not rotate.
        scaling: ``"dynamic"`` or ``"static"``.
        attention_scaling: ``"log_n"``, ``"yarn"`` or ``"none"``.
        group_size: Override of ``g``.
        neighbor_window: Override of ``w``.
        ntk_lambda: Override of ``λ``.
        anchors: Original rows of a table that was tuned by PI; texts of at most that many tokens
            are read at them, as the model read them before.
        anchor_step: From one of these rows to the next.
        theta: The model's own rotary base; 0 for models that do not rotate.
        rope_theta: Override of ABF's base.
        rope_factors: LongRoPE's factors; None leaves the frequencies to the model.
        resonance: Whether wavelengths are rounded to whole tokens past the window.
        temperature: What logits are divided by past the window (``τ``).
        chunk_size: Override of DCA's ``s``.

    Raises:
        SettingsError: An override leads past the distances that the model knows.
    """

    method: Method
    positions: PositionKind
    original_length: int
    max_length: int
    rotary_dim: int = 0
    scaling: str = "dynamic"
    attention_scaling: AttentionScaling = "log_n"
    group_size: int | None = None
    neighbor_window: int | None = None
    ntk_lambda: float | None = None
    anchors: int = 0
    anchor_step: int = 1
    theta: float = 0.0
    rope_theta: float | None = None
    rope_factors: RopeFactors | None = None
    resonance: bool = False
    temperature: float = 1.0
    chunk_size: int | None = None

    def __post_init__(self) -> None:
        self._spans(1)

    @property
    def window(self) -> int:
        """Tokens of one unextended forward pass: ``min(L0, T)``."""
        return min(self.original_length, self.max_length)

    def plan(self, tokens: int) -> ExtensionPlan:
        """The plan for one forward pass over ``tokens`` tokens (at most ``max_length``).

        A text of at most ``L0`` tokens is read exactly as the original model reads it, under
        both kinds of scaling.

        Raises:
            SettingsError: A group size that was asked for does not bring the text into the table.
        """
        base = ExtensionPlan(
            method=self.method,
            tokens=tokens,
            original_length=self.original_length,
            max_length=self.max_length,
        )
        if tokens <= self.anchors:
            return replace(base, position_step=self.anchor_step)
        if tokens <= self.original_length:
            return base
        if self.method == "none":
            return self._sharpened(base, "none")
        if self.scaling == "static":
            scale = static_scale(self.max_length, self.original_length)
        else:
            scale = dynamic_scale(tokens, self.original_length)
        return self._stretched(tokens, scale)

    def _require_reach(self, group_size: int, tokens: int) -> None:
        reach = group_size * self.original_length
        if self.positions == "learned" and reach < tokens:
            raise SettingsError(
                f"group_size={group_size} reaches {reach} tokens, since the position table ends "
                f"at {self.original_length}, but a text of {tokens} tokens is to be read at once: "
                f"take group_size={static_scale(tokens, self.original_length)} or more, or "
                f"max_length={reach}"
            )

    def _stretched(self, tokens: int, scale: int) -> ExtensionPlan:
        plan = ExtensionPlan(
            method=self.method,
            tokens=tokens,
            original_length=self.original_length,
            max_length=self.max_length,
            scale=scale,
            **self._constants(tokens, scale),
        )
        if self.method in WINDOWED:
            return plan
        kind = "none" if self.method in _OWN_FACTOR else self.attention_scaling
        return self._sharpened(plan, kind)

    def _constants(self, tokens: int, scale: int) -> dict[str, Any]:
        """What a method needs beside the scale."""
        if self.method == "gp":
            group = self.group_size or scale
            self._require_reach(group, tokens)
            return {"group_size": group}
        if (spans := self._spans(scale)) is not None:
            return asdict(spans)
        if self.method == "ntk":
            return {"ntk_lambda": self.ntk_lambda or default_ntk_lambda(scale, self.rotary_dim)}
        if self.method == "dynamic_ntk":
            length, dim = self.original_length, self.rotary_dim
            base = dynamic_ntk_lambda(tokens, scale=scale, original_length=length, rotary_dim=dim)
            return {"ntk_lambda": base}
        if self.method == "abf":
            return {"rope_theta": self.rope_theta or ABF_FACTOR * self.theta}
        if self.method == "longrope" and (found := self.rope_factors) is not None:
            return {"rope_factors": found.factors, "rope_attention": found.attention}
        return {}

    def _sharpened(self, plan: ExtensionPlan, kind: AttentionScaling) -> ExtensionPlan:
        """A plan with what holds for every method past the window."""
        factor = logits_factor(
            kind, tokens=plan.tokens, original_length=self.original_length, scale=plan.scale
        )
        return replace(
            plan,
            attention_factor=factor / self.temperature,
            attention_scaling=kind,
            temperature=self.temperature,
            resonance=self.resonance,
        )

    def _spans(self, scale: int) -> Spans | None:
        return spans_of(
            self.method,
            scale=scale,
            original_length=self.original_length,
            group_size=self.group_size,
            neighbor_window=self.neighbor_window,
            chunk_size=self.chunk_size,
        )
