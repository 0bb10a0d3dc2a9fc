"""The words of a query as they may be stored: in other forms, and in several languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from longembed_rag.words.cutting import Analyzer, Term
from longembed_rag.words.languages import NO_LANGUAGE
from longembed_rag.words.terms import word_pairs

#: A word of a query: what it may be stored as, each with what it weighs then.
Forms = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class QueryWords:
    """The words of a query.

    Attributes:
        words: Each with its forms, in order; stopwords aside.
        pairs: Its word pairs, each with how often it is said.
    """

    words: tuple[Forms, ...]
    pairs: Mapping[str, float]

    @classmethod
    def plain(cls, stems: Sequence[str]) -> QueryWords:
        """Words without other forms, as a list of terms."""
        return cls(tuple(((stem, 1.0),) for stem in stems), Counter(word_pairs(stems)))

    def __len__(self) -> int:
        return len(self.words)

    @property
    def weights(self) -> dict[str, float]:
        """What each term weighs."""
        weights: dict[str, float] = {}
        for forms in self.words:
            for term, weight in forms:
                weights[term] = weights.get(term, 0.0) + weight
        return weights

    @property
    def stems(self) -> frozenset[str]:
        """All terms, to find them in a text."""
        return frozenset(term for forms in self.words for term, _ in forms)


def query_words(text: str, analyzers: Sequence[Analyzer]) -> QueryWords:
    """The words of a query.

    Args:
        text: The query.
        analyzers: Of the languages that texts are stored in, or of several versions. A word that is
            the same by several counts once.
    """
    found: Sequence[list[Term]] = [analyzer.terms(text) for analyzer in analyzers]
    if len(found) > 1:
        found = _without_stopwords(text, analyzers, found)
    words: dict[tuple[int, int], dict[str, float]] = {}
    pairs: Counter[str] = Counter()
    for terms in found:
        for place, forms in _by_word(terms).items():
            known = words.setdefault(place, {})
            for term, weight in forms.items():
                known[term] = max(weight, known.get(term, 0.0))
        pairs |= Counter(word_pairs([term.stem for term in terms if term.main]))
    ordered = (tuple(words[place].items()) for place in sorted(words))
    return QueryWords(tuple(ordered), pairs)


def _without_stopwords(
    text: str, analyzers: Sequence[Analyzer], found: Sequence[list[Term]]
) -> Sequence[list[Term]]:
    """The terms of each language without stopwords of the language that the query is likely in.

    ``the`` is rare in German documents, and would find the one that quotes English. The query's own
    language is the one with the most stopwords in it; of several, what is one in all.
    """
    places = {(term.start, term.end) for term in Analyzer(NO_LANGUAGE).terms(text)}
    said = [
        {place for place in places if analyzer.is_stopword(text[slice(*place)])}
        for analyzer in analyzers
    ]
    most = max(map(len, said))
    if not most:
        return found
    common = set.intersection(*(each for each in said if len(each) == most))
    left = [_without(text, terms, common) for terms in found]
    return left if any(left) else found


def _without(text: str, terms: Sequence[Term], places: set[tuple[int, int]]) -> list[Term]:
    gone = {(t.start, t.end) for t in terms if t.main and (t.start, t.end) in places}
    return [
        term
        for term in terms
        if (term.start, term.end) not in gone
        # A stopword is part of a compound with a hyphen ("follow-up"), but of none without.
        and not (
            " " in text[term.start : term.end]
            and any(start < term.end and term.start < end for start, end in places)
        )
    ]


def _by_word(terms: Sequence[Term]) -> dict[tuple[int, int], dict[str, float]]:
    """What each word may be stored as, by its place; a form with that of the first word in it."""
    mains = [(term.start, term.end) for term in terms if term.main]
    words: dict[tuple[int, int], dict[str, float]] = {place: {} for place in mains}
    for term in terms:
        place = (term.start, term.end)
        if not term.main:
            place = next((m for m in mains if m[0] < term.end and term.start < m[1]), place)
        forms = words.setdefault(place, {})
        forms[term.stem] = max(term.said, forms.get(term.stem, 0.0))
    return words
