"""What a field of the payload has to hold, as filters: equal, compared, with words, absent."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from longembed_rag.points.filters import (
    DatetimeRange,
    FieldCondition,
    Filter,
    IsEmptyCondition,
    MatchText,
    MatchValue,
    PayloadField,
    Range,
    matches,
)

_NAME = r'(?:"[^"]+"|[\w-]+)(?:\[[0-9]{0,9}\])*'
#: How a field is written: ``a.b``, ``list[]``, and names with other signs in double quotes.
FIELD = re.compile(rf"{_NAME}(?:\.{_NAME})*")
# What begins with a zero is the number of a part or of a telephone.
_NUMBER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_MOMENT = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[T ](?P<minute>\d\d:\d\d)(?P<second>:\d\d"
    r"(?P<microsecond>\.\d{3}(?:\d{3})?)?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
# Beyond these, a Range's floating point number is no longer the integer that was meant.
_EXACT = 2**53
#: Operators that compare, and what Qdrant calls them.
COMPARISONS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}


class Span(NamedTuple):
    """What a date or time stands for: a day, minute or second, from its start up to its end."""

    start: datetime
    end: datetime


def joined(clause: str, *conditions: Any) -> Filter:
    """A filter of one clause: ``"must"``, ``"should"`` or ``"must_not"``."""
    stated: dict[str, Any] = {clause: list(conditions)}
    return Filter(**stated)


def _field(key: str, **said: Any) -> Any:
    return FieldCondition(key=key, **said)


def readings(text: str) -> list[Any]:
    """What a text without quotes may stand for, beginning with what it looks like."""
    span = span_of(text)
    if span is not None:
        return [span]
    if text.lower() in ("true", "false"):
        return [text.lower() == "true", text]
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        return [text]
    is_integer = text.lstrip("+-").isdigit() and abs(number) < 2**63
    return [int(text) if is_integer else number, text]


def span_of(text: str) -> Span | None:
    """What a text stands for that is a date or time; None for others."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    finest = next(name for name in ("microsecond", "second", "minute", "day") if match[name])
    zone = (match["zone"] or "Z").replace("Z", "+00:00")
    clock = f"{match['minute'] or '00:00'}{match['second'] or ''}"
    try:
        start = datetime.fromisoformat(f"{match['day']}T{clock}{zone}").astimezone(timezone.utc)
        return Span(start, start + timedelta(**{f"{finest}s": 1}))
    except (ValueError, OverflowError):  # looks like a date and is none
        return None


def equal(key: str, values: Iterable[Any]) -> Filter:
    """What has one of the values, by itself or in a list."""
    texts, conditions = [], []
    for value in values:
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, Span):
            conditions.append(_field(key, range=DatetimeRange(gte=value.start, lt=value.end)))
        elif isinstance(value, bool) or (isinstance(value, int) and abs(value) > _EXACT):
            conditions.append(_field(key, match=MatchValue(value=value)))
        else:  # not by MatchValue: for Qdrant, 10 and 10.0 are different values
            conditions.append(_field(key, range=Range(gte=value, lte=value)))
    if texts or not conditions:  # without any value there is nothing that has one
        conditions.append(matches(key, *texts))
    return joined("should", *conditions)


def compared(operator: str, key: str, value: Any) -> Filter | None:
    """What compares so with a number or date; None for other values."""
    if isinstance(value, str):
        value = readings(value)[0]
    if isinstance(value, Span):
        # After a day means after all of it, and up to a day includes it.
        moment = value.end if operator in (">", "<=") else value.start
        name = "gte" if operator in (">", ">=") else "lt"
        return joined("must", _field(key, range=DatetimeRange(**{name: moment})))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return joined("must", _field(key, range=Range(**{COMPARISONS[operator]: value})))


def with_words(key: str, words: Any) -> Filter:
    """What holds all of some words, whole, in any order."""
    return joined("must", _field(key, match=MatchText(text=str(words))))


def absent(key: str) -> Filter:
    """What lacks the field, or has null or an empty list there."""
    return joined("must", IsEmptyCondition(is_empty=PayloadField(key=key)))


def negated(*conditions: Any) -> Filter:
    """What none of the conditions lets through."""
    return joined("must_not", *conditions)
