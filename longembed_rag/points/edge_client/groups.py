"""Hits by group: which points to ask for, and how far."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qdrant_client.models import ScoredPoint

GroupId = "int | str"


def group_hits(
    hits: Iterable[ScoredPoint], *, group_by: str, limit: int, group_size: int
) -> tuple[dict[Any, list[ScoredPoint]], bool]:
    """The groups of a ranking's first hits.

    A hit whose field holds several values is in several groups; one whose field holds anything
    but strings and whole numbers is in none, as with servers.

    Args:
        hits: The ranking's first hits, with the field in their payload.
        group_by: The field.
        limit: Most groups.
        group_size: Most hits per group.

    Returns:
        The best groups, best first, and whether further hits could not change them.
    """
    groups: dict[Any, list[ScoredPoint]] = {}
    for hit in hits:
        for value in _values(hit.payload or {}, group_by):
            if value not in groups and len(groups) >= limit:
                continue
            members = groups.setdefault(value, [])
            if len(members) < group_size:
                members.append(hit)
    full = len(groups) >= limit and all(len(each) >= group_size for each in groups.values())
    return groups, full


def _values(payload: dict[str, Any], field: str) -> list[Any]:
    from qdrant_client.local.payload_value_extractor import value_by_key

    values = value_by_key(payload, field) or []
    if any(type(value) not in (int, str) for value in values):
        return []
    return list(dict.fromkeys(values))
