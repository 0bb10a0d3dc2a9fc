"""Which paragraphs are headings, by their styles."""

from __future__ import annotations

import pytest
from lxml import etree

from longembed_rag.files.formats.docx_styles import Styles

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_STYLES = """
<w:style w:type="paragraph" w:styleId="Standard" w:default="1"><w:name w:val="Normal"/></w:style>
<w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/>
  <w:basedOn w:val="Standard"/></w:style>
<w:style w:type="paragraph" w:styleId="T3"><w:name w:val="Titre 3"/></w:style>
<w:style w:type="paragraph" w:styleId="Kapitel"><w:name w:val="Kapitel"/>
  <w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="Own"><w:name w:val="My own"/>
  <w:basedOn w:val="berschrift1"/></w:style>
<w:style w:type="paragraph" w:styleId="Contents"><w:name w:val="TOC Heading"/>
  <w:basedOn w:val="berschrift1"/><w:pPr><w:outlineLvl w:val="9"/></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="Titel"><w:name w:val="Title"/></w:style>
<w:style w:type="paragraph" w:styleId="Round"><w:basedOn w:val="About"/></w:style>
<w:style w:type="paragraph" w:styleId="About"><w:basedOn w:val="Round"/></w:style>
"""


@pytest.mark.parametrize(
    ("style", "level"),
    [
        ("berschrift1", 1),
        ("T3", 3),
        ("Kapitel", 2),
        ("Own", 1),
        ("Contents", None),
        ("Titel", 1),
        ("Standard", None),
        ("Round", None),
        (None, None),
        ("Heading2", 2),
        ("NotThere", None),
    ],
)
def test_headings_by_style(style: str | None, level: int | None) -> None:
    """By outline level, by name in any language, by what a style is based on; never in circles."""
    root = etree.fromstring(f'<w:styles xmlns:w="{_WORD}">{_STYLES}</w:styles>')
    assert Styles(root).paragraph(style).heading == level
