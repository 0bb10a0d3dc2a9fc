"""How one text will be read: chosen from its own token count and nothing else."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from longembed_rag.errors import SettingsError, UnsupportedMethodError

METHODS = ("none", "truncate", "pcw", "gp", "rp", "pi", "ntk", "self_extend", "yarn")
Method = Literal["none", "truncate", "pcw", "gp", "rp", "pi", "ntk", "self_extend", "yarn"]
PositionKind = Literal["learned", "rotary", "alibi", "relative"]

#: What a model can do, by the kind of positions it was trained with.
METHODS_BY_POSITIONS: dict[PositionKind, tuple[Method, ...]] = {
    "learned": ("truncate", "pcw", "gp", "rp", "pi"),
    "rotary": ("none", "truncate", "pcw", "gp", "pi", "ntk", "self_extend", "yarn"),
    "alibi": ("none", "truncate", "pcw", "pi"),
    "relative": ("none", "truncate", "pcw"),
}

_WHY_NOT: dict[PositionKind, str] = {
    "learned": "it looks its positions up in a learned table",
    "rotary": "it rotates queries and keys by their positions",
    "alibi": "it has ALiBi biases, neither a position table nor a rotation, so only its slopes can "
    "be made flatter (pi) or its length limit be raised",
    "relative": "it has a bias for each bucket of distances, neither a position table nor a "
    "rotation, and its last bucket reaches on without end",
}

# Table 6 of the LongEmbed paper: scale -> factor on the rotary base.
_NTK_LAMBDA = {1: 1.0, 2: 3.0, 4: 5.0, 8: 10.0}

#: Methods that never see a text longer than the model's own window.
_WINDOWED = frozenset({"truncate", "pcw"})


@dataclass(frozen=True)
class ExtensionPlan:
    """How a text of ``tokens`` tokens is read.

    Attributes:
        method: The extension method.
        tokens: Tokens of the text, special tokens and prompt included (``n``).
        original_length: Tokens that the model was trained to read (``L0``).
        max_length: Longest text read in one go (``T``); beyond it, windows of that length.
        scale: How many times the original length is stretched (``s``); 1 for a text that fits.
        group_size: Neighbouring positions that share one (``g``); GP and SelfExtend only.
        neighbor_window: Distance below which SelfExtend keeps exact positions (``w``).
        ntk_lambda: Factor on the rotary base (``λ``); NTK only.
        attention_factor: Factor on queries, ``max(1, ln n / ln L0)`` under log-n scaling.
        windows: Forward windows that the text is cut into.
        position_step: From one token's position to the next one's; above 1 for texts that a tuned
            table reads at its original rows.
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

    @property
    def extends(self) -> bool:
        """Whether anything about the model changes for this text."""
        return self.scale > 1 and self.method not in _WINDOWED

    def to_dict(self) -> dict[str, Any]:
        """Every value by name, ready for JSON."""
        return asdict(self)

    def describe(self) -> str:
        """One line for people, such as ``ntk x8 (λ=10, log-n 1.33)``."""
        parts = []
        if self.group_size is not None:
            parts.append(f"g={self.group_size}")
        if self.neighbor_window is not None:
            parts.append(f"w={self.neighbor_window}")
        if self.ntk_lambda is not None:
            parts.append(f"λ={self.ntk_lambda:g}")
        if self.position_step > 1:
            parts.append(f"positions {self.position_step} apart")
        if self.attention_factor > 1:
            parts.append(f"log-n {self.attention_factor:.2f}")
        if self.windows > 1:
            parts.append(f"{self.windows} windows")
        scale = f" x{self.scale}" if self.scale > 1 else ""
        return f"{self.method}{scale}" + (f" ({', '.join(parts)})" if parts else "")


def require_method(method: str, *, positions: PositionKind, model: str) -> None:
    """Refuse a method that makes no sense for a model's positions.

    Raises:
        UnsupportedMethodError: Lists what this model can do.
    """
    able = METHODS_BY_POSITIONS[positions]
    if method not in able:
        raise UnsupportedMethodError(
            f"method={method!r} does not fit {model}: {_WHY_NOT[positions]}. "
            f"It can do: {', '.join(able)} (or 'auto')"
        )


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


def log_n_factor(tokens: int, original_length: int) -> float:
    """``max(1, ln n / ln L0)``: sharpens attention that is spread over more tokens than usual."""
    if original_length < 2 or tokens <= original_length:
        return 1.0
    return math.log(tokens) / math.log(original_length)


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
        attention_scaling: ``"log_n"`` or ``"none"``.
        group_size: Override of ``g``.
        neighbor_window: Override of ``w``.
        ntk_lambda: Override of ``λ``.
        anchors: Original rows of a table that was tuned by PI; texts of at most that many tokens
            are read at them, as the model read them before.
        anchor_step: From one of these rows to the next.
    """

    method: Method
    positions: PositionKind
    original_length: int
    max_length: int
    rotary_dim: int = 0
    scaling: str = "dynamic"
    attention_scaling: str = "log_n"
    group_size: int | None = None
    neighbor_window: int | None = None
    ntk_lambda: float | None = None
    anchors: int = 0
    anchor_step: int = 1

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
        if tokens <= self.original_length or self.method == "none":
            return base
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
        group: int | None = None
        neighbors: int | None = None
        ntk_lambda: float | None = None
        factor = 1.0
        if self.method == "gp":
            group = self.group_size or scale
            self._require_reach(group, tokens)
        elif self.method == "self_extend":
            group = self.group_size or scale + 1
            neighbors = self.neighbor_window or max(1, self.original_length // scale)
        elif self.method == "ntk":
            ntk_lambda = self.ntk_lambda or default_ntk_lambda(scale, self.rotary_dim)
        # YaRN brings its own attention factor.
        scaled = self.method in ("gp", "rp", "pi", "ntk", "self_extend")
        if self.attention_scaling == "log_n" and scaled:
            factor = log_n_factor(tokens, self.original_length)
        return ExtensionPlan(
            method=self.method,
            tokens=tokens,
            original_length=self.original_length,
            max_length=self.max_length,
            scale=scale,
            group_size=group,
            neighbor_window=neighbors,
            ntk_lambda=ntk_lambda,
            attention_factor=factor,
        )
