"""Which collections count their words themselves, and how one that was made without begins to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longembed_rag.store.frequencies.settling import settle
from longembed_rag.store.values import PAIRS_VECTOR, TERMS_VECTOR

if TYPE_CHECKING:
    from longembed_rag.store.collection import Collection
    from longembed_rag.store.values import CollectionRecord


def settle_words(collection: Collection, record: CollectionRecord, *, sweeps: bool = False) -> None:
    """Count the words of what has come and gone, where the store cannot.

    A collection of several shards that was made before words were counted, or that a server has cut
    into shards since, begins with it here: first all are counted, then the store stops to weigh
    them.

    Args:
        collection: The collection; its documents are written.
        record: What it says of itself.
        sweeps: Whether to look for what somebody who was killed has left in the table.

    Raises:
        StoreError: The store cannot be read or written to.
    """
    place = collection.place
    served = place.points.served
    if record.frequencies:
        settle(place, sweeps=sweeps)
    elif record.options.tenant_field is not None:
        return  # they are counted by tenant, by the store, in each shard by itself
    elif served is not None and collection.spread is not None and collection.spread.shards > 1:
        collection.ensure_words()
        settle(place)
        served.stop_weighing(place.documents, [TERMS_VECTOR, PAIRS_VECTOR])
        served.stop_weighing(place.passages, [TERMS_VECTOR])
        collection.note_changes(frequencies=True)
