r"""Text as it is embedded, shown and counted in spans: without what only a printer needs.

Ligatures, full-width and presentation forms become the letters that they stand for, and accents
lie on their letters (NFC): never what means something by itself, as ``x²`` or ``½``. Soft hyphens
and characters without width go, lines end in ``\n``, and words that were broken at the end of a
line are whole. Where pages and headings begin is moved along.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import regex

from longembed_rag.files.text.decoding import without_surrogates
from longembed_rag.files.values import Content

if TYPE_CHECKING:
    from longembed_rag.layout import Layout

_SURROGATES = regex.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")
_LINE_ENDS = regex.compile("\r\n?")
# Latin and Armenian ligatures, Hebrew and Arabic presentation forms, half- and full-width forms.
_FORMS = "\ufb00-\ufdff\ufe70-\ufefc\uff01-\uffef"
_HYPHENS = "\u2010\u2011"
# Without width: soft hyphen, zero-width space, word joiner, byte order mark, directions.
_NO_WIDTH = "\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
# Joiners shape letters in Persian, in India and in emoji; elsewhere they do nothing.
_JOINERS = r"(?<![\p{Arabic}\p{M}\p{So}\p{Sk}\p{Indic_Conjunct_Break=Consonant}])[\u200c\u200d]"
_SOFT_BREAK = "\u00ad"
_ODD = regex.compile(
    rf"(?P<form>[{_FORMS}])|(?P<hyphen>[{_HYPHENS}])|(?P<gone>[{_NO_WIDTH}]|{_JOINERS})"
    r"|(?P<accented>\P{M}\p{M}+)|(?P<jamo>[\u1100-\u11ff]+)"
    r"|(?P<other>[\u0340\u0341\u0343\u0374\u037e\u0387\u1f71-\u1fef\u2126\u212a\u212b\uf900-\ufaff])"
)
_LETTERS = r"\p{L}[\p{L}\p{M}’']*"
_BROKEN = regex.compile(
    rf"(?P<head>{_LETTERS})(?P<hyphen>[-\u00ad\u2010])[ \t]*\n(?P<blank>\s*)"
    rf"(?P<tail>{_LETTERS})(?P<rest>\S*)(?P<end>\n?)[ \t]?"
)
_WORD = regex.compile(_LETTERS)
_COMPOUND = regex.compile(rf"{_LETTERS}(?:-{_LETTERS})+")
# From so many letters on, two words beside a hyphen say that they are two.
_WORD_LENGTH = 3


def clean(content: Content) -> Content:
    """A reader's content as it is to be embedded.

    Args:
        content: What a reader found. Of printed lines (``printed``) every hyphen at the end of a
            line is taken for a broken word, unless the document shows that it is a compound;
            elsewhere only where the word stands in the document whole, or the hyphen is soft.
    """
    text, layout = content.text, content.layout
    if not text.isascii():
        text, layout = _changed(text, layout, _SURROGATES, _character)
    text, layout = _changed(text, layout, _LINE_ENDS, lambda match: "\n")
    words = _Words(text) if _BROKEN.search(text) else None
    if words is not None:
        text, layout = _changed(
            text,
            layout,
            _BROKEN,
            partial(
                _mended,
                words=words,
                printed=content.printed,
                headings={heading.start for heading in layout.headings},
            ),
        )
    if not text.isascii():
        text, layout = _changed(text, layout, _ODD, _folded)
    return replace(content, text=text, layout=layout)


def fold(text: str) -> str:
    """A short text, such as a title, with its characters folded as :func:`clean` does."""
    return text if text.isascii() else str(_ODD.sub(_folded, without_surrogates(text)))


def _character(match: Any) -> str:
    """What a pair of surrogates means; U+FFFD for one that is alone."""
    return without_surrogates(match.group())


def _folded(match: Any) -> str:
    kind, found = match.lastgroup, match.group()
    if kind == "gone":
        return ""
    if kind == "hyphen":
        return "-"
    return unicodedata.normalize("NFKC" if kind == "form" else "NFC", found)


class _Words:
    """The words of a text, those that are broken at line ends left out."""

    def __init__(self, text: str) -> None:
        whole = _BROKEN.sub(" ", text).casefold()
        self.words = frozenset(_WORD.findall(whole))
        self.compounds = frozenset(_COMPOUND.findall(whole))

    def are_two(self, head: str, tail: str) -> bool:
        """Whether both parts of a word stand by themselves elsewhere."""
        return (
            min(len(head), len(tail)) >= _WORD_LENGTH and head in self.words and tail in self.words
        )


def _mended(match: Any, *, words: _Words, printed: bool, headings: Collection[int]) -> str:
    """A word that is broken at the end of a line as it is meant, the line break behind it."""
    head, tail = match["head"], match["tail"]
    as_it_is = str(match.group())
    if match.start("tail") in headings or ("\n" in match["blank"] and not printed):
        return as_it_is  # something new, not the next line
    joined, low = head + tail, (head.casefold(), tail.casefold())
    if match["hyphen"] == _SOFT_BREAK or "".join(low) in words.words:
        whole = joined
    elif not printed:
        return as_it_is
    else:
        is_one = tail[0].islower() or (head.isupper() and tail.isupper() and len(head) > 1)
        two = "-".join(low) in words.compounds or words.are_two(*low)
        whole = joined if is_one and not two else f"{head}-{tail}"
    return f"{whole}{match['rest']}{match['blank'] or ''}\n".rstrip(" \t")


def _changed(
    text: str, layout: Layout, pattern: Any, change: Callable[[Any], str]
) -> tuple[str, Layout]:
    """A text with what matches a pattern changed, and its layout moved along."""
    pieces: list[str] = []
    # For each change: where it began and ended, and where what follows has moved to.
    begins: list[int] = []
    ends: list[int] = []
    lands: list[int] = []
    end = length = 0
    for match in pattern.finditer(text):
        new = change(match)
        if new == match.group():
            continue
        start = match.start()
        pieces += [text[end:start], new]
        length += start - end + len(new)
        end = match.end()
        begins.append(start)
        ends.append(end)
        lands.append(length)
    if not begins:
        return text, layout
    pieces.append(text[end:])

    def moved(place: int) -> int:
        index = bisect_right(begins, place - 1) - 1
        if index < 0:
            return place
        return lands[index] + max(0, place - ends[index])

    return "".join(pieces), layout.moved(moved) if layout else layout
