"""The search as it was when it asked for everything each time: slow and plain, to compare with.

Nothing is kept here from one query to the next, and nothing known but what the store has just been
asked for. ``hybrid`` and the modes of passages; ranks and scores, no texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longembed_rag.encoder.token_vectors import max_similarity
from longembed_rag.points.filters import AnyFilter, Filter, combine
from longembed_rag.points.values import Ask, Hit
from longembed_rag.search.document_evidence import _unknown
from longembed_rag.search.evidence import CANDIDATES, SAMPLE
from longembed_rag.search.fusion import WEIGHTS, Evidence, fuse, passage_scorer, reach_of
from longembed_rag.search.late import first_of
from longembed_rag.search.passage_evidence import (
    LATE_SAMPLE,
    LATE_WHERE_MEANING_DECIDES,
    LATE_WHERE_WORDS_REACH,
    PassageEvidence,
    PassageSignal,
)
from longembed_rag.search.requests import (
    Probe,
    Question,
    Scope,
    dense_probe,
    deviation,
    only,
    pairs_probe,
    sample_filter,
    terms_probe,
    word_probe,
)
from longembed_rag.store.payload import PASSAGE_BITS_KEY, PASSAGE_COUNT_KEY, VERSION_KEY, read_own
from longembed_rag.store.place import Place
from longembed_rag.store.reading import PLACE_KEYS, PassagePlace, PassagesOfDocument, read_place
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.tokens import read_bits
from longembed_rag.store.values import DENSE_VECTOR, PAIRS_VECTOR
from longembed_rag.store.writing import of_documents

PASSAGES = 256
_MOST_WORDS = 128
_ENOUGH_DOCUMENTS = 50
_MOST_ROUNDS = 8
_DEPTH, _LATE_DEPTH = 30, 8
_KEYS = ("longembed.document", "longembed.version")

Key = tuple[str, str]
#: Of each part of a query.
Tokens = Sequence[NDArray[np.float32]]


def ask(name: str, asks: Sequence[Ask], *, place: Place) -> list[list[Hit]]:
    """Each query by itself."""
    return [place.points.query(name, [each], what="searching")[0] for each in asks]


def gather(
    question: Question,
    *,
    with_passages: bool,
    scope: Scope,
    place: Place,
    most: int = 0,
    words_vector: str = PAIRS_VECTOR,
) -> Evidence:
    """What speaks for the documents that may be the best."""
    if question.vector is None:
        raise ValueError("evidence needs the query's vector")
    probes = (
        terms_probe(question.words, vector=words_vector),
        pairs_probe(question.words),
        dense_probe(question.vector),
    )
    total = _count(place.documents, place)
    wanted = [Ask(*probe, max(CANDIDATES, most), scope.documents) for probe in probes]
    sample = sample_filter(total, SAMPLE)
    # Twice what is expected: how many pass the sample's filter is a matter of chance.
    measured = [Ask(*probe, 2 * SAMPLE, sample) for probe in probes]
    counts = Counter(question.words.words)
    words = counts.most_common(_MOST_WORDS)
    alone = [Ask(*word_probe(forms, vector=words_vector), 1) for forms, _ in words]
    answers = ask(place.documents, [*wanted, *measured, *alone], place=place)
    best, in_sample, of_words = answers[:3], answers[3:6], answers[6:]
    asked_for = sum(count for _, count in words)
    ideal = sum(
        count * (points[0].score if points else _unknown(total))
        for (_, count), points in zip(words, of_words, strict=True)
    ) * (len(question.words) / max(asked_for, 1))
    found = max((point.score for point in best[0]), default=0.0)
    coverage = min(1.0, float(found) / ideal) if ideal > 0 else 0.0
    passages = None
    if with_passages:
        passages = gather_passages(
            question,
            words_reach=reach_of(coverage, len(question.words)) > WEIGHTS.covered,
            matching=scope.passages,
            place=place,
        )
    candidates = list(
        dict.fromkeys(
            [point.id for points in best for point in points]
            + ([] if passages is None else passages.documents(CANDIDATES))
        )
    )
    return _complete(
        candidates,
        probes,
        passages,
        matching=scope.documents,
        scales=_document_scales(in_sample),
        coverage=coverage,
        words=len(question.words),
        place=place,
    )


def _count(name: str, place: Place) -> int:
    # An estimate will do: it decides how large a share of the points is about a sample.
    return place.points.count(name, exact=False, what="searching")


def _document_scales(in_sample: Sequence[Sequence[Hit]]) -> tuple[float, float]:
    terms, pairs, vector = in_sample
    words: dict[str, float] = {}
    for weight, points in ((1.0, terms), (WEIGHTS.pairs, pairs)):
        for point in points:
            words[point.id] = words.get(point.id, 0.0) + weight * point.score
    return (
        deviation(list(words.values()), len(vector)),
        deviation([point.score for point in vector], len(vector)),
    )


def _complete(
    candidates: Sequence[str],
    probes: Sequence[Probe],
    passages: PassageEvidence | None,
    *,
    matching: AnyFilter | None,
    scales: tuple[float, float],
    coverage: float,
    words: int,
    place: Place,
) -> Evidence:
    """Ask for what is not known of the candidates; those that are gone are left out."""
    # The filter once more: passages do not say all of their documents that can be asked for.
    among = combine(only(candidates), matching)
    asks = [Ask(*probe, len(candidates), among) for probe in probes]
    terms, pairs, vector = ask(place.documents, asks, place=place)
    there = [point.id for point in vector]
    known = passages_there(there, place=place)
    keys = [(each, known[each].version) for each in there]
    return Evidence(
        documents=tuple(there),
        passages=np.array([known[each].passages for each in there], dtype=np.int64),
        terms=_scores_of(there, terms),
        pairs=_scores_of(there, pairs),
        vector=np.array([point.score for point in vector]),
        passage_terms=None if passages is None else passages.terms.of(keys),
        passage_vector=None if passages is None else passages.vector.of(keys),
        passage_late=None if passages is None or passages.late is None else passages.late.of(keys),
        words_scale=scales[0],
        vector_scale=scales[1],
        passage_terms_scale=1.0 if passages is None else passages.terms.scale,
        passage_vector_scale=1.0 if passages is None else passages.vector.scale,
        passage_late_scale=1.0
        if passages is None or passages.late is None
        else passages.late.scale,
        coverage=coverage,
        words=words,
    )


def _scores_of(documents: Sequence[str], points: Iterable[Hit]) -> NDArray[np.float64]:
    """Scores in the order of the documents; a document without any of the words has none."""
    scores = {point.id: point.score for point in points}
    return np.array([scores.get(document, 0.0) for document in documents])


def gather_passages(
    question: Question, *, words_reach: bool, matching: AnyFilter | None, place: Place
) -> PassageEvidence:
    """The signals of the best passages."""
    assert question.vector is not None
    probes = (terms_probe(question.words), dense_probe(question.vector))
    total = place.points.count(place.passages, exact=False, what="searching")
    sample = sample_filter(total, SAMPLE)
    # Twice what is expected: how many pass the sample's filter is a matter of chance.
    measured = [Ask(*probe, 2 * SAMPLE, sample) for probe in probes]
    best = [_for_the_best(probe, matching) for probe in probes]
    answers = ask(place.passages, [*measured, *best], place=place)
    terms_sample, vector_sample = answers[:2]
    by_terms, by_vector = (
        _best_by_document(probe, points, _ENOUGH_DOCUMENTS, matching, place=place)
        for probe, points in zip(probes, answers[2:], strict=True)
    )
    count = len(vector_sample)
    return PassageEvidence(
        PassageSignal(
            by_terms.scores, by_terms.floor, deviation([p.score for p in terms_sample], count)
        ),
        PassageSignal(
            by_vector.scores, by_vector.floor, deviation([p.score for p in vector_sample], count)
        ),
        None
        if question.tokens is None
        else _late(
            question.tokens,
            first_of(
                [by_terms.passages, by_vector.passages],
                LATE_WHERE_WORDS_REACH if words_reach else LATE_WHERE_MEANING_DECIDES,
            ),
            vector_sample,
            place=place,
        ),
    )


def _late(
    tokens: Tokens, compared: Sequence[Hit], sample: Sequence[Hit], *, place: Place
) -> PassageSignal | None:
    """MaxSim of those that are among the best by another signal."""
    # Always the same ones: the order of the ids does not depend on the query.
    measured = sorted(each.id for each in sample)[:LATE_SAMPLE]
    wanted = dict.fromkeys([*(each.id for each in compared), *measured])
    scores = late_scores(tokens, list(wanted), place=place)
    by_document = _by_document(tokens, compared, scores)
    if not by_document:
        return None
    values = [_mean(tokens, scores[each]) for each in measured if each in scores]
    return PassageSignal(by_document, min(by_document.values()), deviation(values, len(values)))


def _by_document(
    tokens: Tokens, passages: Iterable[Hit], scores: Mapping[str, list[float]]
) -> dict[Key, float]:
    """Of each document the best passage for each part of the query."""
    of: dict[Key, list[list[float]]] = {}
    for each in passages:
        if each.id in scores:
            of.setdefault(_key(each), []).append(scores[each.id])
    return {
        key: _mean(tokens, [max(of_part) for of_part in zip(*several, strict=True)])
        for key, several in of.items()
    }


def _mean(tokens: Tokens, of_parts: Sequence[float]) -> float:
    """The mean over all tokens of a query from those over each part's."""
    weighted = sum(len(part) * score for part, score in zip(tokens, of_parts, strict=True))
    return weighted / sum(map(len, tokens))


