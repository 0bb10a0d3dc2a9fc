"""From Haystack's filters to those of a library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from haystack.dataclasses import Document
from haystack.errors import FilterError

_META = "meta."
#: Where a document's id stands, beside it and beside each of its passages.
_ID_FIELD = "doc_id"
#: Names under which a collection keeps fields of its own in place of metadata.
_TAKEN = ("_node_content", "_node_type", "doc_id", "document_id", "longembed", "ref_doc_id")
_CLAUSES = {"AND": "$and", "OR": "$or"}
_ORDERED = {">": "$gt", ">=": "$gte", "<": "$lt", "<=": "$lte"}
_LISTED = {"in": "$in", "not in": "$nin"}
_EQUAL = {"==": "$eq", "!=": "$ne"}
_OPERATORS = (*_EQUAL, *_ORDERED, *_LISTED)


def to_library_filter(filters: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Haystack's filters as the dictionary that ``Library`` understands.

    Fields are ``meta.name`` (or ``name`` alone) and ``id``. As in Haystack's in-memory store,
    ``!=`` and ``not in`` let through what lacks the field, nothing is greater or less than None,
    and dates are compared as moments.

    Args:
        filters: Comparisons, nested in ``AND``, ``OR`` and ``NOT``; empty ones let all through.

    Returns:
        The dictionary; None where everything is let through.

    Raises:
        FilterError: They are not made as Haystack's are, or ask for what is not kept.
    """
    return _condition(filters) if filters else None


def _condition(stated: Any) -> dict[str, Any]:
    if not isinstance(stated, Mapping):
        raise FilterError(f"{stated!r} is not a filter: a dictionary is expected")
    if "field" in stated:
        return _comparison(stated)
    for key in ("operator", "conditions"):
        if key not in stated:
            raise FilterError(f"{key!r} is missing in the filter {dict(stated)!r}")
    operator, conditions = stated["operator"], stated["conditions"]
    if not isinstance(conditions, list) or not conditions:
        raise FilterError(f"the conditions of {operator!r} are not a list of filters")
    parts = [_condition(each) for each in conditions]
    if operator == "NOT":  # what does not fit all of them, as Haystack has it
        return {"$not": {"$and": parts}}
    if operator not in _CLAUSES:
        raise FilterError(f"the operator {operator!r} is not one of: AND, OR, NOT")
    return {_CLAUSES[operator]: parts}


def _comparison(stated: Mapping[str, Any]) -> dict[str, Any]:
    for key in ("operator", "value"):
        if key not in stated:
            raise FilterError(f"{key!r} is missing in the filter {dict(stated)!r}")
    field, operator, value = stated["field"], stated["operator"], stated["value"]
    if operator not in _OPERATORS:
        raise FilterError(f"the operator {operator!r} is not one of: {', '.join(_OPERATORS)}")
    key = _key(field)
    if operator in _ORDERED:
        if key == _ID_FIELD:
            raise FilterError(f"ids have no order: {operator!r} cannot be asked of them")
        return {key: _ordered(operator, field, value)}
    if operator in _LISTED and not isinstance(value, list):
        raise FilterError(
            f"filter on {field!r}: {operator!r} takes a list, not {type(value).__name__}"
        )
    if operator in _LISTED:
        return {key: {_LISTED[operator]: [_plain(field, each) for each in value]}}
    return {key: {_EQUAL[operator]: _plain(field, value)}}


def _key(field: Any) -> str:
    """Where a field stands in what is stored."""
    if not isinstance(field, str) or not field.removeprefix(_META):
        raise FilterError(f"{field!r} is not the name of a field")
    if field == "id":
        return _ID_FIELD
    if field in {each.name for each in fields(Document)}:
        raise FilterError(f"{field!r} cannot be filtered by: only the id and metadata can")
    key = field.removeprefix(_META)
    if key.partition(".")[0] in _TAKEN or key.startswith("$"):
        raise FilterError(
            f"{field!r} cannot be filtered by: the collection keeps a field of its own under that "
            "name; a document's id is called 'id'"
        )
    return key


def _ordered(operator: str, field: str, value: Any) -> dict[str, Any]:
    if value is None:  # nothing is greater or less than it
        return {"$in": []}
    given = _moment(field, value) if isinstance(value, str) else _plain(field, value)
    if isinstance(given, bool):
        raise FilterError(f"filter on {field!r}: {operator!r} cannot take {value!r}")
    return {_ORDERED[operator]: given}


def _moment(field: str, text: str) -> str:
    """A date to the microsecond, since a day alone would stand for all of its hours."""
    try:
        # Python 3.10 knows no Z.
        moment = datetime.fromisoformat(text.removesuffix("Z") + "+00:00" * text.endswith("Z"))
    except ValueError as error:
        raise FilterError(
            f"filter on {field!r}: {text!r} has no order; numbers and ISO dates are compared"
        ) from error
    return moment.isoformat(timespec="microseconds")


def _plain(field: str, value: Any) -> Any:
    """A value as JSON holds it, which is how metadata is stored."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise FilterError(
        f"filter on {field!r}: values of type {type(value).__name__} are not compared"
    )
