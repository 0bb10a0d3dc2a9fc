"""Raised text as plain text: ``m²``, and a note's number apart from the word before it."""

from __future__ import annotations

import re

_RAISED = {
    ord(plain): raised for plain, raised in zip("0123456789+-−=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾", strict=True)
}
# What has powers: a number, a unit or a variable, an expression in brackets.
_HAS_POWERS = re.compile(r"(?:\d|(?<![^\W\d_])[^\W\d_]{1,3}|[)\]])\Z")
#: As much of the text before as :func:`write_raised` looks at.
LOOKS_BACK = 4


def write_raised(text: str, before: str, *, is_note: bool = False) -> str:
    """What stands for raised text in plain text.

    Powers become raised digits (``10⁶`` is not ``106``), the numbers of notes stand apart from
    the word before, and letters stay as they are (``1st``).

    Args:
        text: What is raised, on one line.
        before: The text before it, or its last :data:`LOOKS_BACK` characters.
        is_note: Whether it is known to be the sign of a note.
    """
    if not is_note and not any(character.isdigit() for character in text):
        return text
    if not is_note and _HAS_POWERS.search(before):
        raised = text.translate(_RAISED)
        if not any(character in raised for character in text):
            return raised
    apart = before[-1:].strip() and text[:1].isalnum()
    return f" {text}" if apart else text


def write_power(text: str) -> str:
    """What stands for a formula's exponent in plain text: ``²``, or ``^k``."""
    raised = text.translate(_RAISED)
    return raised if not any(character in raised for character in text) else f"^{text}"
