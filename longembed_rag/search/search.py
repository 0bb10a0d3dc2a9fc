"""Search: documents that answer a query, each with its best passages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from longembed_rag.points.values import Ask
from longembed_rag.search.adaptive import adaptive_count
from longembed_rag.search.answerable import require_answerable
from longembed_rag.search.answers import answer
from longembed_rag.search.asking import AskedQuery
from longembed_rag.search.evidence import CANDIDATES, gather
from longembed_rag.search.fusion import Evidence, fuse, passage_scorer
from longembed_rag.search.holding import scope_of
from longembed_rag.search.known import known_of
from longembed_rag.search.options import DEFAULT_MODE, MODES, Mode, SearchOptions
from longembed_rag.search.passage_evidence import rank_by_passages
from longembed_rag.search.passage_ranking import PassageScorer
from longembed_rag.search.rarity import rarities_of
from longembed_rag.search.requests import Question, Scope, dense_probe
from longembed_rag.search.steps import Steps, ask, run_together
from longembed_rag.search.syntax import Query
from longembed_rag.search.tenants import looked_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.search.results import SearchResult
    from longembed_rag.store.place import Place
    from longembed_rag.store.store import DocumentStore
    from longembed_rag.store.values import CollectionRecord

__all__ = [
    "DEFAULT_MODE",
    "MODES",
    "Mode",
    "SearchOptions",
    "search_documents",
    "search_many",
]

# Queries that ask together: what they are answered is in memory at once.
_TOGETHER = 32


@dataclass(frozen=True)
class _Ranking:
    """Documents by the ids of their points, best first; with parts where they may be shown."""

    ids: list[str]
    scores: list[float]
    parts: dict[str, dict[str, float]] = field(default_factory=dict)
    signals: dict[str, dict[str, float]] = field(default_factory=dict)
    evidence: Evidence | None = None

    @classmethod
    def of_one_signal(cls, name: str, found: Sequence[tuple[str, float]]) -> _Ranking:
        """A ranking by one signal, which is the score."""
        ordered = sorted(found, key=lambda pair: (-pair[1], pair[0]))
        each = {identity: {name: score} for identity, score in ordered}
        return cls([i for i, _ in ordered], [s for _, s in ordered], each, each)


def search_documents(
    store: DocumentStore,
    query: str | Query,
    *,
    vector: NDArray[np.float32] | None = None,
    tokens: NDArray[np.float32] | Sequence[NDArray[np.float32]] | None = None,
    options: SearchOptions | None = None,
) -> list[SearchResult]:
    """Find the documents that answer a query.

    Args:
        store: Where they are.
        query: The query, plain text or as :func:`~longembed_rag.read_query` understands it.
        vector: Its vector, shape ``[dimension]``; not needed for mode ``"sparse"``.
        tokens: The vectors of its tokens, shape ``[tokens, dimension]``; or of those of each of its
            parts, which are looked for one by one. None compares none.
        options: How to search.

    Returns:
        Documents, best first, each with its best passages.

    Raises:
        SettingsError: The mode needs what the collection does not keep, or the query's vector; or
            too many documents would have to be read for what the query wants word for word; or the
            collection has tenants and the filter does not name one.
        CollectionNotFoundError: There is no collection.
        StoreError: It cannot be searched.
    """
    query = Query(text=query) if isinstance(query, str) else query
    (found,) = search_many(store, [AskedQuery(query, vector, tokens)], options=options)
    return found


def search_many(
    store: DocumentStore, queries: Sequence[AskedQuery], *, options: SearchOptions | None = None
) -> list[list[SearchResult]]:
    """Find the documents that answer each of several queries, which ask the store together.

    Args:
        store: Where they are.
        queries: The queries.
        options: How to search.

    Returns:
        For each query what :func:`search_documents` gives.

    Raises:
        SettingsError: Of one of them, as by :func:`search_documents`.
        CollectionNotFoundError: There is no collection.
        StoreError: It cannot be searched.
    """
    options = options or SearchOptions()
    record = store.existing_record()
    for each in queries:
        require_answerable(store, record, options, each.vector, each.parts)
    place, matching = looked_at(store.place, record, options.filter)
    options = replace(options, filter=matching)
    store.make_filterable(matching)
    found: list[list[SearchResult]] = []
    for start in range(0, len(queries), _TOGETHER):
        several = queries[start : start + _TOGETHER]
        known_of(place).searches += len(several)
        steps = [_search(place, each, options, record) for each in several]
        found += run_together(steps, place)
    return found


def _search(
    place: Place, asked: AskedQuery, options: SearchOptions, record: CollectionRecord
) -> Steps[list[SearchResult]]:
    kept = None if record.tokens is None else asked.parts
    query, vector = asked.query, asked.vector
    scope = scope_of(query, matching=options.filter, record=record, place=place)
    words = record.query_words(query.text)
    rarities = None
    if record.frequencies:
        rarities = yield from rarities_of(words, place)
    question = Question(words, vector, kept, rarities)
    ranking = yield from _rank(place, question, options, record, scope)
    count = options.most
    if options.adaptive and ranking.scores:
        count = adaptive_count(ranking.scores, most=min(options.most, len(ranking.scores)))
    found = yield from answer(
        ranking.ids,
        count,
        scores=dict(zip(ranking.ids, ranking.scores, strict=True)),
        parts=ranking.parts,
        signals=ranking.signals,
        question=question,
        query=query,
        scorer=_scorer(options, ranking.evidence, late=question.tokens is not None),
        with_passages=record.options.passages,
        with_snippets=options.snippets,
        with_vectors=options.vectors,
        analyzer_of=record.get_analyzer,
        place=place,
    )
    return found


def _rank(
    place: Place,
    question: Question,
    options: SearchOptions,
    record: CollectionRecord,
    scope: Scope,
) -> Steps[_Ranking]:
    if options.mode == "hybrid":
        evidence = yield from gather(
            question,
            with_passages=record.options.passages,
            scope=scope,
            place=place,
            most=options.most,
            words_vector=record.words_vector,
        )
        fusion = fuse(evidence)
        order = fusion.order.tolist()
        shown = {evidence.documents[i]: i for i in order[: options.most]}
        return _Ranking(
            [evidence.documents[i] for i in order],
            fusion.scores.tolist(),
            {identity: fusion.parts_of(i) for identity, i in shown.items()},
            {identity: evidence.signals(i) for identity, i in shown.items()},
            evidence,
        )
    # Adaptive-k looks at more scores than it keeps, and some documents may be gone.
    depth = max(options.most, CANDIDATES)
    if options.mode in ("passages", "late"):
        name, best = yield from rank_by_passages(
            question,
            by_words=options.mode == "late",
            most=options.most,
            scope=scope,
            place=place,
        )
        return _Ranking.of_one_signal(name, best)
    if options.mode == "dense":
        assert question.vector is not None
        name, probe = "vector", dense_probe(question.vector)
    else:
        name, probe = "terms", question.words_probe()
    (points,) = yield from ask(place.documents, [Ask(*probe, depth, scope.documents)])
    found = {each.id: each.score for each in points}
    if options.mode == "sparse" and len(found) < depth:
        # A phrase of stopwords stands in documents that hold none of the query's stored words.
        others = [each for each in scope.holding or () if each not in found]
        found.update(dict.fromkeys(others[: depth - len(found)], 0.0))
    return _Ranking.of_one_signal(name, list(found.items()))


def _scorer(options: SearchOptions, evidence: Evidence | None, *, late: bool) -> PassageScorer:
    late = late and options.mode in ("hybrid", "passages", "late")
    score: Callable[[Mapping[str, float]], float]
    if evidence is not None:
        score = passage_scorer(evidence)
    elif options.mode == "sparse":
        score = _alone("terms")
    else:
        score = _alone("late" if late else "vector")
    return PassageScorer(
        score=score,
        uses_terms=options.mode in ("hybrid", "sparse", "late"),
        uses_vector=options.mode != "sparse",
        uses_late=late,
        most=options.most_passages,
        adaptive=options.adaptive,
    )


def _alone(name: str) -> Callable[[Mapping[str, float]], float]:
    return lambda signals: signals.get(name, 0.0)
