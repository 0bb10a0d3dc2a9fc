"""From ranked documents to answers: texts, best passages and snippets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from longembed_rag.points.values import Ask, Hit, Stored
from longembed_rag.search.adaptive import adaptive_count
from longembed_rag.search.holding import HeldText, passages_that_hold
from longembed_rag.search.late import first_of, late_scores
from longembed_rag.search.requests import ask, dense_probe, only, terms_probe
from longembed_rag.search.results import PassageHit, SearchResult
from longembed_rag.store.payload import (
    read_language,
    read_layout,
    read_node,
    read_own,
    read_source,
)
from longembed_rag.store.reading import PLACE_KEYS, PassagePlace, read_place
from longembed_rag.store.sums import require_as_written
from longembed_rag.store.values import DENSE_VECTOR
from longembed_rag.store.writing import of_documents
from longembed_rag.words.snippet import Snippet, make_snippet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.layout import Layout
    from longembed_rag.search.requests import Question
    from longembed_rag.search.syntax import Query
    from longembed_rag.store.place import Place
    from longembed_rag.words.analyzer import Analyzer

# Passages that are compared for each found document; among more, those that are best by a signal.
_DEPTH = 30
# Those of them, best by each signal, whose tokens are compared, unless more are wanted.
_LATE_DEPTH = 8
# Documents that are read, and whose passages are compared, in one request.
_PAGE = 16
# Passages whose vectors are read in one request.
_VECTORS = 256


@dataclass(frozen=True, kw_only=True)
class PassageScorer:
    """How passages of a found document are ranked, and how many are wanted.

    Attributes:
        score: From a passage's signals by name (``"terms"``, BM25, ``"vector"``, the cosine,
            ``"late"``, MaxSim of its tokens) to a score; what is not known is not there.
        uses_terms: Whether BM25 is looked at.
        uses_vector: Whether the cosine is.
        uses_late: Whether tokens are compared.
        most: Most passages of a document.
        adaptive: Whether to stop at the largest gap between scores.
    """

    score: Callable[[Mapping[str, float]], float]
    uses_terms: bool
    uses_vector: bool
    uses_late: bool
    most: int
    adaptive: bool


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
) -> list[SearchResult]:
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
    if not wanted:
        return []
    records: dict[str, Stored] = {}
    for start in range(0, len(wanted), _PAGE):
        page = wanted[start : start + _PAGE]
        for each in place.points.fetch(
            place.documents, page, what="reading documents", vectors=with_vectors
        ):
            records[each.id] = each
    require_as_written(records.values(), place)
    found = [identity for identity in wanted if identity in records]
    texts: dict[str, HeldText] | None = None
    if query.has_operators:
        held = {identity: HeldText.of(records[identity]) for identity in found}
        texts = {identity: each for identity, each in held.items() if each.fits(query)}
        found = list(texts)
    hits: dict[str, list[_Hit]] = {}
    if with_passages and scorer.most:
        holding = None
        if texts is not None and query.wanted:
            holding = passages_that_hold(query.wanted, texts, place=place)
        hits = _passages(found, question, scorer, place, holding)

    def snippet_of(text: str, language: str | None) -> Snippet:
        analyzer = analyzer_of(language)
        return make_snippet(text, question.words.stems, analyzer=analyzer, phrases=query.wanted)

    shown = {each: _shown(records[each], hits.get(each, []), scorer) for each in found}
    vectors: dict[str, NDArray[np.float32] | None] = {}
    if with_vectors:
        ids = [hit.where.point_id for each in found for hit in shown[each]]
        vectors = {
            **{each: _dense(records[each]) for each in found},
            **dict(_vectors_of(ids, place=place)),
        }
    return [
        _result(
            records[identity],
            shown[identity],
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
) -> Iterator[tuple[str, NDArray[np.float32] | None]]:
    for start in range(0, len(passages), _VECTORS):
        page = passages[start : start + _VECTORS]
        for each in place.points.fetch(
            place.passages, page, what="reading passages", keys=[], vectors=True
        ):
            yield each.id, _dense(each)


def _dense(record: Stored) -> NDArray[np.float32] | None:
    import numpy as np

    vector = record.vectors.get(DENSE_VECTOR)
    return None if vector is None else np.asarray(vector, dtype=np.float32)


@dataclass(frozen=True)
class _Hit:
    where: PassagePlace
    score: float
    scores: dict[str, float]


def _passages(
    documents: Sequence[str],
    question: Question,
    scorer: PassageScorer,
    place: Place,
    holding: Mapping[str, Sequence[PassagePlace]] | None,
) -> dict[str, list[_Hit]]:
    """The best passages of each document, best first; where it is told which, of those alone."""
    probes = []
    if scorer.uses_terms:
        probes.append(("terms", terms_probe(question.words)))
    if scorer.uses_vector and question.vector is not None:
        probes.append(("vector", dense_probe(question.vector)))
    tokens = question.tokens if scorer.uses_late else None
    late_depth = min(_DEPTH, max(_LATE_DEPTH, scorer.most))
    hits: dict[str, list[_Hit]] = {}
    for start in range(0, len(documents), _PAGE):
        page = documents[start : start + _PAGE]
        depth = _DEPTH * len(page)
        among = of_documents(page)
        if holding is not None:
            among = only([where.point_id for each in page for where in holding[each]])
        asks = [Ask(*probe, depth, among, tuple(PLACE_KEYS)) for _, probe in probes]
        answers = ask(place.passages, asks, place=place)
        names = (name for name, _ in probes)
        by_signal = dict(zip(names, answers, strict=True))
        if tokens is not None:
            by_signal["late"] = _by_tokens(tokens, answers, late_depth * len(page), place)
        for hit in _ranked(by_signal, scorer, depth):
            hits.setdefault(hit.where.document, []).append(hit)
    for document, places in (holding or {}).items():
        # What is held by passages that no signal speaks for, such as stopwords alone.
        hits.setdefault(document, [_Hit(where, scorer.score({}), {}) for where in places])
    return hits


def _by_tokens(
    tokens: NDArray[np.float32], answers: Sequence[Sequence[Hit]], most: int, place: Place
) -> list[Hit]:
    """So many that are best by each other signal, with MaxSim as their score, best first."""
    compared = first_of(answers, [most] * len(answers))
    scores = late_scores(tokens, [each.id for each in compared], place=place)
    hits = [replace(each, score=scores[each.id]) for each in compared if each.id in scores]
    return sorted(hits, key=lambda hit: -hit.score)


def _ranked(
    by_signal: Mapping[str, Sequence[Hit]], scorer: PassageScorer, depth: int
) -> list[_Hit]:
    places: dict[str, PassagePlace] = {}
    scores: dict[str, dict[str, float]] = {}
    for name, points in by_signal.items():
        for point in points:
            identity = point.id
            where = places.get(identity) or read_place(point.id, point.payload)
            if where is not None:
                places[identity] = where
                scores.setdefault(identity, {})[name] = float(point.score)
    # Of a list that is full, others are at most as good as its last.
    least = {
        name: float(points[-1].score)
        for name, points in by_signal.items()
        if points and (len(points) == depth or name == "late")
    }
    hits = [
        _Hit(
            places[each],
            scorer.score({**least, **known}),
            known,
        )
        for each, known in scores.items()
    ]
    return sorted(hits, key=lambda hit: (-hit.score, hit.where.start))


def _shown(record: Stored, hits: Sequence[_Hit], scorer: PassageScorer) -> list[_Hit]:
    """Those of a document's passages that are shown."""
    text, _ = read_node(record.payload)
    version = read_own(record.payload).get("content_hash")
    # Those of another version are about to be removed.
    hits = [hit for hit in hits if text is not None and hit.where.version == version]
    count = min(scorer.most, len(hits))
    if scorer.adaptive and hits:
        count = adaptive_count([hit.score for hit in hits], most=count)
    return hits[:count]


def _result(
    record: Stored,
    hits: Sequence[_Hit],
    *,
    score: float,
    parts: dict[str, float],
    signals: dict[str, float],
    snippet_of: Callable[[str, str | None], Snippet] | None,
    vectors: Mapping[str, NDArray[np.float32] | None],
) -> SearchResult:
    payload = record.payload
    text, metadata = read_node(payload)
    layout = read_layout(payload)
    passages = tuple(_hit(hit, text or "", layout, vectors.get(hit.where.point_id)) for hit in hits)
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


def _hit(hit: _Hit, text: str, layout: Layout, vector: NDArray[np.float32] | None) -> PassageHit:
    where = hit.where
    return PassageHit(
        text=text[where.start : where.end],
        start=where.start,
        end=where.end,
        score=hit.score,
        scores=hit.scores,
        place=layout.place(text, where.start, where.end),
        vector=vector,
    )
