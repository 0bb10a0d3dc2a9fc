"""Texts on their way into a collection: the model reads the next while the last is written.

Texts are looked at and read by the model on the thread that asks, and written on one other, one
after the other. What happens is told in the order of the texts, on the thread that asks, each text
once it is written whole.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from longembed_rag.errors import InputError, PointRefusedError, ReadError
from longembed_rag.files.values import FileText
from longembed_rag.ingest.comparing import Incoming
from longembed_rag.ingest.encoding import read_documents
from longembed_rag.ingest.report import DocumentProgress, DocumentStarted, Status
from longembed_rag.store.document import read_indexed
from longembed_rag.store.listing import find_stored
from longembed_rag.store.values import IndexedDocument, StoredSource

if TYPE_CHECKING:
    from longembed_rag.encoder.values import PassageEncoding, ReadDocument
    from longembed_rag.ingest.taking import Run

Result = TypeVar("Result")

#: Characters of texts that may wait to be written, so that memory stays level; with their vectors
#: they take some ten times as many bytes.
_MOST_WAITING = 4_000_000
#: Texts that are looked at before the model reads those of them that it is to read.
_LONGEST_LINE = 1024
#: How long the model waits for one more text that could share its pass, seconds.
_MOMENT = 0.02
#: How long is waited until texts are tried again that somebody else has in hand, seconds.
_PATIENCE = 1.0
#: What is one text's trouble, and no other's.
_OF_ONE = (ReadError, InputError, PointRefusedError, MemoryError)


@dataclass(frozen=True, kw_only=True)
class GivenText:
    """A text that is to be in the collection.

    Attributes:
        source: Where it comes from.
        size: Its bytes.
        position: Which of the texts it is, from 1.
        read: Reads it; None where it is known to be in the collection as it is.
        is_ready: Whether reading it takes no waiting, or will not after some seconds.
        notes: What its reader remarked when it was read before.
        file_name: What else messages call it.
        is_file: Whether a reader found its metadata, which somebody may have changed in the
            collection since; else they are as given, and what is there is to be so.
    """

    source: str
    size: int
    position: int
    read: Callable[[], FileText] | None
    is_ready: Callable[[float], bool] = lambda seconds: True
    notes: tuple[str, ...] = ()
    file_name: str = ""
    is_file: bool = True


@dataclass
class _Text:
    """A text on its way; done once it has failed or is in the collection."""

    given: GivenText
    began: float = 0.0
    incoming: Incoming | None = None
    digest: str = ""
    remarks: tuple[str, ...] = ()
    status: Status = "unchanged"
    taken: StoredSource | IndexedDocument | None = None
    is_embedded: bool = False
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    written: Future[float] | None = None
    failure: BaseException | None = None

    @property
    def is_done(self) -> bool:
        if self.written is not None:
            return self.written.done()
        return self.failure is not None or self.taken is not None


@dataclass
class Flow:
    """Takes texts into a collection.

    Attributes:
        run: The pass that they belong to.
        taken: Is called for each text once it is done, with the hash of the text and what its
            reader remarked; with nothing where it could not be taken in.
    """

    run: Run
    taken: Callable[[GivenText, str, tuple[str, ...]], None] = lambda *_: None
    _postponed: list[GivenText] = field(default_factory=list)
    _line: deque[_Text] = field(default_factory=deque)
    _unread: deque[_Text] = field(default_factory=deque)
    _thread: ThreadPoolExecutor = field(init=False)
    _is_broken: bool = False

    def take(self, texts: Iterable[GivenText]) -> None:
        """Bring in texts; one that cannot be taken in is told and passed over.

        Raises:
            StoreError: The store cannot be written to. Every text that was told as done is in it.
        """
        self._take(texts)
        while self._postponed:
            # Others have them in hand: until they have written them, or are taken for dead.
            time.sleep(_PATIENCE)
            again, self._postponed = self._postponed, []
            self._take(again)

    def _take(self, texts: Iterable[GivenText]) -> None:
        run = self.run
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="longembed-write")
        try:
            reading = read_documents(
                run.encoder,
                self._looked_at(texts),
                record=run.store.existing_record(),
                on_progress=self._progress,
            )
            with closing(reading):
                for read in reading:
                    self._write_read(read)
                    self._tell()
            self._tell(to_the_end=True)
        finally:
            self._thread.shutdown(cancel_futures=True)

    def _looked_at(self, texts: Iterable[GivenText]) -> Iterator[tuple[str, str] | None]:
        """Those that the model is to read; None where the next has to be waited for."""
        for given in texts:
            while self._unread and not (
                len(self._line) < _LONGEST_LINE and given.is_ready(_MOMENT)
            ):
                yield None
            text = _Text(given)
            self._line.append(text)
            self._tell()
            began = time.monotonic()
            try:
                self._look_at(text)
            except _OF_ONE as error:
                text.failure = error
            text.seconds = time.monotonic() - began
            if text.is_done or text.written is not None:
                self._tell()
            elif not self._is_ours(text):
                continue
            else:
                assert text.incoming is not None
                self._unread.append(text)
                yield given.source, text.incoming.text.text

    def _look_at(self, text: _Text) -> None:
        """Read a text, and compare it with what is there."""
        given, run = text.given, self.run
        earlier = run.stored.get(given.source)
        if given.read is None:
            kept = run.stored[given.source]
            text.taken, text.digest = kept, kept.content_hash
            text.notes = text.remarks = given.notes
            return
        incoming = Incoming.of(given.read(), is_file=given.is_file)
        run.require_tenant(given.source, incoming.text.metadata)
        text.digest, text.remarks = incoming.content_hash, incoming.text.notes
        text.notes = text.remarks
        text.status = "added" if earlier is None else "updated"
        if earlier is not None and run.held(given.source) == text.digest:
            if incoming.is_known(earlier):
                text.status, text.taken = "unchanged", earlier
                return
            # By the thread that writes, so that one at a time is at the store.
            there = self._thread.submit(read_indexed, given.source, place=run.store.place).result()
            if there is not None:
                # The text is the same, and what is known of it is not: nothing is embedded.
                self._write(text, incoming.known_anew(there))
                return
        text.incoming = incoming

    def _is_ours(self, text: _Text) -> bool:
        """Claim a text that the model is to read; one that others have comes again later."""
        source = text.given.source
        claimed = self.run.claim(source, text.digest)
        if claimed == "there":
            there = self._thread.submit(find_stored, source, place=self.run.store.place)
            text.taken, text.status, text.incoming = there.result(), "unchanged", None
            if text.taken is not None:
                self._tell()
                return False
        if claimed != "ours":
            self._line.remove(text)
            self._postponed.append(text.given)
        return claimed == "ours"

    def _write_read(self, read: ReadDocument) -> None:
        """Have a text written that the model has read."""
        text = self._unread.popleft()
        text.seconds += read.seconds
        if read.error is not None:
            text.failure = read.error
            self.run.release(text.given.source)
            return
        assert text.incoming is not None
        document, notes = document_of(text.given.source, text.incoming, read.get())
        text.notes, text.incoming = (*text.notes, *notes), None
        text.is_embedded = True
        self._write(text, document)

    def _write(self, text: _Text, document: IndexedDocument) -> None:
        text.taken = document
        text.written = self._thread.submit(self._store, document, text.is_embedded)
        while self._line and self._line[0].written and self._waiting > _MOST_WAITING:
            wait([self._line[0].written])
            self._tell()

    @property
    def _waiting(self) -> int:
        """Characters of texts that wait to be written, and were not told yet."""
        there = (each.taken for each in self._line if each.written is not None)
        return sum(len(each.text) for each in there if isinstance(each, IndexedDocument))

    def _store(self, document: IndexedDocument, is_embedded: bool) -> float:
        """Write a document, on the thread that does so; gives the seconds that it took."""
        if self._is_broken:
            raise CancelledError
        began = time.monotonic()
        try:
            self.run.store.upsert(document)
            if is_embedded:
                self.run.others.count(document.text, document.metadata)
        except BaseException as error:  # whatever it was, it goes on
            self._is_broken = not isinstance(error, _OF_ONE)
            raise
        finally:
            if is_embedded and not self._is_broken:
                self.run.release(document.source)
        return time.monotonic() - began

    def _progress(self, source: str, done: int, total: int) -> None:
        self._tell()
        if self._line and self._line[0].given.source == source:
            seconds = time.monotonic() - self._line[0].began
            self.run.tell(
                DocumentProgress(
                    source=source, tokens_done=done, tokens_total=total, seconds=seconds
                )
            )

    def _tell(self, *, to_the_end: bool = False) -> None:
        """Tell of the texts that are done, as far as all before them are.

        Args:
            to_the_end: Whether to wait for what is being written.
        """
        while self._line:
            text = self._line[0]
            given = text.given
            if not text.began:
                text.began = time.monotonic()
                self.run.tell(
                    DocumentStarted(source=given.source, size=given.size, position=given.position)
                )
            if not (text.is_done or to_the_end):
                return
            self._line.popleft()
            self._tell_of(text)

    def _tell_of(self, text: _Text) -> None:
        given, error = text.given, text.failure
        if text.written is not None:
            error = text.written.exception()
        if isinstance(error, MemoryError):
            self.run.fail(given.source, "it does not fit into memory")
        elif isinstance(error, _OF_ONE):
            self.run.fail(given.source, without_name(str(error), given.source, given.file_name))
        elif error is not None:
            raise error
        if error is not None or text.taken is None:
            self.taken(given, "", ())
            return
        self.run.done(
            text.status,
            text.taken,
            size=given.size,
            seconds=text.seconds + (text.written.result() if text.written else 0.0),
            notes=text.notes,
            is_embedded=text.is_embedded,
        )
        self.taken(given, text.digest, text.remarks)


def document_of(
    source: str, incoming: Incoming, encoding: PassageEncoding
) -> tuple[IndexedDocument, tuple[str, ...]]:
    """A document as it is written, of a text and what the model made of it, and what to know."""
    document = IndexedDocument.of_encoding(
        encoding,
        source=source,
        text=incoming.text.text,
        metadata=incoming.text.metadata,
        content_hash=incoming.content_hash,
        layout=incoming.text.layout,
        reading_hash=incoming.reading_hash,
    )
    unknown = encoding.coverage.unknown_note
    return document, (f"{unknown}; words still find it",) if unknown else ()


def without_name(message: str, *names: str) -> str:
    """A reason without the name that is told beside it."""
    for name in names:
        message = message.removeprefix(f"{name}: ").removeprefix(f"{name} ")
    return message
