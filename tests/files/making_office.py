"""Small office documents, books and notebooks of today's formats, written by hand."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from html import escape

_OPC = "http://schemas.openxmlformats.org"
_RELATIONS = f"{_OPC}/officeDocument/2006/relationships"
_CORE = f"{_OPC}/package/2006/relationships/metadata/core-properties"
_PPT = (
    f'xmlns:p="{_OPC}/presentationml/2006/main" xmlns:a="{_OPC}/drawingml/2006/main" '
    f'xmlns:r="{_RELATIONS}" xmlns:c="{_OPC}/drawingml/2006/chart" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
)
_OFFICE = "urn:oasis:names:tc:opendocument:xmlns"
_PREFIXES = {
    "draw": "drawing", "meta": "meta", "office": "office", "presentation": "presentation",
    "table": "table", "text": "text",
}  # fmt: skip
_ODF = " ".join(
    [
        *(f'xmlns:{prefix}="{_OFFICE}:{name}:1.0"' for prefix, name in _PREFIXES.items()),
        'xmlns:dc="http://purl.org/dc/elements/1.1/"',
        'xmlns:xlink="http://www.w3.org/1999/xlink"',
    ]
)


def make_zip(files: Mapping[str, str | bytes]) -> bytes:
    """An archive of files, by their names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def relations(*targets: tuple[str, str]) -> str:
    """A part's relations: for each a kind and a target; their ids are rId1, rId2 ..."""
    lines = (
        f'<Relationship Id="rId{number}" Target="{target}" '
        f'Type="{kind if ":" in kind else f"{_RELATIONS}/{kind}"}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return (
        f'<Relationships xmlns="{_OPC}/package/2006/relationships">{"".join(lines)}</Relationships>'
    )


def properties_part(**values: str) -> str:
    """The part that holds a package's title and so on."""
    tags = "".join(f"<dc:{key}>{escape(value)}</dc:{key}>" for key, value in values.items())
    return (
        '<cp:coreProperties xmlns:cp="http://x/core" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"{tags}</cp:coreProperties>"
    )


def shape(*paragraphs: str, role: str | None = None) -> str:
    """A shape of a slide, with the placeholder's role that it has."""
    placeholder = "" if role is None else f'<p:nvPr><p:ph type="{role}"/></p:nvPr>'
    lines = "".join(f"<a:p><a:r><a:t>{escape(each)}</a:t></a:r></a:p>" for each in paragraphs)
    return f"<p:sp><p:nvSpPr>{placeholder}</p:nvSpPr><p:txBody>{lines}</p:txBody></p:sp>"


def make_pptx(
    slides: Sequence[str],
    *,
    beside: Mapping[int, Sequence[tuple[str, str, str]]] | None = None,
    **properties: str,
) -> bytes:
    """A presentation.

    Args:
        slides: The shapes of each slide.
        beside: For a slide, from 0, the parts that it is related to: kind, name, content.
        properties: Title and so on.
    """
    numbers = range(1, len(slides) + 1)
    ids = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n}"/>' for n in numbers)
    files: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": relations(
            ("officeDocument", "ppt/presentation.xml"), (_CORE, "docProps/core.xml")
        ),
        "docProps/core.xml": properties_part(**properties),
        "ppt/presentation.xml": f"<p:presentation {_PPT}><p:sldIdLst>{ids}</p:sldIdLst>"
        "</p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(
            *(("slide", f"slides/slide{n}.xml") for n in numbers)
        ),
    }
    for number, shapes in enumerate(slides):
        parts = (beside or {}).get(number, ())
        files[f"ppt/slides/slide{number + 1}.xml"] = tree("sld", shapes)
        files[f"ppt/slides/_rels/slide{number + 1}.xml.rels"] = relations(
            *((kind, f"../{name}") for kind, name, _ in parts)
        )
        files.update({f"ppt/{name}": content for _, name, content in parts})
    return make_zip(files)


def tree(tag: str, shapes: str) -> str:
    """A slide or a page of notes."""
    return f"<p:{tag} {_PPT}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:{tag}>"


