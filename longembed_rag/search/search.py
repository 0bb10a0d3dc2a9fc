"""Search: documents that answer a query, each with its best passages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from longembed_rag.errors import SettingsError
from longembed_rag.points.values import Ask
from longembed_rag.search.adaptive import adaptive_count
from longembed_rag.search.answers import PassageScorer, answer
from longembed_rag.search.evidence import CANDIDATES, gather
from longembed_rag.search.fusion import Evidence, fuse, passage_scorer
from longembed_rag.search.holding import scope_of
from longembed_rag.search.passage_evidence import rank_by_passages
from longembed_rag.search.requests import Question, Scope, ask, dense_probe, terms_probe
from longembed_rag.search.syntax import Query

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.points.filters import AnyFilter
    from longembed_rag.search.results import SearchResult
    from longembed_rag.store.store import DocumentStore
    from longembed_rag.store.values import CollectionRecord

Mode = Literal["hybrid", "dense", "sparse", "passages", "late"]
MODES: tuple[Mode, ...] = get_args(Mode)
DEFAULT_MODE: Mode = "hybrid"
#: Most documents, and passages of a document, that an adaptive search gives unless told.
ADAPTIVE_LIMIT = 50
ADAPTIVE_PASSAGES = 10
#: Most documents that can be asked for at once.
MOST_DOCUMENTS = 10_000


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """What to look for, and how much of it.

    Attributes:
        mode: ``"hybrid"`` weighs words and meaning of documents and passages; ``"dense"``
            compares vectors of documents, ``"sparse"`` words of documents (BM25), ``"passages"``
            vectors of passages, and of the best of them the tokens where those are kept;
            ``"late"`` tokens alone, of passages that are among the best by words or vector.
        limit: Most documents; None takes 5, or with ``adaptive`` 50.
        adaptive: Whether to stop at the largest gap between scores.
        passages: Most passages of each document; None takes 3, or with ``adaptive`` 10.
        filter: Which documents are looked at; None for all.
        snippets: Whether to make a snippet of each document. Without passages that takes longer
            than the search, where documents are long.
        vectors: Whether the vectors of documents and passages come, too.

    Raises:
        SettingsError: A value is out of range.
    """

    mode: Mode = DEFAULT_MODE
    limit: int | None = None
    adaptive: bool = False
    passages: int | None = None
    filter: AnyFilter | None = None
    snippets: bool = True
    vectors: bool = False

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise SettingsError(f"mode={self.mode!r} is not one of: {', '.join(MODES)}")
        if self.limit is not None and self.limit < 1:
            raise SettingsError(f"limit={self.limit} must be at least 1")
        if self.limit is not None and self.limit > MOST_DOCUMENTS:
            raise SettingsError(
                f"limit={self.limit} is more than the {MOST_DOCUMENTS:,} documents that one search "
                "gives; a filter narrows what is looked at"
            )
        if self.passages is not None and self.passages < 0:
            raise SettingsError(f"passages={self.passages} must not be negative")

    @property
    def most(self) -> int:
        """Most documents."""
        return self.limit or (ADAPTIVE_LIMIT if self.adaptive else 5)

    @property
    def most_passages(self) -> int:
        """Most passages of each document."""
        if self.passages is not None:
            return self.passages
        return ADAPTIVE_PASSAGES if self.adaptive else 3

    @property
    def compares_tokens(self) -> bool:
        """Whether the query's tokens are compared, where the collection keeps those of passages."""
        return self.mode in ("hybrid", "passages", "late")

    @property
    def needs_vector(self) -> bool:
        """Whether the query has to be embedded."""
        return self.mode != "sparse"


@dataclass(frozen=True)
class _Ranking:
    """Documents by the ids of their points, best first."""

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
    tokens: NDArray[np.float32] | None = None,
    options: SearchOptions | None = None,
) -> list[SearchResult]:
    """Find the documents that answer a query.

    Args:
        store: Where they are.
        query: The query, plain text or as :func:`~longembed_rag.read_query` understands it.
        vector: Its vector, shape ``[dimension]``; not needed for mode ``"sparse"``.
        tokens: The vectors of its tokens, shape ``[tokens, dimension]``; None compares none.
        options: How to search.

    Returns:
        Documents, best first, each with its best passages.

    Raises:
        SettingsError: The mode needs what the collection does not keep, or the query's vector; or
            too many documents would have to be read for what the query wants word for word.
        CollectionNotFoundError: There is no collection.
        StoreError: It cannot be searched.
    """
    options = options or SearchOptions()
    record = store.existing_record()
    _require_answerable(store, record, options, vector, tokens)
    store.make_filterable(options.filter)
    kept = None if record.tokens is None else tokens
    query = Query(text=query) if isinstance(query, str) else query
    scope = scope_of(query, matching=options.filter, record=record, place=store.place)
    question = Question(record.query_words(query.text), vector, kept)
    ranking = _rank(store, question, options, record, scope)
    count = options.most
    if options.adaptive and ranking.scores:
        count = adaptive_count(ranking.scores, most=min(options.most, len(ranking.scores)))
    return answer(
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
        place=store.place,
    )


def _require_answerable(
    store: DocumentStore,
    record: CollectionRecord,
    options: SearchOptions,
    vector: NDArray[np.float32] | None,
    tokens: NDArray[np.float32] | None,
) -> None:
    """Refuse a query that the collection cannot answer in the mode that is asked for.

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
    if tokens is not None and tokens.shape[1:] != (record.dimension,):
        raise SettingsError(
            f"the query's tokens have shape {tokens.shape}, the collection's vectors have "
            f"{record.dimension} numbers: they are another model's"
        )
    if vector is not None and vector.shape != (record.dimension,):
        raise SettingsError(
            f"the query's vector has shape {vector.shape}, the collection's vectors have "
            f"{record.dimension} numbers: it is another model's"
        )
    for given in (vector, tokens):
        if given is not None and not _is_finite(given):
            raise SettingsError("the query's vector holds values that are not finite")


def _is_finite(values: NDArray[np.float32]) -> bool:
    import numpy as np

    return bool(np.isfinite(values).all())


def _rank(
    store: DocumentStore,
    question: Question,
    options: SearchOptions,
    record: CollectionRecord,
    scope: Scope,
) -> _Ranking:
    place = store.place
    if options.mode == "hybrid":
        evidence = gather(
            question,
            with_passages=record.options.passages,
            scope=scope,
            place=place,
            most=options.most,
            words_vector=record.words_vector,
        )
        fusion = fuse(evidence)
        indices = {evidence.documents[i]: int(i) for i in fusion.order}
        return _Ranking(
            list(indices),
            fusion.scores.tolist(),
            {identity: fusion.parts_of(i) for identity, i in indices.items()},
            {identity: evidence.signals(i) for identity, i in indices.items()},
            evidence,
        )
    # Adaptive-k looks at more scores than it keeps, and some documents may be gone.
    depth = max(options.most, CANDIDATES)
    if options.mode in ("passages", "late"):
        name, best = rank_by_passages(
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
        name, probe = "terms", terms_probe(question.words)
    (points,) = ask(place.documents, [Ask(*probe, depth, scope.documents)], place=place)
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
