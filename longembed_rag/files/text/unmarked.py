"""Encodings that show in the bytes themselves: UTF-16 and 32 without a mark, ISO-2022 and HZ."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

# What may follow the escape that such a text begins another set of characters with.
_ISO_2022 = (
    (re.compile(rb"\x1b\$[@B]"), "iso2022_jp"),
    (re.compile(rb"\x1b\$\(D|\x1b\$A|\x1b\$\(C|\x1b\.[AF]"), "iso2022_jp_2"),
    (re.compile(rb"\x1b\$\([OPQ]"), "iso2022_jp_2004"),
    (re.compile(rb"\x1b\$\)C"), "iso2022_kr"),
)
_HZ = re.compile(rb"~\{([\x21-\x7d][\x21-\x7e])+~\}")
# The commoner half of the Chinese characters that HZ writes; what stands between such signs by
# chance, such as a name in a program, falls outside it.
_COMMON_HAN = re.compile(rb"[\x30-\x57][\x21-\x7e]|[\x21-\x23][\x21-\x7e]")
# Of Latin text half of the bytes are zeros.
_FEW_ZEROS = 0.25
_HARDLY_ANY = 0.05
_COMMON_PLANE = 1.25
_CONTROLS = re.compile(rb"[\x01-\x07\x0e-\x1a\x7f]")
_STOPS = re.compile("[\u3001\u3002\uff0c]")
_OF_THE_EAST = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]")
_PLAIN = frozenset("\t\n\r")
#: Scripts that one text mixes, at most: Japanese has three beside ours.
_MOST_SCRIPTS = 5
# Names of letters that belong to no script alone begin so.
_OF_SEVERAL = frozenset({"FULLWIDTH", "HALFWIDTH", "IDEOGRAPHIC", "KATAKANA-HIRAGANA", "MODIFIER"})


def as_seven_bits(data: bytes) -> str | None:
    """The encoding of a text that is written in ASCII's bytes and means others; None if it is none.

    Args:
        data: The beginning of a file.
    """
    if not data.isascii():
        return None
    for escape, encoding in _ISO_2022:
        if escape.search(data) and _is_sound(data, encoding):
            return encoding
    runs = [match.group()[2:-2] for match in _HZ.finditer(data)]
    if not runs or b"~{" in _HZ.sub(b"", data) or not _is_sound(data, "hz"):
        return None
    pairs = [run[at : at + 2] for run in runs for at in range(0, len(run), 2)]
    common = sum(_COMMON_HAN.fullmatch(pair) is not None for pair in pairs)
    return "hz" if len(pairs) > 1 and common >= 0.8 * len(pairs) else None


def _is_sound(data: bytes, encoding: str) -> bool:
    """Whether bytes can be read so; a character that the sample cuts off is none that is wrong."""
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start > len(data) - 8
    return True


def as_wide(data: bytes) -> str | None:
    """The UTF-16 or UTF-32 that bytes are in without its mark; None where they are in neither.

    Zeros give it away: of UTF-32's four bytes the uppermost always is one, of UTF-16's two the
    upper one in blanks, line breaks and digits, which a text of any script has.

    Args:
        data: The beginning of a file.
    """
    return _as_utf32(data) or _as_utf16(data)


def _as_utf32(data: bytes) -> str | None:
    whole = data[: len(data) // 4 * 4]
    for encoding, uppermost, next_one in (("utf-32-le", 3, 2), ("utf-32-be", 0, 1)):
        planes = whole[next_one::4]
        # Texts hold an emoji or two; of all other signs the second byte is a zero as well.
        is_likely = 0 < len(planes) <= _COMMON_PLANE * planes.count(0)
        if is_likely and not any(whole[uppermost::4]):
            try:
                text = whole.decode(encoding)
            except UnicodeDecodeError:
                continue
            if sum(_kind(each) == "odd" for each in text) <= 0.01 * len(text):
                return encoding
    return None


def _as_utf16(data: bytes) -> str | None:
    zeros = data.count(0)
    if zeros < _HARDLY_ANY * len(data) and (east := _as_utf16_of_the_east(data)) is not None:
        return east
    if not zeros:
        return None
    if zeros < _FEW_ZEROS * len(data) and _is_text_with_zeros(data):
        return None
    upper_first = data[0::2].count(0)
    encoding = "utf-16-be" if upper_first > zeros - upper_first else "utf-16-le"
    text = data[: len(data) // 2 * 2].decode(encoding, "replace")
    kinds = Counter(_kind(each) for each in text)
    odd = kinds.pop("odd", 0)
    scripts = [kind for kind, number in kinds.items() if number > 0.02 * len(text)]
    if odd > 0.01 * len(text) or len(scripts) > _MOST_SCRIPTS:
        return None
    return encoding


def _as_utf16_of_the_east(data: bytes) -> str | None:
    """The same of Chinese and Japanese without blanks and line breaks, which have hardly any zeros.

    Their commas and full stops have bytes that are control characters everywhere else.
    """
    if not _CONTROLS.search(data):
        return None
    for encoding in ("utf-16-le", "utf-16-be"):
        text = data[: len(data) // 2 * 2].decode(encoding, "replace")
        if _STOPS.search(text) and len(_OF_THE_EAST.findall(text)) > 0.95 * len(text):
            return encoding
    return None


def _is_text_with_zeros(data: bytes) -> bool:
    """Whether bytes are UTF-8 with some zeros in it, such as a log that a crash has cut."""
    return not _CONTROLS.search(data) and _is_sound(data, "utf-8")


def _kind(character: str) -> str:
    """The script of a letter; ``"odd"`` for what no text holds."""
    category = unicodedata.category(character)
    if category[0] == "L":
        script = unicodedata.name(character, "odd").partition(" ")[0]
        return "plain" if script in _OF_SEVERAL else script
    if category in ("Cc", "Cn", "Co", "Cs") or character == "\ufffd":
        return "plain" if character in _PLAIN else "odd"
    return "plain"
