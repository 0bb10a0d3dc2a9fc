"""What a document says of itself, under the same keys whatever its type, and in one form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from longembed_rag.files.text.decoding import without_surrogates

#: Characters of a property and number of properties that are kept; a book of a property is no
#: property, and every document's are loaded with each hit.
LONGEST_PROPERTY = 10_000
MOST_PROPERTIES = 200
_LETTER = re.compile(r"[^\W_]")
_BETWEEN_KEYWORDS = re.compile("[;,，、；]")
# By the names that Dublin Core, Office, OpenDocument and kreuzberg use.
_KEYS = {
    "title": "title",
    "creator": "author",
    "author": "author",
    "authors": "author",
    "initial-creator": "author",
    "contributor": "contributor",
    "subject": "subject",
    "keywords": "keywords",
    "keyword": "keywords",
    "description": "description",
    "comments": "description",
    "category": "category",
    "language": "language",
    "created": "created",
    "created_at": "created",
    "creation-date": "created",
    "modified": "modified",
    "modified_at": "modified",
    "publisher": "publisher",
    "identifier": "identifier",
    "rights": "rights",
    "date": "date",
}
#: Keys of which a document may have several values.
_MANY = frozenset({"author", "contributor", "publisher", "identifier", "language", "subject"})


def properties(pairs: Iterable[tuple[str, object]]) -> dict[str, Any]:
    """Metadata of the properties of a document.

    What is empty is left out, the first of several values wins where there can be only one, and
    of several authors, publishers, identifiers, languages or subjects there is a list.

    Args:
        pairs: Names as the format has them, without namespace, and values.
    """
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        key = _KEYS.get(name)
        for each in value if isinstance(value, list | tuple) else [value]:
            text = "" if each is None else _tidy(str(each))
            # A title in a code page that its program had not is all question marks.
            if key is None or not text or (key == "title" and not _LETTER.search(text)):
                continue
            values = found.setdefault(key, [])
            for part in keywords_of(text) if key == "keywords" else [text]:
                if part and part not in values:
                    values.append(part)
    return {
        key: values if key == "keywords" or (key in _MANY and len(values) > 1) else values[0]
        for key, values in found.items()
        if values
    }


def _tidy(text: str) -> str:
    """A property on one line; programs leave what was there before behind a NUL."""
    words = without_surrogates(text.partition("\0")[0][: 2 * LONGEST_PROPERTY]).split()
    return " ".join(words)[:LONGEST_PROPERTY]


def tidy_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties without those that are empty, texts on one line and not endlessly long.

    Args:
        properties: JSON values by name.
    """
    tidied: dict[str, Any] = {}
    for name, value in properties.items():
        name, value = " ".join(name.split()), _tidy_value(value)
        if name and value not in ("", [], None) and len(tidied) < MOST_PROPERTIES:
            tidied[name[:LONGEST_PROPERTY]] = value
    return tidied


def _tidy_value(value: Any) -> Any:
    if isinstance(value, str):
        return _tidy(value)
    if isinstance(value, list):
        return [
            each for each in map(_tidy_value, value[:MOST_PROPERTIES]) if each not in ("", None)
        ]
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
