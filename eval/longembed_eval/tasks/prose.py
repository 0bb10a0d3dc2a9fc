"""Which sentences of a text could stand for what a person looks for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from longembed_eval.tasks.sentences import sentences

FEWEST_WORDS = 8
MOST_WORDS = 40
FEWEST_CONTENT_WORDS = 5

_WORD = re.compile(r"\w+")
# Scripts that put no space between words; two of their characters count as a word.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_FENCED = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1|\Z)", re.MULTILINE | re.DOTALL)
_OPENING = "\"'“‘«‹([¿¡`「『"
_ENDED = re.compile(r"[.!?…؟۔।॥。！？][\"'”’»›)\]」』]*$")
# Marks of code, markup, addresses, of rows of dots that lead to a page number, and of bad scans.
_NOT_PROSE = re.compile(r"[{}<>|\\=_^~#@*\[\]]|\w\(|://|www\.|`[^`']+`|\.{4,}|\s\.\s|[,;:\"]{2,}")
# Columns, and words that are cut at the end of a line.
_NOT_PROSE_AS_WRITTEN = re.compile(r"\t|(?<=\S) {3,}(?=\S)|\w[-\u00ad]\s*\n")
_PAIRS = ("()", "“”", "«»", "「」", "『』")
# From here on scripts write short words: Hebrew, Arabic, those of India, Hangul.
_SHORT_WORDS_FROM = "\u0590"
_FEWEST_LETTERS = 5
_FEWEST_LETTERS_OF_SHORT = 3
_MOST_CAPITALISED = 0.5
_MOST_NUMBERS = 0.2
_FEWEST_OF_LETTERS = 0.8


def query_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of every sentence that :func:`is_query` takes, in order."""
    fenced = [match.span() for match in _FENCED.finditer(text)]
    found = []
    for start, end in sentences(text):
        while fenced and fenced[0][1] <= start:
            fenced.pop(0)
        in_code = bool(fenced) and fenced[0][0] < end
        if not in_code and is_query(text[start:end]):
            found.append((start, end))
    return found


def is_query(sentence: str) -> bool:
    """Whether a sentence is prose that says enough to be looked for.

    That is: whole, 8 to 40 words, at least 5 different ones of them that carry meaning, and no
    heading, code, table, list of numbers or row of names. Words that carry meaning are taken to
    be those of five letters or more, so that no list of words of any language is needed.
    """
    text = " ".join(sentence.split())
    if not FEWEST_WORDS <= word_count(text) <= MOST_WORDS:
        return False
    return (
        _is_whole(text)
        and not _NOT_PROSE.search(text)
        and not _NOT_PROSE_AS_WRITTEN.search(sentence)
        and _is_worded(text)
        and _content_words(text) >= FEWEST_CONTENT_WORDS
    )


def word_count(text: str) -> int:
    """Words of a text; of scripts without spaces every two characters count as one."""
    unspaced = len(_UNSPACED.findall(text))
    spaced = _UNSPACED.sub(" ", text) if unspaced else text
    return unspaced // 2 + sum(1 for word in spaced.split() if _WORD.search(word))


def normal(text: str) -> str:
    """The words of a text alone, small, each with a space on either side.

    A sentence stands in a text, whatever the marks and line breaks are, where its normal form is
    part of the text's.
    """
    folded = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return f" {' '.join(_WORD.findall(folded.casefold()))} "


def _is_whole(text: str) -> bool:
    first = text.lstrip(_OPENING)[:1]
    if not first.isalpha() or first.islower() or not _ENDED.search(text):
        return False
    return text.count('"') % 2 == 0 and all(
        text.count(pair[0]) == text.count(pair[1]) for pair in _PAIRS
    )


def _is_worded(text: str) -> bool:
    """Whether it is words in a sentence, rather than numbers or names in a row."""
    written = text.replace(" ", "")
    if sum(map(_is_letter, written)) < _FEWEST_OF_LETTERS * len(written):
        return False
    words = list(_stripped(text))
    numbers = sum(any(map(str.isdigit, word)) for word in words)
    capitalised = sum(word[0].isupper() for word in words)
    return numbers <= _MOST_NUMBERS * len(words) and capitalised <= _MOST_CAPITALISED * len(words)


def _content_words(text: str) -> int:
    unspaced = len(set(_UNSPACED.findall(text))) // 2
    words = {word.casefold() for word in _stripped(_UNSPACED.sub(" ", text))}
    return unspaced + sum(map(_is_content, words))


def _is_content(word: str) -> bool:
    fewest = _FEWEST_LETTERS if max(word) < _SHORT_WORDS_FROM else _FEWEST_LETTERS_OF_SHORT
    letters = word.replace("'", "").replace("’", "").replace("-", "")
    return len(letters) >= fewest and all(map(_is_letter, letters))


def _stripped(text: str) -> Iterator[str]:
    """The words of a text without the marks around them."""
    for word in text.split():
        match = _WORD.search(word)
        if match:
            yield word[match.start() :].rstrip("\"'”’»›)]」』.,;:!?…-–—")


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"
