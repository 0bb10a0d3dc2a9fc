"""Documents that a program hands over, without files."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import InputError, LongEmbedError, ReadError
from longembed_rag.files.reading import FileReader
from longembed_rag.files.remote import Location, Remote
from longembed_rag.files.values import FileText
from longembed_rag.ingest.encoding import DocumentEncoder, ensure_for
from longembed_rag.ingest.flow import Flow, GivenText
from longembed_rag.ingest.report import Event, IngestReport
from longembed_rag.ingest.taking import Run
from longembed_rag.points.values import StorageOptions
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.payload import require_shallow

if TYPE_CHECKING:
    from longembed_rag.files.options import ReadOptions
    from longembed_rag.store.store import DocumentStore

#: What a reader says of a file that is true only of where it lies.
_OF_THE_PLACE = ("source", "file_path", "last_modified")


@dataclass(frozen=True, kw_only=True)
class Document:
    """A text to be kept, under an id of your own.

    Attributes:
        id: What it is known by, and its ``source`` in what is found. An absolute path, or a URL,
            is taken for a file's: ``ingest`` of a folder or bucket above it removes it where there
            is no such file.
        text: The whole text.
        metadata: What is known of it, to be filtered by and shown: names and JSON values.

    Raises:
        InputError: The id is empty, or one of the values is of another type than it should be.

    Example:
        >>> Document(id="minutes-7", text="The lease was signed.", metadata={"year": 2024}).id
        'minutes-7'
    """

    id: str
    text: str
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not self.id.strip():
            raise InputError(f"id={self.id!r} is not a name; give each document one of its own")
        if not isinstance(self.text, str):
            raise InputError(f"{self.id}: its text is {type(self.text).__name__}, not str")
        names = self.metadata if isinstance(self.metadata, dict) else [None]
        if not all(isinstance(name, str) for name in names):
            raise InputError(f"{self.id}: its metadata is not a dictionary with names as keys")
        try:
            require_shallow(self.metadata)
            # Through JSON and back, so that it can be compared with what is stored.
            plain = json.loads(json.dumps(self.metadata, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise InputError(f"{self.id}: its metadata does not fit into JSON: {error}") from error
        object.__setattr__(self, "metadata", plain)


def as_documents(given: Document | Iterable[Document]) -> list[Document]:
    """One document or several, as a list.

    Raises:
        InputError: Something is no document, or two have the same id.
    """
    documents = [given] if isinstance(given, Document) else list(given)
    for each in documents:
        if not isinstance(each, Document):
            raise InputError(f"{type(each).__name__} is not a Document(id=..., text=...)")
    ids = [each.id for each in documents]
    repeated = [identity for identity, times in Counter(ids).items() if times > 1]
    if repeated:
        raise InputError(f"id={repeated[0]!r} is given to several documents; each needs its own")
    return documents


def add_documents(
    documents: Iterable[Document],
    *,
    encoder: DocumentEncoder,
    store: DocumentStore,
    options: IndexOptions | None = None,
    storage: StorageOptions | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> IngestReport:
    """Bring given texts into a collection, each embedded and then written whole.

    Texts that are there already are passed over without embedding; where only the metadata is
    another, it is written anew. No other document is touched.

    Args:
        documents: The texts.
        encoder: Makes the vectors.
        store: Where they go; the collection is made when it is not there.
        options: What to keep of documents; None takes what the collection has, else the defaults.
        storage: How a server is to keep the vectors of a new collection.
        on_event: Is told what happens, as it happens.

    Returns:
        What was done; documents that could not be taken in are among its ``failed``.

    Raises:
        InputError: Two documents have the same id.
        CollectionMismatchError: The collection was made with other settings or options.
        StoreError: The store cannot be read or written to.
    """
    given = as_documents(documents)
    sizes = [len(each.text.encode("utf-8", "surrogatepass")) for each in given]
    pairs = zip(given, sizes, strict=True)
    texts = (
        GivenText(
            source=each.id,
            size=size,
            position=position,
            read=partial(FileText, each.text, each.metadata),
            is_file=False,
        )
        for position, (each, size) in enumerate(pairs, start=1)
    )
    return _take(texts, sizes, encoder, store, options, storage, on_event)


def add_files(
    files: Mapping[str, Location],
    *,
    encoder: DocumentEncoder,
    store: DocumentStore,
    options: IndexOptions | None = None,
    storage: StorageOptions | None = None,
    reading: ReadOptions | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> IngestReport:
    """:func:`add_documents`, with texts from files that lie anywhere, and may be gone later.

    Args:
        files: Where each is, by the id that it is to be known by.
        encoder: As :func:`add_documents`.
        store: As :func:`add_documents`.
        options: As :func:`add_documents`.
        storage: As :func:`add_documents`.
        reading: How files are read.
        on_event: As :func:`add_documents`.

    Raises:
        InputError: An id is empty.
        CollectionMismatchError: As :func:`add_documents`; so is the other error.
    """
    for name in files:
        Document(id=name, text="")  # the same names are refused
    sizes = [_size(path) for path in files.values()]
    with FileReader(reading) as reader:
        ahead = zip(files.items(), reader.ahead(files.values()), sizes, strict=True)
        texts = (
            GivenText(
                source=name,
                size=size,
                position=position,
                read=partial(_under_its_name, text, name, path),
                is_ready=text.is_ready,
                is_file=False,
            )
            for position, ((name, path), text, size) in enumerate(ahead, start=1)
        )
        return _take(texts, sizes, encoder, store, options, storage, on_event)


def _take(
    texts: Iterable[GivenText],
    sizes: Iterable[int],
    encoder: DocumentEncoder,
    store: DocumentStore,
    options: IndexOptions | None,
    storage: StorageOptions | None,
    on_event: Callable[[Event], None] | None,
) -> IngestReport:
    """Bring in texts, one after the other."""
    began = time.monotonic()
    ensure_for(store, encoder, options=options, storage=storage)
    with Run.over(store, encoder=encoder, on_event=on_event, began=began) as run:
        run.started(sizes)
        Flow(run).take(texts)
    return run.finish()


def _size(path: Location) -> int:
    try:
        if isinstance(path, Remote):
            from longembed_rag.files.buckets.objects import info_of

            return info_of(path).size
        return path.stat().st_size
    except (OSError, LongEmbedError):  # whoever reads it says so
        return 0


def _under_its_name(read: Callable[[], FileText], name: str, path: Location) -> FileText:
    """A file's text, told of by its id, without what is true of this place of it alone.

    Raises:
        ReadError: It cannot be read; names the id.
    """
    try:
        found = read()
    except ReadError as error:
        raise ReadError(str(error).replace(str(path), name)) from error
    kept = {key: value for key, value in found.metadata.items() if key not in _OF_THE_PLACE}
    return replace(found, metadata={**kept, "file_name": PurePosixPath(name).name})
