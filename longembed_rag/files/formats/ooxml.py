"""What Office's packages have in common: parts, relations, properties, drawings, comments.

Tags are compared without their namespaces: *Strict Open XML* has others for the same elements.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from zipfile import ZipFile

from longembed_rag.files.formats.archives import parse_xml
from longembed_rag.files.formats.properties import properties

#: Placeholders that are furniture, alike on all slides: as headers and footers of a DOCX they
#: are left out.
_FURNITURE = frozenset({"dt", "ftr", "hdr", "sldNum"})
_TITLES = frozenset({"title", "ctrTitle"})
#: A comment that only tells older programs of a newer form of it.
_STAND_IN = "[Threaded comment]"


@dataclass(frozen=True)
class Relation:
    """What one part of a package says of another.

    Attributes:
        kind: The last part of its type: ``"slide"``, ``"comments"``.
        target: The other part's name.
    """

    kind: str
    target: str


@dataclass(frozen=True)
class Block:
    """A block of text in a drawing.

    Attributes:
        text: The text.
        is_title: Whether it is the slide's title.
    """

    text: str
    is_title: bool = False


class Package:
    """The parts of an Office document."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self._names = {name.lower(): name for name in archive.namelist()}

    def relations(self, part: str) -> dict[str, Relation]:
        """A part's relations inside the package, by id; of the package itself for ``""``."""
        folder, base = posixpath.split(part)
        root = self.xml(posixpath.join(folder, "_rels", f"{base}.rels"))
        return {
            each.get("Id", ""): Relation(
                each.get("Type", "").rpartition("/")[2],
                posixpath.normpath(posixpath.join("/", folder, unquote(each.get("Target", ""))))[
                    1:
                ],
            )
            for each in (() if root is None else root)
            if each.get("TargetMode") != "External"
        }

    def related(self, part: str, *kinds: str) -> Iterator[tuple[str, Any]]:
        """Names and root elements of the parts that a part is related to by one of the kinds."""
        for relation in self.relations(part).values():
            if relation.kind in kinds:
                root = self.xml(relation.target)
                if root is not None:
                    yield relation.target, root

    def xml(self, part: str) -> Any | None:
        """A part's root element; None where there is no such part."""
        name = self._names.get(part.lower())
        return None if name is None else parse_xml(self._archive.read(name))

    def read(self, part: str) -> bytes:
        """A part's bytes.

        Raises:
            KeyError: There is no such part.
        """
        return self._archive.read(self._names[part.lower()])

    def content_type(self, part: str) -> str:
        """What a part holds, as the package says it; empty where it does not."""
        root = self.xml("[Content_Types].xml")
        types = {
            (each.get("PartName") or f".{each.get('Extension', '')}").lower(): each.get(
                "ContentType", ""
            )
            for each in (() if root is None else root)
        }
        suffix = posixpath.splitext(part)[1].lower()
        told = types.get(f"/{part}".lower(), types.get(suffix, ""))
        return str(told).split(";")[0].strip().lower()

    def main(self) -> tuple[str, Any]:
        """The part that all others hang on, with its root element.

        Raises:
            LookupError: There is none.
        """
        for found in self.related("", "officeDocument"):
            return found
        raise LookupError("no main part")

    def properties(self) -> dict[str, Any]:
        """The title, authors and so on."""
        for _, root in self.related("", "core-properties"):
            return properties((local(each), each.text) for each in root)
        return {}

    def comments(self, part: str) -> Iterator[str]:
        """The comments on a part, whichever form they have."""
        threads = [
            text for _, root in self.related(part, "threadedComment") for text in _said(root)
        ]
        yield from threads
        for _, root in self.related(part, "comments"):
            for text in _said(root):
                if not (threads and text.startswith(_STAND_IN)):
                    yield text

    def drawing(self, part: str, root: Any) -> Iterator[Block]:
        """The texts of a drawing: shapes, groups, tables, charts, diagrams, in their order.

        Args:
            part: The part that it is in.
            root: Its element.
        """
        for child in root:
            tag = local(child)
            if tag == "AlternateContent":
                yield from self._alternative(part, child)
            elif tag in ("sp", "cxnSp"):
                yield from _shape(child)
            elif tag == "tbl":
                yield Block(_table(child))
            elif tag == "chart" or tag == "relIds":
                yield from self._chart(part, child)
            elif tag not in ("pic", "nvGrpSpPr", "grpSpPr", "oleObj"):
                yield from self.drawing(part, child)

    def _alternative(self, part: str, element: Any) -> Iterator[Block]:
        """The first of several forms of the same that has a text."""
        for form in element:
            blocks = [block for block in self.drawing(part, form) if block.text]
            if blocks:
                yield from blocks
                return

    def _chart(self, part: str, element: Any) -> Iterator[Block]:
        ids = {value for key, value in element.attrib.items() if key.endswith(("}id", "}dm"))}
        for key, relation in self.relations(part).items():
            root = self.xml(relation.target) if key in ids else None
            if root is not None:
                text = _chart_text(root) if local(element) == "chart" else _paragraphs(root)
                yield Block(text)


