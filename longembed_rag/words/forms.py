"""The second way of cutting texts into words: those of the first, and their other forms.

A word is compared without diacritics, a number without what groups its digits; how it is written is
one more form, so that a document with what was typed stands above one with the other. Compounds and
initialisms are found written together, too. Forms count neither in a text's length nor as
neighbours, and a text without any has the words of the first way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import regex

from longembed_rag.words.cutting import SPECIAL_WORDS, WORDLY, Analyzer, Term, lowered, parts_of
from longembed_rag.words.folding import fold
from longembed_rag.words.joining import joined_words
from longembed_rag.words.numbers import BLANKS, ungrouped

#: As how much of an occurrence a word counts in a document that writes it otherwise.
OTHERWISE = 0.8
#: What the word without diacritics and the word as it is written weigh in a query. Where a document
#: has both, it has about what it has for a word without diacritics.
FOLDED = 0.8
EXACT = 0.3
#: What a compound weighs in a query, written together, beside its parts.
TOGETHER = 0.5
#: What two syllables of a Korean word weigh, whose particles are written at its end.
SYLLABLES = 0.5

_GROUPED = rf"(?P<grouped>(?<![\w.,])\d{{1,3}}(?:[{BLANKS}'’]\d{{3}})+(?:[.,]\d+)?(?!\w))"
# Characters between words that have no blanks: of one or of the other kind, each with its marks.
_CHARACTERS = r"[\p{Han}\p{Hiragana}\p{Katakana}\u30fc\uff70]"
_SYLLABLES = r"[[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]--\p{N}]"
_UNSPACED = rf"(?:{_CHARACTERS}|{_SYLLABLES})"
_NEEDS_SCRIPTS = regex.compile(rf"{_UNSPACED}|[\p{{M}}\u200c\u200d]", regex.VERSION1)
_WORD = re.compile(rf"{_GROUPED} | {SPECIAL_WORDS} | (?P<word>\w+)", re.VERBOSE)
_WORD_OF_ANY_SCRIPT = regex.compile(
    rf"(?P<unspaced>{_CHARACTERS}[{_CHARACTERS}\p{{M}}\uff9e\uff9f]*"
    rf"| {_SYLLABLES}[{_SYLLABLES}\p{{M}}]*)"
    rf"| {_GROUPED} | {SPECIAL_WORDS}"
    rf"| (?P<word>(?:(?!{_UNSPACED})[{WORDLY}_\p{{M}}\u200c\u200d])+)",
    regex.VERBOSE | regex.VERSION1,
)
_CLUSTER = regex.compile(r"\X")
_HANGUL = regex.compile(r"\p{Hangul}{3,}")

#: A word, where it stands, and another way to write it.
Written = tuple[str, int, int, str | None]


class FormsAnalyzer(Analyzer):
    """Cuts texts of one language into words and their other forms; see :class:`Analyzer`."""

    version = 2

    def terms(self, text: str) -> list[Term]:
        """The terms of a text by where they begin; a word's other forms lie where it does."""
        written = list(_written(text, self.language))
        words = [each for each in written if each[0] not in self._stopwords]
        joined = joined_words(text, [each[:3] for each in written], self._stopwords, self.language)
        stems = self._stem([*(each[0] for each in words), *(each[0] for each in joined)])
        forms: dict[str, tuple[Term, ...]] = {}
        terms: list[Term] = []
        for word, start, end, original in words:
            stem = stems[word]
            if original is None and word.isascii():
                terms.append(Term(stem, start, end))
                continue
            key = word if original is None else original
            if key not in forms:
                forms[key] = tuple(self._forms(word, stem, original))
            terms.extend(form._replace(start=start, end=end) for form in forms[key])
        for word, start, end in joined:
            said = 1.0 if word.endswith(".") else TOGETHER  # it may be all that there is
            terms.append(Term(fold(stems[word]), start, end, OTHERWISE, said, main=False))
        if joined:
            terms.sort(key=lambda term: term.start)
        return terms

    def _stem(self, words: Iterable[str]) -> dict[str, str]:
        unique = list(dict.fromkeys(words))
        if self._stemmer is None:
            return {word: word for word in unique}
        with self._lock:
            return dict(zip(unique, self._stemmer.stemWords(unique), strict=True))

    def _forms(self, word: str, stem: str, original: str | None) -> Iterator[Term]:
        """The forms of a word that is written otherwise than it is compared, the first its main."""
        if original is not None:
            yield Term(word, 0, 0, OTHERWISE, FOLDED)
            yield Term(original, 0, 0, 1.0, EXACT, main=False)
            return
        plain = fold(word)
        if plain == word:
            yield Term(stem, 0, 0)
            for start in range(len(word) - 1 if _HANGUL.fullmatch(word) else 0):
                pair = word[start : start + 2]
                yield Term(pair, 0, 0, OTHERWISE, SYLLABLES, main=False)
            return
        # A stemmer that knows the accent may leave another stem of the word without it.
        mains = dict.fromkeys((fold(stem), self._stem([plain])[plain]))
        said = FOLDED / len(mains)
        for number, main in enumerate(mains):
            yield Term(main, 0, 0, OTHERWISE, said, main=not number)
        yield Term(word if stem in mains else stem, 0, 0, 1.0, EXACT, main=False)


def _written(text: str, language: str) -> Iterator[Written]:
    """The words of a text, a grouped number with what it is written as."""
    needs_scripts = not text.isascii() and _NEEDS_SCRIPTS.search(text) is not None
    pattern: Any = _WORD_OF_ANY_SCRIPT if needs_scripts else _WORD
    for match in pattern.finditer(text):
        kind, start, end = match.lastgroup, match.start(), match.end()
        if kind == "word":
            word = lowered(match.group())
            yield word, start, end, None
            if "_" in word:
                yield from _each(parts_of(match.group(), start))
        elif kind == "unspaced":
            yield from _pairs(match.group(), start)
        elif kind in ("number", "grouped"):
            number = lowered(match.group())
            plain = ungrouped(match.group(), language)
            if plain is not None:
                yield plain, start, end, number
                continue
            yield number, start, end, None
            yield from _each(parts_of(match.group(), start))
        elif kind != "ending":
            yield lowered(match.group()), start, end, None


def _each(words: Iterable[tuple[str, int, int]]) -> Iterator[Written]:
    return ((word, start, end, None) for word, start, end in words)


def _pairs(run: str, start: int) -> Iterator[Written]:
    """Neighbouring characters, with their marks; one that stands alone by itself."""
    places = [match.span() for match in _CLUSTER.finditer(run)]
    ends = places[1:] or places
    for (first, _), (_, last) in zip(places, ends, strict=False):
        yield lowered(run[first:last]), start + first, start + last, None
