"""The payloads of documents and passages.

A document's is LlamaIndex's own format, as LlamaIndex itself writes it, which takes two seconds to
import: ``_node_content`` holds a ``TextNode`` whose id is the point's id and whose SOURCE
relationship names the document's source, and ``doc_id``, ``document_id`` and ``ref_doc_id`` repeat
that source for filters, as ``source`` does where the metadata has none of its own. The text stands
in ``_node_content`` and nowhere else. Metadata is spread over the payload, of passages too, so that
one filter fits both. Our own fields lie together under one key, out of its way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePath
from sys import intern
from typing import TYPE_CHECKING, Any
from uuid import UUID

from longembed_rag.layout import Layout
from longembed_rag.store.tokens import bits_payload
from longembed_rag.store.values import StoredSource, document_id
from longembed_rag.urls import folders_of, is_url
from longembed_rag.words.lengths import TermCounts

if TYPE_CHECKING:
    from longembed_rag.encoder.values import Passage
    from longembed_rag.store.values import IndexedDocument

OWN_KEY = "longembed"
NODE_KEY = "_node_content"
#: What LlamaIndex calls a node of text, and numbers of its own: a node's source, a document.
_NODE_TYPE, _SOURCE, _DOCUMENT = "TextNode", "1", "4"
#: The field by which LlamaIndex's ``QdrantVectorStore.delete`` finds points.
DELETE_KEY = "doc_id"
#: A number that is as good as random and never changes, by which samples are drawn.
BUCKET_KEY = f"{OWN_KEY}.bucket"
BUCKETS = 1 << 32
#: How deep metadata may be nested: Qdrant's engine writes more, and then cannot read any of it.
DEEPEST = 64
#: The bits of a passage's tokens.
PASSAGE_BITS_KEY = f"{OWN_KEY}.bits"
#: The fields of a passage by which passages are counted and removed.
PASSAGE_DOCUMENT_KEY = f"{OWN_KEY}.document"
PASSAGE_VERSION_KEY = f"{OWN_KEY}.version"
#: What a listing of the stored documents needs: no text.
LISTING_KEYS = [
    f"{OWN_KEY}.{name}"
    for name in (
        "source",
        "content_hash",
        "metadata_hash",
        "reading_hash",
        "tokens",
        "tokens_read",
        "windows",
        "passages",
        "counts",
        "late_interaction",
        "language",
    )
]
#: The folders that a document lies in, to find those below one.
FOLDERS_KEY = f"{OWN_KEY}.folders"
#: How many passages a document has.
PASSAGE_COUNT_KEY = f"{OWN_KEY}.passages"
#: Hash of a document's text, which its passages name, too.
VERSION_KEY = f"{OWN_KEY}.content_hash"
#: Metadata that tells a language model nothing.
TECHNICAL_METADATA = (
    "file_path",
    "file_type",
    "file_size",
    "last_modified",
    "encoding",
    "source",
    "page_count",
    "pages_without_text",
)
# Metadata of a file that changes while what it says stays.
_MOVING = frozenset({"file_size", "last_modified"})


def folders(source: str) -> list[str]:
    """The folders that a document lies in, innermost first; none when it is no file.

    Args:
        source: What it is called: a path, or a URL, whose last folder is its bucket.
    """
    if is_url(source):
        return folders_of(source)
    path = PurePath(source)
    return [str(parent) for parent in path.parents] if path.is_absolute() else []


def bucket(point_id: str) -> int:
    """The number of a point by which it is drawn into a sample, 0 to ``BUCKETS`` - 1."""
    return UUID(point_id).int >> 96


def document_payload(
    document: IndexedDocument, counts: TermCounts, *, language: str | None = None
) -> dict[str, Any]:
    """What is stored beside a document's vectors.

    Args:
        document: The document.
        counts: Its terms.
        language: What it is written in, where that is told of each document and known.

    Raises:
        ValueError: The metadata does not fit into JSON.
        TypeError: Likewise.
    """
    from pydantic_core import to_jsonable_python

    identity = document_id(document.source)
    metadata: dict[str, Any] = to_jsonable_python(document.metadata)
    node = {
        "id_": identity,
        "embedding": None,
        "metadata": metadata,
        "excluded_embed_metadata_keys": list(metadata),
        "excluded_llm_metadata_keys": [name for name in TECHNICAL_METADATA if name in metadata],
        "relationships": {
            _SOURCE: {
                "node_id": document.source,
                "node_type": _DOCUMENT,
                "metadata": {},
                "hash": document.content_hash,
                "class_name": "RelatedNodeInfo",
            }
        },
        "metadata_template": "{key}: {value}",
        "metadata_separator": "\n",
        "text": document.text,
        "mimetype": "text/plain",
        "start_char_idx": None,
        "end_char_idx": None,
        "text_template": "{metadata_str}\n\n{content}",
        "class_name": _NODE_TYPE,
    }
    payload: dict[str, Any] = {
        **metadata,
        NODE_KEY: json.dumps(node, ensure_ascii=False),
        "_node_type": _NODE_TYPE,
        **dict.fromkeys(("document_id", "doc_id", "ref_doc_id"), document.source),
    }
    payload.setdefault("source", document.source)
    payload[OWN_KEY] = {
        "source": document.source,
        "content_hash": document.content_hash,
        "metadata_hash": metadata_hash(document.metadata),
        "tokens": document.tokens,
        "tokens_read": document.tokens_read,
        "windows": document.windows,
        "passages": len(document.passages),
        "bucket": bucket(identity),
        "folders": folders(document.source),
        "counts": counts_payload(counts),
    }
    if document.token_vectors is not None:
        payload[OWN_KEY]["late_interaction"] = True
    if document.reading_hash:
        payload[OWN_KEY]["reading_hash"] = document.reading_hash
    if document.layout:
        payload[OWN_KEY]["layout"] = document.layout.to_dict()
    if language is not None:
        payload[OWN_KEY]["language"] = language
    return payload


def require_shallow(metadata: Mapping[str, Any]) -> None:
    """Require that metadata can be read again once they are written.

    Raises:
        ValueError: They are nested too deep.
    """
    level: list[Any] = [metadata]
    for _ in range(DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, Mapping | list | tuple)
            for inner in (each.values() if isinstance(each, Mapping) else each)
        ]
        if not level:
            return
    raise ValueError(f"it is nested more than {DEEPEST} deep")


def read_layout(payload: Mapping[str, Any] | None) -> Layout:
    """Where the pages and headings of a document begin; an empty layout where that is not kept."""
    return Layout.from_dict(read_own(payload).get("layout"))


def metadata_hash(metadata: Mapping[str, Any]) -> str:
    """A short hash of what is known of a document, to tell whether it has changed (hex)."""
    return _short_hash(metadata)


def reading_hash(metadata: Mapping[str, Any], layout: Layout) -> str:
    """A short hash of what a file's reader found beside its text (hex).

    Who changes a document's metadata in the collection does not change this; neither does a file's
    date alone.
    """
    found = {name: value for name, value in metadata.items() if name not in _MOVING}
    return _short_hash({"metadata": found, "layout": layout.to_dict()})


def _short_hash(value: Mapping[str, Any]) -> str:
    canonical = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def counts_payload(counts: TermCounts) -> list[float]:
    """A document's terms as they are stored."""
    return [
        counts.terms,
        counts.passage_terms,
        counts.average,
        counts.passage_average,
        counts.analyzer,
        counts.weighing,
    ]


