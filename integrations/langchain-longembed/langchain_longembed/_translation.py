"""Between LangChain's documents and a library's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from langchain_core.documents import Document

import longembed_rag
from longembed_rag.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag import Library, PassageHit, Place, SearchResult, StoredDocument

#: Under this key of the metadata stands what a search has found out.
FINDINGS = "longembed"
_EXCERPT_LENGTH = 60
_PASSAGE_ID = re.compile(r"(?P<document>.+)#(?P<start>[0-9]+)-(?P<end>[0-9]+)", re.DOTALL)


@dataclass(frozen=True)
class Found:
    """What a search found, as LangChain has it.

    Attributes:
        document: A passage or a whole document.
        score: The score of the document.
        vector: Its own vector; None where it was not asked for.
    """

    document: Document
    score: float
    vector: NDArray[np.float32] | None


def excerpt(text: str) -> str:
    """What a text without a name is called in messages: its first words."""
    words = " ".join(text[: 4 * _EXCERPT_LENGTH].split())
    return f'"{words}"' if len(words) <= _EXCERPT_LENGTH else f'"{words[:_EXCERPT_LENGTH]}..."'


def found_passages(results: Iterable[SearchResult]) -> list[Found]:
    """The passages of what was found, by document and best first.

    Args:
        results: What was found. A document without passages comes whole.
    """
    found = []
    for result in results:
        if not result.passages:
            found.append(found_document(result))
        for number, hit in enumerate(result.passages):
            found.append(_found_passage(result, hit, number))
    return found


def found_document(result: SearchResult) -> Found:
    """A whole document, and what the search has found out.

    Args:
        result: What was found.
    """
    metadata = {
        "source": result.source,
        **result.metadata,
        "document_id": result.source,
        FINDINGS: _findings(result, with_snippet=True),
    }
    document = Document(id=result.source, page_content=result.text or "", metadata=metadata)
    return Found(document, result.score, result.vector)


def plain_document(result: SearchResult) -> Found:
    """A whole document as it was added.

    Args:
        result: What was found.
    """
    document = Document(
        id=result.source, page_content=result.text or "", metadata=dict(result.metadata)
    )
    return Found(document, result.score, result.vector)


def _found_passage(result: SearchResult, hit: PassageHit, number: int) -> Found:
    document = _passage(
        result.source, result.metadata, hit.text, hit.start, hit.end, place=hit.place
    )
    document.metadata[FINDINGS] = {
        **_findings(result, with_snippet=number == 0),  # a result's snippet is of its best passage
        "passage_score": hit.score,
        "passage_signals": dict(hit.scores),
    }
    return Found(document, result.score, hit.vector)


def _findings(result: SearchResult, *, with_snippet: bool) -> dict[str, Any]:
    findings: dict[str, Any] = {
        "score": result.score,
        "parts": dict(result.parts),
        "signals": dict(result.signals),
    }
    if with_snippet and result.snippet is not None:
        findings["snippet"] = result.snippet.marked()
    return findings


def _passage(
    source: str, metadata: Mapping[str, Any], text: str, start: int, end: int, *, place: Place
) -> Document:
    return Document(
        id=f"{source}#{start}-{end}",
        page_content=text,
        metadata={
            "source": source,
            **metadata,
            **place.known(),
            "start_index": start,
            "document_id": source,
        },
    )


def documents_by_id(library: Library, ids: Sequence[str]) -> list[Document]:
    """Documents and passages by their ids, in order.

    Args:
        library: Where they are.
        ids: Ids of documents and of passages; unknown ones are left out.

    Raises:
        StoreError: They cannot be read.
    """
    wanted = list(dict.fromkeys(ids))
    stored = _stored(library, wanted)
    found = []
    for identity in wanted:
        document = stored.get(identity)
        if document is None:
            found.extend(_passages_called(identity, stored))
        else:
            metadata = dict(document.metadata)
            found.append(
                Document(id=document.source, page_content=document.text, metadata=metadata)
            )
    return found


def passages_among(library: Library, ids: Sequence[str]) -> dict[str, str]:
    """Which ids are passages', and not documents', each with its document's.

    Args:
        library: Where the documents are.
        ids: The ids.

    Raises:
        StoreError: They cannot be read.
    """
    suspects = [identity for identity in ids if _PASSAGE_ID.fullmatch(identity)]
    stored = _stored(library, suspects) if suspects else {}
    return {
        identity: document.source
        for identity in suspects
        if identity not in stored and (document := _document_of(identity, stored)) is not None
    }


def _stored(library: Library, ids: Sequence[str]) -> dict[str, StoredDocument]:
    """The documents that ids name, or whose passages they name, by the id that asks for them."""
    matches = (_PASSAGE_ID.fullmatch(identity) for identity in ids)
    asked = list(dict.fromkeys([*ids, *(match["document"] for match in matches if match)]))
    found = zip(asked, library.get(asked), strict=True)
    return {identity: document for identity, document in found if document is not None}


def _document_of(passage: str, stored: Mapping[str, StoredDocument]) -> StoredDocument | None:
    match = _PASSAGE_ID.fullmatch(passage)
    return None if match is None else stored.get(match["document"])


def _passages_called(identity: str, stored: Mapping[str, StoredDocument]) -> list[Document]:
    """The passage of that id, if its document has one there."""
    document = _document_of(identity, stored)
    if document is None:
        return []
    source, metadata, text = document.source, document.metadata, document.text
    return [
        _passage(
            source,
            metadata,
            text[each.start : each.end],
            each.start,
            each.end,
            place=document.place(each),
        )
        for each in document.passages
        if identity.endswith(f"#{each.start}-{each.end}")
    ]


def as_library_documents(
    documents: Sequence[Document], ids: Sequence[str | None] | None
) -> tuple[list[str], list[longembed_rag.Document]]:
    """LangChain's documents as a library takes them.

    Args:
        documents: The documents.
        ids: Their ids. Where one is None, or all are left out, it is the document's own, else one
            that the same document gets again.

    Returns:
        The id of each, and the documents; of those that got the same id here the last.

    Raises:
        SettingsError: There are not as many ids as documents.
        InputError: An id, a text or metadata cannot be kept; names the document.
    """
    if ids is not None and len(ids) != len(documents):
        raise SettingsError(f"{len(ids)} ids are given for {len(documents)} documents")
    names: list[str] = []
    kept: dict[int | str, longembed_rag.Document] = {}
    for document, given in zip(documents, ids or [None] * len(documents), strict=True):
        text, metadata = document.page_content, document.metadata
        identity = document.id if given is None else given
        # Without an id, messages call it by its first words.
        name = excerpt(text) if identity is None else identity
        made = longembed_rag.Document(id=name, text=text, metadata=metadata)
        if identity is None:
            made = replace(made, id=_stable_id(made))
        # An id that was given twice is left for the library to refuse.
        kept[made.id if identity is None else len(names)] = made
        names.append(made.id)
    return names, list(kept.values())


def _stable_id(document: longembed_rag.Document) -> str:
    """The same for the same text at the same place, or without a place with the same metadata."""
    metadata = document.metadata
    source = metadata.get("source") or metadata.get("file_path")
    place = [source, metadata.get("page"), metadata.get("start_index")] if source else metadata
    return str(uuid5(NAMESPACE_URL, json.dumps([place, document.text], sort_keys=True)))
