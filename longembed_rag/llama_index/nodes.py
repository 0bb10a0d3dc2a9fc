"""From what a search found to LlamaIndex's nodes."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from llama_index.core.schema import (
    NodeRelationship,
    NodeWithScore,
    ObjectType,
    RelatedNodeInfo,
    TextNode,
)

from longembed_rag.search.results import PassageHit, SearchResult
from longembed_rag.store.payload import OWN_KEY, TECHNICAL_METADATA

# What a passage's metadata says for programs; its page and headings are for a model to cite.
_FOR_PROGRAMS = ("start_index", "document_id", "lines")


class FoundNode(TextNode):
    """A text node whose hash leaves out what belongs to the query it was found by.

    LlamaIndex's fusion knows by their hashes that two queries, or two retrievers, found the same
    node. Without what a query says of it, this is the hash of the stored node.
    """

    @property
    def hash(self) -> str:
        """Hash of the text and of the document's metadata, as :class:`TextNode` makes it."""
        own = {key: value for key, value in self.metadata.items() if key != OWN_KEY}
        content = str(self.text) + str(own)
        return sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def document_node(result: SearchResult) -> NodeWithScore:
    """A document as one node: the whole text, under the id of its point.

    Args:
        result: The document.
    """
    own = {
        **_own(result),
        "snippet": None if result.snippet is None else result.snippet.marked(),
        "passages": [
            {
                "span": [each.start, each.end],
                **each.place.to_dict(),
                "score": each.score,
                "signals": dict(each.scores),
            }
            for each in result.passages
        ],
    }
    node = FoundNode(id_=result.document_id, text=result.text or "", **_common(result, own))
    return NodeWithScore(node=node, score=result.score)


def passage_nodes(
    result: SearchResult, snippet_of: Callable[[str], str | None]
) -> list[NodeWithScore]:
    """The passages of a document, best first, each with the document's score.

    Args:
        result: The document.
        snippet_of: Makes a snippet of a passage's text.

    Returns:
        One node for each; of a document that is stored without passages, the document itself.
    """
    if not result.passages:
        return [document_node(result)]
    found = []
    for passage in result.passages:
        own = {
            **_own(result),
            "snippet": snippet_of(passage.text),
            "span": [passage.start, passage.end],
            "passage_score": passage.score,
            "passage_signals": dict(passage.scores),
        }
        node = FoundNode(
            id_=_passage_node_id(result, passage),
            text=passage.text,
            start_char_idx=passage.start,
            end_char_idx=passage.end,
            **_common(
                result,
                own,
                {
                    **passage.place.known(),
                    "start_index": passage.start,
                    "document_id": result.source,
                },
            ),
        )
        node.relationships[NodeRelationship.PARENT] = RelatedNodeInfo(
            node_id=result.document_id, node_type=ObjectType.TEXT
        )
        found.append(NodeWithScore(node=node, score=result.score))
    return found


def _own(result: SearchResult) -> dict[str, Any]:
    return {
        "document_id": result.document_id,
        "score": result.score,
        "parts": dict(result.parts),
        "signals": dict(result.signals),
    }


def _common(
    result: SearchResult, own: dict[str, Any], place: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What a document's node and its passages' have in common, set as the stored node has it.

    Args:
        result: The document.
        own: What the search says of it.
        place: Of a passage, what its metadata says of where it stands.
    """
    metadata = {**result.metadata, OWN_KEY: own}
    if place is not None:
        metadata = {"source": result.source, **metadata, **place}
    source = RelatedNodeInfo(node_id=result.source, node_type=ObjectType.DOCUMENT)
    return {
        "metadata": metadata,
        "excluded_embed_metadata_keys": list(metadata),
        "excluded_llm_metadata_keys": [
            key for key in metadata if key in (OWN_KEY, *TECHNICAL_METADATA, *_FOR_PROGRAMS)
        ],
        "relationships": {NodeRelationship.SOURCE: source},
    }


def _passage_node_id(result: SearchResult, passage: PassageHit) -> str:
    """The same for the same passage of the same text, whatever the query."""
    digest = sha256(passage.text.encode("utf-8", "surrogatepass")).hexdigest()
    name = f"{result.document_id}/{passage.start}-{passage.end}/{digest}"
    return str(uuid5(NAMESPACE_URL, name))
