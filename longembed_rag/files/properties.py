"""What a document says of itself, brought into one form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

#: Characters of a property and number of properties that are kept; a book of a property is no
#: property, and every document's are loaded with each hit.
LONGEST_PROPERTY = 10_000
MOST_PROPERTIES = 200
_BETWEEN_KEYWORDS = re.compile("[;,，、；]")


def tidy_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties without those that are empty, texts on one line and not endlessly long.

    Args:
        properties: JSON values by name.
    """
    tidied: dict[str, Any] = {}
    for name, value in properties.items():
        name, value = " ".join(name.split()), _tidy(value)
        if name and value not in ("", [], None) and len(tidied) < MOST_PROPERTIES:
            tidied[name[:LONGEST_PROPERTY]] = value
    return tidied


def _tidy(value: Any) -> Any:
    if isinstance(value, str):
        return " ".join(value[: 2 * LONGEST_PROPERTY].split())[:LONGEST_PROPERTY]
    if isinstance(value, list):
        return [each for each in map(_tidy, value[:MOST_PROPERTIES]) if each not in ("", None)]
    return value


def names_of(text: str) -> str | list[str]:
    """The author that a text names; a list of several, which semicolons part."""
    names = [name.strip() for name in text[:LONGEST_PROPERTY].split(";") if name.strip()]
    return names if len(names) > 1 else "".join(names)


def keywords_of(text: str) -> list[str]:
    """The keywords in a text, which commas or semicolons part."""
    words = (word.strip() for word in _BETWEEN_KEYWORDS.split(text[:LONGEST_PROPERTY]))
    return [word for word in words if word]


def iso_date(text: str) -> str | None:
    """A date, or date and time, in ISO 8601; None for what is neither that nor mail's form."""
    text = text[:LONGEST_PROPERTY].strip()
    try:
        parsed = datetime.fromisoformat(re.sub(r"(?i)z$", "+00:00", text))
    except ValueError:
        pass
    else:
        return text if len(text) <= len("2026-01-31") else parsed.isoformat()
    if re.fullmatch(r"\d{4}(-\d{2})?", text):
        return text
    try:
        return parsedate_to_datetime(text).isoformat()
    except (ValueError, TypeError, IndexError):
        return None
