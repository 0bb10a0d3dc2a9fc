"""What people write, and what it lets through."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path, PurePath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qdrant_client import QdrantClient, models

from longembed_rag.errors import SettingsError
from longembed_rag.points.filters import combine, filtered_fields, to_models
from longembed_rag.search.filters import parse_filters
from longembed_rag.store.payload import FOLDERS_KEY
from tests.search.payloads import client, fill, found

__all__ = ["client"]


@pytest.mark.parametrize(
    ("expressions", "expected"),
    [
        ([], {0, 1, 2, 3}),
        (["file_type=pdf"], {0}),
        (["file_type==pdf"], {0}),
        ([" file_type = text/plain "], {2}),
        (["file_type=pdf|docx"], {0, 1}),
        (["file_type='pdf' | \"docx\""], {0, 1}),
        (["file_name!=draft.md"], {0, 2, 3}),
        (["file_type!=pdf|docx"], {2, 3}),
        (["file_type=pdf|docx", "file_name!=draft.md"], {0}),
        (["page_count=10"], {0, 1, 3}),
        (["page_count=10.0"], {0, 3}),
        (['page_count="10"'], {1}),
        (["page_count!=10"], {2}),
        (["page_count=10|20"], {0, 1, 2, 3}),
        (["page_count>=10"], {0, 2, 3}),
        (["page_count>10"], {2}),
        (["page_count<20"], {0, 3}),
        (["page_count<=1e1"], {0, 3}),
        (["rating>=1"], {2, 3}),
        (["rating=1.5"], {2}),
        (["big=1152921504606846977"], {3}),
        (["big=1152921504606846976"], set()),
        (["draft=true"], {0, 1}),
        (["draft=False"], {2}),
        (["last_modified=2026-01-01"], {0}),
        (["last_modified=2026-01-01T12:30"], {0}),
        (["last_modified=2026-01-01 12:30:15Z"], {0}),
        (["last_modified=2026-01-01T13:30:15+01:00"], {0}),
        (["last_modified=2026-01-01T12:30:15.000"], {0}),
        (["last_modified=2026-01-01T12:31"], set()),
        (["last_modified>=2026-01-01"], {0, 2}),
        (["last_modified>2026-01-01"], {2}),
        (["last_modified<2026-01-01"], {1}),
        (["last_modified<=2026-01-01"], {0, 1}),
        (["last_modified!=2026-01-01"], {1, 2, 3}),
        (["last_modified=2026-13-45"], set()),
        (["title~lease"], {0}),
        (["title~house LEASE"], {0}),
        (["title~ase"], set()),
        (["title~lease|released"], {0, 1}),
        (['title="Released|a|b"'], {1}),
        (['title=""'], {3}),
        (["exists:title"], {0, 1, 3}),
        (["missing:title"], {2}),
        (["missing: tags"], {2, 3}),
        (["tags=law"], {0}),
        (["inner.code=007"], {2}),
        (['inner."a b"=1'], {1}),
        (['"path"=x'], {3}),
    ],
)
def test_expressions(client: QdrantClient, expressions: list[str], expected: set[int]) -> None:
    """Each way to write a filter lets through what its description says."""
    assert found(client, parse_filters(expressions)) == expected


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is a file or a folder, relative to the working directory, links resolved."""
    sources = [tmp_path / name for name in ("a/x.txt", "a/b/y.txt", "ab/z.txt")]
    (tmp_path / "link").symlink_to(tmp_path / "a")
    client = QdrantClient(":memory:")
    fill(
        client,
        [
            {
                "source": str(source),
                "longembed": {"folders": [str(each) for each in PurePath(source).parents]},
            }
            for source in sources
        ],
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "a"))
    for expression, expected in {
        "path=a/": {0, 1},
        "path=link": {0, 1},
        "path=a/b": {1},
        "path=a/x.txt": {0},
        f"path={tmp_path}": {0, 1, 2},
        "path=.": {0, 1, 2},
        "path=/": {0, 1, 2},
        "path=~/b": {1},
        "path=a/b|ab": {1, 2},
        "path!=a": {2},
        "path=b": set(),
    }.items():
        assert found(client, parse_filters([expression])) == expected, expression
    client.close()
    assert FOLDERS_KEY == "longembed.folders"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "not a field, an operator and a value"),
        ("pdf", "not a field"),
        ("=pdf", "not a field"),
        ("a b=c", "not a field"),
        ("exists:", "not a field"),
        ("title=", "a value is missing"),
        ("title=a||b", "a value is missing"),
        ('title="a', 'a quote is not closed: "a'),
        ("page_count>ten", "> takes one number or date"),
        ('page_count>"10"', "> takes one number or date"),
        ("page_count>=1|2", ">= takes one number or date"),
        ("draft>true", "> takes one number or date"),
        ("path~reports", "a path takes = or !="),
        ("path>3", "a path takes = or !="),
        ("path=a\0b", "no path holds a NUL"),
        ("pages[99999999999999999999]=1", "not a field"),
    ],
)
def test_what_cannot_be_understood_is_shown_with_what_can(expression: str, message: str) -> None:
    """A wrong expression is named, with what is wrong and some right ones."""
    with pytest.raises(SettingsError) as caught:
        parse_filters(["file_type=pdf", expression])
    assert repr(expression) in str(caught.value)
    assert message in str(caught.value)
    assert "last_modified<2026-01-01" in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_either_understood_or_refused(expression: str) -> None:
    """Nothing that people type leads to another error than the one that helps."""
    with suppress(SettingsError):
        assert parse_filters([expression]) is not None


