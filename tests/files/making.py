"""Small files of every type, made by a few lines each."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence


def make_pdf(pages: Sequence[str], *, title: str | None = None) -> bytes:
    """A PDF, written by hand: one line of text per line of each page; an empty page holds none."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    kids = []
    for page in pages:
        lines = "".join(f"({line}) Tj 0 -14 Td " for line in page.splitlines())
        stream = f"BT /F1 12 Tf 72 720 Td {lines}ET".encode("latin-1") if page else b""
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    trailer = b"/Root 1 0 R"
    if title is not None:
        objects.append(b"<< /Title (%s) >>" % title.encode("latin-1"))
        trailer += b" /Info %d 0 R" % len(objects)
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, io.SEEK_END)
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for offset in offsets:
        out.write(b"%010d 00000 n \n" % offset)
    out.write(
        b"trailer << /Size %d %s >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, trailer, start)
    )
    return out.getvalue()


def encrypt_pdf(data: bytes, *, password: str, algorithm: str = "RC4-128") -> bytes:
    """The same PDF, encrypted; with an empty password it can be read but not changed."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.encrypt(user_password=password, owner_password="owner", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def make_form_pdf(text: str, *, filled: str) -> bytes:
    """A PDF of one page with a text and a form field, into which something is filled."""
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import (
        ArrayObject,
        DecodedStreamObject,
        DictionaryObject,
        NameObject,
        NumberObject,
        TextStringObject,
    )

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(make_pdf([text]))))
    page = writer.pages[0]
    shown = DecodedStreamObject()
    shown.set_data(f"/Tx BMC BT /F1 12 Tf 2 4 Td ({filled}) Tj ET EMC".encode("latin-1"))
    area = ArrayObject(map(NumberObject, (0, 0, 200, 20)))
    shown.update(
        {
            NameObject("/Type"): NameObject("/XObject"),
            NameObject("/Subtype"): NameObject("/Form"),
            NameObject("/BBox"): area,
            NameObject("/Resources"): page["/Resources"],
        }
    )
    field = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Annot"),
            NameObject("/Subtype"): NameObject("/Widget"),
            NameObject("/FT"): NameObject("/Tx"),
            NameObject("/F"): NumberObject(4),
            NameObject("/T"): TextStringObject("name"),
            NameObject("/V"): TextStringObject(filled),
            NameObject("/Rect"): ArrayObject(map(NumberObject, (72, 600, 272, 620))),
            NameObject("/AP"): DictionaryObject({NameObject("/N"): writer._add_object(shown)}),
        }
    )
    fields = ArrayObject([writer._add_object(field)])
    page[NameObject("/Annots")] = fields
    writer._root_object[NameObject("/AcroForm")] = DictionaryObject({NameObject("/Fields"): fields})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def make_picture_pdf(text: str, *, codes: str = "") -> bytes:
    """A PDF of one page that is a picture of a text.

    Args:
        text: What the picture shows.
        codes: Text that lies over it, in a font that does not tell what its codes mean.
    """
    from matplotlib import get_data_path
    from PIL import Image, ImageDraw, ImageFont
    from pypdf import PdfReader, PdfWriter

    picture = Image.new("RGB", (1600, 500), "white")
    font = ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", 48)
    ImageDraw.Draw(picture).text((40, 60), text, fill="black", font=font)
    out = io.BytesIO()
    picture.save(out, "PDF", resolution=150)
    if codes:
        written = "".join(f"\\{ord(code):03o}" for code in codes)
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(out.getvalue())))
        writer.pages[0].merge_page(PdfReader(io.BytesIO(make_pdf([written]))).pages[0])
        out = io.BytesIO()
        writer.write(out)
    return out.getvalue()


def make_docx(*, title: str = "") -> bytes:
    """A DOCX with headings, paragraphs and tables, one of them nested."""
    import docx

    document = docx.Document()
    document.core_properties.title = title
    document.add_heading("First heading", level=1)
    document.add_paragraph("Before the table.")
    table = document.add_table(rows=2, cols=2)
    for row, names in zip(table.rows, (("a1", "b1"), ("a2", "b2")), strict=True):
        for cell, name in zip(row.cells, names, strict=True):
            cell.text = name
    table.rows[1].cells[1].add_table(rows=1, cols=1).rows[0].cells[0].text = "inside"
    document.add_heading("Second heading", level=2)
    paragraph = document.add_paragraph("After")
    paragraph.add_run().add_tab()
    paragraph.add_run("the table.").add_break()
    paragraph.add_run("Next line.")
    return save_docx(document)


def save_docx(document: object) -> bytes:
    """A python-docx document as bytes."""
    out = io.BytesIO()
    document.save(out)  # type: ignore[attr-defined]
    return out.getvalue()


#: Names of the namespaces in a document's XML.
WORD_NAMESPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
)
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def pack_docx(
    body: str,
    parts: Mapping[str, tuple[str, str | bytes]] | None = None,
    *,
    properties: Mapping[str, tuple[str, str]] | None = None,
) -> bytes:
    """A DOCX by hand, from the XML in its body.

    Args:
        body: What stands in ``w:body``.
        parts: By path below ``word/``: what kind of part it is, and what it holds; the document
            refers to it by its path without its suffix.
        properties: The same for parts that the package refers to, by full path.
    """

    def relations(of: Mapping[str, str]) -> str:
        each = "".join(
            f'<Relationship Id="{path.split(".")[0]}" Type="{_OFFICE}/{kind}" Target="{path}"/>'
            for path, kind in of.items()
        )
        return f'<Relationships xmlns="{_RELATIONS}">{each}</Relationships>'

    parts, properties = parts or {}, properties or {}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        package = {path: kind for path, (kind, _) in properties.items()}
        archive.writestr("_rels/.rels", relations({"word/main.xml": "officeDocument", **package}))
        archive.writestr(
            "word/_rels/main.xml.rels", relations({path: kind for path, (kind, _) in parts.items()})
        )
        archive.writestr(
            "word/main.xml",
            body
            if body.startswith("<!")
            else f"<w:document {WORD_NAMESPACES}><w:body>{body}</w:body></w:document>",
        )
        for path, (_, content) in parts.items():
            archive.writestr(f"word/{path}", content)
        for path, (_, content) in properties.items():
            archive.writestr(path, content)
    return out.getvalue()


def paragraph(text: str, properties: str = "") -> str:
    """The XML of a paragraph."""
    return (
        f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t xml:space='preserve'>{text}</w:t></w:r></w:p>"
    )
