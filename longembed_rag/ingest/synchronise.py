"""Keeping a collection in step with files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from longembed_rag.files.discover import Discovery, discover
from longembed_rag.files.options import ReadOptions
from longembed_rag.files.reading import FileReader
from longembed_rag.files.selection import Selection
from longembed_rag.files.stamps import Stamp
from longembed_rag.ingest.deletions import gone_sources, require_meant
from longembed_rag.ingest.encoding import DocumentEncoder, ensure_for
from longembed_rag.ingest.report import Event, IngestReport
from longembed_rag.ingest.seen import Seen, SeenFile
from longembed_rag.ingest.taking import Run
from longembed_rag.points.values import StorageOptions
from longembed_rag.store.options import IndexOptions

if TYPE_CHECKING:
    from longembed_rag.store.store import DocumentStore


def synchronise(
    paths: Iterable[Path],
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
) -> IngestReport:
    """Bring a collection in step with the files under paths.

    Files that have the times and the size that they were last read with are taken for unchanged;
    others are read. Those whose text is in the collection already are passed over without
    embedding; changed ones are replaced; documents whose files are gone from under the paths, or
    are passed over by the selection, are removed, last of all.
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
        allow_deletions: Whether all, or most, of a folder's documents may be deleted.
        selection: Which files of folders are taken; None takes all of a kind that can be read.
        reread: Whether every file is read, whatever its times say.
        reading: How files are read, and within which bounds.

    Returns:
        What was done.

    Raises:
        SettingsError: A path does not exist, or a pattern in an ignore file cannot be read.
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
        for source, each in _take_all(run, found, None if reread else known, reading):
            seen[source] = each
        run.remove(gone_sources(run.stored, found))
        is_done = True
    finally:
        known.note(found, seen, is_done=is_done)
    return run.finish(found.skipped, found.excluded)


def _take_all(
    run: Run, found: Discovery, known: Seen | None, reading: ReadOptions
) -> Iterator[tuple[str, SeenFile]]:
    """Bring in every file, one after the other; the next ones are read meanwhile.

    Yields:
        Files that are as they were, or have been read, and whose stamps can be trusted.
    """
    run.started(stamp.size for stamp in found.stamps.values())
    for failure in found.unreadable:
        run.fail(failure.source, failure.reason)
    as_before = {} if known is None else _as_before(run, found, known)
    with FileReader(reading) as reader:
        texts = reader.ahead(path for path in found.files if path not in as_before)
        named = zip(found.files, found.sources, strict=True)
        for position, (path, source) in enumerate(named, start=1):
            stamp = found.stamps.get(source)
            size = 0 if stamp is None else stamp.size
            if path in as_before:
                run.keep(source, size=size, position=position, notes=as_before[path].notes)
                yield source, as_before[path]
                continue
            taken = run.take(source, next(texts), size=size, position=position, file_name=str(path))
            # What was changed while it was read may have been read as it was before or after.
            if stamp is not None and stamp.is_sure(found.taken) and Stamp.now(path) == stamp:
                yield source, SeenFile(stamp, *(taken or ("", ())))


def _as_before(run: Run, found: Discovery, known: Seen) -> dict[Path, SeenFile]:
    """The files that need not be read: as they were, and in the collection."""
    kept = {}
    for path, source in zip(found.files, found.sources, strict=True):
        each = known.unchanged(source, found.stamps.get(source), held=run.held(source))
        if each is not None:
            kept[path] = each
    return kept
