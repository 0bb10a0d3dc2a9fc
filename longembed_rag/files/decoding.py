"""Bytes to text: the encoding a file says it has, else the one it most likely has."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from longembed_rag.errors import ReadError

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
# The candidates when a file is not UTF-8. Western Europe stands for itself: its neighbours
# (cp1250, cp1254, cp1257) differ in so few letters that guessing between them goes wrong.
_CANDIDATES = [
    "cp1252",
    "cp1251",
    "koi8_r",
    "cp1253",
    "cp1255",
    "cp1256",
    "shift_jis",
    "euc_jp",
    "gb18030",
    "big5",
    "euc_kr",
]
_FALLBACK = "cp1252"
_TEXT_CONTROLS = frozenset("\t\n\r\f\v\b\x1b\x1c\x1d\x1e\x1f\x85")
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
    the file declares; ASCII, or UTF-16 without a mark; UTF-8 with a few broken places; the
    encoding that the bytes look like most; cp1252.

    Args:
        data: The bytes.
        name: The file, for messages.
        declared: The encoding that the file says it has, if it says so.

    Raises:
        ReadError: It holds no text.
    """
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            raise ReadError(f"{name}: it holds {kind}, not text; give it the suffix it should have")
    decoded = _by_mark(data) or _by_declaration(data, declared) or _by_look(data)
    _require_text(decoded.text, name=name)
    return decoded


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
    try:
        encoding = codecs.lookup(declared).name
        # As browsers do: who says Latin-1 means cp1252.
        encoding = "cp1252" if encoding in ("iso8859-1", "ascii") else encoding
    except (LookupError, ValueError):  # ValueError: a NUL in its name
        return None
    return _strict(data, encoding)


def _strict(data: bytes, encoding: str) -> Decoded | None:
    try:
        return Decoded(data.decode(encoding), encoding)
    except (LookupError, UnicodeError):
        return None  # LookupError: a codec that does not make text, such as hex


def _by_look(data: bytes) -> Decoded:
    if b"\0" in data[:_SAMPLE]:
        unmarked = _unmarked_utf16(data)
        if unmarked is not None:
            return unmarked
    sound = _strict(data, "utf-8")
    if sound is not None:
        return sound
    lenient = _lenient(data, "utf-8")
    broken = lenient.text.count("\ufffd")
    intact = sum(character > "\x7f" for character in lenient.text) - broken
    # Text of another encoding is hardly ever valid UTF-8, not even in places.
    return lenient if intact >= 4 * broken else _guessed(data)


def _unmarked_utf16(data: bytes) -> Decoded | None:
    """UTF-16 of mostly Latin text: every other byte is zero."""
    even, odd = data[0:_SAMPLE:2], data[1:_SAMPLE:2]
    for zeros, letters, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if len(zeros) > 1 and zeros.count(0) > 0.5 * len(zeros) and not letters.count(0):
            return Decoded(
                data.decode(encoding, "replace"),
                encoding,
                f"read as {encoding}, which it does not say",
            )
    return None


def _guessed(data: bytes) -> Decoded:
    import charset_normalizer

    best = charset_normalizer.from_bytes(data, cp_isolation=_CANDIDATES).best()
    if best is not None:
        encoding = best.encoding
        return Decoded(str(best), encoding, f"not UTF-8: its encoding was guessed, {encoding}")
    text = data.decode(_FALLBACK, "replace")
    return Decoded(text, _FALLBACK, f"not UTF-8: its encoding was assumed, {_FALLBACK}")


def _require_text(text: str, *, name: str) -> None:
    sample = text[:_SAMPLE]
    controls = sum(
        (character < " " or "\x7f" <= character < "\xa0") and character not in _TEXT_CONTROLS
        for character in sample
    )
    if controls > _MOST_CONTROLS * len(sample) and controls > 1:
        raise ReadError(
            f"{name}: it holds binary data, not text ({controls:,} of its first {len(sample):,} "
            "characters are control characters); give it the suffix it should have"
        )
