"""What documents say of themselves, in one form."""

from __future__ import annotations

from typing import Any

import pytest

from longembed_rag.files.formats.docx_reader import read_docx
from longembed_rag.files.formats.properties import (
    LONGEST_PROPERTY,
    MOST_PROPERTIES,
    iso_date,
    keywords_of,
    names_of,
    properties,
    tidy_properties,
)
from tests.files.making import pack_docx, paragraph


def test_properties_are_tidied_and_bounded() -> None:
    """What is empty is left out, texts are on one line, and none is endless."""
    given: dict[str, Any] = {
        " a  b ": " c\n d ",
        "none": None,
        "blank": "  ",
        "list": ["", " x "],
        "no": [],
        "zero": 0,
        "false": False,
        "long": "y" * 100_000,
    }
    assert tidy_properties(given) == {
        "a b": "c d",
        "list": ["x"],
        "zero": 0,
        "false": False,
        "long": "y" * LONGEST_PROPERTY,
    }
    assert len(tidy_properties({str(i): i for i in range(1000)})) == MOST_PROPERTIES


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-01-31", "2026-01-31"),
        ("2026", "2026"),
        ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00+00:00"),
        ("Tue, 28 Aug 2012 09:53:28 +0300", "2012-08-28T09:53:28+03:00"),
        ("last summer", None),
        ("", None),
    ],
)
def test_dates(text: str, iso: str | None) -> None:
    """ISO 8601 and the form of mail are known; what is neither is no date."""
    assert iso_date(text) == iso


def test_names_and_keywords() -> None:
    """Semicolons part names; commas do too between keywords."""
    assert names_of("Lovelace, Ada") == "Lovelace, Ada"
    assert names_of("Ada; Bob ;") == ["Ada", "Bob"]
    assert keywords_of("fish, keys; night porter,") == ["fish", "keys", "night porter"]


_TYPES = "http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes"


def test_properties_of_office_documents_keep_their_types() -> None:
    """Known ones under the names that all types share, those of its makers under their own."""
    core = """<cp:coreProperties xmlns:cp="x" xmlns:dc="http://purl.org/dc/elements/1.1/">
    <dc:title>The title</dc:title><dc:creator>Ada;Bob</dc:creator><cp:keywords>a, b</cp:keywords>
    <dc:description> </dc:description><cp:created>2026-01-31T10:00:00Z</cp:created>
    <dc:language>en-GB</dc:language><cp:revision>7</cp:revision></cp:coreProperties>"""
    own = "".join(
        f'<property name="{name}"><vt:{kind}>{value}</vt:{kind}></property>'
        for name, kind, value in (
            ("Matter", "i4", "4711"),
            ("Rate", "r8", "0.5"),
            ("Signed", "bool", "true"),
            ("Due", "filetime", "2026-02-01T00:00:00Z"),
            ("Client", "lpwstr", "Korsnes Ltd"),
            ("Odd", "i4", "many"),
            ("title", "lpwstr", "not this"),
            ("MSIP_Label_1_Enabled", "lpwstr", "true"),
        )
    )
    custom = f'<Properties xmlns="y" xmlns:vt="{_TYPES}">{own}</Properties>'
    data = pack_docx(
        paragraph("x"),
        properties={
            "docProps/core.xml": ("core-properties", core),
            "docProps/custom.xml": ("custom-properties", custom),
        },
    )
    assert read_docx(data, "a.docx").metadata == {
        "title": "The title",
        "author": ["Ada", "Bob"],
        "keywords": ["a", "b"],
        "created": "2026-01-31T10:00:00Z",
        "language": "en-GB",
        "Matter": 4711,
        "Rate": 0.5,
        "Signed": True,
        "Due": "2026-02-01T00:00:00+00:00",
        "Client": "Korsnes Ltd",
        "Odd": "many",
    }


def test_keys_are_the_same_for_every_type() -> None:
    """Whatever a format calls them; what is no property of all types is left out."""
    pairs = [("initial-creator", "Ann"), ("creation-date", "2020"), ("revision", 3)]
    assert properties(pairs) == {"author": "Ann", "created": "2020"}


def test_several_values_of_one_property() -> None:
    """Of authors there is a list, of titles the first, of keywords always a list."""
    pairs = [
        ("creator", ["Ann", "Bo", "Ann"]), ("title", "First"), ("title", "Second"),
        ("keywords", "a, b;c ,, "), ("keyword", "d"),
    ]  # fmt: skip
    assert properties(pairs) == {
        "author": ["Ann", "Bo"],
        "title": "First",
        "keywords": ["a", "b", "c", "d"],
    }


def test_what_says_nothing_is_left_out() -> None:
    """Blanks, nothing, what was left behind a NUL, and a title of question marks."""
    pairs = [
        ("title", "?????"), ("creator", " \n"), ("subject", None), ("keywords", " , "),
        ("language", "de\0\0rubbish"), ("description", "a\n  b\ud800"),
    ]  # fmt: skip
    assert properties(pairs) == {"language": "de", "description": "a b\ufffd"}
