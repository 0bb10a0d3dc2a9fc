"""From what a search found to Haystack's documents."""

from __future__ import annotations

from typing import Any

from haystack import Document

from longembed_rag import PassageHit, SearchResult

#: What the search found out stands under this name, apart from a document's own metadata.
OWN_KEY = "longembed"
_PAGE_BREAK = "\f"


def whole_document(result: SearchResult) -> Document:
    """A document that was found, with its whole text, under the id that it was added with."""
    own = {
        **_own(result),
        "snippet": None if result.snippet is None else result.snippet.marked(),
        "passages": [
            {"span": [each.start, each.end], "score": each.score, "signals": dict(each.scores)}
            for each in result.passages
        ],
    }
    return Document(
        id=result.source,
        content=result.text,
        meta={**result.metadata, OWN_KEY: own},
        score=result.score,
        embedding=None if result.vector is None else result.vector.tolist(),
    )


def passages(result: SearchResult) -> list[Document]:
    """The passages of a document, best first, each with the document's score.

    Returns:
        One for each; of a document that is stored without passages, the document itself.
    """
    if not result.passages:
        return [whole_document(result)]
    found = [_passage(result, passage) for passage in result.passages]
    if result.snippet is not None:  # it is one of the best passage
        found[0].meta[OWN_KEY]["snippet"] = result.snippet.marked()
    return found


def _passage(result: SearchResult, passage: PassageHit) -> Document:
    own = {
        **_own(result),
        "span": [passage.start, passage.end],
        "passage_score": passage.score,
        "passage_signals": dict(passage.scores),
    }
    meta = {
        **result.metadata,
        **passage.place.known(),
        **_page(result, passage),
        "source": result.metadata.get("source", result.source),
        "document_id": result.source,
        "start_index": passage.start,
        # What Haystack's own splitters call the two.
        "source_id": result.source,
        "split_idx_start": passage.start,
        OWN_KEY: own,
    }
    return Document(
        id=f"{result.source}#{passage.start}-{passage.end}",
        content=passage.text,
        meta=meta,
        score=result.score,
        embedding=None if passage.vector is None else passage.vector.tolist(),
    )


def _own(result: SearchResult) -> dict[str, Any]:
    return {
        "document_id": result.document_id,
        "score": result.score,
        "parts": dict(result.parts),
        "signals": dict(result.signals),
    }


def _page(result: SearchResult, passage: PassageHit) -> dict[str, int]:
    """The page that a passage begins on: of a file as it was read, else by form feeds.

    Haystack's converters put those between pages, and its splitters count them. A text without any
    has no pages that are known.
    """
    if passage.page is not None:
        return {"page": passage.page, "page_number": passage.page}
    text, first = result.text or "", result.metadata.get("page_number")
    if _PAGE_BREAK not in text and not isinstance(first, int):
        return {}
    blank = len(passage.text) - len(passage.text.lstrip())
    breaks = text.count(_PAGE_BREAK, 0, passage.start + blank)
    page = (first if isinstance(first, int) else 1) + breaks
    return {"page": page, "page_number": page}
