"""Text to the words that word search compares: cut, lower-cased, without stopwords, stemmed.

Stemmers are Snowball's (PyStemmer) and stopword lists those of bm25s; both come with their
packages, so nothing is downloaded. Letters of every script, numbers and identifiers are kept.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import regex

from longembed_rag.errors import SettingsError

DEFAULT_LANGUAGE = "english"
#: How texts are cut into terms. Whoever changes what terms a text has adds a version, and keeps
#: the one before: collections are searched by the words they were made with until they are weighed
#: anew.
ANALYZER_VERSION = 1
#: No stemming and no stopwords: for mixed languages, code and part numbers.
NO_LANGUAGE = "none"

# Names of the lists in bm25s.stopwords; the longer one for English knows question words.
_STOPWORD_LISTS = {
    "chinese": "CHINESE",
    "danish": "DANISH",
    "dutch": "DUTCH",
    "english": "EN_PLUS",
    "french": "FRENCH",
    "german": "GERMAN",
    "italian": "ITALIAN",
    "norwegian": "NORWEGIAN",
    "portuguese": "PORTUGUESE",
    "russian": "RUSSIAN",
    "spanish": "SPANISH",
    "swedish": "SWEDISH",
    "turkish": "TURKISH",
}
_SPECIAL_WORDS = r"""
      (?P<ending>(?<=\w['’])(?:s|t|d|m|ll|re|ve)\b)     # what English joins by an apostrophe
    | (?P<number>\d+(?:[.,:/-]\d+)+)                    # 12.3  1,000  2026-11-24  10:30
    | (?P<symbol>(?<!\w)[A-Za-z](?:\+\+|\#)(?!\w))      # C++  C#
"""
# Scripts that put no space between words; neighbouring pairs of their characters are terms.
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}]"
# What Python's own \w means, spelled out: that of the other package leaves out ² and ½.
_WORDLY = r"\p{L}\p{N}"
# Python's own expressions are seven times faster, and know no scripts and no combining marks.
_NEEDS_SCRIPTS = regex.compile(rf"{_UNSPACED}|[\p{{M}}\u200c\u200d]")
_WORD = re.compile(rf"{_SPECIAL_WORDS} | (?P<word>\w+)", re.VERBOSE)
_WORD_OF_ANY_SCRIPT = regex.compile(
    rf"(?P<unspaced>{_UNSPACED}+) | {_SPECIAL_WORDS}"
    rf"| (?P<word>(?:(?!{_UNSPACED})[{_WORDLY}_\p{{M}}\u200c\u200d])+)",
    regex.VERBOSE | regex.VERSION1,
)
_PART = regex.compile(rf"[{_WORDLY}\p{{M}}]+")


class Term(NamedTuple):
    """A word of a text as word search compares it.

    Attributes:
        stem: The word, lower-cased and stemmed.
        start: First character in the text.
        end: One past its last character.
    """

    stem: str
    start: int
    end: int


class Analyzer:
    """Cuts texts of one language into terms; may be used from several threads.

    Use :func:`get_analyzer`, which shares them.

    Args:
        language: One of :func:`languages`, or ``"none"``.

    Attributes:
        version: Which way of cutting texts this is.

    Raises:
        SettingsError: There is no stemmer for the language; lists those there are.
    """

    version = 1

    def __init__(self, language: str = DEFAULT_LANGUAGE) -> None:
        require_language(language)
        self.language = language
        self._stopwords = _stopwords(language)
        self._stemmer = _stemmer(language)
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
        """The terms of a text in order, without their places."""
        return [term.stem for term in self.terms(text)]


#: Every way of cutting texts that collections may have been made by.
ANALYZERS: dict[int, type[Analyzer]] = {Analyzer.version: Analyzer}


@cache
def get_analyzer(language: str = DEFAULT_LANGUAGE, *, version: int = ANALYZER_VERSION) -> Analyzer:
    """The analyzer of a language.

    Args:
        language: One of :func:`languages`, or ``"none"``.
        version: Which way of cutting texts; the one of now unless told.

    Raises:
        SettingsError: There is no stemmer for the language, or no such version; lists those there
            are.
    """
    if version not in ANALYZERS:
        known = ", ".join(map(str, sorted(ANALYZERS)))
        raise SettingsError(
            f"words were cut by version {version} of the analyzer, and this release knows {known}: "
            "update longembed-rag"
        )
    return ANALYZERS[version](language)


def languages() -> list[str]:
    """Languages with a stemmer; for those without a stopword list rarity alone weighs words."""
    import Stemmer

    return sorted({*Stemmer.algorithms(), *_STOPWORD_LISTS} - {"porter", "dutch_porter"})


def require_language(language: str) -> None:
    """Refuse a language that there is no analyzer for.

    Raises:
        SettingsError: There is none; lists those there are.
    """
    known = [*languages(), NO_LANGUAGE]
    if language not in known:
        raise SettingsError(f"language={language!r} is not one of: {', '.join(known)}")


def _words(text: str) -> Iterator[tuple[str, int, int]]:
    needs_scripts = not text.isascii() and _NEEDS_SCRIPTS.search(text) is not None
    pattern: Any = _WORD_OF_ANY_SCRIPT if needs_scripts else _WORD
    for match in pattern.finditer(text):
        kind, start, end = match.lastgroup, match.start(), match.end()
        if kind == "ending":
            continue
        word = _folded(match.group())
        if kind == "unspaced":
            yield from _pairs(word, start)
            continue
        yield word, start, end
        if kind == "number" or "_" in word:
            yield from _parts(match.group(), start)


def _folded(word: str) -> str:
    return (word if word.isascii() else unicodedata.normalize("NFKC", word)).lower()


def _pairs(word: str, start: int) -> Iterator[tuple[str, int, int]]:
    if len(word) == 1:
        yield word, start, start + 1
    for index in range(len(word) - 1):
        yield word[index : index + 2], start + index, start + index + 2


def _parts(word: str, start: int) -> Iterator[tuple[str, int, int]]:
    """The pieces of ``12.3`` or ``a_name``, so that each can be found by itself."""
    for match in _PART.finditer(word):
        if match.group() != word:
            yield _folded(match.group()), start + match.start(), start + match.end()


def _stopwords(language: str) -> frozenset[str]:
    name = _STOPWORD_LISTS.get(language)
    if name is None:
        return frozenset()
    from bm25s import stopwords

    return frozenset(getattr(stopwords, f"STOPWORDS_{name}"))


def _stemmer(language: str) -> Any:
    import Stemmer

    return Stemmer.Stemmer(language) if language in Stemmer.algorithms() else None
