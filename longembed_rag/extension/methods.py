"""The extension methods, and what a model can do by the kind of its positions."""

from __future__ import annotations

from typing import Literal, get_args

from longembed_rag.errors import UnsupportedMethodError

Method = Literal[
    "none",
    "truncate",
    "pcw",
    "gp",
    "rp",
    "pi",
    "ntk",
    "self_extend",
    "yarn",
    "dynamic_ntk",
    "ntk_by_parts",
    "abf",
    "longrope",
    "dca",
    "string",
    "dpe",
]
METHODS: tuple[Method, ...] = get_args(Method)
PositionKind = Literal["learned", "rotary", "alibi"]

#: What a model can do, by the kind of positions it was trained with.
METHODS_BY_POSITIONS: dict[PositionKind, tuple[Method, ...]] = {
    "learned": ("truncate", "pcw", "gp", "rp", "pi"),
    "rotary": (
        *("none", "truncate", "pcw", "gp", "pi", "ntk", "self_extend", "yarn"),
        *("dynamic_ntk", "ntk_by_parts", "abf", "longrope"),
        *("dca", "string", "dpe"),
    ),
    "alibi": ("none", "truncate", "pcw"),
}

#: Methods that never see a text longer than the model's own window.
WINDOWED: frozenset[Method] = frozenset({"truncate", "pcw"})
#: Methods that read plain positions past the window, by other frequencies or by the model's own:
#: those whose wavelengths can be rounded to whole tokens.
OF_FREQUENCIES: tuple[Method, ...] = (
    *("none", "pi", "ntk", "yarn", "dynamic_ntk", "ntk_by_parts", "abf", "longrope"),
)

_WHY_NOT: dict[PositionKind, str] = {
    "learned": "it looks its positions up in a learned table",
    "rotary": "it rotates queries and keys by their positions",
    "alibi": "it has ALiBi biases, neither a position table nor a rotation, so only its length "
    "limit can be raised",
}


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
