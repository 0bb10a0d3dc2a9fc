"""From what people write to Qdrant's filters, by which documents and passages are sifted.

The expressions of ``--filter``, all of which must hold::

    file_type=pdf|docx          equal to one of the values; a date stands for its day, in UTC
    file_name!=draft.md         equal to none of them, or without the field
    page_count>=10              > >= < <= compare numbers and dates (last_modified<2026-01-01)
    title~lease                 holds all these words, whole, in any order, capitals or not
    path=reports/               documents that are, or lie in, this file or folder; also path!=
    exists:title, missing:title

``"10"`` in quotes is text; 10 is the number or the text, since metadata may hold either. Inner
fields are written ``a.b``, names with other signs than letters, digits, _ and - in double quotes.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from longembed_rag.errors import SettingsError
from longembed_rag.points.filters import (
    AnyFilter,
    DatetimeRange,
    FieldCondition,
    Filter,
    IsEmptyCondition,
    MatchText,
    MatchValue,
    PayloadField,
    Range,
    combine,
    matches,
)
from longembed_rag.store.payload import FOLDERS_KEY

if TYPE_CHECKING:
    from llama_index.core.vector_stores.types import MetadataFilters

_PATH_KEY = "path"
_EXAMPLES = "file_type=pdf|docx, page_count>=10, last_modified<2026-01-01, path=reports/"
_NAME = r'(?:"[^"]+"|[\w-]+)(?:\[\d*\])*'
_FIELD = re.compile(rf"{_NAME}(?:\.{_NAME})*")
_EXPRESSION = re.compile(
    rf"\s*(?:(?P<test>exists|missing)\s*:\s*(?P<tested>{_FIELD.pattern})\s*|"
    rf"(?P<key>{_FIELD.pattern})\s*(?P<operator>!=|>=|<=|==?|<|>|~)(?P<values>.*))",
    re.DOTALL,
)
_VALUE = re.compile(r"""\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<plain>[^|]*?))\s*\|""")
# What begins with a zero is the number of a part or of a telephone.
_NUMBER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_MOMENT = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[T ](?P<minute>\d\d:\d\d)(?P<second>:\d\d"
    r"(?P<microsecond>\.\d{3}(?:\d{3})?)?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
#: Beyond these, a Range's floating point number is no longer the integer that was meant.
_EXACT = 2**53
_COMPARISONS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_CLAUSES = {"and": "must", "or": "should", "not": "must_not"}


class _Span(NamedTuple):
    """What a date or time stands for: a day, minute or second, from its start up to its end."""

    start: datetime
    end: datetime


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


def from_llama_index(filters: MetadataFilters | None) -> Filter | None:
    """LlamaIndex's filters as one of Qdrant's.

    NE and NIN let through what lacks the field, as LlamaIndex's in-memory store does (its Qdrant
    store does not); both text matches are those of whole words; dates can be compared.

    Args:
        filters: Any, also nested ones; empty ones let everything through.

    Returns:
        The filter; None where it would let everything through.

    Raises:
        SettingsError: An operator is not known here, or its value is not one that it takes.
    """
    if filters is None:
        return None
    conditions = [made for each in filters.filters if (made := _of_llama_index(each)) is not None]
    clause = _CLAUSES[filters.condition.value if filters.condition else "and"]
    return _filter(clause, *conditions) if conditions else None


def as_filter(given: Any, *, name: str = "filter") -> AnyFilter | None:
    """Whatever says which documents are looked at, as one of Qdrant's filters.

    Args:
        given: An expression or several, LlamaIndex's ``MetadataFilters``, a ``Filter``, or None.
        name: What the setting is called, for messages.

    Raises:
        SettingsError: It is none of these, or cannot be understood.
    """
    if isinstance(given, str):
        return parse_filters([given])
    if isinstance(given, list | tuple) and all(isinstance(each, str) for each in given):
        return parse_filters(given)
    # The others are told apart without importing LlamaIndex or qdrant-client, which takes seconds.
    if hasattr(given, "filters"):
        return from_llama_index(given)
    if given is not None and not all(hasattr(given, clause) for clause in _CLAUSES.values()):
        raise SettingsError(
            f"{name}={type(given).__name__} is neither an expression ({_EXAMPLES}), LlamaIndex's "
            "MetadataFilters nor Qdrant's Filter"
        )
    made: AnyFilter | None = given
    return made


def _filter(clause: str, *conditions: Any) -> Filter:
    stated: dict[str, Any] = {clause: list(conditions)}
    return Filter(**stated)


def _field(key: str, **said: Any) -> Any:
    return FieldCondition(key=key, **said)


def _parse(expression: str) -> Filter:
    # Bytes that are not UTF-8 reach us from a command line; names of files are stored like this.
    expression = _written(expression)
    match = _EXPRESSION.fullmatch(expression)
    if match is None:
        raise _refused(expression, "it is not a field, an operator and a value")
    if match["test"]:
        absent = _absent(match["tested"])
        return absent if match["test"] == "missing" else _filter("must_not", absent)
    key, operator = match["key"], match["operator"]
    values = list(_values(expression, match["values"]))
    texts = [text for text, _ in values]
    readings = [[text] if quoted else _readings(text) for text, quoted in values]
    if key == _PATH_KEY and operator not in ("=", "==", "!="):
        raise _refused(expression, 'a path takes = or != (a field of that name is "path")')
    if operator in _COMPARISONS:
        plain = len(values) == 1 and not values[0][1]
        compared = _compared(operator, key, texts[0]) if plain else None
        if compared is None:
            raise _refused(expression, f"{operator} takes one number or date, without quotes")
        return compared
    if operator == "~":
        return _filter("should", *(_with_words(key, text) for text in texts))
    equal = _located(texts) if key == _PATH_KEY else _equal(key, chain.from_iterable(readings))
    return _filter("must_not", equal) if operator == "!=" else equal


def _refused(expression: str, reason: str) -> SettingsError:
    return SettingsError(f"filter {expression!r}: {reason}. Right are, for example: {_EXAMPLES}")


def _written(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


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


def _readings(text: str) -> list[Any]:
    """What a text without quotes may stand for, beginning with what it looks like."""
    span = _span(text)
    if span is not None:
        return [span]
    if text.lower() in ("true", "false"):
        return [text.lower() == "true", text]
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        return [text]
    is_integer = text.lstrip("+-").isdigit() and abs(number) < 2**63
    return [int(text) if is_integer else number, text]


def _span(text: str) -> _Span | None:
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    finest = next(name for name in ("microsecond", "second", "minute", "day") if match[name])
    zone = (match["zone"] or "Z").replace("Z", "+00:00")
    clock = f"{match['minute'] or '00:00'}{match['second'] or ''}"
    try:
        start = datetime.fromisoformat(f"{match['day']}T{clock}{zone}").astimezone(timezone.utc)
        return _Span(start, start + timedelta(**{f"{finest}s": 1}))
    except (ValueError, OverflowError):  # looks like a date and is none
        return None


def _equal(key: str, values: Iterable[Any]) -> Filter:
    """What has one of the values, by itself or in a list."""
    texts, conditions = [], []
    for value in values:
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, _Span):
            conditions.append(_field(key, range=DatetimeRange(gte=value.start, lt=value.end)))
        elif isinstance(value, bool) or (isinstance(value, int) and abs(value) > _EXACT):
            conditions.append(_field(key, match=MatchValue(value=value)))
        else:  # not by MatchValue: for Qdrant, 10 and 10.0 are different values
            conditions.append(_field(key, range=Range(gte=value, lte=value)))
    if texts or not conditions:  # without any value there is nothing that has one
        conditions.append(matches(key, *texts))
    return _filter("should", *conditions)


def _compared(operator: str, key: str, value: Any) -> Filter | None:
    """What compares so with a number or date; None for other values."""
    if isinstance(value, str):
        value = _readings(value)[0]
    if isinstance(value, _Span):
        # After a day means after all of it, and up to a day includes it.
        moment = value.end if operator in (">", "<=") else value.start
        name = "gte" if operator in (">", ">=") else "lt"
        return _filter("must", _field(key, range=DatetimeRange(**{name: moment})))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _filter("must", _field(key, range=Range(**{_COMPARISONS[operator]: value})))


def _with_words(key: str, words: Any) -> Filter:
    return _filter("must", _field(key, match=MatchText(text=str(words))))


def _absent(key: str) -> Filter:
    """What lacks the field, or has null or an empty list there."""
    return _filter("must", IsEmptyCondition(is_empty=PayloadField(key=key)))


def _located(paths: Iterable[str]) -> Filter:
    """What comes from one of the files or folders, without a look at whether they exist."""
    # Resolved as the sources of files are, else what lies behind a link would not be found.
    resolved = (os.path.realpath(os.path.expanduser(path)) for path in paths)  # noqa: PTH111
    sources = [_written(path) for path in resolved]
    return _filter("should", _equal("source", sources), _equal(FOLDERS_KEY, sources))


# Whether an operator of LlamaIndex takes one value, many or none, and what it lets through.
_OPERATORS: dict[str, tuple[str, Callable[[str, Any], Filter | None]]] = {
    **dict.fromkeys(("==", "contains"), ("one", lambda key, value: _equal(key, [value]))),
    "!=": ("one", lambda key, value: _filter("must_not", _equal(key, [value]))),
    **{operator: ("one", partial(_compared, operator)) for operator in _COMPARISONS},
    **dict.fromkeys(("in", "any"), ("many", _equal)),
    "nin": ("many", lambda key, values: _filter("must_not", _equal(key, values))),
    "all": ("many", lambda key, values: _filter("must", *(_equal(key, [one]) for one in values))),
    **dict.fromkeys(("text_match", "text_match_insensitive"), ("one", _with_words)),
    "is_empty": ("none", lambda key, _: _absent(key)),
}


def _of_llama_index(given: Any) -> Filter | None:
    # Told apart without importing LlamaIndex, which takes a second.
    if hasattr(given, "filters"):
        return from_llama_index(given)
    key, operator, value = given.key, given.operator.value, given.value
    if operator not in _OPERATORS:
        raise SettingsError(
            f"filter on {key!r}: the operator {operator!r} is not one of: {', '.join(_OPERATORS)}"
        )
    takes, make = _OPERATORS[operator]
    if takes == "many" and isinstance(value, str):
        value = value.split(",")  # as LlamaIndex's own Qdrant store does
    fits = takes == "none" or (value is not None and isinstance(value, list) == (takes == "many"))
    path = key if _FIELD.fullmatch(key) else f'"{key}"'
    made = make(path, value) if fits else None
    if made is None:
        raise SettingsError(f"filter on {key!r}: the operator {operator!r} cannot take {value!r}")
    return made