def passage_payload(
    document: IndexedDocument, passage: Passage, *, index: int, point_id: str
) -> dict[str, Any]:
    """What is stored beside a passage's vectors: where it stands, not its text."""
    own = {
        "document": document_id(document.source),
        "version": document.content_hash,
        "index": index,
        "start": passage.start,
        "end": passage.end,
        "tokens": passage.tokens,
        "bucket": bucket(point_id),
        "folders": folders(document.source),
    }
    if document.token_vectors is not None:
        own["bits"] = bits_payload(document.token_vectors, index)
    return {
        "source": document.source,
        **document.metadata,
        **dict.fromkeys((DELETE_KEY, "document_id", "ref_doc_id"), document.source),
        OWN_KEY: own,
    }


def read_own(payload: Mapping[str, Any] | None) -> dict[str, Any]:
    """Our own fields of a payload; empty when there are none."""
    own = (payload or {}).get(OWN_KEY)
    return own if isinstance(own, dict) else {}


def read_stored_source(payload: Mapping[str, Any] | None) -> StoredSource | None:
    """What a point says of its document; None when the point is not one of ours."""
    own = read_own(payload)
    if "source" not in own or "content_hash" not in own:
        return None
    terms, passage_terms, average, passage_average, *later = own.get("counts") or (0, 0, 0.0, 0.0)
    return StoredSource(
        source=intern(str(own["source"])),  # once in memory, however many lists it stands in
        content_hash=intern(str(own["content_hash"])),
        metadata_hash=str(own.get("metadata_hash", "")),
        reading_hash=str(own.get("reading_hash", "")),
        tokens=int(own.get("tokens", 0)),
        tokens_read=int(own.get("tokens_read", 0)),
        windows=int(own.get("windows", 1)),
        passages=int(own.get("passages", 0)),
        counts=TermCounts(
            terms=int(terms),
            passage_terms=int(passage_terms),
            average=_same(float(average)),
            passage_average=_same(float(passage_average)),
            analyzer=int(later[0]) if later else 1,
            weighing=int(later[1]) if len(later) > 1 else 1,
        ),
        late_interaction=bool(own.get("late_interaction", False)),
        language=read_language(payload),
    )


@lru_cache(maxsize=256)
def _same(value: float) -> float:
    """A number that many documents have, in memory once for all of them."""
    return value


def read_language(payload: Mapping[str, Any] | None) -> str | None:
    """What a document is written in; None where its point does not say."""
    language = read_own(payload).get("language")
    return intern(str(language)) if language else None


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
    own = read_own(payload)
    if own.get("source"):
        return str(own["source"])
    reference = payload.get(DELETE_KEY)
    # LlamaIndex writes the word None for a document without a source.
    return str(reference) if reference and reference != "None" else point_id
