"""From ranked documents to answers: texts, best passages and snippets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from longembed_rag.points.values import Stored
from longembed_rag.search.holding import HeldText, passages_that_hold
from longembed_rag.search.passage_ranking import (
    PassageScorer,
    RankedPassage,
    rank_passages,
    shown,
    with_places,
)
from longembed_rag.search.results import PassageHit, SearchResult
from longembed_rag.search.steps import Steps, fetch
from longembed_rag.store.payload import read_language, read_layout, read_node, read_source
from longembed_rag.store.sums import Node, require_as_written
from longembed_rag.store.values import DENSE_VECTOR
from longembed_rag.words.snippet import Snippet, make_snippet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.layout import Layout
    from longembed_rag.search.requests import Question
    from longembed_rag.search.syntax import Query
    from longembed_rag.store.place import Place
    from longembed_rag.store.reading import PassagePlace
    from longembed_rag.words.analyzer import Analyzer

# Documents that are read in one request.
_PAGE = 16
# Passages whose vectors are read in one request.
_VECTORS = 256


def answer(
    ranked: Sequence[str],
    count: int,
    *,
    scores: Mapping[str, float],
    parts: Mapping[str, dict[str, float]],
    signals: Mapping[str, dict[str, float]],
    question: Question,
    query: Query,
    scorer: PassageScorer,
    with_passages: bool,
    with_snippets: bool,
    with_vectors: bool = False,
    analyzer_of: Callable[[str | None], Analyzer],
    place: Place,
) -> Steps[list[SearchResult]]:
    """Make answers of the best documents; those that are gone meanwhile are passed over.

    So are those whose text has been replaced by one that does not fit the query any more.

    Args:
        ranked: Ids of their points, best first.
        count: How many are wanted.
        scores: By id.
        parts: What each signal adds to a score, by id.
        signals: The signals, by id.
        question: The query, ready to be compared.
        query: The query as it is understood.
        scorer: How passages are ranked.
        with_passages: Whether the collection keeps passages.
        with_snippets: Whether to make snippets.
        with_vectors: Whether the vectors of documents and passages come, too.
        analyzer_of: Finds the words of documents, by their language.
        place: Where documents and passages are.

    Raises:
        StoreDamagedError: A document is not as it was written.
    """
    wanted = list(ranked[:count])
    records: dict[str, Stored] = {}
    for start in range(0, len(wanted), _PAGE):
        page = wanted[start : start + _PAGE]
        what = "reading documents"
        records.update((yield from fetch(place.documents, page, what=what, vectors=with_vectors)))
    nodes = {identity: read_node(each.payload) for identity, each in records.items()}
    require_as_written(records.values(), place, nodes=nodes)
    found = [identity for identity in wanted if identity in records]
    texts: dict[str, HeldText] | None = None
    if query.has_operators:
        held = {identity: HeldText.of(records[identity]) for identity in found}
        texts = {identity: each for identity, each in held.items() if each.fits(query)}
        found = list(texts)
    hits: dict[str, list[RankedPassage]] = {}
    if with_passages and scorer.most:
        holding = None
        if texts is not None and query.wanted:
            holding = passages_that_hold(query.wanted, texts, place=place)
        hits = yield from rank_passages(found, question, scorer, place, holding)

    def snippet_of(text: str, language: str | None) -> Snippet:
        analyzer = analyzer_of(language)
        return make_snippet(text, question.words.stems, analyzer=analyzer, phrases=query.wanted)

    chosen = {
        each: shown(records[each], nodes[each][0], hits.get(each, []), scorer) for each in found
    }
    places = yield from with_places((hit for each in found for hit in chosen[each]), place)
    vectors: dict[str, NDArray[np.float32] | None] = {}
    if with_vectors:
        vectors = {each: _dense(records[each]) for each in found}
        vectors.update((yield from _vectors_of(list(places), place=place)))
    return [
        _result(
            records[identity],
            nodes[identity],
            [(hit, places[hit.id]) for hit in chosen[identity] if hit.id in places],
            score=scores[identity],
            parts=parts[identity],
            signals=signals[identity],
            snippet_of=snippet_of if with_snippets else None,
            vectors=vectors,
        )
        for identity in found
    ]


def _vectors_of(
    passages: Sequence[str], *, place: Place
) -> Steps[dict[str, NDArray[np.float32] | None]]:
    vectors: dict[str, NDArray[np.float32] | None] = {}
    for start in range(0, len(passages), _VECTORS):
        page = passages[start : start + _VECTORS]
        what = "reading passages"
        found = yield from fetch(place.passages, page, what=what, keys=(), vectors=True)
        vectors.update({identity: _dense(each) for identity, each in found.items()})
    return vectors


def _dense(record: Stored) -> NDArray[np.float32] | None:
    import numpy as np

    vector = record.vectors.get(DENSE_VECTOR)
    return None if vector is None else np.asarray(vector, dtype=np.float32)


def _result(
    record: Stored,
    node: Node,
    hits: Sequence[tuple[RankedPassage, PassagePlace]],
    *,
    score: float,
    parts: dict[str, float],
    signals: dict[str, float],
    snippet_of: Callable[[str, str | None], Snippet] | None,
    vectors: Mapping[str, NDArray[np.float32] | None],
) -> SearchResult:
    payload = record.payload
    text, metadata = node
    layout = read_layout(payload)
    passages = tuple(
        _hit(hit, where, text or "", layout, vectors.get(hit.id)) for hit, where in hits
    )
    shown = passages[0].text if passages else text
    language = read_language(payload)
    return SearchResult(
        source=read_source(payload, point_id=record.id),
        score=score,
        parts=parts,
        signals=signals,
        text=text,
        passages=passages,
        snippet=None if snippet_of is None or shown is None else snippet_of(shown, language),
        metadata=metadata,
        document_id=record.id,
        language=language,
        vector=vectors.get(record.id),
    )


def _hit(
    hit: RankedPassage,
    where: PassagePlace,
    text: str,
    layout: Layout,
    vector: NDArray[np.float32] | None,
) -> PassageHit:
    return PassageHit(
        text=text[where.start : where.end],
        start=where.start,
        end=where.end,
        score=hit.score,
        scores=hit.scores,
        place=layout.place(text, where.start, where.end),
        vector=vector,
    )
