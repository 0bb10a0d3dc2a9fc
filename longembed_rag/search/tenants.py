"""Which tenant a filter names, and what else it says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import SettingsError
from longembed_rag.points.filters import Filter, clause_of, combine
from longembed_rag.store.tenants import tenant_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longembed_rag.points.filters import AnyFilter
    from longembed_rag.store.place import Place
    from longembed_rag.store.values import CollectionRecord


def looked_at(
    place: Place, record: CollectionRecord, matching: AnyFilter | None, *, required: bool = True
) -> tuple[Place, AnyFilter | None]:
    """What of a collection a filter leads to: all of it, or where there are tenants one's.

    Args:
        place: Where the collection is.
        record: What it says of itself.
        matching: The filter; None lets everything through.
        required: Whether it has to name a tenant; else one that does not is asked of everybody's.

    Returns:
        Where to look, and what has to fit there.

    Raises:
        SettingsError: It has to name a tenant and does not, or names several.
    """
    field = record.options.tenant_field
    if field is None:
        return place, matching
    tenants: set[str] = set()
    rest = _without(matching, field, tenants)
    if len(tenants) == 1:
        return place.of_tenant(tenants.pop()), rest
    if required:
        raise _not_named(place.documents, field, tenants)
    return place, matching


def require_no_tenants(record: CollectionRecord, collection: str) -> None:
    """Refuse what knows of no tenants a collection that has some.

    Args:
        record: What the collection says of itself.
        collection: Its name, for messages.

    Raises:
        SettingsError: It has.
    """
    field = record.options.tenant_field
    if field is not None:
        raise SettingsError(
            f"collection {collection!r} keeps tenants apart by {field!r}, and LlamaIndex's stores "
            "know of none; search it by LongRetriever, whose filters name the tenant"
        )


def _not_named(collection: str, field: str, tenants: set[str]) -> SettingsError:
    if not tenants:
        return SettingsError(
            f"filter: collection {collection!r} keeps tenants apart by {field!r}; name one, "
            f"{field}=NAME (--filter, filter=), by itself or beside other conditions; what could "
            f'be a number or date stands in quotes: {field}="2026-01-01"'
        )
    several = sorted(tenants)
    listed = ", ".join(map(repr, several))
    quoted = json.dumps(several[0], ensure_ascii=False)
    return SettingsError(
        f"filter: it names {len(several)} tenants by {field!r} ({listed}); name one of them, in "
        f"quotes where it is to be taken as it stands: {field}={quoted}"
    )


def _without(given: Any, field: str, tenants: set[str]) -> AnyFilter | None:
    """What a filter says beside the tenants that it names, which are added to those."""
    named = _named(given, field)
    if named is not None:
        tenants |= named
        return None
    if given is None or not clause_of(given.must):
        rest: AnyFilter | None = given
        return rest
    others = [_condition_without(each, field, tenants) for each in clause_of(given.must)]
    must = [each for each in others if each is not None]
    others_too = {name: getattr(given, name) for name in ("should", "must_not")}
    enough = getattr(given, "min_should", None)
    if not must and not any(map(clause_of, others_too.values())) and enough is None:
        return None
    if enough is not None:
        made: AnyFilter = given.model_copy(update={"must": must or None})
        return made
    return combine(Filter(must=must or None, **others_too))


def _condition_without(condition: Any, field: str, tenants: set[str]) -> Any:
    if hasattr(condition, "must"):
        return _without(condition, field, tenants)
    named = _named(condition, field)
    if named is None:
        return condition
    tenants |= named
    return None


def _named(condition: Any, field: str) -> set[str] | None:
    """The tenants one of which a condition wants; None where it may want another, or says more."""
    if hasattr(condition, "must"):
        clauses = (condition.must, condition.must_not, getattr(condition, "min_should", None))
        alternatives = [_named(each, field) for each in clause_of(condition.should)]
        if any(map(clause_of, clauses)) or not alternatives or None in alternatives:
            return None
        return set().union(*(each for each in alternatives if each is not None))
    if getattr(condition, "key", "").strip('"') != field:
        return None
    names = {tenant_name(value) for value in _values(condition)}
    return {each for each in names if each is not None} if names and None not in names else None


def _values(condition: Any) -> Iterator[Any]:
    """The values one of which a field has to have; none where it is asked for otherwise."""
    match, bounds = condition.match, condition.range
    if hasattr(match, "value"):
        # Not quoted, true may be a text; documents whose field is no text are not kept.
        yield str(match.value).lower() if isinstance(match.value, bool) else match.value
    elif hasattr(match, "any"):
        yield from match.any
    elif type(bounds).__name__ == "Range" and (bounds.lt, bounds.gt) == (None, None):
        yield from [bounds.gte] if bounds.gte == bounds.lte else []