def make_xlsx(
    sheets: Mapping[str, Sequence[Sequence[str]]],
    *,
    beside: Mapping[str, Sequence[tuple[str, str, str]]] | None = None,
    **properties: str,
) -> bytes:
    """A workbook of texts in cells; ``beside`` as of :func:`make_pptx`, by sheets' names."""
    main = f"{_OPC}/spreadsheetml/2006/main"
    names = list(sheets)
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>'
        for n, name in enumerate(names, start=1)
    )
    types = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="application/vnd.'
        'openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
        for n in range(1, len(names) + 1)
    )
    files: dict[str, str | bytes] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        'content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-'
        'package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="'
        'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
        f"{types}</Types>",
        "_rels/.rels": relations(
            ("officeDocument", "xl/workbook.xml"), (_CORE, "docProps/core.xml")
        ),
        "docProps/core.xml": properties_part(**properties),
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{_RELATIONS}"><sheets>{listed}'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": relations(
            *(("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(names) + 1))
        ),
    }
    for number, name in enumerate(names, start=1):
        rows = "".join(
            f'<row r="{r}">' + "".join(
                f'<c r="{chr(64 + c)}{r}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
                for c, cell in enumerate(row, start=1) if cell
            ) + "</row>"
            for r, row in enumerate(sheets[name], start=1)
        )  # fmt: skip
        parts = (beside or {}).get(name, ())
        files[f"xl/worksheets/sheet{number}.xml"] = (
            f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
        )
        files[f"xl/worksheets/_rels/sheet{number}.xml.rels"] = relations(
            *((kind, f"../{part}") for kind, part, _ in parts)
        )
        files.update({f"xl/{part}": content for _, part, content in parts})
    return make_zip(files)


def make_odf(body: str, *, kind: str = "text", meta: str = "", **others: str) -> bytes:
    """An OpenDocument file: ``body`` is what stands in ``office:text`` or its like."""
    return make_zip(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": odf_part(f"<office:{kind}>{body}</office:{kind}>"),
            "meta.xml": f"<office:document-meta {_ODF}><office:meta>{meta}</office:meta>"
            "</office:document-meta>",
            **{name.replace("__", "/"): text for name, text in others.items()},
        }
    )


def odf_part(body: str) -> str:
    """The content of an object in an OpenDocument file."""
    return (
        f"<office:document-content {_ODF}><office:body>{body}</office:body>"
        "</office:document-content>"
    )


def make_epub(chapters: Sequence[str], *, metadata: str = "", spine: Sequence[int] = ()) -> bytes:
    """A book; ``spine`` gives the order to read its chapters in, else that of the file."""
    items = "".join(
        f'<item id="c{n}" href="text%20of/c{n}.xhtml" media-type="application/xhtml+xml"/>'
        for n in range(len(chapters))
    )
    order = "".join(f'<itemref idref="c{n}"/>' for n in spine or range(len(chapters)))
    return make_zip(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": "<container><rootfiles><rootfile full-path="
            '"book/content.opf"/></rootfiles></container>',
            "book/content.opf": '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
            f"{metadata}</metadata><manifest>{items}</manifest><spine>{order}</spine></package>",
            **{
                f"book/text of/c{n}.xhtml": "<html><head><title>Of the page</title></head>"
                f"<body>{chapter}</body></html>"
                for n, chapter in enumerate(chapters)
            },
        }
    )


def make_rtf(*paragraphs: str) -> bytes:
    """An RTF document; characters beyond ASCII as Word writes them."""
    lines = ("".join(map(_rtf_character, paragraph)) for paragraph in paragraphs)
    return ("{\\rtf1\\ansi\\ansicpg1252\\uc1 " + "\\par\n".join(lines) + "\\par}").encode("ascii")


def _rtf_character(character: str) -> str:
    if character in "\\{}":
        return f"\\{character}"
    if character.isascii():
        return character
    units = character.encode("utf-16-le")
    values = (
        int.from_bytes(units[i : i + 2], "little", signed=True) for i in (0, 2)[: len(units) // 2]
    )
    return "".join(f"\\u{value}?" for value in values)


def make_notebook(*cells: tuple[str, str], outputs: Sequence[object] = ()) -> bytes:
    """A notebook: for each cell its type and source; ``outputs`` are those of the last."""
    made = [
        {"cell_type": kind, "source": source.splitlines(keepends=True), "metadata": {}}
        for kind, source in cells
    ]
    if outputs:
        made[-1]["outputs"] = list(outputs)
    return json.dumps({"cells": made, "nbformat": 4}, ensure_ascii=False).encode()


def make_fb2(body: str, *, info: str = "") -> bytes:
    """A FictionBook."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0"><description>'
        f"<title-info>{info}</title-info></description><body>{body}</body></FictionBook>"
    ).encode()
