"""What each process of an ingest does; nothing here knows of Ray."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from longembed_rag.errors import InputError, PointRefusedError, ReadError
from longembed_rag.files.reading import FileReader
from longembed_rag.ingest.comparing import Incoming
from longembed_rag.ingest.encoding import read_documents
from longembed_rag.ingest.flow import document_of, without_name
from longembed_rag.ingest.languages import OtherLanguages
from longembed_rag.ingest.many.values import Embedded, Job, Outcome, Parcel, ReadText, Task
from longembed_rag.store.claims import Claims, is_written_since
from longembed_rag.store.document import read_indexed
from longembed_rag.store.listing import find_stored
from longembed_rag.store.part_writer import PartWriter
from longembed_rag.store.tenants import tenant_of

if TYPE_CHECKING:
    from longembed_rag.store.values import IndexedDocument, StoredSource
    from longembed_rag.words.lengths import Averages

# What is one file's trouble, and no other's.
_OF_ONE = (ReadError, InputError, PointRefusedError, MemoryError)


class Reading:
    """Reads files, each as one text, and tells those that are in the collection as they are.

    Args:
        job: The ingest.
    """

    def __init__(self, job: Job) -> None:
        self._reader = FileReader(job.reading)

    def __call__(self, tasks: Sequence[Task]) -> Iterator[ReadText | Outcome]:
        """Read files; gives one for each, in order."""
        ahead = self._reader.ahead(task.place for task in tasks)
        for task, read in zip(tasks, ahead, strict=True):
            began = time.monotonic()
            try:
                incoming = Incoming.of(read(), is_file=True)
            except _OF_ONE as error:
                yield failed(task, error)
                continue
            yield _compared(ReadText(task=task, incoming=incoming, seconds=_since(began)))


class Embedding:
    """Has a model read texts that nobody else has in hand.

    Args:
        job: The ingest.
    """

    def __init__(self, job: Job) -> None:
        self._encoder = job.make_encoder()
        self._store = job.open_store()
        self._claims = Claims(self._store.place, name=job.holder)
        self._record = self._store.existing_record()

    def __call__(self, parcels: Sequence[Parcel]) -> Iterator[Parcel]:
        """Read texts; what is none is passed on."""
        texts: dict[str, ReadText] = {}
        for each in parcels:
            if not isinstance(each, ReadText) or each.only_known_anew:
                yield each
                continue
            source, field = each.task.source, self._record.options.tenant_field
            try:
                tenant_of(source, each.incoming.text.metadata, field)
            except PointRefusedError as error:
                yield failed(each.task, error)
            else:
                texts[source] = each
        taken = self._claims.take(texts)
        for source in [each for each in texts if each not in taken]:
            yield Outcome(task=texts.pop(source).task)  # somebody else's, for now
        for source, entry in taken.items():
            known, digest = texts[source].task.earlier, texts[source].incoming.content_hash
            if is_written_since(entry, digest, known=known):
                there = find_stored(source, place=self._store.place)
                if there is not None:
                    self._claims.release([source])
                    yield told_of(texts.pop(source), there)
        yield from self._read(texts)

    def _read(self, texts: dict[str, ReadText]) -> Iterator[Parcel]:
        reading = read_documents(
            self._encoder,
            ((source, each.incoming.text.text) for source, each in texts.items()),
            record=self._record,
            on_progress=lambda source, done, total: None,
        )
        for (source, text), read in zip(texts.items(), reading, strict=True):
            if read.error is not None:
                self._claims.release([source])
                yield failed(text.task, read.error)
                continue
            document, notes = document_of(source, text.incoming, read.get())
            outcome = told_of(text, document, is_embedded=True)
            yield Embedded(
                outcome=replace(
                    outcome, notes=(*outcome.notes, *notes), seconds=text.seconds + read.seconds
                ),
                document=document,
            )


class Writing:
    """Writes documents, and lets others have them.

    Args:
        job: The ingest.
    """

    def __init__(self, job: Job) -> None:
        self._store = job.open_store()
        self._claims = Claims(self._store.place, name=job.holder)

    def __call__(self, parcels: Sequence[Parcel]) -> Iterator[Outcome]:
        """Write documents; what is done already is passed on."""
        began = time.monotonic()
        record = self._store.existing_record()
        writer, others = PartWriter(self._store.place, record), OtherLanguages(record)
        outcomes = {each.source: each for each in map(_outcome_of, parcels)}
        documents: list[IndexedDocument] = []
        for each in parcels:
            if isinstance(each, Embedded):
                documents.append(each.document)
                language = others.language_of(each.document.text, each.document.metadata)
                outcomes[each.outcome.source] = replace(each.outcome, language=language)
            elif isinstance(each, ReadText):
                there = read_indexed(each.task.source, place=self._store.place)
                if there is None:  # once more, with the model
                    outcomes[each.task.source] = Outcome(task=each.task)
                else:
                    documents.append(each.incoming.known_anew(there))
        for source, error in writer.write_all(documents).items():
            outcomes[source] = failed(outcomes[source].task, error)
        self._claims.release(each.source for each in documents)
        seconds = _since(began) / max(len(documents), 1)
        written = {each.source for each in documents}
        for source, outcome in outcomes.items():
            spent = seconds if source in written else 0.0
            yield replace(outcome, seconds=outcome.seconds + spent)


class Reweighing:
    """Weighs the words of documents again.

    Args:
        job: The ingest.
        averages: What they are weighed by.
    """

    def __init__(self, job: Job, averages: Averages) -> None:
        store = job.open_store()
        self._writer = PartWriter(store.place, store.existing_record())
        self._averages = averages

    def __call__(self, stored: Sequence[StoredSource]) -> Iterator[int]:
        """Weigh documents; gives how many were done."""
        yield self._writer.reweigh_these(stored, self._averages)


def failed(task: Task, error: BaseException) -> Outcome:
    """What came of a file that could not be taken in."""
    if isinstance(error, MemoryError):
        return Outcome(task=task, failure="it does not fit into memory")
    return Outcome(task=task, failure=without_name(str(error), task.source, str(task.place)))


def told_of(
    text: ReadText, taken: StoredSource | IndexedDocument, *, is_embedded: bool = False
) -> Outcome:
    """What came of a file that is in the collection, or is about to be."""
    notes = text.incoming.text.notes
    is_new = text.task.earlier is None
    return Outcome(
        task=text.task,
        status=("added" if is_new else "updated") if is_embedded else "unchanged",
        tokens=taken.tokens,
        tokens_read=taken.tokens_read,
        windows=taken.windows,
        seconds=text.seconds,
        notes=notes,
        remarks=notes,
        digest=text.incoming.content_hash,
        stamp=text.incoming.text.stamp,
        is_embedded=is_embedded,
    )


def _compared(text: ReadText) -> ReadText | Outcome:
    """A text compared with what is there."""
    task, earlier = text.task, text.task.earlier
    if earlier is None or not task.is_whole or earlier.content_hash != text.incoming.content_hash:
        return text
    if text.incoming.is_known(earlier):
        return told_of(text, earlier)
    return replace(text, only_known_anew=True)


def _outcome_of(parcel: Parcel) -> Outcome:
    """What is told of a parcel once it is written."""
    if isinstance(parcel, Outcome):
        return parcel
    if isinstance(parcel, Embedded):
        return parcel.outcome
    assert parcel.task.earlier is not None
    return replace(told_of(parcel, parcel.task.earlier), status="updated")


def _since(began: float) -> float:
    return time.monotonic() - began
