"""The three collections: making them, and refusing to mix vectors of different settings in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    SettingsError,
    StoreError,
)
from longembed_rag.points.gateway import LOGIN
from longembed_rag.store.layout import (
    DOCUMENT_INDEXES,
    PASSAGE_INDEXES,
    dense_params,
    server_params,
    sparse_params,
)
from longembed_rag.store.record import (
    read_record,
    require_match,
    require_options,
    write_record,
)
from longembed_rag.store.values import (
    CollectionRecord,
    IndexOptions,
    StorageOptions,
    manifest_collection,
    passages_collection,
)

if TYPE_CHECKING:
    from qdrant_client.models import CollectionInfo

    from longembed_rag.store.place import Place

_FORBIDDEN = '<>:"/\\|?*\0\x1f'
_LONGEST_NAME = 255 - len(passages_collection(""))
# What servers answer when the collection has come into being in the meantime.
_CONFLICT = (400, 409)


def require_name(name: str) -> None:
    """Refuse a name that Qdrant would not take, for the collection or those beside it.

    Raises:
        SettingsError: It would not; says why.
    """
    forbidden = sorted(set(name) & set(_FORBIDDEN))
    if forbidden:
        raise SettingsError(f"collection={name!r} must not contain {' '.join(forbidden)}")
    size = len(name.encode("utf-8", "surrogatepass"))
    if name in ("", ".", "..") or size > _LONGEST_NAME or not name.isprintable():
        raise SettingsError(
            f"collection={name!r} is not a name: 1 to {_LONGEST_NAME} bytes that can be printed, "
            "not . or .."
        )
    for sibling in (passages_collection(""), manifest_collection("")):
        if name.endswith(sibling):
            raise SettingsError(
                f"collection={name!r} must not end in {sibling!r}: that is how the collections "
                "beside another one are called"
            )


class _NotAllowedError(StoreError):
    """The key may not do this."""


class Collection:
    """A collection by name, there or not, with those of its passages and its manifest.

    Args:
        place: Where it is.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._gateway = place.gateway
        self._client = place.client
        self.name = place.documents

    def record(self) -> CollectionRecord | None:
        """How its vectors were made; None when it is not there.

        Raises:
            CollectionMismatchError: It was not made by this package.
            StoreError: It cannot be read.
        """
        info = self._read(self.name)
        return None if info is None else self._require_record(info)

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
                f"there is no collection {self.name!r} at {self._gateway.location}; ingest "
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
    ) -> CollectionRecord:
        """Make it, or check that its vectors were made in the same way.

        The collection of documents, with the record, comes last: where it is, the others are too,
        unless somebody has deleted them.

        Raises:
            CollectionMismatchError: They were not; names what differs.
            StoreError: It cannot be made or read.
        """
        info = self._read(self.name)
        self.ensure_beside(dimension, storage)
        if info is None:
            metadata = write_record(
                fingerprint=fingerprint,
                dimension=dimension,
                description=description,
                settings=settings,
                options=options or IndexOptions(),
            )
            info = self._create(
                self.name,
                metadata=metadata,
                vectors_config=dense_params(dimension, storage),
                sparse_vectors_config=sparse_params(storage, pairs=True),
                **server_params(storage),
            )
            info = self._require_kept(info)
        record = self._require_record(info)
        self.require_match(record, fingerprint, description)
        if options is not None:
            require_options(record, options, collection=self.name, location=self._gateway.location)
        self._ensure_indexes(self.name, info, DOCUMENT_INDEXES)
        return record

    def ensure_filterable(self, fields: Iterable[tuple[str, str]]) -> None:
        """Index what documents and passages are filtered by, where that is not done yet.

        A key that may only read searches without: slower, and with the same result.

        Args:
            fields: Payload fields, each with the kind of index it wants.

        Raises:
            StoreError: An index cannot be made.
        """
        wanted: dict[str, str] = {}
        for field, kind in fields:
            wanted.setdefault(field, kind)  # a field has one index
        for name in (self.name, self._place.passages):
            info = self._read(name) if wanted else None
            if info is None:
                continue
            try:
                self._ensure_indexes(name, info, wanted)
            except _NotAllowedError:
                return

    def ensure_beside(self, dimension: int, storage: StorageOptions) -> None:
        """Make the collections of passages and of the manifest, where they are not there.

        Raises:
            StoreError: They cannot be made.
        """
        place = self._place
        passages = self._read(place.passages)
        if passages is None:
            passages = self._create(
                place.passages,
                vectors_config=dense_params(dimension, storage),
                sparse_vectors_config=sparse_params(storage, pairs=False),
                **server_params(storage),
            )
        self._ensure_indexes(place.passages, passages, PASSAGE_INDEXES)
        if self._read(place.manifest) is None:
            self._create(place.manifest, vectors_config={})

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
            location=self._gateway.location,
        )

    def _read(self, name: str) -> CollectionInfo | None:
        def read() -> CollectionInfo | None:
            if not self._client.collection_exists(name):
                return None
            return self._client.get_collection(name)

        return self._gateway.call(read, what=f"reading collection {name!r}")

    def _require_record(self, info: CollectionInfo) -> CollectionRecord:
        record = read_record(info)
        if record is None:
            raise CollectionMismatchError(
                f"collection {self.name!r} at {self._gateway.location} was not made by "
                "longembed-rag, or by a version before word search: it does not say how it was "
                "made. Name another collection, and ingest into that"
            )
        return record

    def _create(self, name: str, **given: Any) -> CollectionInfo:
        refused: list[int] = []

        def failure(told: str, status: int | None) -> StoreError:
            refused.append(status or 0)
            return StoreError(
                f"collection {name!r} could not be made at {self._gateway.location}: {told}"
            )

        try:
            self._gateway.call(
                lambda: self._client.create_collection(name, **given),
                what="making the collection",
                failure=failure,
            )
        except StoreError:
            # Another process made it just now, or an earlier try whose answer was lost.
            if refused[-1] not in _CONFLICT:
                raise
            info = self._read(name)
            if info is None:
                raise
            return info
        made = self._read(name)
        if made is None:
            raise StoreError(f"collection {name!r} is gone again from {self._gateway.location}")
        return made

    def _require_kept(self, info: CollectionInfo) -> CollectionInfo:
        """Refuse a server that has silently dropped the record (before 1.16)."""
        if read_record(info) is not None:
            return info
        self._gateway.call(
            lambda: self._client.delete_collection(self.name), what="removing the new collection"
        )
        raise StoreError(
            f"the server at {self._gateway.location} does not keep a collection's metadata, which "
            "holds the settings that its vectors were made with; it needs Qdrant 1.16 or later"
        )

    def _ensure_indexes(self, name: str, info: CollectionInfo, fields: Mapping[str, str]) -> None:
        """Index what is filtered by; servers in strict mode refuse to filter without."""
        from qdrant_client.models import PayloadSchemaType

        if not self._gateway.indexes_payload:
            return

        def failure(told: str, status: int | None) -> StoreError:
            kind = _NotAllowedError if status in LOGIN else StoreError
            return kind(f"making an index in {name!r} at {self._gateway.location} failed: {told}")

        for field, kind in fields.items():
            if field not in info.payload_schema:
                self._gateway.call(
                    lambda field=field, kind=kind: self._client.create_payload_index(  # type: ignore[misc]
                        name,
                        field_name=field,
                        field_schema=PayloadSchemaType(kind),
                        wait=True,
                    ),
                    what=f"making the index on {field!r}",
                    failure=failure,
                )
