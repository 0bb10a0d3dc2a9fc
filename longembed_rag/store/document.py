"""One document as it lies in a collection: its text, its metadata and where its passages are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from longembed_rag.encoder.values import Passage
from longembed_rag.errors import CollectionNotFoundError
from longembed_rag.layout import NO_LAYOUT, Layout
from longembed_rag.points.filters import Filter, HasIdCondition, combine
from longembed_rag.points.port import scroll
from longembed_rag.points.values import native_id
from longembed_rag.store.payload import (
    LISTING_KEYS,
    PASSAGE_BITS_KEY,
    read_language,
    read_layout,
    read_node,
    read_own,
    read_source,
    read_stored_source,
)
from longembed_rag.store.reading import PLACE_KEYS, read_place
from longembed_rag.store.sums import is_as_written, require_as_written
from longembed_rag.store.tokens import tokens_of
from longembed_rag.store.values import DENSE_VECTOR, IndexedDocument, document_id, passage_id

if TYPE_CHECKING:
    from longembed_rag.layout import Place as PlaceInText
    from longembed_rag.points.filters import AnyFilter
    from longembed_rag.points.values import Stored
    from longembed_rag.store.place import Place

# Points per request: with their vectors about a megabyte.
_PAGE = 256
_WHAT = "reading documents"


@dataclass(frozen=True, kw_only=True)
class StoredDocument:
    """A document as it is stored.

    Attributes:
        source: Where it comes from: a file's absolute path, or the id that it was added with.
        document_id: Id of its point.
        text: The whole text.
        metadata: What is known of it: of a file what its reader found out and its path as
            ``source``, else just what was given.
        content_hash: Hash of the text (SHA-256, hex); empty where somebody else has stored it.
        tokens: Tokens in the text.
        tokens_read: Tokens that reached the model.
        windows: Forward windows that the text was read in.
        passages: Where its passages lie, in characters of the text, in order.
        layout: Where its pages and headings begin.
        language: What it is written in, ``"german"``; None where the collection has one language
            for all, or it is not known.
    """

    source: str
    document_id: str
    text: str
    metadata: dict[str, Any]
    content_hash: str
    tokens: int
    tokens_read: int
    windows: int
    passages: tuple[Passage, ...]
    layout: Layout = NO_LAYOUT
    language: str | None = None

    def place(self, passage: Passage) -> PlaceInText:
        """The page, lines and headings that a passage stands at."""
        return self.layout.place(self.text, passage.start, passage.end)

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON; each passage with its text, and where it stands."""
        passages = [
            {
                **asdict(each),
                **self.place(each).to_dict(),
                "text": self.text[each.start : each.end],
            }
            for each in self.passages
        ]
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**values, "passages": passages, "layout": self.layout.to_dict()}


def read_documents(
    identities: Sequence[str], *, place: Place, matching: AnyFilter | None = None
) -> list[StoredDocument | None]:
    """Documents by their sources or by the ids of their points, in the order given.

    Args:
        identities: Sources and ids; where one could be either, it is a source.
        place: Where they are.
        matching: Which of them; None for all.

    Returns:
        A document for each; None where there is none.

    Raises:
        StoreDamagedError: One is not as it was written.
        StoreError: They cannot be read.
    """
    asked = [_point_ids(identity) for identity in identities]
    ids = list(dict.fromkeys(chain.from_iterable(asked)))
    if matching is not None:
        among = combine(Filter(must=[HasIdCondition([native_id(each) for each in ids])]), matching)
        found = scroll(place.points, place.documents, what=_WHAT, keys=[], matching=among)
        fitting = {point.id for point in found}
        ids = [each for each in ids if each in fitting]
    there = {record.id: record for record in _records(place.documents, ids, place=place)}
    require_as_written(there.values(), place)
    passages = _passages_of(list(there.values()), place=place)
    documents = {each: _document(there[each], passages[each]) for each in there}
    return [next((documents[i] for i in each if i in documents), None) for each in asked]


def _document(record: Stored, passages: Sequence[tuple[Passage, Stored]]) -> StoredDocument:
    payload = record.payload
    own = read_own(payload)
    text, metadata = read_node(payload)
    return StoredDocument(
        source=read_source(payload, point_id=record.id),
        document_id=record.id,
        text=text or "",
        metadata=metadata,
        content_hash=str(own.get("content_hash", "")),
        tokens=int(own.get("tokens", 0)),
        tokens_read=int(own.get("tokens_read", 0)),
        windows=int(own.get("windows", 1)),
        passages=tuple(passage for passage, _ in passages),
        layout=read_layout(payload),
        language=read_language(payload),
    )


