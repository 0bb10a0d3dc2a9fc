"""How often text in an old encoding, which says nothing of it, is read right.

Texts are put together from the longer messages of the translations that programs bring (gettext
catalogues, on Debian below ``/usr/share/locale``), from which nothing in the package was made: in
each language, in each encoding in which it used to be written, at several lengths. A text counts
as right where every character comes out as it went in. What comes out wrong must be told as a
guess; where it is not, it counts as silent.

    python benchmarks/encodings.py --out FILE
"""

from __future__ import annotations

import argparse
import gettext
import json
import platform
import random
import re
from collections import Counter
from pathlib import Path

from longembed_rag import __version__
from longembed_rag.errors import ReadError
from longembed_rag.files.text.decoding import decode

WESTERN = "cp1252 iso8859_1 iso8859_15 cp850 mac_roman"
CENTRAL = "cp1250 iso8859_2 cp852"
CYRILLIC = "cp1251 koi8_r koi8_u cp866 iso8859_5"
JAPANESE = "cp932 euc_jp iso2022_jp"
UNICODE = "utf-8 utf-8-sig utf-16 utf-16-le utf-16-be utf-32 utf-32-le utf-32-be"
ENCODINGS = {
    "en": "cp1252 mac_roman",
    "de": WESTERN,
    "fr": WESTERN,
    "es": WESTERN,
    "pl": CENTRAL,
    "cs": CENTRAL,
    "ru": CYRILLIC,
    "uk": "cp1251 koi8_u iso8859_5",
    "el": "cp1253 iso8859_7",
    "tr": "cp1254 iso8859_9 cp857",
    "ar": "cp1256 iso8859_6",
    "he": "cp1255 iso8859_8",
    "ja": JAPANESE,
    "zh_CN": "gb18030 gbk hz",
    "zh_TW": "big5 gb18030",
    "ko": "euc_kr cp949 iso2022_kr",
}
SEVEN_BITS = frozenset({"iso2022_jp", "iso2022_kr", "hz", *UNICODE.split()})
# Syllables that EUC-KR lacks, which only Python puts together from its letters.
MADE_UP = re.compile(rb"\xa4\xd4")
LENGTHS = (100, 250, 500, 1000, 2000)
#: Messages with less are labels, not sentences.
SHORTEST = 60
#: Two letters of Han, kana or Hangul say as much as six of others.
SHORTEST_EAST = 20
EAST = frozenset({"ja", "zh_CN", "zh_TW", "ko"})
# What only programs read: formats and markup.
NO_PROSE = re.compile(r"%|<[a-z/]|[{}\\]|\bhttps?:")


def messages(folder: Path, language: str) -> list[str]:
    """The sentences of a language's catalogues, each once, in one order.

    English is what others are translated from.
    """
    shortest = SHORTEST_EAST if language in EAST else SHORTEST
    found = set()
    read = "de" if language == "en" else language
    for path in sorted(folder.glob(f"{read}/LC_MESSAGES/*.mo")):
        try:
            with path.open("rb") as file:
                catalogue = gettext.GNUTranslations(file)
        except (OSError, UnicodeError, ValueError):
            continue
        for source, translated in catalogue._catalog.items():  # type: ignore[attr-defined]
            told = source if language == "en" else translated
            if isinstance(told, str) and source != translated and not NO_PROSE.search(told):
                text = " ".join(told.split())
                if len(text) >= shortest and not text.isascii():
                    found.add(text)
    return sorted(found)


def texts(given: list[str], encoding: str, length: int, count: int) -> list[str]:
    """Texts of about a length that an encoding can write."""
    chooser = random.Random(f"{encoding} {length}")
    made = []
    for _ in range(20 * count):
        text = ""
        while len(text) < length:
            text += chooser.choice(given) + "\n"
        text = text[:length].rstrip()
        try:
            data = text.encode(encoding)
        except UnicodeEncodeError:
            continue
        if data.isascii() and encoding not in SEVEN_BITS:
            continue
        made.append(text)
        if len(made) == count:
            break
    return made


def encodable(given: list[str], encoding: str) -> list[str]:
    """Those that an encoding can write."""
    kept = []
    for text in given:
        try:
            data = text.encode(encoding)
            if data.decode(encoding) == text and not MADE_UP.search(data):
                kept.append(text)
        except UnicodeError:
            continue
    return kept


def outcome(text: str, encoding: str) -> str:
    """How a text comes back: right, guessed wrong and told so, or silently wrong."""
    try:
        decoded = decode(text.encode(encoding), name="a")
    except ReadError:
        return "refused"
    if decoded.text == text:
        return "right"
    return "silent" if decoded.note is None else f"as {decoded.encoding}"


def main() -> None:
    """Measure, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--catalogues", type=Path, default=Path("/usr/share/locale"))
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    right: dict[str, dict[str, dict[int, float]]] = {}
    wrong: dict[str, dict[str, int]] = {}
    total: Counter[str] = Counter()
    by_length: dict[int, Counter[str]] = {length: Counter() for length in LENGTHS}
    for language, listed in ENCODINGS.items():
        given = messages(options.catalogues, language)
        for encoding in [*listed.split(), *UNICODE.split()]:
            can = encodable(given, encoding)
            tally: Counter[str] = Counter()
            for length in LENGTHS if len(can) >= 20 else ():
                outcomes = Counter(
                    outcome(text, encoding) for text in texts(can, encoding, length, options.count)
                )
                if not outcomes:
                    continue
                share = 100 * outcomes["right"] / outcomes.total()
                right.setdefault(language, {}).setdefault(encoding, {})[length] = round(share, 1)
                tally += outcomes
                if encoding not in UNICODE.split():
                    total += outcomes
                    by_length[length] += outcomes
            tally.pop("right", None)
            if tally:
                wrong[f"{language} {encoding}"] = dict(tally)
    result = {
        "command": f"python benchmarks/encodings.py --out {options.out}",
        "version": __version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "texts_in_old_encodings": total.total(),
        "right_percent": round(100 * total["right"] / total.total(), 2),
        "right_percent_by_length": {
            length: round(100 * each["right"] / each.total(), 2)
            for length, each in by_length.items()
        },
        "silent": sum(tally.get("silent", 0) for tally in wrong.values()),
        "right_percent_by_language_encoding_length": right,
        "wrong": wrong,
    }
    options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print({key: value for key, value in result.items() if not isinstance(value, dict)})
    print(result["right_percent_by_length"])


if __name__ == "__main__":
    main()
