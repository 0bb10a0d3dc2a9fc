"""PowerPoint presentations of today's format."""

from __future__ import annotations

import pytest

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.slides_reader import read_slides
from longembed_rag.layout import Heading
from tests.files.making_office import make_pptx, make_xlsx, make_zip, relations, shape, tree
from tests.files.making_ole import make_ppt

_TABLE = (
    "<p:graphicFrame><a:graphic><a:graphicData><a:tbl><a:tr>{}</a:tr><a:tr>{}</a:tr></a:tbl>"
    "</a:graphicData></a:graphic></p:graphicFrame>"
)
_CELL = "<a:tc><a:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></a:txBody></a:tc>"
_CHART = (
    '<c:chartSpace xmlns:c="c" xmlns:a="a"><c:chart><c:title><a:p><a:r><a:t>Ducks</a:t></a:r></a:p>'
    "</c:title>{}</c:chart></c:chartSpace>"
)
_SERIES = (
    "<c:ser><c:tx><c:v>{}</c:v></c:tx><c:cat><c:v>2019</c:v><c:v>2020</c:v></c:cat>"
    "<c:val><c:v>{}</c:v><c:v>{}</c:v></c:val></c:ser>"
)


def test_slides_are_pages_and_titles_headings() -> None:
    """A slide without text is a page that begins where the next one does."""
    data = make_pptx([shape("First", role="ctrTitle") + shape("One"), "", shape("Three")])
    content = read_slides(data, "a.pptx")
    assert content.text == "First\n\nOne\n\nThree"
    assert content.layout.pages == (0, 12, 12)
    assert content.layout.headings == (Heading(0, 1, "First"),)
    assert content.metadata["page_count"] == 3


def test_order_is_that_of_the_presentation_not_of_the_files() -> None:
    """A slide that was moved keeps its file's name."""
    data = make_pptx([shape("second"), shape("first")])
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["ppt/_rels/presentation.xml.rels"] = relations(
        ("slide", "/ppt/slides/slide2.xml"), ("slide", "slides/slide1.xml")
    ).encode()
    assert read_slides(make_zip(files), "a.pptx").text == "first\n\nsecond"


def test_furniture_is_left_out() -> None:
    """Date, footer and number stand on every slide and say nothing of it."""
    slide = shape("Words") + shape("3", role="sldNum") + shape("Draft", role="ftr")
    assert read_slides(make_pptx([slide + shape("2020", role="dt")]), "a.pptx").text == "Words"


def test_tables_groups_runs_and_breaks() -> None:
    """Cells stand apart, groups are gone into, runs of one word stay one word."""
    table = _TABLE.format(_CELL.format("a1") + _CELL.format("b1"), _CELL.format("a2"))
    word = (
        "<a:p><a:r><a:t>s</a:t></a:r><a:r><a:t>ome</a:t></a:r><a:br/><a:r><a:t>x</a:t></a:r></a:p>"
    )
    group = f"<p:grpSp><p:sp><p:txBody>{word}</p:txBody></p:sp></p:grpSp>"
    content = read_slides(make_pptx([table + group]), "a.pptx")
    assert content.text == "a1 | b1\na2\n\nsome\nx"


def test_of_two_forms_one_is_read() -> None:
    """The second form of a shape, for older programs, does not double it."""
    choice = f"<mc:Choice>{shape('new')}</mc:Choice><mc:Fallback>{shape('new')}</mc:Fallback>"
    slide = f"<mc:AlternateContent>{choice}</mc:AlternateContent>"
    assert read_slides(make_pptx([slide]), "a.pptx").text == "new"


def test_charts_notes_and_comments_belong_to_their_slide() -> None:
    """What hangs on a slide is read with it, before the next one."""
    chart = _CHART.format(_SERIES.format("Wild", 3, 4) + _SERIES.format("Tame", 5, 6))
    frame = '<p:graphicFrame><a:graphic><c:chart r:id="rId1"/></a:graphic></p:graphicFrame>'
    notes = tree("notes", shape("Say it slowly", role="body") + shape("7", role="sldNum"))
    comments = '<p:cmLst xmlns:p="p"><p:cm><p:text>Too long?</p:text></p:cm></p:cmLst>'
    modern = (
        '<c:cmLst xmlns:c="c" xmlns:a="a"><c:cm><c:txBody><a:p><a:r><a:t>Cut it.</a:t></a:r></a:p>'
        "</c:txBody><c:replyLst><c:reply><c:txBody><a:p><a:r><a:t>Done.</a:t></a:r></a:p></c:txBody>"
        "</c:reply></c:replyLst></c:cm></c:cmLst>"
    )
    beside = [
        ("chart", "charts/chart1.xml", chart),
        ("notesSlide", "notes/notes1.xml", notes),
        ("comments", "comments/comment1.xml", comments),
        ("comments", "comments/comment2.xml", modern),
    ]
    data = make_pptx([shape("Pond") + frame, shape("Next")], beside={0: beside})
    content = read_slides(data, "a.pptx")
    assert content.text.split("\n\n") == [
        "Pond", "Ducks\n2019 | 2020\nWild | 3 | 4\nTame | 5 | 6", "Say it slowly", "Too long?",
        "Cut it.", "Done.", "Next",
    ]  # fmt: skip
    assert content.text[content.layout.pages[1] :] == "Next"


def test_properties_are_metadata() -> None:
    """What the presentation says of itself, under the keys of all types."""
    data = make_pptx([shape("x")], title="A pond", creator="Ann", language="en-GB", subject="")
    assert read_slides(data, "a.pptx").metadata == {
        "title": "A pond",
        "author": "Ann",
        "language": "en-GB",
        "page_count": 1,
    }


def test_a_missing_slide_is_told() -> None:
    """What the file lacks is named, and the rest read."""
    data = make_pptx([shape("here"), shape("gone")])
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {n: archive.read(n) for n in archive.namelist() if "slide2" not in n}
    content = read_slides(make_zip(files), "a.pptx")
    assert content.text == "here"
    assert content.notes == ("1 of 2 slides are missing in the file",)
    assert content.layout.pages == (0, 4)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (make_ppt([("a", "b")]), "encrypted, or of Office's old format"),
        (make_xlsx({"a": [["b"]]}), r"it is an Excel workbook.*\.xlsx"),
        (b"%PDF-1.4", r"it is a PDF document.*\.pdf"),
        (b"nothing", "the presentation is damaged"),
        (make_zip({"a": "b"}), "it lacks ppt/"),
        (make_zip({"ppt/presentation.xml": "<a/>"}), "the presentation is damaged"),
        (make_pptx([shape("x")])[:-30], "the presentation is damaged"),
    ],
)
def test_what_is_no_presentation_says_why(data: bytes, reason: str) -> None:
    """Each has its own reason, and a way out."""
    with pytest.raises(ReadError, match=f"^a.pptx: .*{reason}"):
        read_slides(data, "a.pptx")
