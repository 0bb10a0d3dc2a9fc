"""Filters of qdrant_client's models mean the same to the engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from qdrant_client import QdrantClient, models

from longembed_rag.points.edge.convert import convert_filter, convert_payload_selector, point_id
from longembed_rag.points.edge_client.client import EdgeClient
from tests.points.edge_client.twins import NAME, Twins

KEYS = ["word", "number", "inner.word", "inner.number", "list[].number", "list", "when", "missing"]
WORDS = ["a", "b", "c d", "C", ""]
NOON = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)
MOMENTS = [NOON + timedelta(hours=hours) for hours in (-30, -1, 0, 1, 30)]

words = st.sampled_from(WORDS)
numbers = st.integers(-3, 3)
values = st.one_of(st.none(), words, numbers, st.booleans(), st.sampled_from([0.5, 1.0, -2.0]))
# Fields with an index hold what it is for only: an index does not know values of other kinds.
inner = st.fixed_dictionaries(
    {},
    optional={"word": words | st.lists(words), "number": st.none() | numbers | st.lists(numbers)},
)
payloads = st.fixed_dictionaries(
    {},
    optional={
        "word": words | st.lists(words, max_size=3) | st.none() | st.booleans(),
        "number": values | st.lists(values, max_size=3),
        "inner": inner,
        "list": st.lists(inner, max_size=3),
        "when": st.sampled_from(MOMENTS).map(lambda moment: moment.isoformat()),
    },
)


def bounds(kind: Any, drawn: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One bound or more; without any, what a range means depends on the field's index."""
    some = st.dictionaries(st.sampled_from(["lt", "lte", "gt", "gte"]), drawn, min_size=1)
    return some.map(lambda given: kind(**given))


matches = st.one_of(
    st.one_of(words, numbers, st.booleans()).map(lambda value: models.MatchValue(value=value)),
    (st.lists(words) | st.lists(numbers)).map(lambda some: models.MatchAny(any=some)),
    (st.lists(words) | st.lists(numbers)).map(lambda some: models.MatchExcept(**{"except": some})),
    st.sampled_from(["a", "d c", "c", "x"]).map(lambda text: models.MatchText(text=text)),
    st.sampled_from(["a x", "d c"]).map(lambda text: models.MatchTextAny(text_any=text)),
    st.sampled_from(["c d", "d c"]).map(lambda text: models.MatchPhrase(phrase=text)),
)
saying = st.one_of(
    matches.map(lambda match: {"match": match}),
    bounds(models.Range, numbers).map(lambda range_: {"range": range_}),
    bounds(models.ValuesCount, st.integers(0, 3)).map(lambda count: {"values_count": count}),
    st.booleans().map(lambda flag: {"is_empty": flag}),
    st.booleans().map(lambda flag: {"is_null": flag}),
)
keys = st.sampled_from(KEYS)
# Not on any field: an index of whole numbers takes moments for seconds since 1970.
moments = bounds(models.DatetimeRange, st.sampled_from(MOMENTS)).map(
    lambda range_: models.FieldCondition(key="when", range=range_)
)
simple = st.one_of(
    moments,
    st.builds(lambda key, said: models.FieldCondition(key=key, **said), keys, saying),
    st.lists(st.integers(0, 12)).map(lambda ids: models.HasIdCondition(has_id=ids)),
    keys.map(lambda key: models.IsEmptyCondition(is_empty=models.PayloadField(key=key))),
    keys.map(lambda key: models.IsNullCondition(is_null=models.PayloadField(key=key))),
)
within = st.builds(
    lambda key, said: models.FieldCondition(key=key, **said),
    st.sampled_from(["word", "number"]),
    saying,
)
nested = st.builds(
    lambda must, must_not: models.NestedCondition(
        nested=models.Nested(key="list", filter=models.Filter(must=must, must_not=must_not))
    ),
    st.lists(within, min_size=1, max_size=2),
    st.lists(within, max_size=1),
)


def filters(conditions: st.SearchStrategy[Any]) -> st.SearchStrategy[models.Filter]:
    some = st.none() | st.lists(conditions, max_size=3)
    at_least = st.builds(
        lambda some, count: models.MinShould(conditions=some, min_count=count),
        st.lists(conditions, min_size=1, max_size=3),
        st.integers(1, 3),
    )
    return st.builds(
        models.Filter,
        must=some,
        should=some | conditions,
        must_not=some,
        min_should=st.none() | at_least,
    )


