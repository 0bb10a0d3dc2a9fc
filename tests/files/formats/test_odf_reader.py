"""OpenDocument texts, presentations and spreadsheets."""

from __future__ import annotations

import pytest

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.odf_reader import read_odf
from longembed_rag.layout import Heading
from tests.files.making_office import make_epub, make_odf, make_zip, odf_part


def _row(*cells: str, times: int = 1, cell_times: int = 1) -> str:
    inside = "".join(
        f'<table:table-cell table:number-columns-repeated="{cell_times}">{cell}</table:table-cell>'
        for cell in cells
    )
    return f'<table:table-row table:number-rows-repeated="{times}">{inside}</table:table-row>'


def _table(*rows: str, name: str = "") -> str:
    return f'<table:table table:name="{name}">{"".join(rows)}</table:table>'


def _text(body: str, **others: str) -> str:
    return read_odf(make_odf(body, **others), "a.odt").text


def test_headings_have_their_levels() -> None:
    """A paragraph that is a heading says of which level."""
    body = (
        '<text:h text:outline-level="2">Ducks</text:h><text:p>Quack.</text:p><text:h>End</text:h>'
    )
    content = read_odf(make_odf(body), "a.odt")
    assert content.text == "Ducks\n\nQuack.\n\nEnd"
    assert content.layout.headings == (Heading(0, 2, "Ducks"), Heading(15, 1, "End"))


def test_spaces_tabs_and_breaks() -> None:
    """Blanks in the XML are one; what means blanks is that many; words do not stick together."""
    body = (
        '<text:p>a\n  b<text:s text:c="2"/>c<text:tab/>d<text:line-break/>e<text:span>f</text:span>'
        "</text:p>"
    )
    assert _text(body) == "a b  c\td\nef"


def test_lists_tables_and_boxes_in_order() -> None:
    """Nested lists, tables in tables, and a box that hangs in a paragraph."""
    inner = _table(_row("<text:p>in</text:p>"))
    header = _row("<text:p>h</text:p>", "")
    body = (
        "<text:list><text:list-item><text:p>one</text:p><text:list><text:list-item>"
        "<text:p>one a</text:p></text:list-item></text:list></text:list-item></text:list>"
        + _table(
            f"<table:table-header-rows>{header}</table:table-header-rows>",
            _row(f"{inner}<text:p>b</text:p>", "<text:p>c</text:p>"),
        )
        + "<text:p>before<draw:frame><draw:text-box><text:p>box</text:p></draw:text-box>"
        "</draw:frame> after</text:p>"
    )
    assert _text(body).split("\n\n") == ["one", "one a", "h | \nin b | c", "before after", "box"]


def test_deleted_text_and_alternative_texts_are_not_read() -> None:
    """What nobody sees: tracked deletions, declarations, descriptions, sources of indexes."""
    body = (
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        "<text:table-of-content><text:table-of-content-source><text:p>template</text:p>"
        "</text:table-of-content-source><text:index-body><text:p>1 Ducks</text:p></text:index-body>"
        "</text:table-of-content><draw:frame><desc>alternative</desc></draw:frame>"
    )
    assert _text(body) == "1 Ducks"


def test_notes_and_comments_stand_at_the_end() -> None:
    """A note's words are not in the middle of the sentence that it belongs to."""
    body = (
        "<text:p>Ducks<text:note><text:note-citation>1</text:note-citation><text:note-body>"
        "<text:p>Wild ones.</text:p></text:note-body></text:note> swim<office:annotation>"
        "<dc:creator>Ann</dc:creator><text:p>Sure?</text:p></office:annotation>.</text:p>"
        "<text:p>End</text:p>"
    )
    assert _text(body).split("\n\n") == ["Ducks swim.", "End", "Wild ones.", "Sure?"]


def test_objects_are_read_where_they_stand() -> None:
    """A chart's table lies in another file; a file that leads to itself does not go on for ever."""
    table = _table(_row("<text:p>9</text:p>"))
    itself = '<draw:object xlink:href="./Object 1"/>'
    part = odf_part(f"<office:chart>{table}{itself}</office:chart>")
    body = f"<text:p>a</text:p><draw:frame>{itself}</draw:frame><text:p>b</text:p>"
    assert _text(body, **{"Object 1__content.xml": part}).split("\n\n") == ["a", *"999", "b"]


def test_slides_are_pages() -> None:
    """With titles as headings, and notes on the slide that they belong to."""
    page = (
        '<draw:page><draw:frame presentation:class="title"><draw:text-box><text:p>Pond</text:p>'
        "</draw:text-box></draw:frame><draw:custom-shape><text:p>deep</text:p></draw:custom-shape>"
        "<presentation:notes><draw:frame><draw:text-box><text:p>pause</text:p></draw:text-box>"
        "</draw:frame></presentation:notes></draw:page>"
    )
    content = read_odf(make_odf(page + "<draw:page/>" + page, kind="presentation"), "a.odp")
    assert content.text == "Pond\n\ndeep\n\npause\n\nPond\n\ndeep\n\npause"
    assert content.layout.pages == (0, 19, 19)
    assert content.layout.headings == (Heading(0, 1, "Pond"), Heading(19, 1, "Pond"))
    assert content.metadata["page_count"] == 3


def test_sheets_are_headings_and_endless_empty_rows_nothing() -> None:
    """Cells and rows that are repeated are written so, but not a million times."""
    empty = _row("", times=1_048_576, cell_times=16_384)
    full = _row("<text:p>x</text:p>", times=1_048_576)
    row = _row("<text:p>5 €</text:p>", cell_times=2)
    body = _table(row, empty, full, name="A") + _table(empty, name="B")
    content = read_odf(make_odf(body, kind="spreadsheet"), "a.ods")
    assert content.text == "A\n\n5 € | 5 €\n" + "\n".join("x" * 64)
    assert content.layout.headings == (Heading(0, 1, "A"),)


def test_properties_are_metadata() -> None:
    """Under the keys of all types; `date` is the last change here."""
    meta = (
        "<dc:title>Pond</dc:title><meta:initial-creator>Ann</meta:initial-creator>"
        "<dc:creator>Bo</dc:creator><dc:language>de-AT</dc:language><meta:keyword>duck</meta:keyword>"
        "<meta:keyword>lake</meta:keyword><dc:date>2020-01-02T03:04:05</dc:date>"
        "<meta:creation-date>2019-01-02T00:00:00</meta:creation-date>"
    )
    assert read_odf(make_odf("<text:p>x</text:p>", meta=meta), "a.odt").metadata == {
        "title": "Pond",
        "author": "Ann",
        "language": "de-AT",
        "keywords": ["duck", "lake"],
        "created": "2019-01-02T00:00:00",
        "modified": "2020-01-02T03:04:05",
    }


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            make_zip({"content.xml": b"\x8f\x00", "META-INF/manifest.xml": "<m:encryption-data/>"}),
            "it is encrypted",
        ),
        (make_epub(["<p>x</p>"]), r"it is an EPUB.*\.epub"),
        (make_zip({"content.xml": "<a>"}), "the OpenDocument file is damaged"),
        (b"PK\x03\x04", "the OpenDocument file is damaged"),
        (make_odf("<text:p>x</text:p>")[:-20], "the OpenDocument file is damaged"),
    ],
)
def test_what_is_no_open_document_says_why(data: bytes, reason: str) -> None:
    """Each has its own reason, and a way out."""
    with pytest.raises(ReadError, match=f"^a.odt: .*{reason}"):
        read_odf(data, "a.odt")
