"""Writer: what a store has to know of a collection while it writes to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from longembed_rag.errors import NotAllowedError, PointRefusedError
from longembed_rag.store.claims import claimed_by_others
from longembed_rag.store.collection import Collection
from longembed_rag.store.frequencies.beginning import settle_words
from longembed_rag.store.frequencies.settling import settle
from longembed_rag.store.listing import list_documents
from longembed_rag.store.making import analyse
from longembed_rag.store.manifest import Manifest, ManifestEntry
from longembed_rag.store.recovery import recover
from longembed_rag.store.reweighing import is_off, made_with, recounted, reweigh
from longembed_rag.store.values import READERS_VERSION, CollectionRecord, IndexedDocument
from longembed_rag.store.writing import Prepared, delete_documents, write_document
from longembed_rag.words.analyzer import get_analyzer
from longembed_rag.words.languages import AUTO_LANGUAGE
from longembed_rag.words.lengths import Length, Lengths, TermCounts, Totals
from longembed_rag.words.terms import WEIGHING_VERSION

if TYPE_CHECKING:
    from longembed_rag.store.place import Place
    from longembed_rag.store.values import StoredSource
    from longembed_rag.words.analyzer import Analyzer
    from longembed_rag.words.lengths import Averages

#: Weighs the words of documents again by some averages; gives how many were done.
Reweigh: TypeAlias = "Callable[[Iterable[StoredSource], Averages], int]"


class Writer:
    """Writes to a collection, and remembers what is in it from one document to the next.

    Args:
        place: Where it is.
        record: What it says of itself.

    Raises:
        SettingsError: A later release has made it.
    """

    def __init__(self, place: Place, record: CollectionRecord) -> None:
        self._place = place
        self._record = record
        record.get_analyzer()  # what a later release keeps is not for this one to change
        # As far as this process has looked; others may write to a server, too.
        self._known: tuple[dict[str, ManifestEntry], Lengths] | None = None
        # Whether somebody was killed on the way, who may have left terms behind.
        self._has_recovered = False

    def upsert(self, document: IndexedDocument) -> None:
        """Write a document; see :meth:`DocumentStore.upsert`."""
        entries, lengths = self._look()
        before = lengths.get(document.source)
        try:
            prepared = self.prepare(document, lengths)
            entries[document.source] = write_document(
                prepared,
                record=self._record,
                place=self._place,
                earlier=entries.get(document.source),
            )
        except BaseException:  # whatever it was, it goes on; the lengths are as before
            lengths.restore(document.source, before)
            if document.source not in entries:
                self._forget()  # the manifest knows whether something of it is there now
            raise

    def prepare(self, document: IndexedDocument, lengths: Lengths) -> Prepared:
        """A document as points, its words weighed.

        Args:
            document: The document.
            lengths: Of those that are there; it is counted among them.

        Raises:
            PointRefusedError: It cannot be written as it is.
        """
        if document.dimension != self._record.dimension:
            raise PointRefusedError(
                f"{document.source} was not written: its vectors have {document.dimension} "
                f"numbers, the collection's {self._record.dimension}: they are another model's"
            )
        language = self._language_of(document.text, document.metadata)
        analyzer = self._record.get_analyzer(language)
        terms = analyse(document.text, document.passages, analyzer=analyzer, language=language)
        length = Length(len(terms.stems), len(document.passages), terms.in_passages)
        lengths.put(document.source, length)
        averages = self._record.averages or lengths.totals.averages
        counts = TermCounts(
            terms=len(terms.stems),
            passage_terms=terms.in_passages,
            average=averages.documents,
            passage_average=averages.passages,
            analyzer=analyzer.version,
            weighing=self._record.weighing,
        )
        return Prepared.of(document, terms, counts, record=self._record, place=self._place)

    @property
    def record(self) -> CollectionRecord:
        """What the collection says of itself, as this has noted it."""
        return self._record

    def analyzer_of(self, text: str, metadata: Mapping[str, Any]) -> Analyzer:
        """What finds the words of a text that is about to be written, noted in the record."""
        return self._record.get_analyzer(self._language_of(text, metadata))

    def _language_of(self, text: str, metadata: Mapping[str, Any]) -> str | None:
        """What a text is written in; queries are tried in that from now on."""
        record = self._record
        language = record.language_of(text, metadata)
        stemmed = record.stemmed_as(language)
        if record.options.language == AUTO_LANGUAGE and stemmed not in record.languages:
            collection = Collection(self._place)
            try:
                collection.note_languages([stemmed])
            except NotAllowedError:
                # A key that writes points and no collections: words as those that are there.
                return record.languages[0] if record.languages else None
            self._record = replace(record, languages=collection.existing_record().languages)
        return language

    def delete(self, sources: Iterable[str]) -> None:
        """Remove documents; see :meth:`DocumentStore.delete`."""
        sources = list(sources)
        if sources:
            try:
                delete_documents(sources, place=self._place)
            finally:
                self._forget()

    def recover(self) -> list[str]:
        """Finish or undo what was begun; see :meth:`DocumentStore.recover`."""
        self._forget()
        # The manifest first: what is written in between is then there, not lost. What others have
        # in hand, before or after, is left to them.
        theirs = self._claimed()
        entries = Manifest(self._place).entries()
        theirs |= self._claimed()
        done = recover(
            entries,
            list_documents(self._place),
            fingerprint=self._record.fingerprint,
            place=self._place,
            theirs=theirs,
        )
        self._forget()
        self._has_recovered |= bool(done)
        return done

    def _claimed(self) -> frozenset[str]:
        """What others have in hand, who are nowhere where the store is this process's."""
        embedded = self._place.points.embedded
        return frozenset() if embedded else claimed_by_others(self._place)

    def reweigh(self, *, by: Reweigh | None = None) -> int:
        """Weigh words again; see :meth:`DocumentStore.reweigh`."""
        collection = Collection(self._place)
        record = collection.existing_record()  # a copy into it may have changed its versions
        version = get_analyzer(record.stemmed_as(None)).version
        if record.analyzer != version:
            # From here on until all are done, words of either kind are there.
            collection.note_changes(analyzer_next=version)
        totals, made, languages = Totals(), set[tuple[Any, ...]](), set[str | None]()
        counted = recounted(
            list_documents(self._place),
            analyzer_of=partial(_analyzer_of, record),
            version=version,
            place=self._place,
        )
        for each in counted:
            totals.count(Length.of(each))
            made.add(made_with(each))
            languages.add(each.language)
        averages = totals.settled(record.averages)
        with suppress(NotAllowedError):  # they are the same for all who look at these documents
            if averages != record.averages:
                collection.note_changes(averages=list(averages))
            # Of two who note a language at once, one may have been lost.
            if record.options.language == AUTO_LANGUAGE:
                collection.note_languages({record.stemmed_as(each) for each in languages})
        off = {each for each in made if is_off(each, averages, version, WEIGHING_VERSION)}
        # Listed once more, so that memory does not grow with the collection.
        again = (each for each in list_documents(self._place) if made_with(each) in off)
        done = (by or self.reweigh_these)(again, averages) if off else 0
        now = {
            "analyzer": version,
            "readers": READERS_VERSION,
            "weighing": WEIGHING_VERSION,
        }
        if any(getattr(record, name) != version for name, version in now.items()):
            collection.note_changes(**now, analyzer_next=None)
        settle_words(collection, record, sweeps=self._has_recovered)
        self._has_recovered = False
        return done

    def count_words(self) -> None:
        """Count words that have come; see :meth:`DocumentStore.count_words`."""
        if self._record.frequencies:
            settle(self._place)

    def reweigh_these(self, stored: Iterable[StoredSource], averages: Averages) -> int:
        """Weigh the words of documents again by some averages; gives how many were done."""
        return reweigh(
            stored,
            averages,
            analyzer_of=partial(_analyzer_of, self._record),
            version=get_analyzer(self._record.stemmed_as(None)).version,
            weighing=WEIGHING_VERSION,
            record=self._record,
            place=self._place,
        )

    def _forget(self) -> None:
        self._known = None

    def _look(self) -> tuple[dict[str, ManifestEntry], Lengths]:
        """The manifest and the lengths, from one listing."""
        if self._known is None:
            stored = list(list_documents(self._place))
            # A document that is there is known even where somebody has deleted the manifest.
            entries = {
                each.source: ManifestEntry.of_stored(each, fingerprint=self._record.fingerprint)
                for each in stored
            }
            entries.update(Manifest(self._place).entries())
            self._known = entries, Lengths(stored)
        return self._known


def _analyzer_of(record: CollectionRecord, stored: StoredSource) -> Analyzer:
    """What finds the words of a document that is there."""
    return get_analyzer(record.stemmed_as(stored.language))
