"""DOCX: everything a reader of the document sees, in order."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.docx_reader import read_docx
from longembed_rag.files.formats.html_reader import read_html
from longembed_rag.files.readers import read_file
from longembed_rag.files.values import Content
from tests.files.making import WORD_NAMESPACES, make_docx, pack_docx, paragraph


def text_of(body: str) -> str:
    """The text of a document with a body of XML."""
    return read_docx(pack_docx(body), "a.docx").text


def test_headings_paragraphs_and_tables_stand_in_order() -> None:
    """Blocks come as they stand, cells apart by bars, tabs and line breaks kept."""
    content = read_docx(make_docx(title="The title"), "a.docx")
    assert content.text.split("\n\n") == [
        "First heading",
        "Before the table.",
        "a1 | b1\na2 | b2 inside",
        "Second heading",
        "After\tthe table.\nNext line.",
    ]
    assert content.metadata["title"] == "The title"


def test_text_is_found_wherever_it_stands() -> None:
    """Content controls, inserted text, links, formulas and text boxes are read; once each."""
    xml = """
    <w:sdt><w:sdtContent><w:p><w:r><w:t>In a control.</w:t></w:r></w:p></w:sdtContent></w:sdt>
    <w:p><w:ins><w:r><w:t xml:space="preserve">Inserted </w:t></w:r></w:ins>
      <w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>
      <w:moveFrom><w:r><w:t>moved away</w:t></w:r></w:moveFrom>
      <w:hyperlink><w:r><w:t xml:space="preserve">linked </w:t></w:r></w:hyperlink>
      <m:oMath><m:r><m:t>x+y</m:t></m:r></m:oMath></w:p>
    <w:p><w:pPr><w:tabs><w:tab w:val="left" w:pos="100"/></w:tabs></w:pPr>
      <w:r><w:t>Anchor</w:t></w:r>
      <w:r><mc:AlternateContent>
        <mc:Choice Requires="wps"><w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p>
        </w:txbxContent></mc:Choice>
        <mc:Fallback><w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent>
        </mc:Fallback></mc:AlternateContent></w:r></w:p>
    """
    text = text_of(xml)
    assert text.split("\n\n") == ["In a control.", "Inserted linked x+y", "Anchor", "In a box."]


def test_notes_and_comments_come_last() -> None:
    """They lie in files of their own and are part of the document all the same."""
    notes = (
        f'<w:footnotes {WORD_NAMESPACES}><w:footnote w:type="separator">{paragraph("---")}'
        f"</w:footnote><w:footnote>{paragraph('The note.')}</w:footnote></w:footnotes>"
    )
    comments = (
        f"<w:comments {WORD_NAMESPACES}><w:comment>{paragraph('Is that so?')}</w:comment>"
        "</w:comments>"
    )
    parts = {"c.xml": ("comments", comments), "f.xml": ("footnotes", notes)}
    text = read_docx(pack_docx(paragraph("The body."), parts), "a.docx").text
    assert text == "The body.\n\nThe note.\n\nIs that so?"


def strict(data: bytes) -> bytes:
    """The same document as Strict Open XML."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for each in old.infolist():
            content = old.read(each).decode()
            for family in ("wordprocessingml", "officeDocument", "drawingml"):
                content = content.replace(
                    f"http://schemas.openxmlformats.org/{family}/2006/",
                    f"http://purl.oclc.org/ooxml/{family}/",
                )
            new.writestr(each.filename, content)
    return out.getvalue()


def test_strict_open_xml_is_the_same_document() -> None:
    """The other form of the standard has other names for everything, and gives the same."""
    styles = (
        f'<w:styles {WORD_NAMESPACES}><w:style w:type="paragraph" w:styleId="A">'
        '<w:name w:val="heading 2"/></w:style></w:styles>'
    )
    body = paragraph("Korsnes", '<w:pStyle w:val="A"/>') + paragraph(
        "See http://purl.oclc.org/ooxml/"
    )
    data = pack_docx(body, {"styles.xml": ("styles", styles)})
    content = read_docx(data, "a.docx")
    assert [(each.level, each.text) for each in content.layout.headings] == [(2, "Korsnes")]
    assert read_docx(strict(data), "a.docx") == content


