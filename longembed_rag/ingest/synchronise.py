"""Keeping a collection in step with files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from longembed_rag.errors import LongEmbedError
from longembed_rag.files.discover import Discovery, discover
from longembed_rag.files.options import ReadOptions
from longembed_rag.files.reading import FileReader, ReadAhead
from longembed_rag.files.remote import Location, Remote, located
from longembed_rag.files.selection import Selection
from longembed_rag.files.stamps import Stamp
from longembed_rag.ingest.deletions import gone_sources, require_meant
from longembed_rag.ingest.encoding import DocumentEncoder, ensure_for
from longembed_rag.ingest.flow import Flow, GivenText
from longembed_rag.ingest.report import Event, IngestReport
from longembed_rag.ingest.seen import Seen, SeenFile
from longembed_rag.ingest.taking import Run
from longembed_rag.points.values import StorageOptions
from longembed_rag.store.options import IndexOptions

if TYPE_CHECKING:
    from longembed_rag.ingest.many.following import Many
    from longembed_rag.store.store import DocumentStore


def synchronise(
    paths: Iterable[Location],
    *,
    encoder: DocumentEncoder,
    store: DocumentStore,
    options: IndexOptions | None = None,
    storage: StorageOptions | None = None,
    on_event: Callable[[Event], None] | None = None,
    allow_deletions: bool = False,
    selection: Selection | None = None,
    reread: bool = False,
    reading: ReadOptions | None = None,
    many: Many | None = None,
) -> IngestReport:
    """Bring a collection in step with the files under paths.

    Files that have the times and the size that they were last read with are taken for unchanged;
    others are read. Those whose text is in the collection already are passed over without
    embedding; changed ones are replaced; documents whose files are gone from under the paths, or
    are passed over by the selection, are removed, last of all.
    What cannot be read now keeps its earlier version, and so does everything below a folder that
    cannot be listed. Every document is embedded and then written, whole, while the next ones are
    embedded: after a crash the same call goes on with the first document that was not told as
    done, once it has finished or undone what was written of it.

    A document is known by its resolved path, so one that was moved is removed and added. A link
    that leads out of the given folders brings in its target, which is not removed with the link.

    Args:
        paths: Files and folders, here or in buckets.
        encoder: Makes the vectors.
        store: Where they go; the collection is made when it is not there.
        options: What to keep of documents; None takes what the collection has, else the defaults.
        storage: How a server is to keep the vectors of a new collection.
        on_event: Is told what happens, as it happens.
        allow_deletions: Whether all, or most, of a folder's documents may be deleted.
        selection: Which files of folders are taken; None takes all of a kind that can be read.
        reread: Whether every file is read, whatever its times say.
        reading: How files are read, and within which bounds.
        many: The processes that do it; None does it in this one.

    Returns:
        What was done.

    Raises:
        SettingsError: A path or bucket does not exist, or a pattern in an ignore file cannot be
            read.
        MissingDependencyError: What reads the protocol of a URL is not installed.
        DeletionsRefusedError: A folder that had documents gives none, or would lose more than
            half of at least ten; nothing was changed.
        CollectionMismatchError: The collection was made with other settings or options.
        StoreError: The store cannot be read or written to. Every document that was reported as
            done is in it.
    """
    found = discover(paths, exclude=[] if store.path is None else [store.path], selection=selection)
    return follow(
        found,
        encoder=encoder,
        store=store,
        options=options,
        storage=storage,
        on_event=on_event,
        allow_deletions=allow_deletions,
        reread=reread,
        reading=reading,
        many=many,
    )


def follow(
    found: Discovery,
    *,
    encoder: DocumentEncoder,
    store: DocumentStore,
    options: IndexOptions | None = None,
    storage: StorageOptions | None = None,
    on_event: Callable[[Event], None] | None = None,
    allow_deletions: bool = False,
    reread: bool = False,
    reading: ReadOptions | None = None,
    many: Many | None = None,
) -> IngestReport:
    """:func:`synchronise` with files that are found already; the other arguments are its own."""
    began = time.monotonic()
    reading = reading or ReadOptions()
    ensure_for(store, encoder, options=options, storage=storage)
    stored = store.sources()
    require_meant(store, found, stored, allowed=allow_deletions)
    run = Run.over(store, stored=stored, encoder=encoder, on_event=on_event, began=began)
    known = Seen.of(store, reading=reading)
    seen, is_done = dict[str, SeenFile](), False
    try:
        with run:
            _take_all(run, found, None if reread else known, reading, seen, many)
        run.remove(gone_sources(run.stored, found))
        is_done = True
    finally:
        known.note(found, seen, is_done=is_done)
    return run.finish(found.skipped, found.excluded)


def _take_all(
    run: Run,
    found: Discovery,
    known: Seen | None,
    reading: ReadOptions,
    seen: dict[str, SeenFile],
    many: Many | None,
) -> None:
    """Bring in every file; the next ones are read meanwhile.

    Args:
        run: The pass.
        found: The files.
        known: What is remembered of them; None reads them all.
        reading: How they are read.
        seen: Is given the files that are as they were, or have been read, and whose stamps can be
            trusted.
        many: The processes that do it.
    """
    run.started(stamp.size for stamp in found.stamps.values())
    for failure in found.unreadable:
        run.fail(failure.source, failure.reason)
    as_before = {} if known is None else _as_before(run, found, known)

    def note(source: str, digest: str, remarks: tuple[str, ...], now: Stamp | None) -> None:
        stamp = found.stamps.get(source)
        # What was changed while it was read may have been read as it was before or after.
        if stamp is not None and stamp.is_sure(found.taken) and now == stamp:
            seen[source] = SeenFile(stamp, digest, remarks)

    def taken(given: GivenText, digest: str, remarks: tuple[str, ...]) -> None:
        if given.read is not None:
            note(given.source, digest, remarks, _stamp_of(given))
        else:
            seen[given.source] = as_before[given.source]

    if many is not None:
        seen.update(as_before)
        for each in many.take(run, found, as_before, reading):
            now = each.stamp or _stamp_now(each.task.place)
            note(each.source, each.digest, each.remarks, now)
        return
    with FileReader(reading) as reader:
        named = zip(found.names, found.sources, strict=True)
        texts = reader.ahead(located(name) for name, source in named if source not in as_before)
        Flow(run, taken).take(_given(found, as_before, texts))


def _stamp_of(given: GivenText) -> Stamp | None:
    """The stamp of a file that has been read, or was tried to."""
    if isinstance(given.read, ReadAhead) and (stamp := given.read.stamp) is not None:
        return stamp
    return _stamp_now(located(given.file_name))


def _stamp_now(file: Location) -> Stamp | None:
    """The stamp of a file as it is."""
    if not isinstance(file, Remote):
        return Stamp.now(file)
    from longembed_rag.files.buckets.objects import info_of

    with suppress(LongEmbedError):
        return info_of(file).stamp
    return None


def _given(
    found: Discovery, as_before: Mapping[str, SeenFile], texts: Iterator[ReadAhead]
) -> Iterator[GivenText]:
    """The files, those that need not be read and those that are read ahead."""
    named = zip(found.names, found.sources, strict=True)
    for position, (name, source) in enumerate(named, start=1):
        stamp, before = found.stamps.get(source), as_before.get(source)
        text = None if before is not None else next(texts)
        yield GivenText(
            source=source,
            size=0 if stamp is None else stamp.size,
            position=position,
            read=text,
            is_ready=(lambda _: True) if text is None else text.is_ready,
            notes=() if before is None else before.notes,
            file_name=name,
        )


def _as_before(run: Run, found: Discovery, known: Seen) -> dict[str, SeenFile]:
    """The files that need not be read, by source: as they were, and in the collection."""
    kept = {}
    for source, stamp in found.stamps.items():
        each = known.unchanged(source, stamp, held=run.held(source))
        if each is not None:
            kept[source] = each
    return kept
