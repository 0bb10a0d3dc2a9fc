"""Which tenant a filter names, and what is left of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qdrant_client import models

from longembed_rag.points.filters import to_models
from longembed_rag.search.filters import as_filter
from longembed_rag.search.tenants import _without

NAMES = st.sampled_from(["mine", "7", "2.5", "über", 'a"b', "true"])
OTHERS: list[Any] = [
    {"year": 3},
    {"$or": [{"tenant": "mine"}, {"year": 3}]},
    {"$not": {"tenant": "theirs"}},
    {"year": {"$gte": 1}},
    {"tenant": {"$text": "mine"}},
]


def split(given_filter: Any) -> tuple[set[str], Any]:
    """The tenants that are named, and the rest."""
    tenants: set[str] = set()
    rest = _without(as_filter(given_filter), "tenant", tenants)
    return tenants, rest


def conditions(made: Any) -> list[str]:
    """What has to hold, however it is nested, each as qdrant-client's, in words."""
    if made is None:
        return []
    if made.must and not made.should and not made.must_not and hasattr(made.must[0], "must"):
        return sorted(each for inner in made.must for each in conditions(inner))
    return [repr(to_models(made))]


@settings(max_examples=40)
@given(NAMES, st.lists(st.sampled_from(OTHERS), max_size=3), st.booleans(), st.data())
def test_what_is_not_the_tenant_stays(
    name: str, others: list[Any], foreign: bool, data: st.DataObject
) -> None:
    """Wherever it stands among what has to hold: it is named, and all the rest is as it was."""
    parts = data.draw(st.permutations([{"tenant": name}, *others]))
    while len(parts) > 1 and data.draw(st.booleans()):
        parts = [{"$and": parts[:2]}, *parts[2:]]
    whole = as_filter({"$and": parts})
    tenants, rest = split(to_models(whole) if foreign else whole)
    assert tenants == {name}
    assert conditions(rest) == conditions(as_filter({"$and": others} if others else None))


@pytest.mark.parametrize(
    "condition",
    [
        models.FieldCondition(key="tenant", match=models.MatchValue(value="mine")),
        models.FieldCondition(key='"tenant"', match=models.MatchAny(any=["mine"])),
    ],
)
def test_filters_of_qdrant_name_tenants(condition: models.FieldCondition) -> None:
    """Made with qdrant-client, beside alternatives of which some have to hold."""
    assert split(models.Filter(must=condition)) == ({"mine"}, None)
    other = models.FieldCondition(key="n", match=models.MatchValue(value=1))
    enough = models.MinShould(conditions=[other], min_count=1)
    tenants, rest = split(models.Filter(must=[condition], min_should=enough))
    assert (tenants, rest.min_should, rest.must) == ({"mine"}, enough, None)
    assert split(models.Filter(must_not=[condition]))[0] == set()
    apart = models.FieldCondition(key="tenant", match=models.MatchExcept(**{"except": ["mine"]}))
    assert split(models.Filter(must=[apart]))[0] == set()


@pytest.mark.parametrize(
    ("given_filter", "expected"),
    [
        ("tenant=7", {"7"}),
        ({"tenant": 7.0}, {"7"}),
        ({"tenant": 2**60}, {str(2**60)}),
        ("tenant=a|b", {"a", "b"}),
        ("tenant>=7", set()),
        ({"tenant": {"$in": ["mine", None]}}, set()),
        (None, set()),
    ],
)
def test_names_are_those_of_documents(given_filter: Any, expected: set[str]) -> None:
    """Numbers by their text; bounds, and what may be missing, name none."""
    assert split(given_filter)[0] == expected