def test_headings_stand_where_they_are_said_to() -> None:
    """By style and by outline level, with their numbers, in tables as well."""
    numbering = (
        f'<w:numbering {WORD_NAMESPACES}><w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0">'
        '<w:start w:val="1"/><w:lvlText w:val="%1."/></w:lvl></w:abstractNum><w:num w:numId="1">'
        '<w:abstractNumId w:val="0"/></w:num></w:numbering>'
    )
    number = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
    body = (
        paragraph("Intro")
        + paragraph(" First   part ", '<w:pStyle w:val="Heading1"/>' + number)
        + "<w:tbl><w:tr><w:tc><w:p/></w:tc><w:tc>"
        + paragraph("Inside", '<w:outlineLvl w:val="1"/>')
        + paragraph("words")
        + "</w:tc></w:tr></w:tbl>"
        + paragraph("no heading", '<w:pStyle w:val="Heading1"/><w:outlineLvl w:val="9"/>')
    )
    content = read_docx(pack_docx(body, {"numbering.xml": ("numbering", numbering)}), "a.docx")
    assert content.text == "Intro\n\n1. First   part\n\n | Inside words\n\nno heading"
    assert [
        (each.level, each.text, content.text[each.start :][:8]) for each in content.layout.headings
    ] == [(1, "1. First part", "1. First"), (2, "Inside", "Inside w")]


_BREAK = "<w:r><w:lastRenderedPageBreak/></w:r>"


@pytest.mark.parametrize(("told", "pages"), [("3", (0, 8, 10)), ("2", ()), ("", ())])
def test_pages_are_words_where_its_marks_agree_with_its_count(
    told: str, pages: tuple[int, ...]
) -> None:
    """A page that ends within a row of a table is marked in every cell, and is one page."""
    row = f"<w:tr><w:tc><w:p>{_BREAK}<w:r><w:t>left</w:t></w:r></w:p></w:tc>"
    body = (
        f"<w:p><w:r><w:t>One</w:t></w:r></w:p><w:p><w:r><w:t>and</w:t></w:r>{_BREAK}</w:p>"
        f"<w:tbl>{row}<w:tc><w:p>{_BREAK}</w:p></w:tc></w:tr></w:tbl>"
    )
    extended = (
        '<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/'
        f'extended-properties"><Pages>{told}</Pages></Properties>'
    )
    data = pack_docx(body, properties={"docProps/app.xml": ("extended-properties", extended)})
    content = read_docx(data, "a.docx")
    assert content.text == "One\n\nand\n\nleft | "
    assert content.layout.pages == pages


def reader_of(name: str) -> Callable[[bytes, str], Content] | None:
    """The readers of two types of files."""
    return {".html": read_html, ".docx": read_docx}.get(name[name.rindex(".") :])


def test_what_is_inserted_stands_in_its_place() -> None:
    """Files of other types inside the document, once each, with their headings; else a note."""
    inner = pack_docx(paragraph("Inner", '<w:pStyle w:val="Heading3"/>'))
    parts: dict[str, tuple[str, str | bytes]] = {
        "annex.html": ("aFChunk", "<h2>Annex</h2><p>The keys."),
        "inner.docx": ("aFChunk", inner),
        "odd.xyz": ("aFChunk", b"\0\1"),
    }
    chunks = "".join(f'<w:altChunk r:id="{name}"/>' for name in ("annex", "inner", "odd", "annex"))
    data = pack_docx(paragraph("Fish.") + chunks + paragraph("Tariff."), parts)
    content = read_docx(data, "a.docx", reader_of=reader_of)
    assert content.text == "Fish.\n\nAnnex\n\nThe keys.\n\nInner\n\nTariff."
    assert [(each.start, each.level) for each in content.layout.headings] == [(7, 2), (25, 3)]
    (note,) = content.notes
    assert ".xyz" in note