def local(element: Any) -> str:
    """An element's tag without its namespace; empty for a comment."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _descendants(root: Any, *tags: str) -> Iterator[Any]:
    return (each for each in root.iter() if local(each) in tags)


def _shape(shape: Any) -> Iterator[Block]:
    role = next((each.get("type", "body") for each in _descendants(shape, "ph")), "")
    if role in _FURNITURE:
        return
    for body in shape:
        if local(body) == "txBody":
            yield Block(_paragraphs(body), role in _TITLES)


def _paragraphs(root: Any) -> str:
    lines = (_runs(each).strip() for each in _descendants(root, "p"))
    return "\n".join(line for line in lines if line)


def _runs(paragraph: Any) -> str:
    pieces: list[str] = []
    for child in paragraph:
        tag = local(child)
        if tag == "t":
            pieces.append(child.text or "")
        elif tag == "br":
            pieces.append("\n")
        elif tag not in ("Fallback", "pPr", "rPr", "endParaRPr"):
            pieces.append(_runs(child))
    return "".join(pieces)


def _table(table: Any) -> str:
    rows = (
        [" ".join(_paragraphs(cell).split()) for cell in row if local(cell) == "tc"]
        for row in table
        if local(row) == "tr"
    )
    return "\n".join(" | ".join(cells) for cells in rows if any(cells))


def _chart_text(chart: Any) -> str:
    """Titles, then of each series its name and values, below what they are values of."""
    lines = [line for line in _paragraphs(chart).splitlines() if line]
    above: list[str] = []
    for series in _descendants(chart, "ser"):
        values = {
            local(part): [each.text or "" for each in _descendants(part, "v")]
            for part in series
            if local(part) in ("tx", "cat", "val", "xVal", "yVal", "bubbleSize")
        }
        categories = values.pop("cat", None) or values.pop("xVal", [])
        if categories != above:
            lines.append(" | ".join(categories))
            above = categories
        lines.append(" | ".join(value for each in values.values() for value in each))
    lines += [each.text for each in _descendants(chart, "pt") if each.text and each.text.strip()]
    return "\n".join(line for line in lines if line.strip())


def _said(root: Any) -> Iterator[str]:
    """What comments say: of PowerPoint's and Excel's, old and new."""
    for comment in _descendants(root, "comment", "cm", "threadedComment", "reply"):
        texts = [
            each
            for each in _descendants(comment, "text", "t", "p")
            if next(
                up
                for up in each.iterancestors()
                if local(up) in ("comment", "cm", "threadedComment", "reply")
            )
            is comment
        ]
        paragraphs = [_runs(each) for each in texts if local(each) == "p"]
        own = [each.text or "" for each in texts if local(each) in ("text", "t")]
        text = "\n".join(paragraphs) if paragraphs else "".join(own)
        if text.strip():
            yield text.strip()
