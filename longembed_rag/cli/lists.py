"""Options that hold several values with commas between them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from longembed_rag.errors import SettingsError

#: Tokens of a text that is made; more would be a hundred books.
_LONGEST = 1 << 24


def words(given: Sequence[str]) -> tuple[str, ...]:
    """Names from options that may be given several times, each with several names."""
    return tuple(word for each in given for word in each.split(",") if word.strip())


def lengths(given: Sequence[str]) -> tuple[int, ...]:
    """Numbers of tokens, each once, in the order given.

    Raises:
        SettingsError: One is not a number.
    """
    named = [word.strip() for word in words(given)]
    wrong = [word for word in named if not _is_length(word)]
    if wrong:
        raise SettingsError(
            f"lengths: {wrong[0][:40]!r} is not a number of tokens from 1 to {_LONGEST:,}"
        )
    return tuple(dict.fromkeys(int(word) for word in named))


def _is_length(word: str) -> bool:
    digits = word.isdecimal() and len(word) <= len(str(_LONGEST))
    return digits and 1 <= int(word) <= _LONGEST


def weighted_lengths(given: Sequence[str]) -> dict[int, float]:
    """Numbers of tokens, each with how often it is wanted: ``"512:2,4096"``, 1 where not said.

    Raises:
        SettingsError: A length or a weight is not a number above zero.
    """
    found: dict[int, float] = {}
    for word in words(given):
        named, colon, weight = word.partition(":")
        (length,) = lengths((named or word,))
        try:
            found[length] = float(weight) if colon else 1.0
        except ValueError:
            found[length] = math.nan
        if not 0 < found[length] < math.inf:
            raise SettingsError(f"lengths: {weight!r} does not say how often {length} is wanted")
    return found
