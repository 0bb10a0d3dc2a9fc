"""Tenants: whose each document of a collection is, where a field of its metadata says so.

A document and its passages carry their tenant's name under one key, as text: 7 and ``"7"`` are the
same tenant. Who looks through :meth:`Place.of_tenant <longembed_rag.store.place.Place.of_tenant>`
finds one tenant's points, and words weigh as if there were no others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import PointRefusedError, SettingsError

if TYPE_CHECKING:
    from longembed_rag.points.port import Points
    from longembed_rag.points.values import StorageOptions

#: What a document's and a passage's own fields call their tenant.
TENANT = "tenant"
_FIELD = re.compile(r"[\w-]+")
# What payloads hold for every document, and what a filter takes for something else.
_TAKEN = frozenset(
    {
        *("longembed", "source", "doc_id", "document_id", "ref_doc_id"),
        *("_node_content", "_node_type", "path"),
    }
)


def require_tenant_field(field: object) -> None:
    """Require that a field can tell a document's tenant.

    Raises:
        SettingsError: It is not the name of a field of metadata.
    """
    if not isinstance(field, str) or not _FIELD.fullmatch(field):
        raise SettingsError(
            f"tenant_field={field!r} is not the name of a field of documents' metadata: letters, "
            "digits, _ and -"
        )
    if field in _TAKEN:
        raise SettingsError(
            f"tenant_field={field!r}: that field says something else of every document; name "
            "another one"
        )


def require_one_shard(field: str | None, storage: StorageOptions) -> None:
    """Require that a collection with tenants is one shard.

    Args:
        field: What tells a document's tenant; None without tenants.
        storage: How a server is to keep the collection.

    Raises:
        SettingsError: Words would be weighed over the documents of all tenants.
    """
    if field is not None and (storage.shards or 1) > 1:
        raise SettingsError(
            f"tenant_field={field!r} beside shards={storage.shards}: how rare words are is counted "
            "for each tenant by one shard; leave one of the two out"
        )


def require_possible(field: str | None, storage: StorageOptions, points: Points) -> None:
    """Require that a place can keep a collection with tenants.

    Args:
        field: What tells a document's tenant; None without tenants.
        storage: How a server is to keep the collection.
        points: The place.

    Raises:
        SettingsError: As :func:`require_one_shard`.
        StoreError: The server is too old, or does not answer.
    """
    require_one_shard(field, storage)
    if field is not None and points.served is not None:
        points.served.require_corpora()


def tenant_name(value: object) -> str | None:
    """What a tenant is called that a field names; None for what names none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) and value else None


def tenant_of(source: str, metadata: Mapping[str, Any], field: str | None) -> str | None:
    """Whose a document is.

    Args:
        source: What it is called, for messages.
        metadata: What is known of it.
        field: The field that says so; None where the collection has no tenants.

    Raises:
        PointRefusedError: It does not say so.
    """
    if field is None:
        return None
    tenant = tenant_name(metadata.get(field))
    if tenant is None:
        found = repr(metadata[field]) if field in metadata else "nothing"
        raise PointRefusedError(
            f"{source} was not written: its metadata has {found} as {field!r}, where a text or "
            "number has to name its tenant (--tenant-field); files say it in their front matter"
        )
    return tenant
