"""Containers of Office before 2007, and small documents in them, written by hand."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_SECTOR, _MINI, _CUTOFF = 512, 64, 4096
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_NONE = 0xFFFFFFFF


@dataclass
class _Entry:
    name: str
    kind: int
    data: bytes = b""
    children: dict[str, _Entry] = field(default_factory=dict)
    number: int = 0
    start: int = _END
    links: tuple[int, int, int] = (_NONE, _NONE, _NONE)


def make_ole(streams: Mapping[str, bytes]) -> bytes:
    """A container with streams, by their paths."""
    root = _Entry("Root Entry", 5)
    for path, data in streams.items():
        *storages, name = path.split("/")
        folder = root
        for storage in storages:
            folder = folder.children.setdefault(storage, _Entry(storage, 1))
        folder.children[name] = _Entry(name, 2, data)
    entries: list[_Entry] = []
    _number(root, entries)
    mini, mini_fat = _ministream(entries)
    sectors: list[bytes] = []
    fat: list[int] = []
    root.data, root.start = mini, _add(mini, sectors, fat)
    for entry in entries:
        if entry.kind == 2 and len(entry.data) >= _CUTOFF:
            entry.start = _add(entry.data, sectors, fat)
    minis = struct.pack(f"<{len(mini_fat)}I", *mini_fat)
    minis_start = _add(minis.ljust(-(-len(minis) // _SECTOR) * _SECTOR, b"\xff"), sectors, fat)
    directory = b"".join(_packed(entry) for entry in entries)
    directory_start = _add(directory.ljust(-(-len(directory) // 512) * 512, b"\0"), sectors, fat)
    count = 1
    while (len(fat) + count) * 4 > count * _SECTOR:
        count += 1
    table = [len(fat) + number for number in range(count)]
    fat += [_FAT] * count
    packed = struct.pack(f"<{len(fat)}I", *fat).ljust(count * _SECTOR, b"\xff")
    sectors += [packed[i : i + _SECTOR] for i in range(0, len(packed), _SECTOR)]
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        0x3E, 3, 0xFFFE, 9, 6, 0, count, directory_start, 0, _CUTOFF,
        minis_start if minis else _END, -(-len(minis) // _SECTOR), _END, 0,
    )  # fmt: skip
    header += struct.pack("<109I", *table, *[_FREE] * (109 - count))
    return header + b"".join(sectors)


def _number(entry: _Entry, entries: list[_Entry]) -> None:
    entry.number = len(entries)
    entries.append(entry)
    ordered = sorted(entry.children.values(), key=lambda e: (len(e.name), e.name.upper()))
    for child in ordered:
        _number(child, entries)
    middle = _tree(ordered)
    entry.links = (*entry.links[:2], _NONE if middle is None else middle.number)


def _tree(ordered: Sequence[_Entry]) -> _Entry | None:
    if not ordered:
        return None
    half = len(ordered) // 2
    left, right = _tree(ordered[:half]), _tree(ordered[half + 1 :])
    middle = ordered[half]
    numbers = tuple(_NONE if each is None else each.number for each in (left, right))
    middle.links = (numbers[0], numbers[1], middle.links[2])
    return middle


def _ministream(entries: Sequence[_Entry]) -> tuple[bytes, list[int]]:
    data, fat = b"", []
    for entry in entries:
        if entry.kind == 2 and 0 < len(entry.data) < _CUTOFF:
            entry.start = len(fat)
            count = -(-len(entry.data) // _MINI)
            fat += [entry.start + number + 1 for number in range(count - 1)] + [_END]
            data += entry.data.ljust(count * _MINI, b"\0")
    return data, fat


def _add(data: bytes, sectors: list[bytes], fat: list[int]) -> int:
    if not data:
        return _END
    start = len(sectors)
    pieces = [data[i : i + _SECTOR].ljust(_SECTOR, b"\0") for i in range(0, len(data), _SECTOR)]
    sectors += pieces
    fat += [start + number + 1 for number in range(len(pieces) - 1)] + [_END]
    return start


def _packed(entry: _Entry) -> bytes:
    name = entry.name.encode("utf-16-le") + b"\0\0"
    return struct.pack(
        "<64sHBBIII16xI16xIQ",
        name, len(name), entry.kind, 1, *entry.links, 0, entry.start, len(entry.data),
    )  # fmt: skip


def make_doc(main: str, *, notes: str = "", comments: str = "", boxes: str = "") -> bytes:
    """A Word document: text with the marks that Word puts into it, and its other parts."""
    parts = [main, notes, "", "", comments, "", boxes, ""]
    text = "".join(parts).encode("utf-16-le")
    lengths = [len(part.encode("utf-16-le")) // 2 for part in parts]
    stream = bytearray(1536)
    struct.pack_into("<H", stream, 0, 0xA5EC)
    struct.pack_into("<H", stream, 0x0A, 0x0200)
    struct.pack_into("<8i", stream, 0x4C, *lengths)
    count = len(text) // 2
    pieces = struct.pack("<II", 0, count) + struct.pack("<HIH", 0, len(stream), 0)
    clx = b"\x01\x02\x00ab" + b"\x02" + struct.pack("<I", len(pieces)) + pieces
    struct.pack_into("<II", stream, 0x1A2, 0, len(clx))
    return make_ole({"WordDocument": bytes(stream) + text, "1Table": clx})


def make_msg(
    *, subject: str, body: str, sender: str, files: Mapping[str, bytes] | None = None
) -> bytes:
    """A mail of Outlook's, with files in it."""
    streams = {
        "__properties_version1.0": bytes(32),
        "__nameid_version1.0/__substg1.0_00020102": b"",
        "__substg1.0_001A001F": "IPM.Note".encode("utf-16-le"),
        "__substg1.0_0037001F": subject.encode("utf-16-le"),
        "__substg1.0_1000001F": body.encode("utf-16-le"),
        "__substg1.0_0C1A001F": sender.encode("utf-16-le"),
    }
    for number, (name, data) in enumerate((files or {}).items()):
        folder = f"__attach_version1.0_#{number:08X}"
        streams[f"{folder}/__properties_version1.0"] = bytes(8)
        streams[f"{folder}/__substg1.0_3707001F"] = name.encode("utf-16-le")
        streams[f"{folder}/__substg1.0_37010102"] = data
    return make_ole(streams)


