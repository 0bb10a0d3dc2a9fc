"""Filters that programs state, as dictionaries or as LlamaIndex's own, as Qdrant's.

A dictionary names fields and what each has to hold; all of it must hold::

    {"file_type": "pdf"}                          equal; None for a field that is not there
    {"year": {"$gte": 2003, "$lt": 2010}}         $eq $ne $gt $gte $lt $lte: numbers and ISO dates
    {"file_type": {"$in": ["pdf", "docx"]}}       $in $nin
    {"title": {"$text": "lease tenant"}}          holds all these words
    {"title": {"$exists": True}}
    {"$or": [{"year": 2003}, {"$not": {"file_type": "pdf"}}]}     $and $or $not

``$ne`` and ``$nin`` let through what lacks the field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import SettingsError
from longembed_rag.points.filters import Filter
from longembed_rag.search.conditions import (
    COMPARISONS,
    FIELD,
    absent,
    compared,
    equal,
    joined,
    negated,
    with_words,
)

if TYPE_CHECKING:
    from llama_index.core.vector_stores.types import MetadataFilters

    _Make = Callable[[str, Any], Filter | None]

_CLAUSES = {"and": "must", "or": "should", "not": "must_not"}


def _any_of(key: str, values: Iterable[Any]) -> Filter:
    """What has one of the values; None among them stands for a field that is not there."""
    given = list(values)
    some = equal(key, [value for value in given if value is not None])
    return joined("should", absent(key), some) if None in given else some


def _none_of(key: str, values: Iterable[Any]) -> Filter:
    return negated(_any_of(key, values))


def _all_of(key: str, values: Iterable[Any]) -> Filter:
    return joined("must", *(equal(key, [each]) for each in values))


def _exists(key: str, value: Any) -> Filter | None:
    if not isinstance(value, bool):
        return None
    return negated(absent(key)) if value else absent(key)


def _holds_words(key: str, value: Any) -> Filter | None:
    return with_words(key, value) if isinstance(value, str) and value.strip() else None


_COMPARING: dict[str, _Make] = {each: partial(compared, each) for each in COMPARISONS}
# Whether an operator of LlamaIndex takes one value, many or none, and what it lets through.
_OF_LLAMA_INDEX: dict[str, tuple[str, _Make]] = {
    **dict.fromkeys(("==", "contains"), ("one", lambda key, value: equal(key, [value]))),
    "!=": ("one", lambda key, value: negated(equal(key, [value]))),
    **{operator: ("one", make) for operator, make in _COMPARING.items()},
    **dict.fromkeys(("in", "any"), ("many", equal)),
    "nin": ("many", lambda key, values: negated(equal(key, values))),
    "all": ("many", _all_of),
    **dict.fromkeys(("text_match", "text_match_insensitive"), ("one", with_words)),
    "is_empty": ("none", lambda key, _: absent(key)),
}
# The same of a dictionary, where None is a value.
_OF_MAPPING: dict[str, tuple[str, _Make]] = {
    "$eq": ("one", lambda key, value: _any_of(key, [value])),
    "$ne": ("one", lambda key, value: _none_of(key, [value])),
    "$gt": ("one", _COMPARING[">"]),
    "$gte": ("one", _COMPARING[">="]),
    "$lt": ("one", _COMPARING["<"]),
    "$lte": ("one", _COMPARING["<="]),
    "$in": ("many", _any_of),
    "$nin": ("many", _none_of),
    "$exists": ("one", _exists),
    "$text": ("one", _holds_words),
}
# How deep a dictionary is read; Qdrant's engine reads not much more.
_DEEPEST = 32
# What Qdrant keeps a whole number in.
_INTEGERS = range(-(2**63), 2**63)


def from_mapping(filters: Mapping[str, Any]) -> Filter | None:
    """A dictionary as one of Qdrant's filters; see the module.

    Args:
        filters: Fields and what they have to hold.

    Returns:
        The filter; None where it lets everything through.

    Raises:
        SettingsError: A field, an operator or a value cannot be understood; names it.
    """
    _require_sound(filters)
    conditions = [_of_entry(name, said) for name, said in filters.items()]
    return joined("must", *conditions) if conditions else None


def _require_sound(value: Any, room: int = _DEEPEST) -> None:
    """Require what can be told to a store: nothing too deep, and text that is Unicode."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            told = f"filter: {value!r} holds characters that are not Unicode"
            raise SettingsError(told) from error
    elif isinstance(value, Mapping | list | tuple):
        if not room:
            raise SettingsError(f"filter: it is nested more than {_DEEPEST} deep")
        for each in (*value, *value.values()) if isinstance(value, Mapping) else value:
            _require_sound(each, room - 1)