conditions = st.recursive(simple | nested, filters, max_leaves=5)


@pytest.fixture(scope="module")
def plain_twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    """Both clients with a collection of payloads only, one field of it indexed."""
    path: Path = tmp_path_factory.mktemp("filters")
    both = Twins(EdgeClient(path), QdrantClient(":memory:"))
    both.write("create_collection", vectors_config={})
    both.edge.create_payload_index(NAME, "inner.word", models.PayloadSchemaType.KEYWORD)
    both.edge.create_payload_index(NAME, "inner.number", models.PayloadSchemaType.INTEGER)
    yield both
    both.edge.close()
    both.local.close()


def replace_points(twins: Twins, points: list[models.PointStruct]) -> None:
    """Have these points and no others."""
    twins.write("delete", points_selector=models.Filter())
    twins.write("upsert", points=points)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    some=st.lists(payloads, min_size=1, max_size=12),
    asked=st.lists(filters(conditions), min_size=1, max_size=6),
)
def test_filters_let_through_the_same_points(
    plain_twins: Twins, some: list[dict[str, Any]], asked: list[models.Filter]
) -> None:
    """Whatever the payloads and the filter, the same ids come back as in local mode."""
    points = [
        models.PointStruct(id=number, vector={}, payload=payload)
        for number, payload in enumerate(some)
    ]
    replace_points(plain_twins, points)
    for each in asked:
        (ours, _), (theirs, _) = plain_twins.ask("scroll", scroll_filter=each, limit=20)
        assert [point.id for point in ours] == [point.id for point in theirs], each
        ours, theirs = plain_twins.ask("count", count_filter=each)
        assert ours == theirs


@pytest.mark.parametrize(
    "value", [datetime(2024, 1, 1, 12), date(2024, 1, 2), "2024-01-01T12:00:00Z"]
)
def test_moments_without_a_zone_are_in_utc(plain_twins: Twins, value: Any) -> None:
    """Naive times and dates mean UTC, as on servers."""
    points = [
        models.PointStruct(id=number, vector={}, payload={"when": moment.isoformat()})
        for number, moment in enumerate(MOMENTS)
    ]
    replace_points(plain_twins, points)
    after = models.FieldCondition(key="when", range=models.DatetimeRange(gte=value))
    ours, theirs = plain_twins.ask("count", count_filter=models.Filter(must=after))
    assert ours == theirs
    assert 0 < ours.count < len(MOMENTS)


def test_places(plain_twins: Twins) -> None:
    """Conditions on places let through what local mode lets through."""
    places = [(13.4, 52.5), (2.3, 48.9), (-74.0, 40.7), (13.0, 52.4)]
    points = [
        models.PointStruct(id=number, vector={}, payload={"at": {"lon": lon, "lat": lat}})
        for number, (lon, lat) in enumerate(places)
    ]
    replace_points(plain_twins, points)

    def at(lon: float, lat: float) -> models.GeoPoint:
        return models.GeoPoint(lon=lon, lat=lat)

    square = [at(0, 40), at(10, 40), at(10, 60), at(0, 60), at(0, 40)]
    found = []
    for said in (
        {"geo_radius": models.GeoRadius(center=at(13.4, 52.5), radius=50_000)},
        {"geo_bounding_box": models.GeoBoundingBox(top_left=at(0, 60), bottom_right=at(20, 40))},
        {"geo_polygon": models.GeoPolygon(exterior=models.GeoLineString(points=square))},
    ):
        condition = models.FieldCondition(key="at", **said)  # type: ignore[arg-type]
        (ours, _), (theirs, _) = plain_twins.ask(
            "scroll", scroll_filter=models.Filter(must=[condition])
        )
        assert [point.id for point in ours] == [point.id for point in theirs]
        found.append([point.id for point in ours])
    assert found == [[0, 3], [0, 1, 3], [1]]


