"""The three collections: making them, and refusing to mix vectors of different settings in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    NotAllowedError,
)
from longembed_rag.points.values import StorageOptions
from longembed_rag.store.claims import MANIFEST_INDEXES
from longembed_rag.store.frequencies.head import TABLE_INDEXES
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.place import (
    DOCUMENT_INDEXES,
    PASSAGE_INDEXES,
    TENANT_INDEXES,
    documents_layout,
    manifest_layout,
    passages_layout,
)
from longembed_rag.store.record import (
    ROOTS_KEY,
    moved_record,
    not_kept,
    read_record,
    read_roots,
    require_match,
    require_options,
    require_spread,
    with_changes,
    with_languages,
    with_tokens,
    write_record,
)
from longembed_rag.store.tenants import require_possible
from longembed_rag.store.values import CollectionRecord

if TYPE_CHECKING:
    from longembed_rag.points.spread import Spread
    from longembed_rag.points.values import Described, Layout
    from longembed_rag.store.place import Place
    from longembed_rag.store.tokens import TokenRecord


class Collection:
    """A collection by name, there or not, with those of its passages and its manifest.

    Args:
        place: Where it is.

    Attributes:
        spread: How a server spreads it over nodes, once that is known; None of an embedded store.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._points = place.points
        self.spread: Spread | None = None
        self._record: CollectionRecord | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self.place.documents

    def record(self) -> CollectionRecord | None:
        """How its vectors were made; None when it is not there.

        An alias is followed: from then on the collections are those of its target.

        Raises:
            CollectionMismatchError: It was not made by this package.
            StoreError: It cannot be read.
        """
        found = self._found()
        return None if found is None else self._require_record(found)

    def _found(self) -> Described | None:
        found = self._points.describe(self.name)
        if found is not None and found.name != self.name:
            self.place = replace(self.place, documents=found.name)
        self.spread = None if found is None else found.spread
        self._record = None if found is None else read_record(found.metadata)
        return found

    def existing_record(self) -> CollectionRecord:
        """How its vectors were made.

        Raises:
            CollectionNotFoundError: It is not there.
            CollectionMismatchError: It was not made by this package.
            StoreError: It cannot be read.
        """
        record = self.record()
        if record is None:
            raise CollectionNotFoundError(
                f"there is no collection {self.name!r} at {self.place.location}; ingest "
                "documents into it first, or name another one"
            )
        return record

    def ensure(
        self,
        *,
        fingerprint: str,
        dimension: int,
        description: Mapping[str, Any],
        settings: Mapping[str, Any],
        options: IndexOptions | None,
        storage: StorageOptions,
        tokens: TokenRecord | None,
    ) -> CollectionRecord:
        """Make it, or check that its vectors were made in the same way.

        The collection of documents, with the record, comes last: where it is, the others are too,
        unless somebody has deleted them.

        Raises:
            CollectionMismatchError: They were not; names what differs.
            StoreError: It cannot be made or read.
        """
        made = write_record(
            fingerprint=fingerprint,
            dimension=dimension,
            description=description,
            settings=settings,
            options=options or IndexOptions(),
            embedded=self._points.embedded,
            tokens=tokens,
            frequencies=self._counts_words(storage),
        )
        found = self._made(made, dimension, storage)
        record = self._require_record(found)
        self.require_match(record, fingerprint, description)
        if options is not None:
            require_options(record, options, collection=self.name, location=self.place.location)
        if tokens is not None and record.tokens is None:
            self._points.note(self.name, with_tokens(found.metadata, tokens))
            record = self.existing_record()
        self._ensure_indexes(found, self._indexes(DOCUMENT_INDEXES))
        return record

    def ensure_like(self, other: Collection, *, storage: StorageOptions | None = None) -> None:
        """Make it with the record of another collection, or check that it was made in the same way.

        Args:
            other: The collection, which is there.
            storage: How a server is to keep the vectors of a new collection.

        Raises:
            CollectionMismatchError: It was not; names what differs.
            StoreError: It cannot be made or read.
        """
        theirs = other.existing_record()
        there = other._found()
        assert there is not None
        storage = storage or StorageOptions()
        embedded, frequencies = self._points.embedded, self._counts_words(storage)
        made = moved_record(there.metadata, embedded=embedded, frequencies=frequencies)
        found = self._made(made, theirs.dimension, storage)
        record = self._require_record(found)
        self.require_match(record, theirs.fingerprint, theirs.description)
        require_options(record, theirs.options, collection=self.name, location=self.place.location)
        if theirs.weighing < record.weighing:
            # What comes is weighed for hybrid as it was there; the next ingest weighs it anew.
            self.note_changes(weighing=theirs.weighing)
        self.note_languages(theirs.languages)
        self._ensure_indexes(found, self._indexes(DOCUMENT_INDEXES))

    def _made(
        self, metadata: Mapping[str, Any], dimension: int, storage: StorageOptions
    ) -> Described:
        """The collection as it is there, or made now, after those beside it."""
        found = self._found()
        if found is not None:
            require_spread(found, storage.spread, location=self.place.location)
        else:
            self._record = read_record(metadata)
            if self._record is not None:
                require_possible(self._record.options.tenant_field, storage, self._points)
        self.ensure_beside(dimension, storage)
        if found is None:
            layout = documents_layout(dimension, storage, keeps_words=self._keeps_words)
            found = self._points.make(self.name, layout, metadata=metadata)
            if read_record(found.metadata) is None:
                self._points.drop(self.name)
                raise not_kept(self.place.location)
        return found

    @property
    def _keeps_words(self) -> bool:
        return self._record is not None and self._record.frequencies

    def _indexes(self, fields: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        """What is indexed of documents, or passages: where there are tenants, whose they are."""
        has_tenants = self._record is not None and self._record.options.tenant_field is not None
        return {**fields, **TENANT_INDEXES} if has_tenants else fields

    def _counts_words(self, storage: StorageOptions) -> bool:
        """Whether a new collection is to count in how many documents each word stands."""
        return not self._points.embedded and (storage.shards or 1) > 1

    def ensure_words(self) -> None:
        """Make the collection of how often words occur, where it is not there.

        Raises:
            StoreError: It cannot be made.
        """
        storage = StorageOptions(**({} if self.spread is None else asdict(self.spread)))
        self._ensure(self.place.words, manifest_layout(storage), TABLE_INDEXES)

    def roots(self) -> dict[str, int]:
        """See :meth:`DocumentStore.roots`."""
        found = self._found()
        return {} if found is None else read_roots(found.metadata)

    def note_roots(self, devices: Mapping[str, int]) -> None:
        """See :meth:`DocumentStore.note_roots`."""
        known = self.roots()
        if not devices.items() <= known.items():
            # A key that writes points and no collections: a refusal says a little less.
            with suppress(NotAllowedError):
                self._points.note(self.name, {ROOTS_KEY: {**known, **devices}})

    def ensure_filterable(self, fields: Iterable[tuple[str, str]]) -> None:
        """Index what documents and passages are filtered by, where that is not done yet.

        A key that may only read searches without: slower, and with the same result.

        Args:
            fields: Payload fields, each with a kind of index that serves it; a field may come with
                several, the likelier first.

        Raises:
            StoreError: An index cannot be made.
        """
        wanted: dict[str, list[str]] = {}
        for field, kind in fields:
            wanted.setdefault(field, []).append(kind)
        for name in (self.name, self.place.passages) if wanted else ():
            with suppress(NotAllowedError):
                self._points.index(name, wanted)

    def ensure_beside(self, dimension: int, storage: StorageOptions) -> None:
        """Make the collections beside that of the documents, where they are not there.

        Those beside a collection that is there are spread over nodes as it is.

        Raises:
            StoreError: They cannot be made.
        """
        if self.spread is not None:
            storage = replace(storage, **asdict(self.spread))
        layout = passages_layout(dimension, storage, keeps_words=self._keeps_words)
        self._ensure(self.place.passages, layout, self._indexes(PASSAGE_INDEXES))
        # Who is alone has nobody to claim documents from.
        indexes = {} if self._points.embedded else MANIFEST_INDEXES
        self._ensure(self.place.manifest, manifest_layout(storage), indexes)
        if self._keeps_words:
            self._ensure(self.place.words, manifest_layout(storage), TABLE_INDEXES)

    def _ensure(self, name: str, layout: Layout, indexes: Mapping[str, tuple[str, ...]]) -> None:
        found = self._points.describe(name) or self._points.make(name, layout)
        self._ensure_indexes(found, indexes)

    def note_changes(self, **changes: Any) -> None:
        """Note down what has changed in the record, such as versions; None takes one away.

        Raises:
            StoreError: It cannot be read or written to.
        """
        found = self._found()
        if found is None:
            raise CollectionNotFoundError(f"there is no collection {self.name!r} any more")
        self._points.note(self.name, with_changes(found.metadata, **changes))

    def note_languages(self, languages: Iterable[str]) -> None:
        """Note down what words of documents that are about to come are stemmed as.

        Raises:
            NotAllowedError: The key may not.
            StoreError: It cannot be read or written to.
        """
        found = self._found()
        if found is None:
            raise CollectionNotFoundError(f"there is no collection {self.name!r} any more")
        new = set(languages).difference(self._require_record(found).languages)
        if new:
            self._points.note(self.name, with_languages(found.metadata, new))

    def require_match(
        self, record: CollectionRecord, fingerprint: str, description: Mapping[str, Any]
    ) -> None:
        """Refuse to go on with other settings.

        Raises:
            CollectionMismatchError: The settings are others; names what differs.
        """
        require_match(
            record,
            fingerprint=fingerprint,
            description=description,
            collection=self.name,
            location=self.place.location,
        )

    def _require_record(self, found: Described) -> CollectionRecord:
        record = read_record(found.metadata)
        if record is None:
            raise CollectionMismatchError(
                f"collection {self.name!r} at {self.place.location} was not made by "
                "longembed-rag, or by a version before word search: it does not say how it was "
                "made. Name another collection, and ingest into that"
            )
        return record

    def _ensure_indexes(self, found: Described, fields: Mapping[str, tuple[str, ...]]) -> None:
        """Index what is filtered by; servers in strict mode refuse to filter without."""
        missing = {field: kinds for field, kinds in fields.items() if field not in found.indexes}
        if missing:
            self._points.index(found.name, missing)
