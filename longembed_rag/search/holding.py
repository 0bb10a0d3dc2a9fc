"""Which documents and passages hold what a query wants word for word, all of them.

The words that are stored tell which documents may hold it, and their texts whether they do: what is
stored is stemmed, without stopwords, and knows no order. What no word is stored of, such as a
phrase of stopwords, is looked for in all texts.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longembed_rag.errors import SettingsError
from longembed_rag.points.filters import AnyFilter, Filter, combine
from longembed_rag.points.port import scroll
from longembed_rag.points.values import Ask, Stored
from longembed_rag.search.requests import Scope, only, word_probe
from longembed_rag.store.payload import NODE_KEY, VERSION_KEY, read_node, read_own
from longembed_rag.store.reading import PLACE_KEYS, PassagePlace, read_place
from longembed_rag.store.writing import of_documents
from longembed_rag.words.exact import FoldedText, Phrase

if TYPE_CHECKING:
    from longembed_rag.search.syntax import Query
    from longembed_rag.store.place import Place
    from longembed_rag.store.values import CollectionRecord
    from longembed_rag.words.query import Forms

#: Most documents whose texts are read for a query.
MOST_READ = 20_000
#: Most passages that a ranking is narrowed to; of more, all passages of their documents count.
MOST_PASSAGES = 10_000

# Documents whose texts are in memory at once.
_BATCH = 32
# Words whose documents are asked for; further ones would narrow what is read by little.
# Documents that a word may be found in for it to be of use.
_MOST_FOUND = 100_000
_MOST_WORDS = 16


@dataclass(frozen=True)
class HeldText:
    """A stored document's text, to look into.

    Attributes:
        version: Hash of the text.
        text: The text.
    """

    version: str
    text: FoldedText

    @classmethod
    def of(cls, record: Stored) -> HeldText:
        """The text of a document's point; an empty one where it holds none."""
        text, _ = read_node(record.payload)
        return cls(str(read_own(record.payload).get("content_hash")), FoldedText(text or ""))

    def fits(self, query: Query) -> bool:
        """Whether it holds all that a query wants, and nothing that it does not."""
        text = self.text.folded
        return all(each.stands_in(text) for each in query.wanted) and not any(
            each.stands_in(text) for each in query.unwanted
        )


def scope_of(
    query: Query, *, matching: AnyFilter | None, record: CollectionRecord, place: Place
) -> Scope:
    """What a search for a query looks at.

    Args:
        query: The query.
        matching: Which documents are looked at beside what it says; None for all.
        record: The collection's.
        place: Where the collection is.

    Raises:
        SettingsError: More than :data:`MOST_READ` documents would have to be read.
        StoreError: The collection cannot be read.
    """
    if query.wanted:
        return _of_what_holds(query, matching, record, place)
    if not query.unwanted:
        return Scope(documents=matching, passages=matching)
    asked = _may_hold(query.unwanted, matching, record, place)
    several = [each for each in asked if each is not None]
    reading = set().union(*several) if len(several) == len(asked) else _all(matching, place)
    unwanted = [
        identity
        for batch in _texts(reading, query, place)
        for identity, held in batch.items()
        if not held.fits(query)
    ]
    if not unwanted:
        return Scope(documents=matching, passages=matching)
    return Scope(
        documents=combine(matching, Filter(must_not=only(unwanted).must)),
        passages=combine(matching, Filter(must_not=of_documents(unwanted).must)),
    )


def _of_what_holds(
    query: Query, matching: AnyFilter | None, record: CollectionRecord, place: Place
) -> Scope:
    asked = _may_hold(query.wanted, matching, record, place)
    several = [each for each in asked if each is not None]
    reading = set.intersection(*several) if several else _all(matching, place)
    holding: list[str] = []
    passages: list[str] = []
    for batch in _texts(reading, query, place):
        fitting = {identity: held for identity, held in batch.items() if held.fits(query)}
        holding += fitting
        if record.options.passages and len(passages) <= MOST_PASSAGES:
            found = passages_that_hold(query.wanted, fitting, place=place)
            passages += [each.point_id for places in found.values() for each in places]
    few = len(passages) <= MOST_PASSAGES
    return Scope(
        # The filter once more: what it says of documents is told by nothing else.
        documents=combine(matching, only(holding)),
        passages=only(passages) if few else combine(matching, of_documents(holding)),
        holding=tuple(holding),
    )