def _key(passage: Hit) -> Key:
    own = read_own(passage.payload)
    return str(own.get("document")), str(own.get("version"))


@dataclass(frozen=True)
class _Best:
    """The best passages by a signal.

    Attributes:
        scores: The best score of each document and version.
        floor: What documents without one have at most.
        passages: All of them, in the order in which they came.
    """

    scores: dict[Key, float]
    floor: float
    passages: list[Hit] = field(default_factory=list)


def _for_the_best(probe: Probe, matching: AnyFilter | None) -> Ask:
    """What is asked for to have the best passages by a signal."""
    return Ask(*probe, PASSAGES, matching, _KEYS)


def _best_by_document(
    probe: Probe,
    points: Sequence[Hit],
    documents: int,
    matching: AnyFilter | None,
    *,
    place: Place,
) -> _Best:
    """Best passages of at least so many documents, where there are so many.

    Args:
        probe: The signal.
        points: The best passages of all.
        documents: So many.
        matching: Which passages are looked at.
        place: Where further passages are, of other documents than the best are of.
    """
    scores: dict[Key, float] = {}
    found: list[Hit] = []
    floor = 0.0
    for turn in range(_MOST_ROUNDS):
        if turn:
            others = combine(matching, _without([document for document, _ in scores]))
            (points,) = ask(place.passages, [_for_the_best(probe, others)], place=place)
        found.extend(points)
        for point in points:  # best first
            scores.setdefault(_key(point), float(point.score))
        full = len(points) == PASSAGES
        # Who has no passage at all has none of the words, and the least of the cosines.
        floor = points[-1].score if points and (full or probe[0] == DENSE_VECTOR) else floor
        if not full:
            return _Best(scores, floor if probe[0] == DENSE_VECTOR else 0.0, found)
        if len(scores) >= documents:
            break
    return _Best(scores, floor, found)


