"""Words as they stand in a text: neither stemmed nor left out, capitals or not.

For what is to be found exactly, where :mod:`longembed_rag.words.analyzer` finds what is alike. A
word is a run of letters and digits with their marks; scripts that put no space between words have
one for each character. ``C++`` and ``C#`` are words. The words of a phrase stand side by side when
nothing but blanks, line breaks and signs is between them.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import regex

_WORDLY = r"\p{L}\p{N}\p{M}\u200c\u200d"
# What the analyzer keeps apart from other letters beside it, and what it does not: \u30fc
# lengthens a vowel in Hiragana and Katakana and is of neither.
_APART = r"\p{Han}\p{Hiragana}\p{Katakana}"
_GLUED = r"\u30fc\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_UNSPACED = _APART + _GLUED
_LETTER = rf"[[{_WORDLY}]--[{_UNSPACED}]]"
_BESIDE = rf"[[{_WORDLY}]--[{_APART}]]"
_SYMBOL = r"[A-Za-z](?:\+\+|\#)"
_WORD = regex.compile(
    rf"(?<!\w){_SYMBOL}(?!\w) | [{_UNSPACED}]\p{{M}}*"
    rf"| {_LETTER}*[[\p{{L}}\p{{N}}]--[{_UNSPACED}]]{_LETTER}*",
    regex.VERBOSE | regex.VERSION1,
)
_IS_UNSPACED = regex.compile(rf"[{_UNSPACED}]", regex.VERSION1)
_IS_GLUED = regex.compile(rf"[{_GLUED}]|[{_UNSPACED}]\p{{M}}", regex.VERSION1)
_IS_SYMBOL = regex.compile(_SYMBOL)
_MARK_OR_JAMO = regex.compile(r"[\p{M}\u1100-\u11ff]")
_ALL_WORDLY = regex.compile(rf"[{_WORDLY}]*")
# Only what is not ASCII is brought to one form, with the letter before a mark.
_FOREIGN = regex.compile(rf"(?:[A-Za-z0-9](?=\p{{M}}))?[[{_WORDLY}]--[\x00-\x7f]]+", regex.VERSION1)
# A capital one becomes either, by what stands beside it: here they are one letter.
_SIGMA, _FINAL_SIGMA = "σ", "ς"
# What the analyzer takes for the end of an English word where an apostrophe stands before it.
_ENDINGS = frozenset({"s", "t", "d", "m", "ll", "re", "ve"})


def folded(text: str) -> str:
    """A text with its letters lower-cased and in one form (NFKC); its signs stay as they are."""
    if text.isascii():
        return text.lower()
    small = (_normal(text) if _is_odd(text) else text).lower()
    return small.replace(_FINAL_SIGMA, _SIGMA)


def _normal(text: str) -> str:
    return str(_FOREIGN.sub(lambda match: _one_form(match.group()), text))


def _one_form(letters: str) -> str:
    form = unicodedata.normalize("NFKC", letters)
    if _ALL_WORDLY.fullmatch(form):
        return form
    # The form of ½ has a sign in it, and would be two words.
    clusters = regex.findall(r"\X", letters)
    forms = [unicodedata.normalize("NFKC", each) for each in clusters]
    return "".join(
        form if _ALL_WORDLY.fullmatch(form) else unicodedata.normalize("NFC", each)
        for each, form in zip(clusters, forms, strict=True)
    )


def _is_odd(text: str) -> bool:
    """Whether some of its letters have another form, alone or with those beside them."""
    characters = "".join(set(text))
    if _MARK_OR_JAMO.search(characters) and not unicodedata.is_normalized("NFC", text):
        return True
    return any(
        each.isalnum() and not unicodedata.is_normalized("NFKC", each) for each in characters
    )


@dataclass(frozen=True)
class Phrase:
    """Words that stand side by side, or one word.

    Attributes:
        words: They, folded; at least one. :func:`read_phrase` makes them of a text.
    """

    words: tuple[str, ...]

    def stands_in(self, text: str) -> bool:
        """Whether it stands in a text that is folded already."""
        # Most texts that lack it lack one of its words, and that is told much faster.
        return all(word in text for word in self.words) and self._pattern.search(text) is not None

    def spans(self, text: FoldedText) -> list[tuple[int, int]]:
        """Where it stands: first character and one past the last of the text as it was."""
        if not all(word in text.folded for word in self.words):
            return []
        return [text.place(*match.span()) for match in self._pattern.finditer(text.folded)]

    @property
    def indexed_words(self) -> list[str]:
        """Those that the analyzer cuts in the same way, wherever they stand in a text."""
        found = []
        for before, word, after in self._with_neighbours():
            glued = any(_IS_GLUED.match(each) for each in (before, after))
            # Short ones may be groups of a longer number, which is one word with all its digits.
            grouped = word.isdigit() and (len(word) < 4 or before[-1:].isdigit())
            unspaced = _IS_UNSPACED.match(word) is not None
            either = _SIGMA in word
            if not (glued or grouped or unspaced or either or word in _ENDINGS):
                found.append(word)
        return list(dict.fromkeys(found))

    @cached_property
    def _pattern(self) -> Any:
        parts = []
        for before, word, after in self._with_neighbours():
            touching = any(_IS_UNSPACED.match(each) for each in (before, word))
            if before:
                parts.append(r"[^\p{L}\p{N}]" + ("*" if touching else "+"))
            parts.append(_of_word(word, before, after))
        return regex.compile("".join(parts), regex.VERSION1)

    def _with_neighbours(self) -> Iterator[tuple[str, str, str]]:
        """Each word with the one before it and the one after; empty where there is none."""
        return zip(("", *self.words), self.words, (*self.words[1:], ""), strict=False)


def _of_word(word: str, before: str, after: str) -> str:
    """The pattern of a word in a text, where it is no part of another."""
    escaped = regex.escape(word)
    if _IS_UNSPACED.match(word):
        return rf"{escaped}(?!\p{{M}})"
    if _IS_SYMBOL.fullmatch(word):
        return rf"(?<!\w){escaped}(?!\w)"
    if len(word) == 1:  # C is another word than C++
        escaped = rf"(?!(?<!\w){_SYMBOL}(?!\w)){escaped}"
    if not _IS_UNSPACED.match(before):
        # The analyzer says, too, that 1.5x holds no 5x, and 1,000.2024 no 2024.
        apart = r"(?<!\d[.,:/-])" if word[0].isdigit() and not word.isdigit() else ""
        if word.isdigit() and len(word) > 3 and not before:
            apart = r"(?<!\d{3}[.,])"
        escaped = rf"(?<!{_BESIDE}){apart}{escaped}"
    if not _IS_UNSPACED.match(after):
        escaped += rf"(?!{_BESIDE})"
    return escaped


def read_phrase(text: str) -> Phrase | None:
    """The phrase that a text's words are; None where it has none."""
    words = tuple(str(match.group()) for match in _WORD.finditer(folded(text)))
    return Phrase(words) if words else None


