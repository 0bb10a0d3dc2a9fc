"""Which of the old encodings bytes are in, as chardet tells it, and its unsure answers looked at.

Of texts of 100 to 2,000 characters in sixteen languages and their usual encodings 99.8 % come out
right (``benchmarks/encodings.py``).
"""

from __future__ import annotations

import re

#: Bytes that are looked at: lines with bytes above 127, to so many.
_SAMPLE = 20_000
#: What of a longer line is looked at before its first such byte.
_BEFORE = 200
_ABOVE_ASCII = re.compile(rb"[\x80-\xff]")
#: An answer below this is as often wrong as right, so that how the text looks decides, too.
_SURE = 0.2
#: Below this next to nothing speaks for an answer, and English with its own quotes is likelier.
_BLIND = 0.1
#: In what texts are found. Not among them: mainframes' encodings, those of a country whose bytes
#: spell something in so many others that they would be wrong more often than right, and those
#: whose letters another one holds at the same places (cp437's are cp850's).
_CANDIDATES = (
    "big5 big5hkscs cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp737 cp775 "
    "cp850 cp852 cp855 cp857 cp862 cp866 cp874 cp932 cp949 euc_jis_2004 euc_kr gb18030 "
    "iso8859_2 iso8859_5 iso8859_6 iso8859_7 iso8859_8 iso8859_9 iso8859_13 iso8859_15 iso8859_16 "
    "koi8_r koi8_u mac_cyrillic mac_greek mac_latin2 mac_roman mac_turkish"
)
#: What holds all of another one, and what the other's texts are really written in.
_LARGER = {"euc_kr": "cp949", "shift_jis": "cp932", "shift_jis_2004": "cp932"}
_USUAL = "cp1252"
# Signs that any language writes, and that do not stand between two letters.
_SIGNS = frozenset("\xa0§©®°·•–—―‘’‚“”„«»‹›…€£¥™¡¿ªº×÷±½¼¾²³µ№¶†‡¸´¨¬\xad")
_APOSTROPHES = frozenset("’ʼ·-–—\xad")
_MOST_ODD = 0.02
_OTHER = r"\u0370-\u05ff\u0600-\u06ff\u0e00-\u0e7f"
_LATIN = r"a-zA-Z\u00c0-\u024f"
#: Letters of two scripts side by side.
_MIXED = re.compile(f"[{_LATIN}][{_OTHER}]|[{_OTHER}][{_LATIN}]")
_MOST_MIXED = 0.1


def guess(data: bytes) -> str | None:
    """The encoding that bytes are likeliest in; None where nothing speaks for any.

    Args:
        data: Bytes that are not UTF-8.
    """
    import chardet

    sample = _sample(data)
    found = chardet.detect_all(
        sample,
        ignore_threshold=True,
        max_bytes=_SAMPLE,
        compat_names=False,
        include_encodings=_CANDIDATES.split(),
        no_match_encoding=_USUAL,
    )
    told = [(str(each["encoding"]), each["confidence"]) for each in found if each["encoding"]]
    if not told:
        return None
    names = [name for name, _ in told]
    if told[0][1] < _SURE:
        if told[0][1] < _BLIND and _is_of_signs(sample.decode(_USUAL, "replace")):
            names.insert(0, _USUAL)
        names.sort(key=lambda name: _is_odd(sample.decode(name, "replace")))
    best = names[0].replace("-", "_")
    return _LARGER.get(best, best)


def _sample(data: bytes) -> bytes:
    """The lines that tell something."""
    pieces, room = [], _SAMPLE
    for line in data.split(b"\n"):
        first = _ABOVE_ASCII.search(line)
        if first is None:
            continue
        begin = max(0, first.start() - _BEFORE)
        pieces.append(line[begin : begin + room])
        room -= len(pieces[-1])
        if room <= 0:
            break
    return b"\n".join(pieces)


def _is_of_signs(text: str) -> bool:
    """Whether more signs than letters stand beyond ASCII, as in English with its own quotes."""
    beyond = [each for each in text if each > "\x7f"]
    return sum(each in _SIGNS for each in beyond) > len(beyond) / 2


def _is_odd(text: str) -> bool:
    """Whether no language is written so.

    Signs stand in words, capitals after small letters, or scripts are mixed within words.
    """
    special = odd = 0
    for before, here, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if here <= "\x7f":
            continue
        special += 1
        if here.isalpha() and here not in "ªºµ":
            odd += here.isupper() and before.islower()
        elif here not in _SIGNS:
            odd += 1
        elif here not in _APOSTROPHES:
            odd += before.isalpha() and after.isalpha()
    return odd > _MOST_ODD * special or len(_MIXED.findall(text)) > _MOST_MIXED * special
