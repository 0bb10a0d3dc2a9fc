"""The collection itself: making it, and refusing to mix vectors of different settings in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    SettingsError,
    StoreError,
)
from longembed_rag.index.payload import DELETE_KEY
from longembed_rag.index.record import read_record, require_match, vector_params, write_record

if TYPE_CHECKING:
    from qdrant_client import QdrantClient
    from qdrant_client.models import CollectionInfo

    from longembed_rag.index.gateway import Gateway
    from longembed_rag.index.schema import CollectionRecord

_FORBIDDEN = '<>:"/\\|?*\0\x1f'
_LONGEST_NAME = 255
# What servers answer when the collection has come into being in the meantime.
_CONFLICT = (400, 409)


def require_name(name: str) -> None:
    """Refuse a name that Qdrant would not take.

    Raises:
        SettingsError: It would not; says why.
    """
    forbidden = sorted(set(name) & set(_FORBIDDEN))
    if forbidden:
        raise SettingsError(f"collection={name!r} must not contain {' '.join(forbidden)}")
    if name in ("", ".", "..") or len(name) > _LONGEST_NAME:
        raise SettingsError(
            f"collection={name!r} is not a name: 1 to {_LONGEST_NAME} characters, not . or .."
        )


class Collection:
    """A collection by name, there or not.

    Args:
        client: The client.
        name: Its name.
        gateway: How to call the client.
    """

    def __init__(self, client: QdrantClient, name: str, gateway: Gateway) -> None:
        self._client = client
        self._gateway = gateway
        self.name = name

    def record(self) -> CollectionRecord | None:
        """How its vectors were made; None when it is not there.

        Raises:
            CollectionMismatchError: It was not made by this package.
            StoreError: It cannot be read.
        """
        info = self._read()
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
    ) -> None:
        """Make it, or check that its vectors were made in the same way.

        Raises:
            CollectionMismatchError: They were not; names what differs.
            StoreError: It cannot be made or read.
        """
        info = self._read()
        if info is None:
            metadata = write_record(
                fingerprint=fingerprint,
                dimension=dimension,
                description=description,
                settings=settings,
            )
            info = self._create(dimension, metadata)
        self.require_match(self._require_record(info), fingerprint, description)
        if not self._gateway.embedded and DELETE_KEY not in info.payload_schema:
            self._create_delete_index()

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

    def _read(self) -> CollectionInfo | None:
        def read() -> CollectionInfo | None:
            if not self._client.collection_exists(self.name):
                return None
            return self._client.get_collection(self.name)

        return self._gateway.call(read, what=f"reading collection {self.name!r}")

    def _require_record(self, info: CollectionInfo) -> CollectionRecord:
        record = read_record(info)
        if record is None:
            raise CollectionMismatchError(
                f"collection {self.name!r} at {self._gateway.location} was not made by "
                "longembed-rag: it does not say how its vectors were made. Name another collection"
            )
        return record

    def _create(self, dimension: int, metadata: dict[str, Any]) -> CollectionInfo:
        refused: list[int] = []

        def failure(told: str, status: int | None) -> StoreError:
            refused.append(status or 0)
            return StoreError(
                f"collection {self.name!r} could not be made at {self._gateway.location}: {told}"
            )

        try:
            self._gateway.call(
                lambda: self._client.create_collection(
                    self.name, vectors_config=vector_params(dimension), metadata=metadata
                ),
                what="making the collection",
                failure=failure,
            )
        except StoreError:
            # Another process made it just now, or an earlier try whose answer was lost.
            info = self._read() if refused[-1] in _CONFLICT else None
            if info is None:
                raise
            return info
        return self._require_kept(self._read())

    def _require_kept(self, info: CollectionInfo | None) -> CollectionInfo:
        """Refuse a server that has silently dropped the record (before 1.16)."""
        if info is not None and read_record(info) is not None:
            return info
        self._gateway.call(
            lambda: self._client.delete_collection(self.name), what="removing the new collection"
        )
        raise StoreError(
            f"the server at {self._gateway.location} does not keep a collection's metadata, which "
            "holds the settings that its vectors were made with; it needs Qdrant 1.16 or later"
        )

    def _create_delete_index(self) -> None:
        """The index that LlamaIndex makes too; servers in strict mode refuse to filter without."""
        from qdrant_client.models import PayloadSchemaType

        self._gateway.call(
            lambda: self._client.create_payload_index(
                self.name, field_name=DELETE_KEY, field_schema=PayloadSchemaType.KEYWORD, wait=True
            ),
            what=f"making the index on {DELETE_KEY!r}",
        )
