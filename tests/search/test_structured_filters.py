"""What programs state, as dictionaries and as LlamaIndex's filters, and what it lets through."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)
from qdrant_client import QdrantClient

from longembed_rag.errors import SettingsError
from longembed_rag.points.filters import to_models
from longembed_rag.search.filters import as_filter
from longembed_rag.search.structured_filters import from_llama_index, from_mapping
from tests.search.payloads import PAYLOADS, client, found

__all__ = ["client"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, {0, 1, 2, 3}),
        ({"file_type": "pdf"}, {0}),
        ({"page_count": 10}, {0, 3}),
        ({"page_count": "10"}, {1}),
        ({"draft": True}, {0}),
        ({"tags": "law"}, {0}),
        ({"inner.code": "007"}, {2}),
        ({'inner."a b"': 1}, {1}),
        ({"file_type": None}, {3}),
        ({"file_type": {"$eq": None}}, {3}),
        ({"file_type": {"$ne": None}}, {0, 1, 2}),
        ({"file_type": "docx", "page_count": "10"}, {1}),
        ({"file_type": "docx", "page_count": 10}, set()),
        ({"rating": {"$gt": 1}}, {2}),
        ({"rating": {"$gte": 1, "$lt": 1.5}}, {3}),
        ({"page_count": {"$lte": 10}}, {0, 3}),
        ({"last_modified": {"$gte": "2026-01-01", "$lt": "2026-01-02"}}, {0}),
        ({"file_type": {"$ne": "pdf"}}, {1, 2, 3}),
        ({"file_type": {"$in": ["pdf", "docx"]}}, {0, 1}),
        ({"file_type": {"$in": ("pdf", None)}}, {0, 3}),
        ({"file_type": {"$in": []}}, set()),
        ({"file_type": {"$nin": ["pdf", "docx"]}}, {2, 3}),
        ({"file_type": {"$nin": ["pdf", None]}}, {1, 2}),
        ({"title": {"$exists": True}}, {0, 1, 3}),
        ({"title": {"$exists": False}}, {2}),
        ({"title": {"$text": "house LEASE"}}, {0}),
        ({"$or": [{"file_type": "pdf"}, {"rating": {"$gte": 1}}]}, {0, 2, 3}),
        ({"$and": [{"tags": "house"}, {"page_count": 10}]}, {0}),
        ({"$not": {"tags": "house"}}, {2, 3}),
        ({"$not": {"tags": "house", "page_count": 10}}, {1, 2, 3}),
        ({"tags": "house", "$or": [{"draft": True}, {"$not": {"title": {"$exists": True}}}]}, {0}),
    ],
)
def test_dictionaries(client: QdrantClient, filters: dict[str, Any], expected: set[int]) -> None:
    """A dictionary lets through what holds all that it says."""
    assert found(client, from_mapping(filters)) == expected
    assert found(client, as_filter(filters)) == expected


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"year": {"$regex": "a"}}, r"on 'year': the operator '\$regex' is not one of: \$eq"),
        ({"year": {"gte": 3}}, "the operator 'gte' is not one of"),
        ({"year": {}}, "filter on 'year': it does not say what"),
        ({"year": [2003]}, r"'\$eq' cannot take \[2003\]"),
        ({"year": {"$in": 2003}}, r"'\$in' cannot take 2003"),
        ({"year": {"$in": "2003"}}, r"'\$in' cannot take '2003'"),
        ({"year": {"$in": [{}]}}, r"'\$in' cannot take"),
        ({"year": {"$gt": "ten"}}, r"'\$gt' cannot take 'ten'"),
        ({"year": {"$gt": None}}, r"'\$gt' cannot take None"),
        ({"year": {"$gt": True}}, r"'\$gt' cannot take True"),
        ({"year": {"$gt": float("inf")}}, r"'\$gt' cannot take inf"),
        ({"year": 2**63}, r"'\$eq' cannot take 9223372036854775808"),
        ({"year": {"$exists": 1}}, r"'\$exists' cannot take 1"),
        ({"year": {"$text": " "}}, r"'\$text' cannot take ' '"),
        ({"$gte": 3}, r"'\$gte' is not one of: \$and, \$or, \$not"),
        ({"$or": []}, r"\$or takes a list of dictionaries"),
        ({"$or": {"a": 1}}, r"\$or takes a list of dictionaries"),
        ({"$or": [{}]}, r"none of them empty"),
        ({"$not": [{"a": 1}]}, r"\$not takes a dictionary"),
        ({"$not": {}}, r"\$not takes a dictionary"),
        ({"": 1}, "'' is not the name of a field"),
        ({3: 1}, "3 is not the name of a field"),
    ],
)
def test_dictionaries_that_are_wrong(filters: dict[Any, Any], message: str) -> None:
    """A field, operator or value that cannot be understood is named."""
    with pytest.raises(SettingsError, match=message):
        from_mapping(filters)


_VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_OPERATORS = st.sampled_from(["$eq", "$ne", "$gt", "$in", "$nin", "$exists", "$text", "$or", "x"])


@given(
    st.recursive(
        _VALUES,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(_OPERATORS | st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_any_value_is_either_understood_or_refused(value: Any) -> None:
    """Nothing that a program states leads to another error than the one that helps."""
    for filters in ({"field": value}, value):
        if isinstance(filters, dict):
            with suppress(SettingsError):
                made = from_mapping(filters)
                assert made is None if not filters else to_models(made) is not None


@given(st.sampled_from(PAYLOADS).flatmap(lambda payload: st.sampled_from(sorted(payload.items()))))
def test_what_is_equal_is_not_unequal(client: QdrantClient, entry: tuple[str, Any]) -> None:
    """Of equal and unequal to a value that is there, exactly one lets each payload through."""
    key, value = entry
    if isinstance(value, (list, dict)):
        return
    same = found(client, from_mapping({key: value}))
    other = found(client, from_mapping({key: {"$ne": value}}))
    assert same
    assert same | other == set(range(len(PAYLOADS)))
    assert not same & other


Operators = FilterOperator


@pytest.mark.parametrize(
    ("key", "operator", "value", "expected"),
    [
        ("file_type", Operators.EQ, "pdf", {0}),
        ("page_count", Operators.EQ, 10, {0, 3}),
        ("page_count", Operators.EQ, "10", {1}),
        ("rating", Operators.EQ, 1.5, {2}),
        ("file_type", Operators.NE, "pdf", {1, 2, 3}),
        ("page_count", Operators.GT, 10, {2}),
        ("page_count", Operators.GTE, 10.0, {0, 2, 3}),
        ("page_count", Operators.LT, 20, {0, 3}),
        ("page_count", Operators.LTE, "10", {0, 3}),
        ("last_modified", Operators.GT, "2026-01-01", {2}),
        ("file_type", Operators.IN, ["pdf", "docx"], {0, 1}),
        ("file_type", Operators.IN, "pdf,docx", {0, 1}),
        ("rating", Operators.IN, [1.5, 9.0], {2}),
        ("file_type", Operators.IN, [], set()),
        ("file_type", Operators.NIN, ["pdf", "docx"], {2, 3}),
        ("file_type", Operators.NIN, [], {0, 1, 2, 3}),
        ("tags", Operators.ANY, ["law", "house"], {0, 1}),
        ("tags", Operators.ALL, ["law", "house"], {0}),
        ("tags", Operators.CONTAINS, "law", {0}),
        ("title", Operators.TEXT_MATCH, "lease house", {0}),
        ("title", Operators.TEXT_MATCH_INSENSITIVE, "LEASE", {0}),
        ("tags", Operators.IS_EMPTY, None, {2, 3}),
        ("a b", Operators.IS_EMPTY, None, {0, 1, 2, 3}),
    ],
)
def test_operators_of_llama_index(
    client: QdrantClient, key: str, operator: FilterOperator, value: Any, expected: set[int]
) -> None:
    """Each operator of LlamaIndex lets through what LlamaIndex says it does."""
    one = MetadataFilter(key=key, value=value, operator=operator)
    assert found(client, from_llama_index(MetadataFilters(filters=[one]))) == expected


def test_every_operator_of_llama_index_is_known() -> None:
    """A new operator of LlamaIndex is noticed here and not by a user."""
    for operator in FilterOperator:
        value = {"in": [1], "nin": [1], "any": ["a"], "all": ["a"]}.get(operator.value, 1)
        one = MetadataFilter(key="a", value=value, operator=operator)
        assert from_llama_index(MetadataFilters(filters=[one])) is not None


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (FilterCondition.AND, {0}),
        (FilterCondition.OR, {0, 1, 2, 3}),
        (FilterCondition.NOT, set()),
        (None, {0}),
    ],
)
def test_conditions_of_llama_index_nest(
    client: QdrantClient, condition: FilterCondition | None, expected: set[int]
) -> None:
    """AND, OR and NOT hold for filters and for groups of them; empty groups count for nothing."""
    pdf = MetadataFilter(key="file_type", value="pdf")
    not_docx = MetadataFilters(
        filters=[MetadataFilter(key="file_type", value="docx")], condition=FilterCondition.NOT
    )
    either = MetadataFilters(
        filters=[pdf, MetadataFilter(key="page_count", value="10")], condition=FilterCondition.OR
    )
    groups = [not_docx, either, MetadataFilters(filters=[])]
    filters = MetadataFilters(filters=groups, condition=condition)
    assert found(client, from_llama_index(filters)) == expected


def test_no_filters_of_llama_index_are_none() -> None:
    """Nothing to filter by is no filter."""
    assert from_llama_index(None) is None
    assert from_llama_index(MetadataFilters(filters=[])) is None
    nested = MetadataFilters(filters=[MetadataFilters(filters=[])], condition=FilterCondition.OR)
    assert from_llama_index(nested) is None


@pytest.mark.parametrize(
    ("operator", "value", "message"),
    [
        (SimpleNamespace(value="regex"), "a", "operator 'regex' is not one of: ==, contains"),
        (Operators.EQ, None, "operator '==' cannot take None"),
        (Operators.EQ, ["a"], r"operator '==' cannot take \['a'\]"),
        (Operators.IN, 5, "operator 'in' cannot take 5"),
        (Operators.GT, "ten", "operator '>' cannot take 'ten'"),
    ],
)
def test_what_llama_index_cannot_mean_is_refused(operator: Any, value: Any, message: str) -> None:
    """An unknown operator, and a value that an operator cannot take, are named with the field."""
    one = MetadataFilter.model_construct(key="a", value=value, operator=operator)
    with pytest.raises(SettingsError, match=rf"'a': the {message}"):
        from_llama_index(MetadataFilters.model_construct(filters=[one], condition=None))
