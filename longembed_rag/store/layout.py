"""How the three collections are laid out: which vectors, where, and which fields are indexed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longembed_rag.store.payload import (
    BUCKET_KEY,
    DELETE_KEY,
    FOLDERS_KEY,
    PASSAGE_DOCUMENT_KEY,
    PASSAGE_VERSION_KEY,
)
from longembed_rag.store.values import DENSE_VECTOR, PAIRS_VECTOR, TERMS_VECTOR, StorageOptions

if TYPE_CHECKING:
    from qdrant_client.models import SparseVectorParams, VectorParams

#: Metadata that readers of files give and people filter by.
_FILTERED = {
    "source": "keyword",
    FOLDERS_KEY: "keyword",
    "file_name": "keyword",
    "file_type": "keyword",
    "last_modified": "datetime",
}
#: Payload indexes of each collection: field and kind.
DOCUMENT_INDEXES = {DELETE_KEY: "keyword", BUCKET_KEY: "integer", **_FILTERED}
PASSAGE_INDEXES = {
    PASSAGE_DOCUMENT_KEY: "keyword",
    PASSAGE_VERSION_KEY: "keyword",
    BUCKET_KEY: "integer",
    **_FILTERED,
}


def dense_params(dimension: int, storage: StorageOptions) -> dict[str, VectorParams]:
    """The vector of a whole document, and likewise that of a passage."""
    from qdrant_client.models import Distance, VectorParams

    return {
        DENSE_VECTOR: VectorParams(
            size=dimension, distance=Distance.COSINE, on_disk=storage.on_disk or None
        )
    }


def sparse_params(storage: StorageOptions, *, pairs: bool) -> dict[str, SparseVectorParams]:
    """The terms, whose rarity Qdrant puts in; of documents also their word pairs."""
    from qdrant_client.models import Modifier, SparseIndexParams, SparseVectorParams

    params = SparseVectorParams(
        modifier=Modifier.IDF,
        index=SparseIndexParams(on_disk=True) if storage.on_disk else None,
    )
    return {TERMS_VECTOR: params, **({PAIRS_VECTOR: params} if pairs else {})}


def server_params(storage: StorageOptions) -> dict[str, Any]:
    """What only a server understands."""
    from qdrant_client import models

    given: dict[str, Any] = {}
    if storage.quantization == "scalar":
        given["quantization_config"] = models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        )
    if storage.quantization == "binary":
        given["quantization_config"] = models.BinaryQuantization(
            binary=models.BinaryQuantizationConfig(always_ram=True)
        )
    if storage.on_disk:
        given["hnsw_config"] = models.HnswConfigDiff(on_disk=True)
    return given
