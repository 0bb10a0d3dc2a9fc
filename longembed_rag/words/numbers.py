"""Numbers as one number, however their digits are grouped."""

from __future__ import annotations

import re

# Languages in which a comma, and no point, stands before the decimals.
_DECIMAL_COMMA = frozenset(
    (
        *("armenian", "basque", "catalan", "czech", "danish", "dutch", "esperanto", "estonian"),
        *("finnish", "french", "german", "greek", "hungarian", "indonesian", "italian"),
        *("lithuanian", "norwegian", "polish", "portuguese", "romanian", "russian", "serbian"),
        *("spanish", "swedish", "turkish"),
    )
)
#: Blanks that stand in a number and nowhere between two, and the apostrophe of the Swiss.
BLANKS = "\u00a0\u2007\u2009\u202f"
_GROUPED_BY_POINT = re.compile(rf"[1-9]\d{{0,2}}(?:[.{BLANKS}'’]\d{{3}})+(?:,\d+)?")
_GROUPED_BY_COMMA = re.compile(rf"[1-9]\d{{0,2}}(?:[,{BLANKS}'’]\d{{3}})+(?:\.\d+)?")
# An address of a network has no thousands.
_FOUR_PARTS = re.compile(r"\d+(?:\.\d+){3}")
_GROUPING = re.compile(rf"[{BLANKS}'’]")


def ungrouped(number: str, language: str) -> str | None:
    """A number whose digits are grouped, as it is without: ``1,000.5`` as ``1000.5``.

    Args:
        number: As it is written, digits at both ends.
        language: What it stands in; ``1.000`` is a thousand in German and one in English.

    Returns:
        The number, its decimals as they are written; None where its digits are not grouped.
    """
    comma = language in _DECIMAL_COMMA
    if not (_GROUPED_BY_POINT if comma else _GROUPED_BY_COMMA).fullmatch(number):
        return None
    if comma and _FOUR_PARTS.fullmatch(number):
        return None
    plain = _GROUPING.sub("", number)
    return plain.replace("." if comma else ",", "")
