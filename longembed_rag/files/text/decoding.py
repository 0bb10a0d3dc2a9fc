"""Bytes to text: the encoding a file says it has, else the one it most likely has."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from longembed_rag.errors import ReadError
from longembed_rag.files.text.guessing import guess
from longembed_rag.files.text.unmarked import as_seven_bits, as_wide

# Longest mark first: UTF-32's little-endian mark starts with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What a file holds by its first bytes, whatever its name says.
_SIGNATURES = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive (or DOCX, XLSX, EPUB)"),
    (b"\xd0\xcf\x11\xe0", "an old Office document (.doc, .xls) or an encrypted one"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "an SQLite database"),
    (b"{\\rtf", "an RTF document"),
)
_FALLBACK = "cp1252"
# Who says Latin-1 means cp1252, and so on: as browsers have it.
_MEANT = {
    "ascii": "cp1252",
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "shift_jis": "cp932",
    "tis-620": "cp874",
}
# Codecs of Python that no file is in; some take minutes for a megabyte.
_NO_ENCODINGS = frozenset(
    {
        "idna",
        "mbcs",
        "oem",
        "punycode",
        "raw-unicode-escape",
        "undefined",
        "unicode-escape",
        "utf-7",
    }
)
# So many of a text's characters beyond ASCII may be broken, in what it says that it is in.
_MOST_BROKEN = 0.05
_CONTROLS = re.compile("[\x00-\x07\x0e-\x1a\x7f-\x84\x86-\x9f]")
# Above this share of control characters a file is no text.
_MOST_CONTROLS = 0.01
_SAMPLE = 1_000_000


@dataclass(frozen=True)
class Decoded:
    """A file's text.

    Attributes:
        text: The text; never a lone surrogate.
        encoding: How it was encoded.
        note: What was guessed or replaced; None when nothing was.
    """

    text: str
    encoding: str
    note: str | None = None


def decode(data: bytes, *, name: str, declared: str | None = None) -> Decoded:
    """Turn a file's bytes into text.

    In this order: a byte order mark; UTF-8 where the bytes are that and more than ASCII; what
    the file declares; UTF-16 and UTF-32 without a mark; ISO-2022 and HZ, whose bytes are ASCII's;
    ASCII; UTF-8 with a few broken places; the encoding that the bytes are likeliest in; cp1252.

    Args:
        data: The bytes.
        name: The file, for messages.
        declared: The encoding that the file says it has, if it says so.

    Raises:
        ReadError: It holds no text.
    """
    kind = signed_as(data)
    if kind is not None:
        raise ReadError(f"{name}: it holds {kind}, not text; give it the suffix it should have")
    decoded = _by_mark(data) or _by_declaration(data, declared) or _by_look(data)
    _require_text(decoded.text, name=name)
    return decoded


def signed_as(data: bytes) -> str | None:
    """What a file is by its first bytes, where these are not of a text; None where they may be."""
    return next((kind for signature, kind in _SIGNATURES if data.startswith(signature)), None)


def without_surrogates(text: str) -> str:
    """Text with surrogate pairs joined and lone surrogates replaced by U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _by_mark(data: bytes) -> Decoded | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _lenient(data, encoding)
    return None


def _lenient(data: bytes, encoding: str) -> Decoded:
    """Text of a known encoding, with broken places replaced and counted."""
    try:
        return Decoded(data.decode(encoding), encoding)
    except UnicodeDecodeError:
        text = data.decode(encoding, "replace")
        broken = max(1, text.count("\ufffd"))
        return Decoded(text, encoding, f"{broken} places are not valid {encoding}; replaced")


def _by_declaration(data: bytes, declared: str | None) -> Decoded | None:
    if declared is None:
        return None
    if not data.isascii():
        sound = _strict(data, "utf-8")
        if sound is not None:
            return sound  # no other encoding's text is valid UTF-8 by chance
    encoding = _meant(declared)
    if encoding is None:
        return None
    # A declaration that could be found is not written in these.
    if encoding.startswith(("utf-16", "utf-32")) and as_wide(data[:_SAMPLE]) is None:
        return None
    found = _strict(data, encoding)
    if found is None:
        lenient = _lenient(data, encoding)
        beyond = sum(character > "\x7f" for character in lenient.text)
        found = lenient if lenient.text.count("\ufffd") <= _MOST_BROKEN * beyond else None
    return found


def _meant(declared: str) -> str | None:
    """What a name of an encoding stands for; None where it is none."""
    written = declared.strip().lower()
    others = (written.removeprefix("x-"), written.removesuffix("-i"))
    for name in (written, *others, written.replace("windows-", "cp")):
        try:
            codec = codecs.lookup(name)
        except (LookupError, ValueError):  # ValueError: a NUL in its name
            continue
        # Of Python's codecs some make bytes, such as hex.
        if not getattr(codec, "_is_text_encoding", True) or codec.name in _NO_ENCODINGS:
            return None
        return _MEANT.get(codec.name, codec.name)
    return None


def _strict(data: bytes, encoding: str) -> Decoded | None:
    try:
        return Decoded(data.decode(encoding), encoding)
    except UnicodeError:
        return None


def _by_look(data: bytes) -> Decoded:
    unmarked = as_wide(data[:_SAMPLE]) or as_seven_bits(data[:_SAMPLE])
    if unmarked is not None:
        text = data.decode(unmarked, "replace")
        return Decoded(text, unmarked, f"read as {unmarked}, which it does not say")
    sound = _strict(data, "utf-8")
    if sound is not None:
        return sound
    lenient = _lenient(data, "utf-8")
    broken = lenient.text.count("\ufffd")
    intact = sum(character > "\x7f" for character in lenient.text) - broken
    # Text of another encoding is hardly ever valid UTF-8, not even in places.
    return lenient if intact >= 4 * broken else _guessed(data)


def _guessed(data: bytes) -> Decoded:
    encoding = guess(data)
    if encoding is not None:
        text = data.decode(encoding, "replace")
        return Decoded(text, encoding, f"not UTF-8: its encoding was guessed, {encoding}")
    text = data.decode(_FALLBACK, "replace")
    return Decoded(text, _FALLBACK, f"not UTF-8: its encoding was assumed, {_FALLBACK}")


def _require_text(text: str, *, name: str) -> None:
    sample = text[:_SAMPLE]
    controls = len(_CONTROLS.findall(sample))
    if controls > _MOST_CONTROLS * len(sample) and controls > 1:
        raise ReadError(
            f"{name}: it holds binary data, not text ({controls:,} of its first {len(sample):,} "
            "characters are control characters); give it the suffix it should have"
        )