def _may_hold(
    phrases: Sequence[Phrase], matching: AnyFilter | None, record: CollectionRecord, place: Place
) -> list[set[str] | None]:
    """For each phrase the documents that hold all of its stored words; None where it has none."""
    analyzers = record.get_analyzers()

    def forms_of(word: str) -> Forms:
        by_each = [analyzer.stems(word) for analyzer in analyzers]
        # What one of them leaves out is not stored of every document that holds it.
        return tuple((stem, 1.0) for stem in sorted(set().union(*by_each))) if all(by_each) else ()

    words = dict.fromkeys(word for each in phrases for word in each.indexed_words)
    stored = [(word, forms) for word in words if (forms := forms_of(word))]
    asked = dict(stored[:_MOST_WORDS])
    count = place.points.count(place.documents, what="searching")
    most = min(count, _MOST_FOUND)
    asks = [Ask(*word_probe(each), most, matching) for each in asked.values()]
    answers = place.points.query(place.documents, asks, what="searching")
    # What so many hold that not all come back narrows nothing down.
    holding = {
        word: {hit.id for hit in hits}
        for word, hits in zip(asked, answers, strict=True)
        if len(hits) < most or most == count
    }
    by_phrase = [[holding[w] for w in each.indexed_words if w in holding] for each in phrases]
    return [set.intersection(*each) if each else None for each in by_phrase]


def _all(matching: AnyFilter | None, place: Place) -> set[str]:
    """The ids of all documents that a filter lets through."""
    points = scroll(place.points, place.documents, what="searching", keys=[], matching=matching)
    return {point.id for point in points}


def _texts(ids: set[str], query: Query, place: Place) -> Iterator[dict[str, HeldText]]:
    """The texts of documents, some at a time.

    Raises:
        SettingsError: There are too many.
    """
    if len(ids) > MOST_READ:
        said = ", ".join((*query.phrases, *query.must, *query.must_not))
        raise SettingsError(
            f"{len(ids):,} documents would have to be read to tell which of them hold {said}, more "
            f"than {MOST_READ:,}: add a word that fewer hold, narrow the search by a filter, or "
            "search without quotes and signs"
        )
    ordered = sorted(ids)
    for start in range(0, len(ordered), _BATCH):
        page = ordered[start : start + _BATCH]
        records = place.points.fetch(
            place.documents, page, what="searching", keys=(NODE_KEY, VERSION_KEY)
        )
        yield {each.id: HeldText.of(each) for each in records}


def passages_that_hold(
    wanted: Sequence[Phrase], texts: Mapping[str, HeldText], *, place: Place
) -> dict[str, list[PassagePlace]]:
    """The passages of documents in which what is wanted stands.

    Of each document those that hold the most of it: all of it, where one does. A phrase that no
    passage holds whole is held by those that have a part of it.

    Args:
        wanted: What is wanted; the documents hold it.
        texts: The documents, by the ids of their points.
        place: Where their passages are.

    Returns:
        Passages in the order of the text, by the document's id; none of another version than the
        text's.

    Raises:
        StoreError: They cannot be read.
    """
    if not texts:
        return {}
    points = scroll(
        place.points,
        place.passages,
        what="searching",
        keys=PLACE_KEYS,
        matching=of_documents(list(texts)),
    )
    places: dict[str, list[PassagePlace]] = {each: [] for each in texts}
    for point in points:
        where = read_place(point.id, point.payload)
        if where is not None and where.version == texts[where.document].version:
            places[where.document].append(where)
    return {
        identity: _holding(wanted, texts[identity].text, sorted(found, key=lambda each: each.start))
        for identity, found in places.items()
    }


def _holding(
    wanted: Iterable[Phrase], text: FoldedText, places: Sequence[PassagePlace]
) -> list[PassagePlace]:
    counts = dict.fromkeys(range(len(places)), 0)
    for phrase in wanted:
        spans = phrase.spans(text)
        starts, ends = [start for start, _ in spans], [end for _, end in spans]
        whole, parts = [], []
        for index, where in enumerate(places):
            first = bisect_left(starts, where.start)
            if first < len(spans) and ends[first] <= where.end:
                whole.append(index)
            first = bisect_right(ends, where.start)
            if first < len(spans) and starts[first] < where.end:
                parts.append(index)
        for index in whole or parts:
            counts[index] += 1
    most = max(counts.values(), default=0)
    return [places[index] for index, count in counts.items() if count == most > 0]