def test_documents_within_documents_end(tmp_path: Path) -> None:
    """A document that is inserted into itself again and again is read down to some depth."""
    data = pack_docx(paragraph("core"))
    for _ in range(6):
        part: dict[str, tuple[str, str | bytes]] = {"inner.docx": ("aFChunk", data)}
        data = pack_docx(paragraph("shell") + '<w:altChunk r:id="inner"/>', part)
    (tmp_path / "a.docx").write_bytes(data)
    assert read_file(tmp_path / "a.docx").text == "\n\n".join(["shell"] * 3)


def test_diagrams_and_charts_are_read() -> None:
    """Their words lie in parts of their own; a part that is missing is noted."""
    diagram = (
        f"<dgm:dataModel {WORD_NAMESPACES}><a:p><a:r><a:t>From </a:t></a:r><a:r><a:t>here</a:t>"
        "</a:r></a:p><a:p><a:r><a:t>to there</a:t></a:r></a:p></dgm:dataModel>"
    )
    names = "<c:strCache><c:pt><c:v>May</c:v></c:pt><c:pt><c:v>June</c:v></c:pt></c:strCache>"
    chart = (
        f"<c:chartSpace {WORD_NAMESPACES}><a:p><a:r><a:t>Catch</a:t></a:r></a:p>{names}{names}"
        "</c:chartSpace>"
    )
    body = (
        '<w:p><w:r><w:t>See:</w:t><w:drawing><dgm:relIds r:dm="d"/></w:drawing></w:r></w:p>'
        '<w:p><w:r><w:drawing><c:chart r:id="c"/></w:drawing></w:r></w:p>'
        '<w:p><w:r><w:drawing><c:chart r:id="nowhere"/></w:drawing></w:r></w:p>'
    )
    parts = {"d.xml": ("diagramData", diagram), "c.xml": ("chart", chart)}
    content = read_docx(pack_docx(body, parts), "a.docx")
    assert content.text == "See:\n\nFrom here\nto there\n\nCatch\nMay\nJune"


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (
            "<w:p><w:r><w:t>12 m</w:t></w:r><w:r><w:rPr><w:vertAlign w:val='superscript'/></w:rPr>"
            "<w:t>2</w:t></w:r></w:p>",
            "12 m²",
        ),
        (
            "<w:p><w:r><w:ruby><w:rt><w:r><w:t>とう</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>東"
            "</w:t></w:r></w:rubyBase></w:ruby></w:r></w:p>",
            "東(とう)",
        ),
        (
            "<w:p><m:f><m:num><m:r><m:t>a+1</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r>"
            "</m:den></m:f><m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r>"
            "</m:sup></m:sSup></w:p>",
            "(a+1)/2x²",
        ),
        (
            "<w:p><w:r><mc:AlternateContent><mc:Fallback><w:t>old</w:t></mc:Fallback>"
            "</mc:AlternateContent></w:r></w:p>",
            "old",
        ),
        (
            "<w:p><w:r><mc:AlternateContent><mc:Choice><w:t>new</w:t></mc:Choice><mc:Choice><w:t>"
            "other</w:t></mc:Choice></mc:AlternateContent></w:r></w:p>",
            "new",
        ),
    ],
)
def test_signs_that_text_has_no_room_for(xml: str, text: str) -> None:
    """Powers, fractions, readings of characters, and content in several forms."""
    assert text_of(xml) == text


def test_a_paragraph_that_was_deleted_leaves_its_number() -> None:
    """Under review, the number of a deleted clause goes to the next; of an empty one it is used."""
    numbering = (
        f'<w:numbering {WORD_NAMESPACES}><w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0">'
        '<w:start w:val="1"/><w:lvlText w:val="%1."/></w:lvl></w:abstractNum><w:num w:numId="1">'
        '<w:abstractNumId w:val="0"/></w:num></w:numbering>'
    )
    number = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
    body = (
        f"<w:p><w:pPr>{number}<w:rPr><w:del/></w:rPr></w:pPr><w:del><w:r><w:delText>gone</w:delText>"
        f"</w:r></w:del></w:p>{paragraph('first', number)}{paragraph('', number)}"
        f"{paragraph('third', number)}"
    )
    data = pack_docx(body, {"numbering.xml": ("numbering", numbering)})
    assert read_docx(data, "a.docx").text == "1. first\n\n3. third"


