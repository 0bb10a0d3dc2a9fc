"""What a document says of itself, under the same keys whatever its type."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from longembed_rag.files.decoding import without_surrogates

#: Characters of a property that are kept; what is longer is no property but a text.
LONGEST_PROPERTY = 10_000
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
_BETWEEN_KEYWORDS = re.compile(r"\s*[,;]\s*")


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
            if key is None or not text:
                continue
            values = found.setdefault(key, [])
            for part in _BETWEEN_KEYWORDS.split(text) if key == "keywords" else [text]:
                if part and part not in values:
                    values.append(part)
    return {
        key: values if key == "keywords" or (key in _MANY and len(values) > 1) else values[0]
        for key, values in found.items()
    }


def _tidy(text: str) -> str:
    """A property on one line; programs leave what was there before behind a NUL."""
    words = without_surrogates(text.partition("\0")[0][: 2 * LONGEST_PROPERTY]).split()
    return " ".join(words)[:LONGEST_PROPERTY]
