"""Excel workbooks."""

from __future__ import annotations

import pytest

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.sheets_reader import read_sheets
from longembed_rag.layout import Heading
from tests.files.making_office import make_pptx, make_xlsx, shape
from tests.files.making_ole import make_doc, make_ole, make_xls

_DRAWING = (
    '<d:wsDr xmlns:d="d" xmlns:a="a"><d:twoCellAnchor><d:sp><d:txBody><a:p><a:r><a:t>In a box</a:t>'
    "</a:r></a:p></d:txBody></d:sp></d:twoCellAnchor></d:wsDr>"
)
_COMMENTS = (
    "<comments><commentList><comment><text><r><t>Ask </t></r><r><t>Bo.</t></r></text></comment>"
    "<comment><text><t>[Threaded comment] Your version does not show it</t></text></comment>"
    "</commentList></comments>"
)
_THREAD = (
    "<ThreadedComments><threadedComment><text>Is it so?</text></threadedComment>"
    "<threadedComment><text>It is.</text></threadedComment></ThreadedComments>"
)


def test_sheets_are_headings_and_rows_lines() -> None:
    """Empty cells and sheets of nothing are left out; the third sheet's cells are its own."""
    data = make_xlsx({"Pond": [["a", "", "c"], [], ["d"]], "Empty": [], "Lake": [["", "e\nf"]]})
    content = read_sheets(data, "a.xlsx")
    assert content.text == "Pond\n\na | c\nd\n\nLake\n\ne f"
    assert content.layout.headings == (Heading(0, 1, "Pond"), Heading(15, 1, "Lake"))


def test_what_stands_beside_cells_is_read_with_its_sheet() -> None:
    """Text boxes and comments; a stand-in for a newer comment is no comment."""
    beside = {
        "Pond": [
            ("drawing", "drawings/drawing1.xml", _DRAWING),
            ("comments", "comments1.xml", _COMMENTS),
            ("threadedComment", "threadedComments/t1.xml", _THREAD),
        ],
        "Empty": [("drawing", "drawings/drawing2.xml", _DRAWING)],
    }
    data = make_xlsx({"Pond": [["a"]], "Empty": [], "Lake": [["b"]]}, beside=beside)
    assert read_sheets(data, "a.xlsx").text.split("\n\n") == [
        "Pond", "a", "In a box", "Is it so?", "It is.", "Ask Bo.", "Empty", "In a box", "Lake", "b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("2020-01-31 00:00:00", "2020-01-31"),
        ("2020-01-31 10:00:00", "2020-01-31 10:00:00"),
        ("1899-12-31 03:04:05", "03:04:05"),
        ("at 1899-12-31 03:04:05", "at 1899-12-31 03:04:05"),
    ],
)
def test_dates_and_times_are_what_they_are(cell: str, shown: str) -> None:
    """Excel keeps a date as midnight, and a time as one of a day in 1899."""
    assert read_sheets(make_xlsx({"a": [[cell]]}), "a.xlsx").text == f"a\n\n{shown}"


def test_old_workbooks_are_read() -> None:
    """The format before 2007, under either suffix."""
    for name in ("a.xls", "a.xlsx"):
        content = read_sheets(make_xls(["one", "zwölf"]), name)
        assert content.text == "Sheet\n\none\nzwölf"
        assert content.layout.headings == (Heading(0, 1, "Sheet"),)


def test_properties_are_metadata() -> None:
    """Title and keywords, these as a list."""
    data = make_xlsx({"a": [["b"]]}, title="Ducks", keywords="pond, lake;  duck")
    assert read_sheets(data, "a.xlsx").metadata == {
        "title": "Ducks",
        "keywords": ["pond", "lake", "duck"],
    }


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (make_ole({"EncryptedPackage": bytes(5000)}), "wants a password"),
        (make_doc("text\r"), "the workbook is damaged"),
        (make_pptx([shape("x")]), r"it is a PowerPoint presentation.*\.pptx"),
        (b"<html><table>", r"it is an HTML page.*\.html"),
        (b"a\tb", "it is no workbook"),
        (make_xlsx({"a": [["b"]]})[:-40], "the workbook is damaged"),
    ],
)
def test_what_is_no_workbook_says_why(data: bytes, reason: str) -> None:
    """Each has its own reason, and a way out."""
    with pytest.raises(ReadError, match=f"^a.xls: .*{reason}"):
        read_sheets(data, "a.xls")