def _record(kind: int, data: bytes, *, instance: int = 0, container: bool = False) -> bytes:
    return struct.pack("<HHI", instance << 4 | (15 if container else 0), kind, len(data)) + data


def make_ppt(slides: Sequence[tuple[str, str]], *, notes: str = "") -> bytes:
    """A presentation: of each slide its title, in the outline, and a text; notes of the first."""

    def box(content: bytes) -> bytes:
        client = _record(0xF00D, content, container=True)
        return _record(0xF004, client, container=True)

    def text(kind: int, words: str) -> bytes:
        header = _record(0x0F9F, struct.pack("<I", kind))
        return header + _record(0x0FA0, words.encode("utf-16-le"))

    objects: list[bytes] = []
    listed = b""
    for number, (title, words) in enumerate(slides):
        drawing = box(_record(0x0F9E, struct.pack("<I", 0))) + box(text(4, words))
        objects.append(_record(0x03EE, _record(0x040C, drawing, container=True), container=True))
        listed += _record(0x03F3, struct.pack("<IIiII", len(objects) + 1, 0, 1, 256 + number, 0))
        listed += text(0, title)
    lists = _record(0x0FF0, listed, container=True)
    if notes:
        atom = _record(0x03F1, struct.pack("<II", 256, 0))
        drawing = _record(0x040C, box(text(2, notes)), container=True)
        objects.append(_record(0x03F0, atom + drawing, container=True))
        persist = _record(0x03F3, struct.pack("<IIiII", len(objects) + 1, 0, 0, 900, 0))
        lists += _record(0x0FF0, persist, instance=2, container=True)
    objects.insert(0, _record(0x03E8, lists, container=True))
    stream, places = b"", []
    for each in objects:
        places.append(len(stream))
        stream += each
    directory = len(stream)
    head = struct.pack("<I", len(places) << 20 | 1)
    stream += _record(0x1772, head + struct.pack(f"<{len(places)}I", *places))
    edit = len(stream)
    stream += _record(0x0FF5, struct.pack("<IIIIIII", 0, 0, 0, directory, 1, 0, 0))
    user = _record(0x0FF6, struct.pack("<IIIHHBBH", 20, 0xE391C05F, edit, 0, 0x3F4, 3, 0, 0))
    return make_ole({"Current User": user, "PowerPoint Document": stream})


def make_xls(cells: Sequence[str]) -> bytes:
    """A workbook of one sheet, ``Sheet``, with texts in its first column."""

    def record(kind: int, data: bytes) -> bytes:
        return struct.pack("<HH", kind, len(data)) + data

    def start(kind: int) -> bytes:
        return record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0, 0, 0, 0))

    sheet = start(0x0010)
    for row, cell in enumerate(cells):
        words = cell.encode("utf-16-le")
        sheet += record(0x0204, struct.pack("<HHHHB", row, 0, 0, len(words) // 2, 1) + words)
    sheet += record(0x000A, b"")
    name = struct.pack("<BB", 5, 0) + b"Sheet"
    length = len(start(5)) + 4 + 6 + len(name) + 4
    head = start(5) + record(0x0085, struct.pack("<IBB", length, 0, 0) + name) + record(0x000A, b"")
    return make_ole({"Workbook": (head + sheet).ljust(4096, b"\0")})
