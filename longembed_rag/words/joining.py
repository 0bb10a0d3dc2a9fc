"""Words that are written together, with a hyphen or apart: ``email``, ``e-mail``, ``e mail``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Word = tuple[str, int, int]

_HYPHENS = "-\u2010\u2011"
_BLANKS = " \u00a0\u202f"
# English words that every text holds, and in capitals are something else.
_CAPITALS = frozenset({"us", "it", "who"})
# Most parts of a compound, and letters of a word before a number: "iPhone 15", "COVID 19".
_MOST_PARTS = 5
_LONGEST_NAME = 6
# How far around a word in capitals small letters are looked for: none are in a heading.
_AROUND = 60


def joined_words(
    text: str, words: Sequence[Word], stopwords: frozenset[str], language: str
) -> list[Word]:
    """What a text's words are as one word, where they may be written so.

    Compounds with hyphens (``covid-19``), short ones apart (``wi fi``, ``covid 19``), initialisms
    with points (``ph.d.``), digits in groups (``1 000``). ``US``, ``IT`` and ``WHO``, and with
    points, are ``us.``, ``it.`` and ``who.`` in English, which no other word is.

    Args:
        text: The text.
        words: Its words, in small letters, with their places; parts of another are passed over.
        stopwords: Words that every text of the language holds.
        language: Which one that is.
    """
    found: list[Word] = []
    run: list[Word] = []
    kind = ""
    previous: Word = ("", -2, -2)
    for word in words:
        if word[1] < previous[2]:
            continue  # a part of the one before
        between = text[previous[2]] if word[1] == previous[2] + 1 else ""
        # Most words: long ones between blanks.
        plain = between == " " and len(previous[0]) > 3
        now = "" if plain else _kind(between, previous[0], word[0])
        if now and now == kind:
            run.append(word)
        else:
            found.extend(_together(text, run, kind, stopwords))
            run, kind = [previous, word] if now else [], now
        is_short = len(previous[0]) < 3 or word[0][0].isdecimal()
        if is_short and between and between in _BLANKS and _may_be_one(previous, word, stopwords):
            found.append((previous[0] + word[0], previous[1], word[2]))
        if language == "english" and word[0] in _CAPITALS and _is_initialism(text, word):
            found.append((f"{word[0]}.", *word[1:]))
        previous = word
    found.extend(_together(text, run, kind, stopwords))
    return found


def _kind(between: str, first: str, second: str) -> str:
    """How two neighbours may be parts of one word, by what stands between them; "" if they are not.

    ``"-"`` of a compound, ``"."`` of an initialism, ``" "`` of a number.
    """
    if not between:
        return ""
    if between in _HYPHENS:
        return "-" if first.isalnum() and second.isalnum() else ""
    if between == ".":
        return "." if len(first) <= 2 and len(second) <= 2 and (first + second).isalpha() else ""
    if between in _BLANKS:
        return " " if len(second) == 3 and len(first) <= 3 and (first + second).isdecimal() else ""
    return ""


def _together(
    text: str, run: Sequence[Word], kind: str, stopwords: frozenset[str]
) -> Iterator[Word]:
    """Parts as one word, where they are one."""
    if not run:
        return
    start, end = run[0][1], run[-1][2]
    word = "".join(part for part, _, _ in run)
    if kind == "-":
        is_one = len(run) <= _MOST_PARTS and not word.isdecimal()
    elif kind == ".":
        # What is in capitals needs no point at its end, anything else does: "e.g.", no "is.it".
        is_one = text[end : end + 1] == "." or text[start:end].replace(".", "").isupper()
        end += text[end : end + 1] == "."
    else:
        is_one = not word.startswith("0")
    if is_one and word not in stopwords:
        yield word, start, end
    if is_one and kind == "." and word in _CAPITALS:
        yield f"{word}.", start, end


def _may_be_one(one: Word, other: Word, stopwords: frozenset[str]) -> bool:
    """Whether two words apart may be one: ``e mail``, ``wi fi``, ``covid 19``."""
    first, second = one[0], other[0]
    if not stopwords or not first.isalpha() or first in stopwords or second in stopwords:
        return False  # where none are known, any article would do
    if second[0].isdecimal():
        return len(first) <= _LONGEST_NAME and len(second) <= 4 and second.isalnum()
    if len(first) == 1:
        return len(second) > 2 and second.isalpha()
    return len(first) == len(second) == 2 and second.isalpha()


def _is_initialism(text: str, word: Word) -> bool:
    """Whether a word stands in capitals where others do not, or alone."""
    _, start, end = word
    if not text[start:end].isupper():
        return False
    first = max(text.rfind("\n", 0, start) + 1, start - _AROUND)
    last = text.find("\n", end, end + _AROUND)
    around = text[first:start] + text[end : last if last >= 0 else end + _AROUND]
    return any(map(str.islower, around)) or not any(map(str.isalnum, around))
