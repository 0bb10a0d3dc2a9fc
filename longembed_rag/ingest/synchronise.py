"""Keeping a collection in step with files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from longembed_rag.files.discover import Discovery, discover, source_of
from longembed_rag.files.options import ReadOptions
from longembed_rag.files.reading import FileReader
from longembed_rag.ingest.deletions import gone_sources, require_meant
from longembed_rag.ingest.encoding import DocumentEncoder, ensure_for
from longembed_rag.ingest.report import Event, IngestReport
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
    reading: ReadOptions | None = None,
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
        allow_deletions: Whether all, or most, of a folder's documents may be deleted.
        reading: How files are read, and within which bounds.

    Returns:
        What was done.

    Raises:
        SettingsError: A path does not exist.
        DeletionsRefusedError: A folder that had documents gives none, or would lose more than
            half of at least ten; nothing was changed.
        CollectionMismatchError: The collection was made with other settings or options.
        StoreError: The store cannot be read or written to. Every document that was reported as
            done is in it.
    """
    began = time.monotonic()
    found = discover(paths, exclude=[] if store.path is None else [store.path])
    ensure_for(store, encoder, options=options, storage=storage)
    stored = store.sources()
    require_meant(store, found, stored, allowed=allow_deletions)
    run = Run.over(store, stored=stored, encoder=encoder, on_event=on_event, began=began)
    _take_all(run, found, reading)
    run.remove(gone_sources(run.stored, found))
    return run.finish(found.skipped)


def _take_all(run: Run, found: Discovery, reading: ReadOptions | None) -> None:
    """Bring in every file, one after the other; the next ones are read meanwhile."""
    sizes = [_size(path) for path in found.files]
    run.started(sizes)
    for failure in found.unreadable:
        run.fail(failure.source, failure.reason)
    with FileReader(reading) as reader:
        texts = reader.ahead(found.files)
        files = zip(found.files, sizes, texts, strict=True)
        for position, (path, size, read) in enumerate(files, start=1):
            run.take(source_of(path), read, size=size, position=position, file_name=str(path))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # reading it will say what is wrong
