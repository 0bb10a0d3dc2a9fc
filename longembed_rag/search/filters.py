"""From what people write to Qdrant's filters, by which documents and passages are sifted.

The expressions of ``--filter``, all of which must hold::

    file_type=pdf|docx          equal to one of the values; a date stands for its day, in UTC
    file_name!=draft.md         equal to none of them, or without the field
    page_count>=10              > >= < <= compare numbers and dates (last_modified<2026-01-01)
    title~lease                 holds all these words, whole, in any order, capitals or not
    path=reports/               documents that are, or lie in, this file or folder; also path!=,
                                path=s3://bucket/reports
    exists:title, missing:title

``"10"`` in quotes is text; 10 is the number or the text, since metadata may hold either. Inner
fields are written ``a.b``, names with other signs than letters, digits, _ and - in double quotes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from longembed_rag.errors import SettingsError
from longembed_rag.points.filters import AnyFilter, Filter, combine
from longembed_rag.search.conditions import (
    COMPARISONS,
    FIELD,
    absent,
    compared,
    equal,
    joined,
    negated,
    readings,
    with_words,
)
from longembed_rag.search.structured_filters import from_llama_index, from_mapping
from longembed_rag.store.payload import FOLDERS_KEY
from longembed_rag.urls import is_url, one_form

_PATH_KEY = "path"
_EXAMPLES = "file_type=pdf|docx, page_count>=10, last_modified<2026-01-01, path=reports/"
_EXPRESSION = re.compile(
    rf"\s*(?:(?P<test>exists|missing)\s*:\s*(?P<tested>{FIELD.pattern})\s*|"
    rf"(?P<key>{FIELD.pattern})\s*(?P<operator>!=|>=|<=|==?|<|>|~)(?P<values>.*))",
    re.DOTALL,
)
_VALUE = re.compile(r"""\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<plain>[^|]*?))\s*\|""")
_CLAUSES = ("must", "should", "must_not")


def parse_filters(expressions: Sequence[str]) -> AnyFilter | None:
    """The filter that lets through what fits all of the expressions; see the module.

    Args:
        expressions: What people write. A relative ``path`` is one in the working directory.

    Returns:
        The filter; None without expressions.

    Raises:
        SettingsError: An expression cannot be understood; shows it, and some that can.
    """
    return combine(*(_parse(expression) for expression in expressions))


def as_filter(given: Any, *, name: str = "filter") -> AnyFilter | None:
    """Whatever says which documents are looked at, as one of Qdrant's filters.

    Args:
        given: An expression or several, a dictionary, LlamaIndex's ``MetadataFilters``, a
            ``Filter``, or None.
        name: What the setting is called, for messages.

    Raises:
        SettingsError: It is none of these, or cannot be understood.
    """
    if isinstance(given, str):
        return parse_filters([given])
    if isinstance(given, list | tuple) and all(isinstance(each, str) for each in given):
        return parse_filters(given)
    if isinstance(given, Mapping):
        return from_mapping(given)
    # The others are told apart without importing LlamaIndex or qdrant-client, which takes seconds.
    if hasattr(given, "filters"):
        return from_llama_index(given)
    if given is not None and not all(hasattr(given, clause) for clause in _CLAUSES):
        raise SettingsError(
            f"{name}={type(given).__name__} is neither an expression ({_EXAMPLES}), a dictionary, "
            "LlamaIndex's MetadataFilters nor Qdrant's Filter"
        )
    made: AnyFilter | None = given
    return made


def _parse(expression: str) -> Filter:
    # Bytes that are not UTF-8 reach us from a command line; names of files are stored like this.
    expression = _written(expression)
    match = _EXPRESSION.fullmatch(expression)
    if match is None:
        raise _refused(expression, "it is not a field, an operator and a value")
    if match["test"]:
        lacks = absent(match["tested"])
        return lacks if match["test"] == "missing" else negated(lacks)
    key, operator = match["key"], match["operator"]
    values = list(_values(expression, match["values"]))
    texts = [text for text, _ in values]
    meant = [[text] if quoted else readings(text) for text, quoted in values]
    if key == _PATH_KEY and operator not in ("=", "==", "!="):
        raise _refused(expression, 'a path takes = or != (a field of that name is "path")')
    if operator in COMPARISONS:
        plain = len(values) == 1 and not values[0][1]
        made = compared(operator, key, texts[0]) if plain else None
        if made is None:
            raise _refused(expression, f"{operator} takes one number or date, without quotes")
        return made
    if operator == "~":
        return joined("should", *(with_words(key, text) for text in texts))
    if key == _PATH_KEY and "\0" in expression:
        raise _refused(expression, "no path holds a NUL")
    same = _located(texts) if key == _PATH_KEY else equal(key, chain.from_iterable(meant))
    return negated(same) if operator == "!=" else same


def _refused(expression: str, reason: str) -> SettingsError:
    return SettingsError(f"filter {expression!r}: {reason}. Right are, for example: {_EXAMPLES}")


def _written(text: str) -> str:
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError as error:
        raise _refused(text, "it holds characters that are not Unicode") from error


def _values(expression: str, given: str) -> Iterator[tuple[str, bool]]:
    """The values between the bars, and whether each is in quotes."""
    for match in _VALUE.finditer(f"{given}|"):
        kind = match.lastgroup or ""
        text = match[kind]
        if kind == "plain" and not text:
            raise _refused(expression, 'a value is missing (an empty one is written "")')
        if kind == "plain" and text[0] in "\"'":
            raise _refused(expression, f"a quote is not closed: {text}")
        yield text, kind != "plain"


def _located(paths: Iterable[str]) -> Filter:
    """What comes from one of the files or folders, without a look at whether they exist."""
    sources = [one_form(path) if is_url(path) else _resolved(path) for path in paths]
    return joined("should", equal("source", sources), equal(FOLDERS_KEY, sources))


def _resolved(path: str) -> str:
    # As the sources of files are, else what lies behind a link would not be found.
    return _written(os.path.realpath(os.path.expanduser(path)))  # noqa: PTH111
