"""Haystack's filters, and what they let through."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from haystack import Document
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.errors import FilterError

from haystack_integrations.document_stores.longembed import LongDocumentStore
from haystack_integrations.document_stores.longembed.filters import to_library_filter

DOCUMENTS = [
    Document(id="1", content="one", meta={"year": 2003, "kind": "lease", "good": True}),
    Document(id="2", content="two", meta={"year": 2003.5, "kind": "deed", "good": False}),
    Document(id="3", content="three", meta={"year": None, "kind": "lease", "by": {"name": "Ann"}}),
    Document(id="4", content="four", meta={"on": "2024-01-01T10:00:00", "by": {"name": "Bob"}}),
    Document(id="5", content="five", meta={"on": "2024-01-01", "odd name": "x", "number": "10"}),
    Document(id="/reports/six.txt", content="six", meta={"on": "2023-12-31T23:59:59.500"}),
]


def comparison(field: str, operator: str, value: Any) -> dict[str, Any]:
    """A comparison as Haystack writes it."""
    return {"field": field, "operator": operator, "value": value}


def joined(operator: str, *conditions: dict[str, Any]) -> dict[str, Any]:
    """Conditions that are joined as Haystack writes it."""
    return {"operator": operator, "conditions": list(conditions)}


OLD, LEASE = comparison("meta.year", "<", 2004), comparison("meta.kind", "==", "lease")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LongDocumentStore]:
    """A store with the documents."""
    made = LongDocumentStore(tmp_path_factory.mktemp("filters") / "store")
    made.write_documents(DOCUMENTS)
    yield made
    made.close()


@pytest.mark.parametrize(
    "filters",
    [
        None,
        {},
        OLD,
        comparison("meta.year", ">=", 2003.5),
        comparison("meta.year", "==", 2003),
        comparison("meta.year", "!=", 2003),
        comparison("meta.year", "==", None),
        comparison("meta.year", "!=", None),
        comparison("meta.year", ">", None),
        comparison("meta.year", "in", [2003, 1999]),
        comparison("meta.year", "in", [2003, None]),
        comparison("meta.year", "in", []),
        comparison("meta.year", "not in", [2003]),
        comparison("meta.year", "not in", [2003, None]),
        comparison("meta.year", "not in", []),
        comparison("meta.good", "==", True),
        comparison("meta.good", "!=", True),
        comparison("meta.by.name", "==", "Ann"),
        comparison("meta.by.name", "!=", "Ann"),
        comparison("meta.by.age", "==", None),
        comparison("meta.odd name", "==", "x"),
        comparison("meta.number", "==", "10"),
        comparison("kind", "in", ["deed", "other"]),
        comparison("id", "==", "3"),
        comparison("id", "!=", "3"),
        comparison("id", "in", ["3", "/reports/six.txt", "unknown"]),
        comparison("id", "not in", ["3"]),
        LEASE,
        joined("AND", OLD, LEASE),
        joined("OR", OLD, LEASE),
        joined("NOT", OLD, LEASE),
        joined("AND", joined("OR", OLD, LEASE), joined("NOT", comparison("id", "==", "1"))),
        joined("OR", comparison("id", "==", "5"), joined("AND", OLD, joined("NOT", LEASE))),
    ],
    ids=str,
)
def test_as_in_memory(filled: LongDocumentStore, filters: dict[str, Any] | None) -> None:
    """A filter lets through what it lets through in Haystack's own store."""
    own = InMemoryDocumentStore()
    own.write_documents(DOCUMENTS)
    expected = {each.id for each in own.filter_documents(filters)}
    assert {each.id for each in filled.filter_documents(filters)} == expected


@pytest.mark.parametrize("operator", [">", ">=", "<", "<="])
@pytest.mark.parametrize(
    "moment",
    ["2024-01-01", "2024-01-01T10:00:00", "2024-01-01 09:59:59.999", "2023-12-31T23:59:59"],
)
def test_dates_are_moments(filled: LongDocumentStore, operator: str, moment: str) -> None:
    """Dates are compared to the moment, as in Haystack's own store, a day as its beginning."""
    filters = comparison("meta.on", operator, moment)
    own = InMemoryDocumentStore()
    own.write_documents([each for each in DOCUMENTS if "on" in each.meta])
    expected = {each.id for each in own.filter_documents(filters)}
    assert {each.id for each in filled.filter_documents(filters)} == expected


@pytest.mark.parametrize("moment", ["2024-01-01T10:00:00Z", "2024-01-01T11:00:00+01:00"])
def test_zones(filled: LongDocumentStore, moment: str) -> None:
    """Moments of another zone are understood; one without a zone is in UTC."""
    at_ten = comparison("meta.on", ">=", moment)
    assert [each.id for each in filled.filter_documents(at_ten)] == ["4"]


def test_datetimes() -> None:
    """A datetime stands for itself."""
    at_ten = datetime(2024, 1, 1, 10, tzinfo=timezone.utc)
    made = to_library_filter(comparison("meta.on", "<", at_ten))
    assert made == {"on": {"$lt": "2024-01-01T10:00:00.000000+00:00"}}


@pytest.mark.parametrize(
    ("filters", "named"),
    [
        ("kind=lease", "not a filter"),
        ({"operator": "AND"}, "conditions"),
        ({"conditions": [OLD]}, "operator"),
        (joined("AND"), "not a list of filters"),
        (joined("XOR", OLD), "XOR"),
        (joined("AND", {"operator": "==", "value": 1}), "conditions"),
        ({"field": "meta.year", "value": 1}, "operator"),
        ({"field": "meta.year", "operator": "=="}, "value"),
        (comparison("meta.year", "~", 1), "~"),
        (comparison("meta.year", "==", [1]), "list"),
        (comparison("meta.year", "==", {"a": 1}), "dict"),
        (comparison("meta.year", "in", 1), "takes a list"),
        (comparison("meta.year", "in", (1, 2)), "takes a list"),
        (comparison("meta.year", "in", [[1]]), "list"),
        (comparison("meta.year", ">", "1"), "ISO dates"),
        (comparison("meta.year", ">", True), "cannot take"),
        (comparison("meta.year", ">", [1]), "list"),
        (comparison("meta.", "==", 1), "name of a field"),
        (comparison("meta.$and", "==", 1), "cannot be filtered by"),
        (comparison("meta.longembed.bucket", "==", 1), "cannot be filtered by"),
        (comparison("meta.document_id", "==", "1"), "'id'"),
        (comparison("content", "==", "one"), "only the id and metadata"),
        (comparison("id", ">", "1"), "no order"),
    ],
    ids=str,
)
def test_what_cannot_be_asked(filters: Any, named: str) -> None:
    """Filters that do not fit raise Haystack's own error, which says what is wrong."""
    with pytest.raises(FilterError, match=named):
        to_library_filter(filters)
