"""DOCX: everything a reader of the document sees, in order."""

from __future__ import annotations

import docx
from docx.oxml import parse_xml

from longembed_rag.files.docx_reader import read_docx
from tests.files.making import make_docx, save_docx

_NAMESPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
)


def with_xml(xml: str) -> bytes:
    """A document whose body holds the given XML."""
    document = docx.Document()
    body = document.element.body
    for element in parse_xml(f"<w:body {_NAMESPACES}>{xml}</w:body>"):
        body.insert(len(body) - 1, element)  # before the section's own settings
    return save_docx(document)


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
    assert content.metadata == {"title": "The title"}


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
    text = read_docx(with_xml(xml), "a.docx").text
    assert text.split("\n\n") == ["In a control.", "Inserted linked x+y", "Anchor", "In a box."]


def test_footnotes_come_last() -> None:
    """Notes lie in a file of their own and are part of the document all the same."""
    from docx.opc.constants import CONTENT_TYPE, RELATIONSHIP_TYPE
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part

    document = docx.Document()
    document.add_paragraph("The body.")
    blob = (
        f'<w:footnotes {_NAMESPACES}><w:footnote w:type="separator"><w:p><w:r><w:t>---</w:t></w:r>'
        "</w:p></w:footnote><w:footnote><w:p><w:r><w:t>The note.</w:t></w:r></w:p></w:footnote>"
        "</w:footnotes>"
    )
    part = Part(
        PackURI("/word/footnotes.xml"),
        CONTENT_TYPE.WML_FOOTNOTES,
        blob.encode(),
        document.part.package,
    )
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
    assert read_docx(save_docx(document), "a.docx").text == "The body.\n\nThe note."
