"""What the styles of a DOCX say of a paragraph: whether it is a heading, and how it is numbered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_VALUE = WORD + "val"
_BODY_LEVEL = 9
# Word writes the names of its own styles in English whatever its language; other programs do not.
_HEADING_NAME = re.compile(
    r"(?i)(?:heading|überschrift|titre|título|titolo|kop|rubrik|overskrift|otsikko|nagłówek|"
    r"nadpis|címsor|titlu|başlık|заголовок|επικεφαλίδα|標題|标题|見出し|제목)\s*([1-9])"
)


def value_of(parent: Any, *names: str) -> str | None:
    """The value of the element that a path of names leads to; None where there is none.

    Args:
        parent: Where the path begins; may be None.
        names: Names of Word's elements, each inside the one before.
    """
    for name in names:
        if parent is None:
            return None
        parent = parent.find(WORD + name)
    return None if parent is None else str(parent.get(_VALUE, ""))


def number_of(parent: Any, *names: str) -> int | None:
    """The same as a number; None where there is none or it is not written as a number."""
    value = value_of(parent, *names)
    return int(value) if value is not None and re.fullmatch(r"-?\d{1,9}", value) else None


@dataclass(frozen=True)
class ParagraphStyle:
    """What a style says of its paragraphs, with what it takes over from others.

    Attributes:
        heading: The level of the heading that they are, from 1; None for other text.
        numbering: The id of the list that they are numbered in.
        level: Their level in it, from 0.
    """

    heading: int | None = None
    numbering: str | None = None
    level: int | None = None


class Styles:
    """The styles of a document."""

    def __init__(self, root: Any | None) -> None:
        """Read them.

        Args:
            root: The root element of ``styles.xml``; None where there is none.
        """
        self._elements: dict[str, Any] = {}
        self._known: dict[str, ParagraphStyle] = {}
        self._default = ""
        for style in () if root is None else root.iter(WORD + "style"):
            name = style.get(WORD + "styleId", "")
            self._elements[name] = style
            if style.get(WORD + "type") == "paragraph" and style.get(WORD + "default") in (
                "1",
                "true",
                "on",
            ):
                self._default = name

    def paragraph(self, name: str | None) -> ParagraphStyle:
        """The style of paragraphs that name it; the default one's where they name none."""
        name = self._default if name is None else name
        if name not in self._known:
            lineage = self._lineage(name)
            self._known[name] = ParagraphStyle(
                heading=self._heading(name, lineage),
                numbering=_first(value_of(each, "pPr", "numPr", "numId") for each in lineage),
                level=_first(number_of(each, "pPr", "numPr", "ilvl") for each in lineage),
            )
        return self._known[name]

    def _lineage(self, name: str) -> list[Any]:
        """A style and those that it is based on, one after the other."""
        lineage: dict[str, Any] = {}
        while name in self._elements and name not in lineage:
            lineage[name] = self._elements[name]
            name = value_of(self._elements[name], "basedOn") or ""
        return list(lineage.values())

    def _heading(self, name: str, lineage: list[Any]) -> int | None:
        for style in lineage:
            outline = number_of(style, "pPr", "outlineLvl")
            if outline is not None:
                return outline + 1 if 0 <= outline < _BODY_LEVEL else None
            level = _named_heading(value_of(style, "name") or "")
            if level is not None:
                return level
        return None if lineage else _named_heading(name)


def _named_heading(name: str) -> int | None:
    if name.strip().lower() == "title":
        return 1
    match = _HEADING_NAME.fullmatch(name.strip())
    return None if match is None else int(match[1])


def _first(values: Any) -> Any:
    return next((value for value in values if value is not None), None)
