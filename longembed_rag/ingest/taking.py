"""One pass over texts: what is there, what is counted, and what is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from typing_extensions import Self

from longembed_rag.files.values import Failure, Skipped
from longembed_rag.ingest.languages import OtherLanguages
from longembed_rag.ingest.report import (
    DocumentDeleted,
    DocumentDone,
    DocumentFailed,
    Event,
    IngestReport,
    Started,
    Status,
)
from longembed_rag.store.claims import Claims, is_written_since
from longembed_rag.store.tenants import tenant_of
from longembed_rag.store.values import StoredSource

if TYPE_CHECKING:
    from longembed_rag.ingest.encoding import DocumentEncoder
    from longembed_rag.store.store import DocumentStore
    from longembed_rag.store.writer import Reweigh


class Taken(Protocol):
    """What is told of a document that is in the collection."""

    @property
    def source(self) -> str:
        """Where it comes from."""

    @property
    def tokens(self) -> int:
        """Tokens in its text."""

    @property
    def tokens_read(self) -> int:
        """Tokens that reached the model."""

    @property
    def windows(self) -> int:
        """Forward windows that it was read in."""


# After so many documents their words are counted, and once there are twice as many again.
_COUNTED_FIRST = 1000

#: Whose a document is that the model is to read.
Claimed = Literal["ours", "busy", "there"]


@dataclass
class Run:
    """One pass over texts, while it runs; a context manager, for as long as it claims documents.

    Attributes:
        encoder: Makes the vectors.
        store: Where they go; its collection is there.
        tell: Is told what happens, as it happens.
        stored: The documents that are there, by source.
        whole: Those of them that have all of their passages.
        recovered: Documents that an earlier run had left half-written or half-removed.
        claims: The documents that it has in hand, where others may write, too.
        reweighing: Weighs the words of documents again; None does it here.
    """

    encoder: DocumentEncoder
    store: DocumentStore
    tell: Callable[[Event], None]
    stored: dict[str, StoredSource]
    whole: frozenset[str]
    recovered: tuple[str, ...]
    claims: Claims | None = None
    reweighing: Reweigh | None = None
    began: float = field(default_factory=time.monotonic)
    counts: dict[Status, int] = field(
        default_factory=lambda: {"added": 0, "updated": 0, "unchanged": 0}
    )
    deleted: int = 0
    tokens: int = 0
    tokens_read: int = 0
    failed: list[Failure] = field(default_factory=list)
    others: OtherLanguages = field(init=False)
    _count_at: int = field(init=False)

    def __post_init__(self) -> None:
        self.others = OtherLanguages(self.store.existing_record())
        self._count_at = _COUNTED_FIRST

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
            claims=None if store.place.points.embedded else Claims(store.place),
            began=began,
        )

    def __enter__(self) -> Self:
        if self.claims is not None:
            self.claims.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        if self.claims is not None:
            self.claims.__exit__(*details)

    def require_tenant(self, source: str, metadata: Mapping[str, Any]) -> None:
        """Require that a text says whose it is, where that is asked for, before a model reads it.

        Raises:
            PointRefusedError: It does not.
        """
        tenant_of(source, metadata, self.store.existing_record().options.tenant_field)

    def claim(self, source: str, digest: str) -> Claimed:
        """Take a document in hand that the model is to read.

        Args:
            source: The document.
            digest: Hash of its text.

        Returns:
            ``"ours"``; ``"busy"`` where somebody else has it; ``"there"`` where somebody else has
            written it since this run looked.

        Raises:
            StoreError: The store cannot be read or written to.
        """
        if self.claims is None:
            return "ours"
        taken = self.claims.take([source])
        if source not in taken:
            return "busy"
        if is_written_since(taken[source], digest, known=self.stored.get(source)):
            self.release(source)
            return "there"
        return "ours"

    def release(self, source: str) -> None:
        """Let others have a document that is written, or cannot be."""
        if self.claims is not None:
            self.claims.release([source])

    def held(self, source: str) -> str | None:
        """Hash of the text that the collection holds of a source, whole; None if it does not."""
        return self.stored[source].content_hash if source in self.whole else None

    def done(
        self,
        status: Status,
        taken: Taken,
        *,
        size: int,
        seconds: float,
        notes: tuple[str, ...],
        is_embedded: bool = False,
    ) -> None:
        """Count a document that is in the collection as it should be, and tell of it.

        Args:
            status: What came of it.
            taken: The document.
            size: Its bytes.
            seconds: What it took.
            notes: What to know of it.
            is_embedded: Whether the model has read it.
        """
        self.counts[status] += 1
        if is_embedded:
            self.tokens += taken.tokens
            self.tokens_read += taken.tokens_read
        self.tell(
            DocumentDone(
                source=taken.source,
                status=status,
                tokens=taken.tokens,
                tokens_read=taken.tokens_read,
                windows=taken.windows,
                size=size,
                seconds=seconds,
                notes=notes,
            )
        )
        written = self.counts["added"] + self.counts["updated"]
        if written >= self._count_at:
            self.store.count_words()
            self._count_at = 2 * written

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
        self.store.reweigh(by=self.reweighing)
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