def _without(documents: Sequence[str]) -> Filter | None:
    """Passages of other documents than these."""
    ids = list(dict.fromkeys(documents))
    return Filter(must_not=of_documents(ids).must) if ids else None


def rank_by_passages(
    question: Question, *, by_words: bool, most: int, scope: Scope, place: Place
) -> tuple[str, list[tuple[str, float]]]:
    """Documents by their best passage."""
    assert question.vector is not None
    probe = dense_probe(question.vector)
    probes = [probe, terms_probe(question.words)] if by_words else [probe]
    best_of_all = ask(
        place.passages, [_for_the_best(each, scope.passages) for each in probes], place=place
    )
    found = [
        _best_by_document(each, points, most, scope.passages, place=place)
        for each, points in zip(probes, best_of_all, strict=True)
    ]
    name, best = "passage_vector", dict(found[0].scores)
    if question.tokens is not None:
        compared = first_of([each.passages for each in found], [max(PASSAGES, most)] * len(found))
        scores = late_scores(question.tokens, [each.id for each in compared], place=place)
        late = _by_document(question.tokens, compared, scores)
        if late:
            # Of a document that was taken in without tokens nothing better is known.
            name, floor = "passage_late", min(late.values())
            best = {key: late.get(key, floor) for each in found for key in each.scores}
    ids = list(dict.fromkeys(document for document, _ in best))
    among = combine(only(ids), scope.documents)
    (points,) = ask(place.documents, [Ask(*probe, len(ids), among)], place=place)
    there = [point.id for point in points]
    versions = passages_there(there, place=place)
    keys = [(document, versions[document].version) for document in there]
    return name, [(key[0], best[key]) for key in keys if key in best]


