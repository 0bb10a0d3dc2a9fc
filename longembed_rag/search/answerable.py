"""Whether a collection can answer a query in the mode that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longembed_rag.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.search.options import SearchOptions
    from longembed_rag.store.store import DocumentStore
    from longembed_rag.store.values import CollectionRecord


def require_answerable(
    store: DocumentStore,
    record: CollectionRecord,
    options: SearchOptions,
    vector: NDArray[np.float32] | None,
    tokens: Sequence[NDArray[np.float32]] | None,
) -> None:
    """Refuse a query that the collection cannot answer in the mode that is asked for.

    Args:
        store: Where the collection is.
        record: What it says of itself.
        options: How to search.
        vector: The query's vector.
        tokens: The vectors of the tokens of its parts.

    Raises:
        SettingsError: It keeps too little, or the query's vectors are none of its model's.
    """
    if options.needs_vector and vector is None:
        raise SettingsError(f"mode={options.mode!r} needs the query's vector")
    if options.mode in ("passages", "late") and not record.options.passages:
        raise SettingsError(
            f"mode={options.mode!r}: collection {store.collection!r} keeps no passages; use "
            "another mode, or ingest into another collection with passages"
        )
    if options.mode == "late" and record.tokens is None:
        raise SettingsError(
            f"mode='late': collection {store.collection!r} keeps no vectors of tokens; ingest its "
            "files again with late_interaction='on' (--late-interaction on), or use another mode"
        )
    if options.mode == "late" and tokens is None:
        raise SettingsError("mode='late' needs the vectors of the query's tokens")
    if tokens is not None and not sum(map(len, tokens)):
        raise SettingsError("the query's tokens are none at all; leave them out to compare none")
    for part in tokens or ():
        if part.shape[1:] != (record.dimension,):
            raise SettingsError(
                f"the query's tokens have shape {part.shape}, the collection's vectors have "
                f"{record.dimension} numbers: they are another model's"
            )
    if vector is not None and vector.shape != (record.dimension,):
        raise SettingsError(
            f"the query's vector has shape {vector.shape}, the collection's vectors have "
            f"{record.dimension} numbers: it is another model's"
        )
    for given in (vector, *(tokens or ())):
        if given is not None and not _is_finite(given):
            raise SettingsError("the query's vector holds values that are not finite")


def _is_finite(values: NDArray[np.float32]) -> bool:
    import numpy as np

    return bool(np.isfinite(values).all())