@pytest.mark.parametrize("indexed", [False, True])
def test_truth_is_no_number(client: EdgeClient, indexed: bool) -> None:
    """True matches true and not 1, and the other way round."""
    client.create_collection(NAME, {})
    if indexed:
        client.create_payload_index(NAME, "a", models.PayloadSchemaType.BOOL)
    held = [True, False, 1, 0]
    client.upsert(
        NAME,
        [models.PointStruct(id=i, vector={}, payload={"a": value}) for i, value in enumerate(held)],
    )
    for number, value in enumerate(held):
        condition = models.FieldCondition(key="a", match=models.MatchValue(value=value))
        found, _ = client.scroll(NAME, models.Filter(must=[condition]))
        assert [point.id for point in found] == [number]
    if indexed:
        hits = client.facet(NAME, "a").hits
        assert {(hit.value, hit.count) for hit in hits} == {(True, 1), (False, 1)}


def test_has_vector(twins: Twins) -> None:
    """Points are told apart by the vectors they have; in a payload-only one, none has any."""
    points = [
        models.PointStruct(id=1, vector={"dot": [1.0] * 6}, payload={}),
        models.PointStruct(id=2, vector={}, payload={}),
    ]
    twins.write("upsert", points=points)
    for name in ("dot", "words", "unknown"):
        ours, theirs = twins.ask(
            "count",
            count_filter=models.Filter(must=[models.HasVectorCondition(has_vector=name)]),
        )
        assert ours == theirs


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (models.Filter.model_construct(must=["tag"]), "condition str is not supported"),
        (
            models.Filter(must=[models.FieldCondition.model_construct(key="a", match="b")]),
            "match str is not supported here; these are: MatchValue",
        ),
        (
            models.Filter(
                min_should=models.MinShould(
                    conditions=[models.HasIdCondition(has_id=[1])], min_count=0
                )
            ),
            "min_count value 0",
        ),
        (models.Filter(must=[models.HasIdCondition(has_id=["x"])]), "Point id x"),
        ({"must": []}, "must be a models.Filter"),
    ],
)
def test_what_the_engine_has_not_is_refused(plain_twins: Twins, wrong: Any, message: str) -> None:
    """A condition of no known kind is a ValueError that names it."""
    with pytest.raises(ValueError, match=message):
        plain_twins.edge.count(NAME, wrong)


def test_a_condition_that_says_nothing_is_refused() -> None:
    """It would let everything through, where nothing was meant to be."""
    silent = models.FieldCondition.model_construct(key="a")
    with pytest.raises(ValueError, match="'a' says nothing"):
        convert_filter(models.Filter.model_construct(must=[silent]))
    assert convert_filter(None) is None


@pytest.mark.parametrize("key", ["a[", "", "a..b", '"'])
def test_malformed_paths_are_refused(plain_twins: Twins, key: str) -> None:
    """A path that the engine cannot read is a ValueError."""
    condition = models.FieldCondition(key=key, match=models.MatchValue(value=1))
    with pytest.raises(ValueError, match="JSON path"):
        plain_twins.edge.count(NAME, models.Filter(must=[condition]))


def test_numbers_out_of_range_are_refused(plain_twins: Twins) -> None:
    """A number that the engine cannot hold is a ValueError, not an overflow."""
    condition = models.FieldCondition(key="a", match=models.MatchValue(value=2**80))
    with pytest.raises(ValueError, match="Wrong input"):
        plain_twins.edge.count(NAME, models.Filter(must=[condition]))


@example(0)
@example(2**64 - 1)
@given(st.integers(0, 2**64 - 1) | st.uuids())
def test_point_ids_are_taken_in_every_spelling(identity: int | UUID) -> None:
    """Numbers and UUIDs as they are, UUIDs also as text with and without hyphens."""
    assert point_id(identity) == identity
    if isinstance(identity, UUID):
        assert point_id(str(identity)) == point_id(identity.hex.upper()) == identity


@pytest.mark.parametrize("wrong", [True, 1.0, None, b"1", "1", "", 2**64])
def test_other_point_ids_are_refused(wrong: Any) -> None:
    """Anything else is a ValueError."""
    with pytest.raises(ValueError, match="Point id"):
        point_id(wrong)


def test_payload_selectors() -> None:
    """Bools and lists are taken as they are; None is none."""
    assert convert_payload_selector(None) is False
    assert convert_payload_selector(True) is True
    assert convert_payload_selector(("a",)) == ["a"]