def read_indexed(source: str, *, place: Place) -> IndexedDocument | None:
    """A document with its vectors, ready to be written again.

    Args:
        source: Where it comes from.
        place: Where it is.

    Returns:
        The document; None where it, or one of its passages, is not there as it was written.

    Raises:
        StoreError: It cannot be read.
    """
    import numpy as np

    ids = [document_id(source)]
    record = next(_records(place.documents, ids, place=place, with_vectors=True), None)
    stored = None if record is None else read_stored_source(record.payload)
    if record is None or stored is None or not is_as_written(record):
        return None
    passages = _passages_of([record], place=place, with_vectors=True)[record.id]
    if len(passages) < stored.passages:
        return None
    vectors = None
    if stored.late_interaction:
        bits = [read_own(each.payload).get("bits") for _, each in passages]
        vectors = tokens_of(bits, dimension=len(_dense(record)))
    text, metadata = read_node(record.payload)
    embedding = _dense(record)
    return IndexedDocument(
        source=source,
        text=text or "",
        metadata=metadata,
        content_hash=stored.content_hash,
        tokens=stored.tokens,
        tokens_read=stored.tokens_read,
        windows=stored.windows,
        embedding=embedding,
        passages=tuple(passage for passage, _ in passages),
        passage_embeddings=np.stack([_dense(each) for _, each in passages])
        if passages
        else np.zeros((0, embedding.shape[0]), dtype=np.float32),
        token_vectors=vectors,
        layout=read_layout(record.payload),
        reading_hash=stored.reading_hash,
    )


def find_sources(identities: Iterable[str], *, place: Place) -> dict[str, str]:
    """Which of some sources and ids of points there are documents of ours for.

    Args:
        identities: Sources and ids.
        place: Where the documents are.

    Returns:
        For each that is there, in the order given, its source.

    Raises:
        StoreError: The documents cannot be read.
    """
    given = list(dict.fromkeys(identities))
    ids = [point for identity in given for point in _point_ids(identity)]
    there = {
        record.id: stored.source
        for record in _records(place.documents, ids, place=place, keys=LISTING_KEYS)
        if (stored := read_stored_source(record.payload)) is not None
    }
    found = {}
    for identity in given:
        source = next((there[id_] for id_ in _point_ids(identity) if id_ in there), None)
        if source is not None:
            found[identity] = source
    return found


def _point_ids(identity: str) -> list[str]:
    """The ids that a document may have that is asked for so."""
    ids = []
    with suppress(UnicodeEncodeError):  # no source is called so: they are valid text
        ids.append(document_id(identity))
    with suppress(ValueError):
        ids.append(str(UUID(identity)))
    return ids


def _passages_of(
    records: Sequence[Stored], *, place: Place, with_vectors: bool = False
) -> dict[str, list[tuple[Passage, Stored]]]:
    """Each document's passages in the order of the text, those that are there."""
    found: dict[str, list[tuple[Passage, Stored]]] = {record.id: [] for record in records}
    ids = list(chain.from_iterable(map(_passage_ids, records)))
    keys = [*PLACE_KEYS, PASSAGE_BITS_KEY] if with_vectors else PLACE_KEYS
    try:
        points = list(
            _records(place.passages, ids, place=place, keys=keys, with_vectors=with_vectors)
        )
    except CollectionNotFoundError:
        return found  # somebody has deleted it; the next ingest makes it anew
    for point in points:
        where = read_place(point.id, point.payload)
        if where is not None and where.document in found:
            passage = Passage(where.start, where.end, where.tokens)
            found[where.document].append((passage, point))
    return found


def _passage_ids(record: Stored) -> list[str]:
    own = read_own(record.payload)
    version = str(own.get("content_hash", ""))
    return [passage_id(record.id, version, index) for index in range(int(own.get("passages", 0)))]


def _records(
    name: str,
    ids: Sequence[str],
    *,
    place: Place,
    keys: list[str] | None = None,
    with_vectors: bool = False,
) -> Iterator[Stored]:
    """Points by their ids, in that order, those that are there."""
    remaining = iter(ids)
    while page := list(islice(remaining, _PAGE)):
        records = place.points.fetch(name, page, what=_WHAT, keys=keys, vectors=with_vectors)
        by_id = {record.id: record for record in records}
        yield from (by_id[identity] for identity in page if identity in by_id)


def _dense(record: Stored) -> Any:
    import numpy as np

    return np.asarray(record.vectors[DENSE_VECTOR], dtype=np.float32)
