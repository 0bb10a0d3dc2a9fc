"""The stretch of a text that shows best why it was found, with the words that match."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import regex

from longembed_rag.errors import SettingsError
from longembed_rag.words.analyzer import Analyzer, Term
from longembed_rag.words.exact import FoldedText, Phrase

DEFAULT_WIDTH = 320
_ELLIPSIS = "…"
#: How far before the first match a sentence or line may begin to be shown from its beginning.
_LEAD = 60
#: How far a cut may move to fall on a blank; scripts without blanks are cut between words.
_SLACK = 40
# A small letter after "Dr." or "e.g." shows that the sentence goes on.
_SENTENCE_END = regex.compile(r"\n|[.!?…]['\"”’»)\]]* (?!\p{Ll})|[。！？｡]['\"”’」』）]*")
# Unicode's own word boundaries know every script and keep combining marks at their letters.
_BOUNDARY = regex.compile(r"\b", regex.WORD)
_COMBINING = regex.compile(r"[\p{M}\u200d]")


@dataclass(frozen=True)
class Snippet:
    """A stretch of a text.

    Attributes:
        text: The stretch on one line, with "…" where it was cut out of more.
        marks: Where words that match stand in ``text``; ascending, never touching each other.
    """

    text: str
    marks: tuple[tuple[int, int], ...]

    def marked(self, before: str = "**", after: str = "**") -> str:
        """The text with something before and after each word that matches."""
        pieces, end = [], 0
        for start, stop in self.marks:
            pieces += [self.text[end:start], before, self.text[start:stop], after]
            end = stop
        return "".join([*pieces, self.text[end:]])


def make_snippet(
    text: str,
    query_stems: Collection[str],
    *,
    analyzer: Analyzer,
    phrases: Iterable[Phrase] = (),
    width: int = DEFAULT_WIDTH,
) -> Snippet:
    """The stretch of a text with the most different words of a query, its phrases before all.

    Among stretches with as many, the one with the most matches wins, then the earliest. Without
    any match it is the beginning of the text. The time it takes grows with the length of the text,
    nearly all of it for cutting the text into terms.

    Args:
        text: A passage or a whole document.
        query_stems: The query's terms, as the analyzer gives them.
        analyzer: That of the collection.
        phrases: Those that the query wants word for word; each is marked as a whole.
        width: The most characters that the snippet may have, "…" included.

    Raises:
        SettingsError: The width leaves no room.
    """
    if width < 3:
        raise SettingsError(f"width={width} leaves no room for a snippet; it must be 3 or more")
    text = _without_runs_of_blanks(text)
    stems = frozenset(query_stems)
    # A word that has several forms which match is one match.
    places: dict[tuple[int, int], Term] = {}
    for term in analyzer.terms(text) if stems else ():
        if term.stem in stems:
            places.setdefault((term.start, term.end), term)
    held = list(_places(text, phrases))
    # One phrase outweighs all words.
    weights = {place.stem: len(stems) + 1 for place in held}
    matches = sorted([*places.values(), *held], key=lambda match: (match.start, -match.end))
    start, end = 0, len(text)
    if len(text) > width:
        start, end = _stretch(text, matches, weights, width - 2 * len(_ELLIPSIS))
    return _cut_out(text, start, end, matches)


def _places(text: str, phrases: Iterable[Phrase]) -> Iterator[Term]:
    """Where phrases stand, each as a term of its own that no word's stem is equal to."""
    as_it_is = FoldedText(text)
    for phrase in phrases:
        name = f'"{" ".join(phrase.words)}"'
        for start, end in phrase.spans(as_it_is):
            yield Term(name, start, end)


def _without_runs_of_blanks(text: str) -> str:
    """Every run of blanks as one, those with a line break as a line break, which counts below."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _cut_out(text: str, start: int, end: int, matches: Iterable[Term]) -> Snippet:
    opening = _ELLIPSIS if start > 0 else ""
    closing = _ELLIPSIS if end < len(text) else ""
    shown = text[start:end].rstrip().replace("\n", " ")
    shift = len(opening) - start
    marks: list[tuple[int, int]] = []
    for match in matches:
        if match.start < start or match.end > end:
            continue
        first, last = match.start + shift, match.end + shift
        # A number and its parts overlap, and so do neighbouring pairs of Chinese characters.
        if marks and first <= marks[-1][1]:
            marks[-1] = (marks[-1][0], max(last, marks[-1][1]))
        else:
            marks.append((first, last))
    return Snippet(f"{opening}{shown}{closing}", tuple(marks))


def _stretch(
    text: str, matches: Iterable[Term], weights: Mapping[str, int], width: int
) -> tuple[int, int]:
    """Where to cut: the best matches with what stands around them, up to a width."""
    first, last = _best_window(matches, weights, width)
    # What the text's end leaves empty behind the matches is room before them.
    lead = max(_LEAD, width - (len(text) - first))
    start = _start(text, first - min(lead, first, width - (last - first)), first)
    return start, _end(text, start, last, width)


def _best_window(
    matches: Iterable[Term], weights: Mapping[str, int], width: int
) -> tuple[int, int]:
    """Beginning and end of the best matches that fit into a width, by a window that slides."""
    # One that does not fit by itself is left out: half a word says nothing.
    fitting = [match for match in matches if match.end - match.start <= width]
    inside: Counter[str] = Counter()
    best, place, left, end, worth = (0, 0), (0, 0), 0, 0, 0
    for right, match in enumerate(fitting):
        inside[match.stem] += 1
        if inside[match.stem] == 1:
            worth += weights.get(match.stem, 1)
        # The parts of a number follow it and end before it does.
        end = max(end, match.end)
        while end - fitting[left].start > width:
            gone = fitting[left].stem
            inside[gone] -= 1
            if not inside[gone]:
                worth -= weights.get(gone, 1)
            left += 1
        quality = (worth, right - left + 1)
        if quality > best:
            best, place = quality, (fitting[left].start, end)
    return place


def _start(text: str, earliest: int, first: int) -> int:
    """Where to begin, not before ``earliest`` and not behind the first match."""
    latest = min(first, earliest + _LEAD)
    if earliest == 0:
        return 0
    # Looks a little further on both sides: what ends a sentence, and what follows, lie there.
    for match in _SENTENCE_END.finditer(text, max(earliest - 4, 0), latest + 1):
        if earliest <= match.end() <= latest:
            return int(match.end())
    latest = min(first, earliest + _SLACK)
    blanks = [text.find(blank, earliest - 1, latest) for blank in " \n"]
    after_blanks = [place + 1 for place in blanks if place >= 0]
    return min(after_blanks or _boundaries(text, earliest, latest) or [first])


def _end(text: str, start: int, last: int, width: int) -> int:
    """Where to end, ``width`` behind the start or a little earlier, not before the last match."""
    latest = start + width
    if latest >= len(text):
        return len(text)
    earliest = max(last, start + 1, latest - _SLACK)
    place = max(text.rfind(blank, earliest, latest + 1) for blank in " \n")
    if place >= 0:
        return place
    # A word without an end in reach is cut, but no letter from its accents.
    while latest > earliest and _COMBINING.match(text, latest):
        latest -= 1
    return max(_boundaries(text, earliest, latest) or [latest])


def _boundaries(text: str, earliest: int, latest: int) -> list[int]:
    """Where words begin or end, from ``earliest`` to ``latest``, both included."""
    # Whether there is a boundary depends on what stands around it.
    begin = max(earliest - _SLACK, 0)
    found = (begin + match.start() for match in _BOUNDARY.finditer(text[begin : latest + _SLACK]))
    return [place for place in found if earliest <= place <= latest]
