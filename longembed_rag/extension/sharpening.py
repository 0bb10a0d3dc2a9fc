"""How much sharper the attention over a long text is made (pure functions, float64).

The longer a text, the more tokens attention is spread over, and the flatter it becomes. All of
these multiply logits past the original length, and are applied to queries.
"""

from __future__ import annotations

import math
from typing import Literal

AttentionScaling = Literal["log_n", "yarn", "none"]


def log_n_factor(tokens: int, original_length: int) -> float:
    """``max(1, ln n / ln L0)``: sharpens attention that is spread over more tokens than usual."""
    if original_length < 2 or tokens <= original_length:
        return 1.0
    return math.log(tokens) / math.log(original_length)


def yarn_attention_factor(scale: float) -> float:
    """``0.1 ln s + 1``, on cosines and sines alike (arXiv 2309.00071, eq. 22)."""
    return 0.1 * math.log(scale) + 1.0 if scale > 1 else 1.0


def longrope_attention_factor(scale: float, original_length: int) -> float:
    """``√(1 + ln s / ln L0)``, on cosines and sines alike (arXiv 2402.13753, as models ship it).

    On logits that is its square, ``ln(s L0) / ln L0``: log-n scaling at the longest text.
    """
    if scale <= 1 or original_length < 2:
        return 1.0
    return math.sqrt(1.0 + math.log(scale) / math.log(original_length))


def logits_factor(
    kind: AttentionScaling, *, tokens: int, original_length: int, scale: int
) -> float:
    """What one kind of attention scaling multiplies logits by.

    Args:
        kind: ``"log_n"``; ``"yarn"``, YaRN's factor on queries and on keys, without its
            frequencies; or ``"none"``.
        tokens: Tokens of the text (``n``).
        original_length: ``L0``.
        scale: How many times the original length is stretched (``s``).
    """
    if kind == "log_n":
        return log_n_factor(tokens, original_length)
    return yarn_attention_factor(scale) ** 2 if kind == "yarn" else 1.0
