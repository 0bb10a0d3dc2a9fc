"""The numbers that Word puts before paragraphs, which stand in no paragraph's text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from longembed_rag.files.formats.docx_styles import WORD, Styles, number_of, value_of

_PLACEHOLDER = re.compile(r"%([1-9])")
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
    (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_ALPHABETS = {
    "lowerLetter": "abcdefghijklmnopqrstuvwxyz",
    "upperLetter": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "russianLower": "абвгдежзиклмнопрстуфхцчшщыэюя",
    "russianUpper": "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЫЭЮЯ",
}
_CHINESE = frozenset(
    {"chineseCounting", "chineseCountingThousand", "japaneseCounting", "taiwaneseCounting",
     "taiwaneseCountingThousand", "ideographDigital"}
)  # fmt: skip
_MOST_LEVELS = 9
_LONGEST_ROMAN = 4999
_LONGEST_LETTERS = 30


@dataclass(frozen=True)
class _Level:
    start: int = 1
    format: str = "decimal"
    text: str = ""
    restarts_after: int | None = None
    all_decimal: bool = False
    tight: bool = False
    style: str | None = None


@dataclass(frozen=True)
class _List:
    """A list: which count it goes on with, its levels, and where it begins its own count."""

    count: str
    levels: dict[int, _Level]
    restarts: dict[int, int]

    def level_of(self, style: str | None, otherwise: int | None) -> int | None:
        """The level whose paragraphs have a style; ``otherwise`` where there is none."""
        named = [level for level, what in self.levels.items() if what.style == style]
        return named[0] if style is not None and named else otherwise


class Numbering:
    """The lists of a document and how far each has been counted.

    Lists of one definition share a count, unless a list says where it starts anew. Bullets are no
    numbers and give nothing.
    """

    def __init__(self, root: Any | None, styles: Styles) -> None:
        """Read the definitions.

        Args:
            root: The root element of ``numbering.xml``; None where there is none.
            styles: The document's styles, which numbers may come from.
        """
        self._styles = styles
        self._definitions = _by_id(root, "abstractNum", "abstractNumId")
        self._numbers = _by_id(root, "num", "numId")
        self._lists: dict[str, _List | None] = {}
        self._counts: dict[str, dict[int, int]] = {}
        self._begun: set[tuple[str, int]] = set()

    def label(self, properties: Any | None) -> str:
        """The number that stands before the next paragraph, with the space after it; or nothing.

        Args:
            properties: The paragraph's ``w:pPr``; None where it has none.
        """
        style_name = value_of(properties, "pStyle")
        style = self._styles.paragraph(style_name)
        number = value_of(properties, "numPr", "numId")
        level = number_of(properties, "numPr", "ilvl")
        if number is None and style.numbering is None:
            return ""
        by_style = number is None
        number = str(style.numbering if by_style else number)
        found = self._list(number)
        if found is None:
            return ""
        if level is None and by_style:
            level = found.level_of(style_name, style.level)
        level = level or 0
        if level not in found.levels:
            return ""
        self._count(number, found, level)
        return self._written(found, level)

    def _list(self, number: str) -> _List | None:
        if number not in self._lists:
            self._lists[number] = self._read_list(number)
        return self._lists[number]

    def _read_list(self, number: str) -> _List | None:
        element = self._numbers.get(number)
        definition, count = self._definition(element, seen=frozenset())
        if element is None or definition is None:
            return None
        levels = {
            level: _read_level(each)
            for each in definition.iterchildren(WORD + "lvl")
            if (level := int(each.get(WORD + "ilvl", "0"))) < _MOST_LEVELS
        }
        restarts = {}
        for override in element.iterchildren(WORD + "lvlOverride"):
            level = int(override.get(WORD + "ilvl", "0"))
            if level >= _MOST_LEVELS:
                continue
            own = override.find(WORD + "lvl")
            if own is not None:
                levels[level] = _read_level(own)
            start = number_of(override, "startOverride")
            if start is not None:
                restarts[level] = start
        return _List(count, levels, restarts)

    def _definition(self, number: Any, seen: frozenset[str]) -> tuple[Any, str]:
        """The definition behind a list, which may be that of a style of lists."""
        name = value_of(number, "abstractNumId") or ""
        definition = self._definitions.get(name)
        link = value_of(definition, "numStyleLink")
        if link is None or name in seen:
            return definition, name
        linked = self._numbers.get(self._styles.paragraph(link).numbering or "")
        behind, behind_name = self._definition(linked, seen | {name})
        return (definition, name) if behind is None else (behind, behind_name)

    def _count(self, number: str, found: _List, level: int) -> None:
        counts = self._counts.setdefault(found.count, {})
        if level in found.restarts and (number, level) not in self._begun:
            counts[level] = found.restarts[level]
        elif level in counts:
            counts[level] += 1
        else:
            counts[level] = found.levels[level].start
        self._begun.add((number, level))
        for higher in [each for each in found.levels if each < level]:
            # Shown in this number, a level counts as used.
            counts.setdefault(higher, found.levels[higher].start)
        for deeper in [each for each in counts if each > level]:
            after = found.levels[deeper].restarts_after if deeper in found.levels else None
            if after is None or level < after:
                del counts[deeper]

    def _written(self, found: _List, level: int) -> str:
        shown = found.levels[level]
        if shown.format == "bullet":
            return ""
        counts = self._counts[found.count]

        def put(match: re.Match[str]) -> str:
            of = int(match[1]) - 1
            what = found.levels.get(of, _Level())
            as_decimal = shown.all_decimal and what.format not in ("none", "bullet")
            return _format(counts.get(of, what.start), "decimal" if as_decimal else what.format)

        label = _PLACEHOLDER.sub(put, shown.text).strip()
        return label + ("" if shown.tight or not label else " ")


def _by_id(root: Any | None, tag: str, key: str) -> dict[str, Any]:
    if root is None:
        return {}
    return {each.get(WORD + key, ""): each for each in root.iterchildren(WORD + tag)}


def _read_level(element: Any) -> _Level:
    form = element.find(f".//{WORD}numFmt")
    name = "decimal" if form is None else form.get(WORD + "val", "decimal")
    if name == "custom":  # "001, 002, 003, ..."
        name = "0" * (len(form.get(WORD + "format", "").split(",")[0].strip()) - 1) + "1"
    start = number_of(element, "start")
    legal = element.find(WORD + "isLgl")
    return _Level(
        # Word counts from 0 where no start is given.
        start=0 if start is None else start,
        format=name,
        text=value_of(element, "lvlText") or "",
        restarts_after=number_of(element, "lvlRestart"),
        all_decimal=legal is not None and legal.get(WORD + "val") not in ("0", "false", "off"),
        tight=value_of(element, "suff") == "nothing",
        style=value_of(element, "pStyle"),
    )


def _format(number: int, form: str) -> str:
    """A number as a list's level writes it; in plain digits where the form is a rare one."""
    if form == "none":
        return ""
    if form == "decimalZero":
        return f"{number:02}"
    if re.fullmatch("0+1", form):
        return str(number).zfill(len(form))
    if form in _ALPHABETS and number > 0:
        letters = _ALPHABETS[form]
        times, letter = divmod(number - 1, len(letters))
        return letters[letter] * min(times + 1, _LONGEST_LETTERS)
    if form in ("lowerRoman", "upperRoman") and 0 < number <= _LONGEST_ROMAN:
        return _roman(number) if form == "lowerRoman" else _roman(number).upper()
    if form == "ordinal":
        ends = {1: "st", 2: "nd", 3: "rd"} if number % 100 not in (11, 12, 13) else {}
        return f"{number}{ends.get(number % 10, 'th')}"
    if form == "decimalEnclosedCircle" and 1 <= number <= 20:
        return chr(ord("①") + number - 1)
    if form in _CHINESE and 0 < number < 100:
        return _chinese(number)
    return str(number)


def _roman(number: int) -> str:
    written = ""
    for value, letters in _ROMAN:
        times, number = divmod(number, value)
        written += letters * times
    return written


def _chinese(number: int) -> str:
    digits = "〇一二三四五六七八九"
    tens, ones = divmod(number, 10)
    if not tens:
        return digits[ones]
    return (digits[tens] if tens > 1 else "") + "十" + (digits[ones] if ones else "")
