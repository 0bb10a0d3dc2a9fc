"""PowerPoint presentations before 2007 (.ppt), from their records ([MS-PPT]).

kreuzberg 4.10 gives the texts of all slides as one, the masters' (``Click to edit Master text
styles``) among them, and takes one for another's notes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.archives import is_old_office, refuse_other_kinds
from longembed_rag.files.formats.building import TextBuilder
from longembed_rag.files.formats.ole import ole_properties, open_container
from longembed_rag.files.values import Content

_KIND = "the presentation"
_ENCRYPTED = 0xF3D1C4DF
_PERSIST_DIRECTORY, _SLIDE_LIST, _SLIDE_PERSIST = 0x1772, 0x0FF0, 0x03F3
_NOTES_ATOM, _DRAWING, _SHAPE, _PLACEHOLDER = 0x03F1, 0x040C, 0xF004, 0x0BC3
_TEXT_TYPE, _TEXT_16, _TEXT_8, _TEXT_OF_OUTLINE = 0x0F9F, 0x0FA0, 0x0FA8, 0x0F9E
_SLIDES, _NOTES = 0, 2
_TITLES = frozenset({0, 6})
# Placeholders of date, number, footer and header.
_FURNITURE = frozenset({7, 8, 9, 10})
_CONTAINER = 0x0F
_NEWEST_FIRST = 1000
_NUMBER_FIELD = "*"
_LINES = str.maketrans({"\r": "\n", "\x0b": "\n"})


@dataclass(frozen=True)
class _Record:
    """A record: its type, its instance, and what is in it."""

    kind: int
    instance: int
    is_container: bool
    data: memoryview

    def children(self) -> Iterator[_Record]:
        """The records in it."""
        place = 0
        while place + 8 <= len(self.data):
            record = _record(self.data, place)
            yield record
            place += 8 + len(record.data)

    def all(self, *kinds: int) -> Iterator[_Record]:
        """Records of some kinds in it, at any depth, in order."""
        for child in self.children():
            if child.kind in kinds:
                yield child
            elif child.is_container:
                yield from child.all(*kinds)


@dataclass(frozen=True)
class _Text:
    text: str
    is_title: bool


@dataclass(frozen=True)
class _Listed:
    """A slide or page of notes, as the document lists them."""

    reference: int
    slide_id: int
    outline: tuple[_Text, ...]


def read_ppt(data: bytes, name: str) -> Content:
    """The slides in their order, each a page, and below each its notes; titles are headings.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        ReadError: It is encrypted, damaged, or no presentation of that time.
    """
    refuse_other_kinds(data, name)
    if not is_old_office(data):
        raise ReadError(
            f"{name}: it is no presentation of PowerPoint's old format; give it the suffix it "
            "should have, or save it with an office program as .pptx"
        )
    with open_container(data, name, kind=_KIND) as container:
        user = container.openstream("Current User").read()
        stream = memoryview(container.openstream("PowerPoint Document").read())
        known = ole_properties(container)
        token, edit = struct.unpack_from("<II", user, 12)
        if token == _ENCRYPTED:
            raise ReadError(f"{name}: it is encrypted; save a copy without password")
        return _content(stream, edit, known)


def _content(stream: memoryview, edit: int, known: dict[str, Any]) -> Content:
    places, document = _places(stream, edit)
    lists: dict[int, list[_Listed]] = {}
    for child in _record(stream, places[document]).children():
        if child.kind == _SLIDE_LIST:
            lists[child.instance] = list(_listed(child))
    notes = {}
    for each in lists.get(_NOTES, ()):
        page = _record(stream, places[each.reference])
        atom = next(page.all(_NOTES_ATOM))
        notes[struct.unpack_from("<I", atom.data)[0]] = list(_texts(page, each.outline))
    builder = TextBuilder()
    for slide in lists.get(_SLIDES, ()):
        builder.page()
        for text in _texts(_record(stream, places[slide.reference]), slide.outline):
            builder.add(text.text, level=1 if text.is_title else None)
        for text in notes.get(slide.slide_id, ()):
            builder.add(text.text)
    return builder.content({**known, "page_count": len(lists.get(_SLIDES, ()))})


def _record(data: memoryview, place: int) -> _Record:
    """The record at a place.

    Raises:
        ValueError: There is none.
    """
    head, kind, length = struct.unpack_from("<HHI", data, place)
    body = data[place + 8 : place + 8 + length]
    if len(body) < length:
        raise ValueError("a record is cut off")
    return _Record(kind, head >> 4, head & 0x0F == _CONTAINER, body)


def _places(stream: memoryview, edit: int) -> tuple[dict[int, int], int]:
    """Where each object lies, by its number, and the document's number.

    Every save adds to the file; what the newest says of an object counts.
    """
    places: dict[int, int] = {}
    document = 0
    for _ in range(_NEWEST_FIRST):
        last, directory, reference = struct.unpack_from("<III", stream, edit + 8 + 8)
        document = document or reference
        entries = _record(stream, directory)
        if entries.kind != _PERSIST_DIRECTORY:
            raise ValueError("no directory of objects")
        place = 0
        while place < len(entries.data):
            head = struct.unpack_from("<I", entries.data, place)[0]
            first, count = head & 0xFFFFF, head >> 20
            found = struct.unpack_from(f"<{count}I", entries.data, place + 4)
            for number, where in enumerate(found, start=first):
                places.setdefault(number, where)
            place += 4 + 4 * count
        if last == 0 or last >= edit:
            break
        edit = last
    return places, document


def _listed(slides: _Record) -> Iterator[_Listed]:
    current: tuple[int, int] | None = None
    records: list[_Record] = []
    for child in slides.children():
        if child.kind == _SLIDE_PERSIST:
            if current is not None:
                yield _Listed(*current, tuple(_pieces(records)))
            reference, _, _, slide_id = struct.unpack_from("<IIiI", child.data)
            current, records = (reference, slide_id), []
        else:
            records.append(child)
    if current is not None:
        yield _Listed(*current, tuple(_pieces(records)))


def _texts(slide: _Record, outline: tuple[_Text, ...]) -> Iterator[_Text]:
    """The texts of a slide's shapes, in their order."""
    for drawing in slide.all(_DRAWING):
        for shape in drawing.all(_SHAPE):
            roles = {each.data[4] for each in shape.all(_PLACEHOLDER) if len(each.data) > 4}
            if not roles & _FURNITURE:
                kinds = (_TEXT_TYPE, _TEXT_16, _TEXT_8, _TEXT_OF_OUTLINE)
                yield from _pieces(list(shape.all(*kinds)), outline)


def _pieces(records: list[_Record], outline: tuple[_Text, ...] = ()) -> Iterator[_Text]:
    """Texts, each with the kind that is told before it, or from the outline."""
    is_title = False
    for record in records:
        if record.kind == _TEXT_TYPE:
            is_title = struct.unpack_from("<I", record.data)[0] in _TITLES
        elif record.kind == _TEXT_OF_OUTLINE:
            number = struct.unpack_from("<I", record.data)[0]
            if number < len(outline):
                yield outline[number]
        elif record.kind in (_TEXT_16, _TEXT_8):
            encoding = "utf-16-le" if record.kind == _TEXT_16 else "latin-1"
            text = bytes(record.data).decode(encoding, "replace").translate(_LINES)
            if text != _NUMBER_FIELD:
                yield _Text(text, is_title)
