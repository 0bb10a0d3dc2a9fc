r"""What people say in a query beside its words: phrases in quotes, ``+must`` and ``-not``.

::

    "force majeure"     only documents in which these words stand so, side by side
    +lease              only documents that hold this very word
    -draft              only documents that do not; also -"first draft"
    \"  \+  \-           a quote or a sign that is meant as such

A sign counts at the beginning of a word (``e-mail`` and ``- `` are plain text) and a quote where it
is closed. All of this only in a query of one line and at most :data:`MOST_WORDS` words: a longer
one is a text that somebody has pasted, in which quotes and dashes are the author's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from longembed_rag.words.exact import Phrase, read_phrase

#: The longest query in which quotes and signs are read, in words; as with Google.
MOST_WORDS = 32

_QUOTES = '"\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02'
# What closes is any quote that ends a word: keyboards and languages differ in which is which.
_QUOTED = rf"(?<!\w)[{_QUOTES}](?P<phrase>[^{_QUOTES}]+)[{_QUOTES}](?!\w)"
_LAST = rf"[^\s{_QUOTES},.;:!?)\]}}]"  # of a word: what ends a sentence is none of it
_OPERATOR = re.compile(
    rf"(?P<escaped>\\[+\-{_QUOTES}])"
    rf"|(?P<sign>(?<!\S)[+-](?=[\w{_QUOTES}]))?(?:{_QUOTED}|(?(sign)(?P<word>[^\s{_QUOTES}]*{_LAST})|(?!)))"
)


@dataclass(frozen=True, kw_only=True)
class Query:
    """A query as it is understood.

    Attributes:
        text: What is compared, by words and by meaning: without signs, and without what is not
            wanted.
        phrases: Those that a document has to hold, as they were typed.
        must: Words that it has to hold.
        must_not: Words and phrases that it must not hold.
        passed_over: Whether there are quotes or signs that were not read, the query being long.
    """

    text: str
    phrases: tuple[str, ...] = ()
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    passed_over: bool = False

    @property
    def has_operators(self) -> bool:
        """Whether anything is asked for but what is most alike."""
        return bool(self.phrases or self.must or self.must_not)

    @property
    def wanted(self) -> tuple[Phrase, ...]:
        """What a document has to hold."""
        return _phrases(self.phrases + self.must)

    @property
    def unwanted(self) -> tuple[Phrase, ...]:
        """What it must not hold."""
        return _phrases(self.must_not)

    def to_dict(self) -> dict[str, Any]:
        """How it is understood, by name, ready for JSON."""
        return {
            "text": self.text,
            "phrases": list(self.phrases),
            "must": list(self.must),
            "must_not": list(self.must_not),
        }


def _phrases(texts: tuple[str, ...]) -> tuple[Phrase, ...]:
    found = (read_phrase(text) for text in texts)
    return tuple(dict.fromkeys(each for each in found if each is not None))


def read_query(typed: str, *, operators: bool = True) -> Query:
    """Understand a query; see the module.

    Args:
        typed: What somebody typed. What holds no quotes and signs comes back as it is.
        operators: Whether quotes and signs say anything; else all of it comes back as it is.

    Returns:
        The query. Its text is empty where it says only what is not wanted.

    Example:
        >>> query = read_query('"force majeure" +lease -draft notice')
        >>> query.text, query.phrases, query.must, query.must_not
        ('force majeure lease notice', ('force majeure',), ('lease',), ('draft',))
    """
    if not operators:
        return Query(text=typed)
    if len(typed.strip().splitlines()) > 1 or len(typed.split()) > MOST_WORDS:
        read = _read(typed)
        return Query(text=typed, passed_over=read.has_operators)
    return _read(typed)


def _read(typed: str) -> Query:
    phrases: list[str] = []
    must: list[str] = []
    must_not: list[str] = []
    pieces, end = [], 0
    for match in _OPERATOR.finditer(typed):
        if match["escaped"]:
            said = match["escaped"][1]
        else:
            said = (match["phrase"] or match["word"]).strip()
            if read_phrase(said) is None:
                continue  # there is no word in it
            if match["sign"] == "-":
                must_not.append(said)
                said = ""
            else:
                (must if match["phrase"] is None else phrases).append(said)
        pieces += [typed[end : match.start()], said]
        end = match.end()
        if typed[end : end + 1] and typed[end] in _QUOTES:
            pieces.append(" ")  # "one""two" are two words
    query = Query(text=typed, phrases=tuple(phrases), must=tuple(must), must_not=tuple(must_not))
    text = "".join([*pieces, typed[end:]])
    # Where something was taken out, two blanks may be left.
    return replace(query, text=" ".join(text.split()) if query.has_operators else text)
