"""Rescale factors of LongRoPE: by how much each pair of rotary dimensions is slowed.

Models ship them as ``short_factor`` and ``long_factor`` in ``rope_parameters``; a file of the same
form gives them to any other rotary model.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from longembed_rag.errors import SettingsError
from longembed_rag.extension.sharpening import longrope_attention_factor

#: More pairs of dimensions than any head has, and more than any factor can be.
_MOST_PAIRS, _MOST_FACTOR = 4096, 1e6


@dataclass(frozen=True)
class RopeFactors:
    """Factors for texts past the original length.

    Attributes:
        factors: By what each frequency is divided, from the fastest to the slowest, ``d / 2``.
        original_length: ``L0`` of the model that they are for, tokens.
        scale: How many times as long the longest text is that they are for.
        attention: Factor on cosines and sines.
    """

    factors: tuple[float, ...]
    original_length: int
    scale: float
    attention: float

    @classmethod
    def of(cls, stated: Mapping[str, Any], *, name: str) -> RopeFactors:
        """Read what ``rope_parameters`` of the type ``longrope`` say.

        Args:
            stated: ``long_factor``, ``original_max_position_embeddings``, ``factor``, and if it is
                said ``attention_factor``.
            name: What holds them, for errors.

        Raises:
            SettingsError: Something is missing, or cannot be; names it.
        """
        factors = stated.get("long_factor")
        fits = isinstance(factors, list) and 0 < len(factors) <= _MOST_PAIRS
        if not isinstance(factors, list) or not fits or not all(map(_is_factor, factors)):
            raise SettingsError(
                f"{name}: long_factor is not a list of numbers above zero, one for each pair of "
                "rotary dimensions; make the file with 'tune --rope-factors'"
            )
        length = stated.get("original_max_position_embeddings")
        if type(length) is not int or length < 1:
            raise SettingsError(
                f"{name}: original_max_position_embeddings is not a whole number above zero, the "
                "tokens that the model was trained to read"
            )
        numbers = {}
        for key in ("factor", "attention_factor"):
            numbers[key] = stated.get(key)
            if numbers[key] is not None and not _is_factor(numbers[key]):
                raise SettingsError(f"{name}: {key} is not a number above zero")
        if numbers["factor"] is None:
            raise SettingsError(
                f"{name}: factor is missing: how many times as long as "
                "original_max_position_embeddings the texts are that these factors are for"
            )
        scale = float(numbers["factor"])
        attention = numbers["attention_factor"] or longrope_attention_factor(scale, length)
        return cls(tuple(map(float, factors)), length, scale, float(attention))

    @classmethod
    def parse(cls, text: str, *, name: str) -> RopeFactors:
        """:meth:`of` JSON.

        Raises:
            SettingsError: It is no JSON object, or not of this form.
        """
        try:
            stated = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SettingsError(f"{name} is not valid JSON: {error}") from error
        if not isinstance(stated, dict):
            raise SettingsError(f"{name} holds no JSON object")
        return cls.of(stated, name=name)

    def to_json(self) -> str:
        """As :meth:`parse` takes it, in one line that is the same for the same factors."""
        return json.dumps(
            {
                "rope_type": "longrope",
                "long_factor": list(self.factors),
                "original_max_position_embeddings": self.original_length,
                "factor": self.scale,
                "attention_factor": self.attention,
            }
        )


def _is_factor(value: object) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 0 < float(value) <= _MOST_FACTOR  # type: ignore[arg-type]


def critical_pair(theta: float, rotary_dim: int, original_length: int) -> int:
    """The first pair of dimensions that makes no whole turn within the original length.

    ``⌈(d / 2) log_θ(L0 / 2π)⌉`` (arXiv 2310.05209, Theorem 1; LongRoPE2, arXiv 2502.20082, section
    2.2): from there on longer texts reach angles that training never showed. LongRoPE2 finds that
    the pairs that were really trained too little begin earlier, and so wants factors above the
    scale there.
    """
    turns = original_length / (2 * math.pi)
    if turns <= 1:
        return 0
    return min(rotary_dim // 2, math.ceil(rotary_dim / 2 * math.log(turns) / math.log(theta)))