def _of_entry(name: Any, said: Any) -> Filter:
    if not isinstance(name, str) or not name:
        raise SettingsError(f"filter: {name!r} is not the name of a field")
    if not name.startswith("$"):
        return _of_field(name, said)
    clause = _CLAUSES.get(name.removeprefix("$"))
    if clause is None:
        raise SettingsError(
            f"filter: {name!r} is not one of: $and, $or, $not; other operators stand below a "
            'field, as in {"year": {"$gte": 2003}}'
        )
    parts = [said] if clause == "must_not" else said
    is_right = isinstance(parts, list | tuple) and len(parts) > 0
    if not is_right or not all(isinstance(each, Mapping) and each for each in parts):
        takes = "a dictionary" if clause == "must_not" else "a list of dictionaries"
        raise SettingsError(f"filter: {name} takes {takes}, none of them empty, not {said!r}")
    return joined(clause, *(from_mapping(each) for each in parts))


def _of_field(key: str, said: Any) -> Filter:
    stated = said if isinstance(said, Mapping) else {"$eq": said}
    if not stated:
        raise SettingsError(f"filter on {key!r}: it does not say what the field has to hold")
    made = [_made(key, operator, value, _OF_MAPPING) for operator, value in stated.items()]
    return joined("must", *made) if len(made) > 1 else made[0]


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
    return joined(clause, *conditions) if conditions else None


def _of_llama_index(given: Any) -> Filter | None:
    # Told apart without importing LlamaIndex, which takes a second.
    if hasattr(given, "filters"):
        return from_llama_index(given)
    key, operator, value = given.key, given.operator.value, given.value
    takes = _OF_LLAMA_INDEX[operator][0] if operator in _OF_LLAMA_INDEX else ""
    if takes == "many" and isinstance(value, str):
        value = value.split(",")  # as LlamaIndex's own Qdrant store does
    if takes == "one" and value is None:
        raise _refused(key, operator, value)
    return _made(key, operator, value, _OF_LLAMA_INDEX)


def _made(
    key: str, operator: Any, value: Any, operators: Mapping[str, tuple[str, _Make]]
) -> Filter:
    """What fits an operator and its value.

    Raises:
        SettingsError: The operator is not known, or its value is not one that it takes.
    """
    if operator not in operators:
        raise SettingsError(
            f"filter on {key!r}: the operator {operator!r} is not one of: {', '.join(operators)}"
        )
    takes, make = operators[operator]
    values = value if takes == "many" else [value]
    fits = takes == "none" or (isinstance(values, list | tuple) and all(map(_is_plain, values)))
    path = key if FIELD.fullmatch(key) else f'"{key}"'
    made = make(path, value) if fits else None
    if made is None:
        raise _refused(key, operator, value)
    return made


def _is_plain(value: Any) -> bool:
    """Whether it is one value that can be compared with what is stored."""
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, int):
        return value in _INTEGERS
    return value is None or isinstance(value, str)


def _refused(key: str, operator: str, value: Any) -> SettingsError:
    return SettingsError(f"filter on {key!r}: the operator {operator!r} cannot take {value!r}")