def late_scores(tokens: Tokens, passages: Sequence[str], *, place: Place) -> dict[str, list[float]]:
    """How well passages fit a query by their tokens.

    Args:
        tokens: Vectors of the tokens of the query's parts, shape ``[tokens, dimension]``.
        passages: Their ids.
        place: Where they are; their bits are read now, of no others than are compared.

    Returns:
        MaxSim with each part by the passage's id (ColBERT, arXiv 2004.12832; the mean over its
        tokens); those of which no bits are kept are left out.

    Raises:
        StoreError: They cannot be read.
    """
    found = place.points.fetch(place.passages, passages, what="searching", keys=(PASSAGE_BITS_KEY,))
    bits = {
        each.id: read_bits(read_own(each.payload).get("bits"), dimension=tokens[0].shape[1])
        for each in found
    }
    kept = {identity: rows for identity, rows in bits.items() if len(rows)}
    of_parts = [max_similarity(part, list(kept.values())).tolist() for part in tokens]
    return dict(zip(kept, map(list, zip(*of_parts, strict=True)), strict=True))


def passages_there(documents: Sequence[str], *, place: Place) -> dict[str, PassagesOfDocument]:
    """Which passages documents have, by the ids of their points.

    The manifest says so in a few bytes each; the documents' own payloads hold their texts, and are
    only read where it says nothing yet.

    Args:
        documents: Ids of their points.
        place: Where they are.
    """
    told: dict[str, PassagesOfDocument] = {}
    for record in place.points.fetch(place.manifest, documents, what="searching"):
        payload = record.payload
        if payload.get("state") == "stored":
            told[record.id] = PassagesOfDocument(
                str(payload["content_hash"]), int(payload["passages"])
            )
    others = [document for document in documents if document not in told]
    keys = (PASSAGE_COUNT_KEY, VERSION_KEY)
    for record in place.points.fetch(place.documents, others, keys=keys, what="searching"):
        own = read_own(record.payload)
        told[record.id] = PassagesOfDocument(
            str(own.get("content_hash", "")), int(own.get("passages", 0))
        )
    return {document: told.get(document, PassagesOfDocument("", 0)) for document in documents}


def _by_tokens(
    tokens: Tokens, answers: Sequence[Sequence[Hit]], most: int, place: Place
) -> list[Hit]:
    """So many that are best by each other signal, with MaxSim as their score, best first."""
    compared = first_of(answers, [most] * len(answers))
    scores = late_scores(tokens, [each.id for each in compared], place=place)
    whole = {each: _mean(tokens, of_parts) for each, of_parts in scores.items()}
    hits = [each._replace(score=whole[each.id]) for each in compared if each.id in whole]
    return sorted(hits, key=lambda hit: -hit.score)


@dataclass(frozen=True)
class Found:
    """A document that was found.

    Attributes:
        id: Id of its point.
        score: How well it fits.
        passages: Where its best passages begin, each with its score.
    """

    id: str
    score: float
    passages: list[tuple[int, float]]


