"""Keeping a collection in step with files."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Protocol

from longembed_rag.errors import InputError, PointRefusedError, ReadError
from longembed_rag.files.discover import Discovery, discover, source_of
from longembed_rag.files.readers import read_file
from longembed_rag.files.values import Failure, FileText
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
from longembed_rag.points.values import StorageOptions
from longembed_rag.store.values import (
    IndexedDocument,
    IndexOptions,
    StoredSource,
)

if TYPE_CHECKING:
    from longembed_rag.encoder.values import Encoding, PassageEncoding
    from longembed_rag.store.store import DocumentStore


class _Settings(Protocol):
    def to_dict(self) -> dict[str, Any]: ...


class DocumentEncoder(Protocol):
    """What an ingest needs of an encoder; :class:`LongEncoder` has it."""

    @property
    def fingerprint(self) -> str:
        """Hash of everything that changes a vector."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def settings(self) -> _Settings:
        """The settings as given."""

    def describe(self) -> dict[str, Any]:
        """The model and its settings, ready for JSON."""

    def encode(self, texts: Sequence[str], *, names: Sequence[str] | None = ...) -> Encoding:
        """Documents' vectors."""

    def encode_passages(
        self,
        text: str,
        *,
        passage_tokens: int = ...,
        name: str | None = ...,
        on_progress: Callable[[int, int], None] | None = ...,
    ) -> PassageEncoding:
        """A document's vector and its passages'."""