class FoldedText:
    """A text, folded, that knows where everything stood in it.

    Args:
        text: The text as it is.

    Attributes:
        folded: The text, folded.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self.folded = folded(text)
        self._reached: dict[int, tuple[list[int], list[int]]] = {}
        self._same = text.isascii() or (len(text) == len(self.folded) and not _is_odd(text))

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of the folded text stood."""
        return (start, end) if self._same else (self._before(start), self._before(end))

    def _before(self, offset: int) -> int:
        """How much of the text as it was becomes so much of the folded one, or less."""
        ours, theirs = self._lines
        line = bisect_right(theirs, offset) - 1
        start, stop = ours[line], ours[line + 1] if line + 1 < len(ours) else len(self._text)
        lengths, sizes = self._line(start, stop)
        return start + sizes[bisect_right(lengths, offset - theirs[line]) - 1]

    @cached_property
    def _lines(self) -> tuple[list[int], list[int]]:
        """Where the lines begin, in the text as it was and in the folded one: as many."""
        ours, theirs = (
            [0, *accumulate(len(line) + 1 for line in text.split("\n")[:-1])]
            for text in (self._text, self.folded)
        )
        return ours, theirs

    def _line(self, start: int, stop: int) -> tuple[list[int], list[int]]:
        """What is reached after each character of a line with its marks: folded, and as it was."""
        if start not in self._reached:
            clusters = regex.findall(r"\X", self._text[start:stop])
            self._reached[start] = (
                [0, *accumulate(len(folded(each)) for each in clusters)],
                [0, *accumulate(len(each) for each in clusters)],
            )
        return self._reached[start]