def search(store: DocumentStore, question: Question, *, mode: str, limit: int) -> list[Found]:
    """The best documents, each with its three best passages."""
    place, record = store.place, store.existing_record()
    if mode == "hybrid":
        evidence = gather(
            question,
            with_passages=True,
            scope=Scope(),
            place=place,
            most=limit,
            words_vector=record.words_vector,
        )
        fusion = fuse(evidence)
        ids = [evidence.documents[row] for row in fusion.order]
        scores, scorer = fusion.scores.tolist(), passage_scorer(evidence)
    else:
        late = question.tokens is not None
        _, best = rank_by_passages(
            question, by_words=mode == "late", most=limit, scope=Scope(), place=place
        )
        ordered = sorted(best, key=lambda pair: (-pair[1], pair[0]))
        ids, scores = [each for each, _ in ordered], [score for _, score in ordered]

        def scorer(signals: Mapping[str, float]) -> float:
            return signals.get("late" if late else "vector", 0.0)

    ranked = _passages(ids[:limit], question, scorer, place, terms=mode != "passages")
    return [
        Found(each, score, ranked.get(each, [])[:3])
        for each, score in zip(ids[:limit], scores, strict=False)
    ]


def _passages(
    documents: Sequence[str], question: Question, scorer: Any, place: Place, *, terms: bool
) -> dict[str, list[tuple[int, float]]]:
    assert question.vector is not None
    probes = [("terms", terms_probe(question.words))] if terms else []
    probes.append(("vector", dense_probe(question.vector)))
    depth = _DEPTH * len(documents)
    among = of_documents(documents)
    asks = [Ask(*probe, depth, among, tuple(PLACE_KEYS)) for _, probe in probes]
    answers = ask(place.passages, asks, place=place)
    by_signal = dict(zip((name for name, _ in probes), answers, strict=True))
    if question.tokens is not None:
        most = min(_DEPTH, _LATE_DEPTH * len(question.tokens)) * len(documents)
        by_signal["late"] = _by_tokens(question.tokens, answers, most, place)
    places: dict[str, PassagePlace] = {}
    signals: dict[str, dict[str, float]] = {}
    for name, points in by_signal.items():
        for point in points:
            where = read_place(point.id, point.payload)
            assert where is not None
            places[point.id] = where
            signals.setdefault(point.id, {})[name] = point.score
    least = {
        name: points[-1].score
        for name, points in by_signal.items()
        if points and (len(points) == depth or name == "late")
    }
    scores = {each: scorer({**least, **known}) for each, known in signals.items()}
    ranked: dict[str, list[tuple[int, float]]] = {}
    for each in sorted(scores, key=lambda each: (-scores[each], places[each].start)):
        where = places[each]
        ranked.setdefault(where.document, []).append((where.start, scores[each]))
    if question.tokens is None or len(question.tokens) == 1:
        return ranked
    compared = [point.id for point in by_signal["late"]]
    late = {
        (places[each].document, places[each].start): of_parts
        for each, of_parts in late_scores(question.tokens, compared, place=place).items()
    }
    return {
        document: _in_turn(document, order, late, question.tokens)
        for document, order in ranked.items()
    }


def _in_turn(
    document: str,
    order: list[tuple[int, float]],
    late: Mapping[tuple[str, int], list[float]],
    tokens: Tokens,
) -> list[tuple[int, float]]:
    """The best, then what adds most to what the parts find in those before, then the others."""
    shown = order[:1]
    while len(shown) < len(tokens):
        so_far = [late.get((document, start), [-1.0] * len(tokens)) for start, _ in shown]
        found = [max(of_part) for of_part in zip(*so_far, strict=True)]
        gains = [
            round(
                _mean(tokens, list(map(max, found, late[document, each[0]])))
                - _mean(tokens, found),
                5,
            )
            if each not in shown and (document, each[0]) in late
            else 0.0
            for each in order
        ]
        if max(gains) <= 0:
            break
        shown.append(order[gains.index(max(gains))])
    return [*shown, *(each for each in order if each not in shown)]
