"""Taking texts into a collection, one after the other: each embedded, and then written whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import InputError, PointRefusedError, ReadError
from longembed_rag.files.values import Failure, FileText, Skipped
from longembed_rag.ingest.comparing import Incoming
from longembed_rag.ingest.languages import OtherLanguages
from longembed_rag.ingest.report import (
    DocumentDeleted,
    DocumentDone,
    DocumentFailed,
    DocumentProgress,
    DocumentStarted,
    Event,
    IngestReport,
    Started,
    Status,
)
from longembed_rag.store.document import read_indexed
from longembed_rag.store.values import IndexedDocument, StoredSource

if TYPE_CHECKING:
    from longembed_rag.encoder.values import PassageEncoding
    from longembed_rag.ingest.encoding import DocumentEncoder
    from longembed_rag.store.store import DocumentStore


def without_name(message: str, *names: str) -> str:
    """A reason without the name that is told beside it."""
    for name in names:
        message = message.removeprefix(f"{name}: ").removeprefix(f"{name} ")
    return message


@dataclass
class Run:
    """One pass over texts, while it runs.

    Attributes:
        encoder: Makes the vectors.
        store: Where they go; its collection is there.
        tell: Is told what happens, as it happens.
        stored: The documents that are there, by source.
        whole: Those of them that have all of their passages.
        recovered: Documents that an earlier run had left half-written or half-removed.
    """

    encoder: DocumentEncoder
    store: DocumentStore
    tell: Callable[[Event], None]
    stored: dict[str, StoredSource]
    whole: frozenset[str]
    recovered: tuple[str, ...]
    began: float = field(default_factory=time.monotonic)
    counts: dict[Status, int] = field(
        default_factory=lambda: {"added": 0, "updated": 0, "unchanged": 0}
    )
    deleted: int = 0
    tokens: int = 0
    tokens_read: int = 0
    failed: list[Failure] = field(default_factory=list)
    others: OtherLanguages = field(init=False)

    def __post_init__(self) -> None:
        self.others = OtherLanguages(self.store.existing_record())

    @classmethod
    def over(
        cls,
        store: DocumentStore,
        *,
        encoder: DocumentEncoder,
        on_event: Callable[[Event], None] | None,
        began: float,
        stored: Mapping[str, StoredSource] | None = None,
    ) -> Run:
        """Begin a pass: put right what an earlier one left, and look at what is there.

        Args:
            store: Where the texts go.
            encoder: Makes the vectors.
            on_event: Is told what happens, as it happens.
            began: When the pass began, on the monotonic clock.
            stored: What was there just now, by source, if that is known: listing it takes a read
                of every document.

        Raises:
            StoreError: The store cannot be read or written to.
        """
        recovered = store.recover()
        if stored is None or recovered:
            stored = store.sources()
        return cls(
            encoder=encoder,
            store=store,
            tell=on_event or (lambda event: None),
            stored=dict(stored),
            whole=frozenset(store.complete_sources(stored)),
            recovered=tuple(recovered),
            began=began,
        )

    def take(
        self,
        source: str,
        read: Callable[[], FileText],
        *,
        size: int,
        position: int,
        file_name: str = "",
        is_file: bool = True,
    ) -> tuple[str, tuple[str, ...]] | None:
        """Bring in one text; one that cannot be taken in is told and passed over.

        Args:
            source: Where it comes from.
            read: Reads it.
            size: Its bytes.
            position: Which of the texts it is, from 1.
            file_name: What else messages call it.
            is_file: Whether a reader found its metadata, which somebody may have changed in the
                collection since; else they are as given, and what is there is to be so.

        Returns:
            The hash of its text, and what its reader remarked; None where it could not be taken in.

        Raises:
            StoreError: The store cannot be written to.
        """
        self.tell(DocumentStarted(source=source, size=size, position=position))
        try:
            return self._take(source, read, size, is_file)
        except (ReadError, InputError, PointRefusedError) as error:
            self.fail(source, without_name(str(error), source, file_name))
        except MemoryError:
            self.fail(source, "it does not fit into memory")
        return None

    def held(self, source: str) -> str | None:
        """Hash of the text that the collection holds of a source, whole; None if it does not."""
        return self.stored[source].content_hash if source in self.whole else None

    def keep(self, source: str, *, size: int, position: int, notes: tuple[str, ...]) -> None:
        """Count a text that is known to be in the collection, without reading it.

        Args:
            source: Where it comes from; :meth:`held` has a hash of it.
            size: Its bytes.
            position: Which of the texts it is, from 1.
            notes: What its reader remarked.
        """
        self.tell(DocumentStarted(source=source, size=size, position=position))
        there = self.stored[source]
        self._done("unchanged", there, size=size, began=time.monotonic(), notes=notes)

    def _take(
        self, source: str, read: Callable[[], FileText], size: int, is_file: bool
    ) -> tuple[str, tuple[str, ...]]:
        began = time.monotonic()
        text = read()
        incoming = Incoming.of(text, is_file=is_file)
        digest = incoming.content_hash
        earlier = self.stored.get(source)
        same = earlier is not None and self.held(source) == digest
        status: Status = "added" if earlier is None else "updated"
        taken: StoredSource | IndexedDocument
        notes = text.notes
        there = None
        is_known = earlier is not None and incoming.is_known(earlier)
        if same and not is_known:
            there = read_indexed(source, place=self.store.place)
        if earlier is not None and same and is_known:
            status, taken = "unchanged", earlier
        elif there is not None:
            # The text is the same, and what is known of it is not: nothing is embedded.
            taken = incoming.known_anew(there)
            self.store.upsert(taken)
        else:
            taken, unknown = self._embed(incoming, source, began)
            notes = (*notes, f"{unknown}; words still find it") if unknown else notes
            self.store.upsert(taken)
            self.others.count(taken.text, taken.metadata)
            self.tokens += taken.tokens
            self.tokens_read += taken.tokens_read
        self._done(status, taken, size=size, began=began, notes=notes)
        return digest, text.notes

    def _done(
        self,
        status: Status,
        taken: StoredSource | IndexedDocument,
        *,
        size: int,
        began: float,
        notes: tuple[str, ...],
    ) -> None:
        self.counts[status] += 1
        self.tell(
            DocumentDone(
                source=taken.source,
                status=status,
                tokens=taken.tokens,
                tokens_read=taken.tokens_read,
                windows=taken.windows,
                size=size,
                seconds=time.monotonic() - began,
                notes=notes,
            )
        )

    def _embed(self, incoming: Incoming, source: str, began: float) -> tuple[IndexedDocument, str]:
        """The document, and a note where the model does not know what it is written in."""

        def on_progress(done: int, total: int) -> None:
            seconds = time.monotonic() - began
            self.tell(
                DocumentProgress(
                    source=source, tokens_done=done, tokens_total=total, seconds=seconds
                )
            )

        text = incoming.text
        encoding = self._encode(text.text, source, on_progress)
        document = IndexedDocument.of_encoding(
            encoding,
            source=source,
            text=text.text,
            metadata=text.metadata,
            content_hash=incoming.content_hash,
            layout=text.layout,
            reading_hash=incoming.reading_hash,
        )
        return document, encoding.coverage.unknown_note

    def _encode(
        self, text: str, source: str, on_progress: Callable[[int, int], None]
    ) -> PassageEncoding:
        record = self.store.existing_record()
        if record.options.passages:
            kept = record.tokens
            of_tokens: dict[str, Any] = {}
            if kept is not None:
                of_tokens = {"tokens": kept.options, "token_centre": kept.centre}
            return self.encoder.encode_passages(
                text,
                passage_tokens=record.options.passage_tokens,
                name=source,
                on_progress=on_progress,
                **of_tokens,
            )
        from longembed_rag.encoder.values import PassageEncoding

        encoding = self.encoder.encode([text], names=[source])
        return PassageEncoding(
            embedding=encoding.embeddings[0],
            passages=(),
            embeddings=encoding.embeddings[:0],
            coverage=encoding.coverage[0],
        )

    def started(self, sizes: Iterable[int]) -> None:
        """Say what is ahead: so many texts, and what is read once more for late interaction."""
        listed = list(sizes)
        again = []
        if self.store.existing_record().tokens is not None:
            again = [each for each in self.stored.values() if not each.late_interaction]
        self.tell(
            Started(
                total=len(listed),
                total_bytes=sum(listed),
                again=len(again),
                again_tokens=sum(each.tokens for each in again),
            )
        )

    def fail(self, source: str, reason: str) -> None:
        """Note that a text could not be taken in."""
        self.failed.append(Failure(source, reason))
        self.tell(DocumentFailed(source=source, reason=reason, kept=source in self.stored))

    def remove(self, sources: Iterable[str]) -> None:
        """Remove documents.

        Raises:
            WriteError: They could not be removed; says how many were.
        """
        gone = list(sources)
        self.store.delete(gone)
        for source in gone:
            self.deleted += 1
            self.tell(DocumentDeleted(source=source))

    def finish(
        self, skipped: Iterable[Skipped] = (), excluded: Iterable[Skipped] = ()
    ) -> IngestReport:
        """Weigh words again where the collection has moved, and say what was done.

        Args:
            skipped: Files of kinds that are not read.
            excluded: Files and folders that the selection passed over.

        Raises:
            StoreError: The store cannot be read or written to.
        """
        self.store.reweigh()
        remark = self.others.remark()
        return IngestReport(
            added=self.counts["added"],
            updated=self.counts["updated"],
            unchanged=self.counts["unchanged"],
            deleted=self.deleted,
            failed=tuple(self.failed),
            skipped=tuple(skipped),
            excluded=tuple(excluded),
            recovered=self.recovered,
            tokens=self.tokens,
            tokens_read=self.tokens_read,
            seconds=time.monotonic() - self.began,
            remarks=() if remark is None else (remark,),
        )
