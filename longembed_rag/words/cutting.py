"""The first way of cutting texts into words: lower-cased, without stopwords, stemmed.

Collections that were made by it are searched by it until they are weighed anew; the later one
(:mod:`longembed_rag.words.forms`) finds the same words and adds their other forms. Letters of every
script, numbers and identifiers are kept.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from typing import Any, NamedTuple

import regex

from longembed_rag.words.languages import (
    DEFAULT_LANGUAGE,
    make_stemmer,
    require_language,
    stopwords_of,
)

#: What is no plain word, for either of the expressions below.
SPECIAL_WORDS = r"""
      (?P<ending>(?<=\w['’])(?:s|t|d|m|ll|re|ve)\b)     # what English joins by an apostrophe
    | (?P<number>\d+(?:[.,:/-]\d+)+)                    # 12.3  1,000  2026-11-24  10:30
    | (?P<symbol>(?<!\w)[A-Za-z](?:\+\+|\#)(?!\w))      # C++  C#
"""
# Scripts that put no space between words; neighbouring pairs of their characters are terms.
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}]"
#: What Python's own \w means, spelled out: that of the other package leaves out ² and ½.
WORDLY = r"\p{L}\p{N}"
# Python's own expressions are seven times faster, and know no scripts and no combining marks.
_NEEDS_SCRIPTS = regex.compile(rf"{_UNSPACED}|[\p{{M}}\u200c\u200d]")
_WORD = re.compile(rf"{SPECIAL_WORDS} | (?P<word>\w+)", re.VERBOSE)
_WORD_OF_ANY_SCRIPT = regex.compile(
    rf"(?P<unspaced>{_UNSPACED}+) | {SPECIAL_WORDS}"
    rf"| (?P<word>(?:(?!{_UNSPACED})[{WORDLY}_\p{{M}}\u200c\u200d])+)",
    regex.VERBOSE | regex.VERSION1,
)
_PART = regex.compile(rf"[{WORDLY}\p{{M}}]+")


class Term(NamedTuple):
    """A word of a text as word search compares it.

    Attributes:
        stem: The word, lower-cased and stemmed.
        start: First character in the text.
        end: One past its last character.
        counted: As how many occurrences it counts in a document.
        said: How much it weighs in a query.
        main: Whether it is a word of the text, which counts in its length and has neighbours;
            False for another form of one.
    """

    stem: str
    start: int
    end: int
    counted: float = 1.0
    said: float = 1.0
    main: bool = True


class Analyzer:
    """Cuts texts of one language into terms; may be used from several threads.

    Use :func:`~longembed_rag.words.analyzer.get_analyzer`, which shares them.

    Args:
        language: One of :func:`~longembed_rag.words.languages.languages`, or ``"none"``.

    Attributes:
        version: Which way of cutting texts this is.

    Raises:
        SettingsError: There is no stemmer for the language; lists those there are.
    """

    version = 1

    def __init__(self, language: str = DEFAULT_LANGUAGE) -> None:
        require_language(language)
        self.language = language
        self._stopwords = stopwords_of(language)
        self._stemmer = make_stemmer(language)
        # Snowball's stemmers have state, and an application asks from several threads.
        self._lock = threading.Lock()

    def terms(self, text: str) -> list[Term]:
        """The terms of a text in order, with their places; a number and its parts overlap."""
        words = [word for word in _words(text) if word[0] not in self._stopwords]
        if self._stemmer is None:
            return [Term(*word) for word in words]
        with self._lock:
            stems = self._stemmer.stemWords([word[0] for word in words])
        return [Term(stem, start, end) for stem, (_, start, end) in zip(stems, words, strict=True)]

    def stems(self, text: str) -> list[str]:
        """The words of a text in order, without their places and other forms."""
        return [term.stem for term in self.terms(text) if term.main]

    def is_stopword(self, text: str) -> bool:
        """Whether a word, as it is written, is one that every text holds."""
        return lowered(text) in self._stopwords


def _words(text: str) -> Iterator[tuple[str, int, int]]:
    needs_scripts = not text.isascii() and _NEEDS_SCRIPTS.search(text) is not None
    pattern: Any = _WORD_OF_ANY_SCRIPT if needs_scripts else _WORD
    for match in pattern.finditer(text):
        kind, start, end = match.lastgroup, match.start(), match.end()
        if kind == "ending":
            continue
        word = lowered(match.group())
        if kind == "unspaced":
            yield from _pairs(word, start)
            continue
        yield word, start, end
        if kind == "number" or "_" in word:
            yield from parts_of(match.group(), start)


def lowered(word: str) -> str:
    """A word in small letters, ligatures and full-width forms as what they stand for."""
    return (word if word.isascii() else unicodedata.normalize("NFKC", word)).lower()


def _pairs(word: str, start: int) -> Iterator[tuple[str, int, int]]:
    if len(word) == 1:
        yield word, start, start + 1
    for index in range(len(word) - 1):
        yield word[index : index + 2], start + index, start + index + 2


def parts_of(word: str, start: int) -> Iterator[tuple[str, int, int]]:
    """The pieces of ``12.3`` or ``a_name``, so that each can be found by itself."""
    for match in _PART.finditer(word):
        if match.group() != word:
            yield lowered(match.group()), start + match.start(), start + match.end()
