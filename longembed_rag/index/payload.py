"""The payload of a document's point: LlamaIndex's own format, with a record of ours beside it.

LlamaIndex's part is written by LlamaIndex itself: ``_node_content`` holds a ``TextNode`` whose id
is the point's id and whose SOURCE relationship names the document's source, and ``doc_id``,
``document_id`` and ``ref_doc_id`` repeat that source for filters. The text stands in
``_node_content`` and nowhere else. Our own fields lie together under one key, out of the way of
the metadata that LlamaIndex spreads over the payload.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from longembed_rag.index.schema import StoredSource, document_id

if TYPE_CHECKING:
    from longembed_rag.encoder.values import Passage
    from longembed_rag.index.schema import IndexedDocument

OWN_KEY = "longembed"
NODE_KEY = "_node_content"
#: The field by which LlamaIndex's ``QdrantVectorStore.delete`` finds points.
DELETE_KEY = "doc_id"
#: What a listing of the stored documents needs: no text, no passages.
LISTING_KEYS = [
    f"{OWN_KEY}.{name}" for name in ("source", "content_hash", "tokens", "tokens_read", "windows")
]
#: Metadata that tells a language model nothing.
_TECHNICAL = (
    "file_path",
    "file_type",
    "file_size",
    "last_modified",
    "encoding",
    "source",
    "page_count",
    "pages_without_text",
)


def build_payload(document: IndexedDocument, passages: Sequence[Passage]) -> dict[str, Any]:
    """What is stored beside a document's vectors.

    Args:
        document: The document.
        passages: Its passages, one for each row of the multivector.

    Raises:
        ValueError: The metadata does not fit into JSON.
        TypeError: Likewise.
    """
    from llama_index.core.schema import NodeRelationship, ObjectType, RelatedNodeInfo, TextNode
    from llama_index.core.vector_stores.utils import node_to_metadata_dict

    metadata = {**document.metadata, "source": document.source}
    node = TextNode(
        id_=document_id(document.source),
        text=document.text,
        metadata=metadata,
        excluded_embed_metadata_keys=list(metadata),
        excluded_llm_metadata_keys=[name for name in _TECHNICAL if name in metadata],
        relationships={
            NodeRelationship.SOURCE: RelatedNodeInfo(
                node_id=document.source,
                node_type=ObjectType.DOCUMENT,
                hash=document.content_hash,
            )
        },
    )
    payload: dict[str, Any] = node_to_metadata_dict(node, remove_text=False)
    payload[OWN_KEY] = {
        "source": document.source,
        "content_hash": document.content_hash,
        "tokens": document.tokens,
        "tokens_read": document.tokens_read,
        "windows": document.windows,
        "passages": [[passage.start, passage.end, passage.tokens] for passage in passages],
    }
    return payload


def read_stored_source(payload: Mapping[str, Any] | None) -> StoredSource | None:
    """What a point says of its document; None when the point is not one of ours."""
    own = (payload or {}).get(OWN_KEY)
    if not isinstance(own, dict) or "source" not in own or "content_hash" not in own:
        return None
    return StoredSource(
        source=str(own["source"]),
        content_hash=str(own["content_hash"]),
        tokens=int(own.get("tokens", 0)),
        tokens_read=int(own.get("tokens_read", 0)),
        windows=int(own.get("windows", 1)),
    )


def read_spans(payload: Mapping[str, Any]) -> list[tuple[int, int]]:
    """First and one past the last character of each passage, in the order of the multivector."""
    own = payload.get(OWN_KEY)
    if not isinstance(own, dict):
        return []
    return [(int(start), int(end)) for start, end, *_ in own.get("passages", [])]


def read_node(payload: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Text and metadata of a point, ours or one that LlamaIndex wrote.

    Returns:
        The text, None when the point holds none, and the metadata.
    """
    content = payload.get(NODE_KEY)
    if not isinstance(content, str):
        return None, {}
    try:
        node = json.loads(content)
    except ValueError:
        return None, {}
    text = node.get("text")
    metadata = node.get("metadata")
    return (
        text if isinstance(text, str) else None,
        dict(metadata) if isinstance(metadata, dict) else {},
    )


def read_source(payload: Mapping[str, Any], *, point_id: str) -> str:
    """Where a point's document comes from: our record, else LlamaIndex's, else its own id."""
    own = payload.get(OWN_KEY)
    if isinstance(own, dict) and own.get("source"):
        return str(own["source"])
    reference = payload.get(DELETE_KEY)
    # LlamaIndex writes the word None for a document without a source.
    return str(reference) if reference and reference != "None" else point_id