def content_hash(text: str) -> str:
    """Hash of a document's text (SHA-256, hex); nothing but the text goes into it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def synchronise(
    paths: Iterable[Path],
    *,
    encoder: DocumentEncoder,
    store: DocumentStore,
    options: IndexOptions | None = None,
    storage: StorageOptions | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> IngestReport:
    """Bring a collection in step with the files under paths.

    Files whose text is in the collection already are passed over without embedding; changed ones
    are replaced; documents whose files are gone from under the paths are removed, last of all.
    What cannot be read now keeps its earlier version, and so does everything below a folder that
    cannot be listed. Every document is embedded and then written, whole, before the next one is
    begun: after a crash the same call goes on with the document that was in hand, once it has
    finished or undone what was written of it.

    A document is known by its resolved path, so one that was moved is removed and added. A link
    that leads out of the given folders brings in its target, which is not removed with the link.

    Args:
        paths: Files and folders.
        encoder: Makes the vectors.
        store: Where they go; the collection is made when it is not there.
        options: What to keep of documents; None takes what the collection has, else the defaults.
        storage: How a server is to keep the vectors of a new collection.
        on_event: Is told what happens, as it happens.

    Returns:
        What was done.

    Raises:
        SettingsError: A path does not exist.
        CollectionMismatchError: The collection was made with other settings or options.
        StoreError: The store cannot be read or written to. Every document that was reported as
            done is in it.
    """
    began = time.monotonic()
    found = discover(paths, exclude=[] if store.path is None else [store.path])
    store.ensure(
        fingerprint=encoder.fingerprint,
        dimension=encoder.dimension,
        description=encoder.describe(),
        settings=encoder.settings.to_dict(),
        options=options,
        storage=storage,
    )
    recovered = store.recover()
    stored = store.sources()
    run = _Run(
        encoder=encoder,
        store=store,
        options=store.existing_record().options,
        tell=on_event or (lambda event: None),
        stored=stored,
        whole=frozenset(store.complete_sources(stored)),
    )
    run.take_all(found)
    run.remove_gone(found)
    store.reweigh()
    return run.report(found, recovered=recovered, seconds=time.monotonic() - began)


@dataclass
class _Run:
    """One synchronisation, while it runs."""

    encoder: DocumentEncoder
    store: DocumentStore
    options: IndexOptions
    tell: Callable[[Event], None]
    stored: dict[str, StoredSource]
    whole: frozenset[str]
    counts: dict[Status, int] = field(
        default_factory=lambda: {"added": 0, "updated": 0, "unchanged": 0}
    )
    deleted: int = 0
    tokens: int = 0
    tokens_read: int = 0
    failed: list[Failure] = field(default_factory=list)

    def take_all(self, found: Discovery) -> None:
        """Bring in every file, one after the other."""
        sizes = [_size(path) for path in found.files]
        self.tell(Started(total=len(sizes), total_bytes=sum(sizes)))
        for failure in found.unreadable:
            self._fail(failure.source, failure.reason)
        for position, (path, size) in enumerate(zip(found.files, sizes, strict=True), start=1):
            source = source_of(path)
            self.tell(DocumentStarted(source=source, size=size, position=position))
            try:
                self._take(path, source, size)
            except (ReadError, InputError, PointRefusedError) as error:
                self._fail(source, without_name(str(error), source, str(path)))
            except MemoryError:
                self._fail(source, "it does not fit into memory")

    def _take(self, path: Path, source: str, size: int) -> None:
        began = time.monotonic()
        file = read_file(path)
        digest = content_hash(file.text)
        earlier = self.stored.get(source)
        same = earlier is not None and earlier.content_hash == digest
        if earlier is not None and same and source in self.whole:
            status: Status = "unchanged"
            read: StoredSource | IndexedDocument = earlier
        else:
            status = "added" if earlier is None else "updated"
            read = self._embed(file, source, digest, began)
            self.store.upsert(read)
            self.tokens += read.tokens
            self.tokens_read += read.tokens_read
        self.counts[status] += 1
        self.tell(
            DocumentDone(
                source=source,
                status=status,
                tokens=read.tokens,
                tokens_read=read.tokens_read,
                windows=read.windows,
                size=size,
                seconds=time.monotonic() - began,
                notes=file.notes,
            )
        )

    def _embed(self, file: FileText, source: str, digest: str, began: float) -> IndexedDocument:
        def on_progress(done: int, total: int) -> None:
            seconds = time.monotonic() - began
            self.tell(
                DocumentProgress(
                    source=source, tokens_done=done, tokens_total=total, seconds=seconds
                )
            )

        encoding = self._encode(file.text, source, on_progress)
        return IndexedDocument.of_encoding(
            encoding,
            source=source,
            text=file.text,
            metadata=file.metadata,
            content_hash=digest,
        )

    def _encode(
        self, text: str, source: str, on_progress: Callable[[int, int], None]
    ) -> PassageEncoding:
        if self.options.passages:
            return self.encoder.encode_passages(
                text,
                passage_tokens=self.options.passage_tokens,
                name=source,
                on_progress=on_progress,
            )
        from longembed_rag.encoder.values import PassageEncoding

        encoding = self.encoder.encode([text], names=[source])
        return PassageEncoding(
            embedding=encoding.embeddings[0],
            passages=(),
            embeddings=encoding.embeddings[:0],
            coverage=encoding.coverage[0],
        )

    def remove_gone(self, found: Discovery) -> None:
        """Remove documents whose files are gone from under the roots."""
        gone = gone_sources(self.stored, found)
        self.store.delete(gone)
        for source in gone:
            self.deleted += 1
            self.tell(DocumentDeleted(source=source))

    def _fail(self, source: str, reason: str) -> None:
        self.failed.append(Failure(source, reason))
        self.tell(DocumentFailed(source=source, reason=reason, kept=source in self.stored))

    def report(self, found: Discovery, *, recovered: Sequence[str], seconds: float) -> IngestReport:
        """What was done."""
        return IngestReport(
            added=self.counts["added"],
            updated=self.counts["updated"],
            unchanged=self.counts["unchanged"],
            deleted=self.deleted,
            failed=tuple(self.failed),
            skipped=found.skipped,
            recovered=tuple(recovered),
            tokens=self.tokens,
            tokens_read=self.tokens_read,
            seconds=seconds,
        )


def gone_sources(stored: Iterable[str], found: Discovery) -> list[str]:
    """Documents whose files are certainly gone from under the paths that were looked through.

    Args:
        stored: The documents that are there, by source.
        found: What was found under the paths.
    """
    present = {source_of(path) for path in found.files}
    roots = [PurePath(source_of(root)) for root in found.roots]
    unknown = [PurePath(failure.source) for failure in found.unreadable]
    return [
        source
        for source in sorted(set(stored) - present)
        if _is_below(source, roots) and not _is_below(source, unknown) and is_gone(source)
    ]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # reading it will say what is wrong


def _is_below(source: str, folders: Sequence[PurePath]) -> bool:
    return any(PurePath(source).is_relative_to(folder) for folder in folders)


def is_gone(source: str) -> bool:
    """Whether there is certainly no such file any more; one that is out of reach may be there.

    Sources are resolved paths, so one that has become a link is known by another name now.
    """
    path = Path(source)
    try:
        return path.resolve(strict=True) != path or path.is_dir()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, RuntimeError):
        return False


def without_name(message: str, *names: str) -> str:
    """A reason without the name that is told beside it."""
    for name in names:
        message = message.removeprefix(f"{name}: ").removeprefix(f"{name} ")
    return message