def test_bombs_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would fill the memory is told before it is unpacked or parsed."""
    document = f"<w:document {WORD_NAMESPACES}><w:body>{paragraph('&a;')}</w:body></w:document>"
    with pytest.raises(ReadError, match=r"a\.docx: .*entities"):
        read_docx(pack_docx(f'<!DOCTYPE d [<!ENTITY a "boom">]>{document}'), "a.docx")
    with pytest.raises(ReadError, match=r"a\.docx: .*bomb"):
        read_docx(pack_docx("<w:p/>" * 2_000_000), "a.docx")
    monkeypatch.setattr("longembed_rag.files.formats.archives.MOST_UNPACKED", 100_000)
    with pytest.raises(ReadError, match=r"a\.docx: .*bomb"):
        read_docx(pack_docx("<w:p/>" * 100_000), "a.docx")


def test_deeper_than_the_stack_is_damaged() -> None:
    """Tables in tables beyond reason are a failure by name; sixty deep are read."""
    for depth, read in ((60, True), (600, False)):
        body = "<w:tbl><w:tr><w:tc>" * depth + paragraph("x") + "</w:tc></w:tr></w:tbl>" * depth
        if read:
            assert text_of(body) == "x"
        else:
            with pytest.raises(ReadError, match="damaged"):
                text_of(body)


def test_another_office_document_is_named_as_such() -> None:
    """A document without a body of Word's is none of Word's."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(pack_docx(""))) as old, zipfile.ZipFile(out, "w") as new:
        for each in old.infolist():
            new.writestr(each, old.read(each).replace(b"w:body", b"w:sheet"))
    with pytest.raises(ReadError, match="none of Word's"):
        read_docx(out.getvalue(), "a.docx")


_WORDS = st.lists(st.from_regex(r"[a-zé漢]{1,8}", fullmatch=True), min_size=1, max_size=4)


@st.composite
def bodies(draw: st.DrawFn, depth: int = 0) -> tuple[str, list[str]]:
    """The XML of some blocks, and the words in them in the order of reading."""
    xml, words = "", []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["plain", "runs", "deleted", "table", "control", "box"]))
        if depth >= 3 or kind in ("plain", "runs", "deleted"):
            own = draw(_WORDS)
            words += own
            runs = "".join(f"<w:r><w:t xml:space='preserve'>{word} </w:t></w:r>" for word in own)
            gone = "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del>" * (kind == "deleted")
            xml += f"<w:p>{_BREAK * draw(st.integers(0, 1))}{runs}{gone}</w:p>"
            continue
        inner, own = draw(bodies(depth + 1))
        words += own
        xml += {
            "table": f"<w:tbl><w:tr><w:tc>{inner}</w:tc><w:tc>{paragraph('cell')}</w:tc></w:tr>"
            "</w:tbl>",
            "control": f"<w:sdt><w:sdtContent>{inner}</w:sdtContent></w:sdt>",
            "box": f"<w:p><w:r><w:t>cell</w:t><w:pict><w:txbxContent>{inner}</w:txbxContent>"
            "</w:pict></w:r></w:p>",
        }[kind]
        if kind == "table":
            words.append("cell")
        elif kind == "box":
            words.insert(len(words) - len(own), "cell")
    return xml, words


@given(bodies())
def test_words_in_are_words_out(body: tuple[str, list[str]]) -> None:
    """Whatever stands in what, each word comes out once, in order, and nothing else does."""
    xml, words = body
    assert [word for word in text_of(xml).split() if word != "|"] == words