@given(st.text().filter(lambda text: '"' not in text))
def test_a_quoted_value_is_that_text(value: str) -> None:
    """Whatever stands in quotes is compared as it stands."""
    parsed = parse_filters([f'title="{value}"'])
    assert to_models(parsed) == models.Filter(
        should=[models.FieldCondition(key="title", match=models.MatchValue(value=value))]
    )


def test_bytes_that_are_no_text_are_written_as_they_are_stored() -> None:
    r"""A file name that is not UTF-8 is found as ``\xff``, which is how it is kept."""
    condition = models.FieldCondition(key="file_name", match=models.MatchValue(value=r"a\xff"))
    assert to_models(parse_filters(["file_name=a\udcff"])) == models.Filter(should=[condition])


@settings(max_examples=25)
@given(st.integers(-(2**52), 2**52))
def test_a_number_is_below_equal_or_above(number: int) -> None:
    """Of below, equal and above, exactly one lets a number through."""
    client = QdrantClient(":memory:")
    fill(client, [{"number": number}])
    for compared in (number - 1, number, number + 1, 0):
        passed = [len(found(client, parse_filters([f"number{op}{compared}"]))) for op in "<=>"]
        assert passed == [number < compared, number == compared, number > compared]
    client.close()


def test_combine(client: QdrantClient) -> None:
    """All must hold; None is no condition, and a single filter stays as it is."""
    pdf, titled = parse_filters(["file_type=pdf|docx"]), parse_filters(["title~lease"])
    assert combine() is None
    assert combine(None, None) is None
    assert combine(None, pdf) is pdf
    assert found(client, combine(pdf, None, titled)) == {0}


def test_filtered_fields_name_the_index_of_each() -> None:
    """Each field with the kind of index that its conditions need, also deep inside."""
    numbers = ["page_count=10", "last_modified>2026-01-01", "draft=true", "big=1152921504606846977"]
    others = ["file_type=pdf", "title~lease", "exists:title", "missing:author", "path=reports"]
    parsed = parse_filters([*numbers, *others])
    assert filtered_fields(parsed) == [
        ("page_count", "float"),
        ("page_count", "keyword"),
        ("last_modified", "datetime"),
        ("draft", "bool"),
        ("draft", "keyword"),
        ("big", "integer"),
        ("big", "keyword"),
        ("file_type", "keyword"),
        ("title", "text"),
        ("author", "keyword"),
        ("source", "keyword"),
        (FOLDERS_KEY, "keyword"),
    ]
    assert filtered_fields(None) == []


def test_filtered_fields_of_any_filter() -> None:
    """Filters that people build with qdrant_client are understood as well."""
    numbers = models.FieldCondition(key="n", match=models.MatchAny(any=[1, 2]))
    others = models.FieldCondition(key="m", match=models.MatchExcept(**{"except": ["a"]}))
    near = models.GeoRadius(center=models.GeoPoint(lon=0, lat=0), radius=1)
    inner = models.Filter(must=models.FieldCondition(key="k", range=models.Range(gt=1)))
    nested = models.NestedCondition(nested=models.Nested(key="list", filter=inner))
    empty = models.IsNullCondition(is_null=models.PayloadField(key="e"))
    given = models.Filter(
        must=[numbers, models.HasIdCondition(has_id=[1])],
        should=[nested, empty],
        must_not=[models.FieldCondition(key="where", geo_radius=near)],
        min_should=models.MinShould(conditions=[others], min_count=1),
    )
    assert filtered_fields(given) == [
        ("n", "integer"),
        ("list[].k", "float"),
        ("e", "keyword"),
        ("where", "geo"),
        ("m", "keyword"),
    ]
