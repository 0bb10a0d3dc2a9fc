"""The record that a collection carries of how its vectors were made.

The record lies in Qdrant's own metadata of a collection (server 1.16 and later; embedded stores
keep it in their ``meta.json``), so it comes into being in the same step as the collection and
cannot be lost without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from longembed_rag._version import __version__
from longembed_rag.errors import CollectionMismatchError
from longembed_rag.store.payload import OWN_KEY
from longembed_rag.store.values import CollectionRecord, IndexOptions

if TYPE_CHECKING:
    from qdrant_client.models import CollectionInfo

# What may differ between two machines without changing a vector.
_RUNTIME = frozenset({"device", "dtype", "batch_tokens", "model_path", "method_reason"})
_ABSENT = "(not set)"


def write_record(
    *,
    fingerprint: str,
    dimension: int,
    description: Mapping[str, Any],
    settings: Mapping[str, Any],
    options: IndexOptions,
) -> dict[str, Any]:
    """The collection's metadata."""
    return {
        OWN_KEY: {
            "fingerprint": fingerprint,
            "dimension": dimension,
            "description": dict(description),
            "settings": dict(settings),
            "index": options.to_dict(),
            "version": __version__,
        }
    }


def read_record(info: CollectionInfo) -> CollectionRecord | None:
    """The record of a collection; None when it was not made by this package."""
    own = (info.config.metadata or {}).get(OWN_KEY)
    if not isinstance(own, dict) or "fingerprint" not in own or "index" not in own:
        return None
    return CollectionRecord(
        fingerprint=str(own["fingerprint"]),
        dimension=int(own.get("dimension", 0)),
        description=dict(own.get("description") or {}),
        settings=dict(own.get("settings") or {}),
        options=IndexOptions.from_dict(own["index"]),
        version=str(own.get("version", "")),
    )


def require_match(
    record: CollectionRecord,
    *,
    fingerprint: str,
    description: Mapping[str, Any],
    collection: str,
    location: str,
) -> None:
    """Refuse to mix vectors of different settings.

    Raises:
        CollectionMismatchError: The collection was made with others; names each one that
            differs, with the collection's value and the one in use.
    """
    if record.fingerprint == fingerprint:
        return
    lines = differences(record.description, description)
    if not lines:
        lines = ["the files of the model are not the same"]
    raise CollectionMismatchError(
        f"collection {collection!r} at {location} was made with other settings "
        f"({record.description.get('model', 'unknown model')}, fingerprint {record.fingerprint}) "
        f"than those in use ({description.get('model', 'unknown model')}, fingerprint "
        f"{fingerprint}): {'; '.join(lines)}. Use the collection's settings, or another "
        "collection for these"
    )


def require_options(
    record: CollectionRecord, options: IndexOptions, *, collection: str, location: str
) -> None:
    """Refuse to add documents that would be kept in another way than those that are there.

    Raises:
        CollectionMismatchError: The options are others; names each one that differs.
    """
    lines = differences(record.options.to_dict(), options.to_dict())
    if lines:
        raise CollectionMismatchError(
            f"collection {collection!r} at {location} keeps its documents in another way: "
            f"{'; '.join(lines)}. Leave these options out, or name another collection for them"
        )


def differences(stored: Mapping[str, Any], used: Mapping[str, Any]) -> list[str]:
    """What differs between two descriptions, a phrase for each setting, by name."""
    names = sorted((set(stored) | set(used)) - _RUNTIME)
    return [
        f"{name} is {_shown(stored, name)} in the collection and {_shown(used, name)} now"
        for name in names
        # Through JSON a tuple comes back as a list, which is no difference.
        if _plain(stored.get(name)) != _plain(used.get(name))
    ]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _shown(values: Mapping[str, Any], name: str) -> str:
    return repr(values[name]) if name in values else _ABSENT
