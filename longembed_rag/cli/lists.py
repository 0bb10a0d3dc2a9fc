"""Options that hold several values with commas between them."""

from __future__ import annotations

from collections.abc import Sequence

from longembed_rag.errors import SettingsError


def words(given: Sequence[str]) -> tuple[str, ...]:
    """Names from options that may be given several times, each with several names."""
    return tuple(word for each in given for word in each.split(",") if word.strip())


def lengths(given: Sequence[str]) -> tuple[int, ...]:
    """Numbers of tokens, each once, in the order given.

    Raises:
        SettingsError: One is not a number.
    """
    named = [word.strip() for word in words(given)]
    wrong = [word for word in named if not word.isdecimal() or int(word) == 0]
    if wrong:
        raise SettingsError(f"lengths: {wrong[0]!r} is not a number of tokens")
    return tuple(dict.fromkeys(int(word) for word in named))
