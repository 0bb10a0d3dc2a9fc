"""Which passages of the documents that were found fit best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longembed_rag.points.values import Ask, Hit, Stored
from longembed_rag.search.adaptive import adaptive_count
from longembed_rag.search.known import known_of
from longembed_rag.search.late import first_of, late_of_passages, late_scores
from longembed_rag.search.requests import Probe, dense_probe, only
from longembed_rag.search.steps import Steps, ask, fetch
from longembed_rag.store.payload import read_own
from longembed_rag.store.reading import PLACE_KEYS, PassagePlace, read_place
from longembed_rag.store.writing import of_documents

if TYPE_CHECKING:
    from longembed_rag.search.known import Known, Table
    from longembed_rag.search.requests import Question
    from longembed_rag.store.place import Place

# Passages that are compared for each found document; among more, those that are best by a signal.
_DEPTH = 30
# Those of them, best by each signal, whose tokens are compared for each part of the query, unless
# more are wanted.
_LATE_DEPTH = 8
# Of what a passage adds: engines differ in the last ones, and the order must not.
_DIGITS = 5
# Documents whose passages are compared in one request.
_PAGE = 16


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


@dataclass(frozen=True)
class RankedPassage:
    """A passage of a document that was found.

    Attributes:
        id: Id of its point.
        document: Id of its document's point.
        version: Hash of the text that it is a passage of.
        at: Grows with where it stands.
        score: How well it fits.
        scores: Its signals.
        where: Where it stands; None where that is not read yet.
    """

    id: str
    document: str
    version: str
    at: int
    score: float
    scores: dict[str, float]
    where: PassagePlace | None


#: Document, version and order of a passage, and where it stands if that is known.
_Told = tuple[str, str, int, "PassagePlace | None"]


def rank_passages(
    documents: Sequence[str],
    question: Question,
    scorer: PassageScorer,
    place: Place,
    holding: Mapping[str, Sequence[PassagePlace]] | None,
) -> Steps[dict[str, list[RankedPassage]]]:
    """The passages of each document, best first, of a query of several parts what each finds.

    Args:
        documents: Ids of their points.
        question: The query.
        scorer: How passages are ranked.
        place: Where they are.
        holding: Of each document those that are ranked; None for all.
    """
    known = known_of(place)  # once: it is another as soon as somebody writes
    held = {each.point_id: each for places in (holding or {}).values() for each in places}
    ranked: dict[str, list[RankedPassage]] = {}
    for start in range(0, len(documents), _PAGE):
        page = documents[start : start + _PAGE]
        depth = _DEPTH * len(page)
        among = of_documents(page)
        if holding is not None:
            among = only([where.point_id for each in page for where in holding[each]])
        table = known.table_now
        keys = tuple(PLACE_KEYS) if holding is None and table is None else ()
        probes = _probes(question, scorer)
        asks = [Ask(*probe, depth, among, keys) for _, probe in probes]
        answers = yield from ask(place.passages, asks)
        by_signal = dict(zip((name for name, _ in probes), answers, strict=True))
        if scorer.uses_late and question.tokens is not None:
            most = min(_DEPTH, max(_LATE_DEPTH * len(question.tokens), scorer.most)) * len(page)
            by_signal["late"] = yield from _by_tokens(question, answers, most, place)
        points = {point.id: point for points in by_signal.values() for point in points}
        told = yield from _told(points.values(), held, known, table, place)
        for each in _ranked(by_signal, told, scorer, depth):
            ranked.setdefault(each.document, []).append(each)
    for document, places in (holding or {}).items():
        # What is held by passages that no signal speaks for, such as stopwords alone.
        unranked = (_of_place(where, scorer.score({}), {}) for where in places)
        ranked.setdefault(document, list(unranked))
    if question.tokens is None or len(question.tokens) == 1:
        return ranked
    return {document: _in_turn(each, question) for document, each in ranked.items()}


def _in_turn(ranked: list[RankedPassage], question: Question) -> list[RankedPassage]:
    """The best first, then those that add most to what the query's parts find, then the others.

    Who asks two things is shown both, where the passages that fit the whole best may be about one.
    Each part finds the best of what is shown before; so many are looked for as there are parts.
    """
    compared = (each.id for each in ranked if "late" in each.scores)
    late = {each: found for each in compared if (found := question.late[each]) is not None}
    left = [each for each in ranked[1:] if each.id in late]
    shown = ranked[:1]
    best = late.get(ranked[0].id, (-1.0,) * len(question.shares)) if ranked else ()
    while left and len(shown) < len(question.shares):
        shared = [tuple(map(max, best, late[each.id])) for each in left]
        now = question.mean(best)
        gains = [round(question.mean(each) - now, _DIGITS) for each in shared]
        at = gains.index(max(gains))  # of equal ones the first
        if gains[at] <= 0:
            break
        best = shared[at]
        shown.append(left.pop(at))
    ids = {each.id for each in shown}
    return [*shown, *(each for each in ranked if each.id not in ids)]


def _probes(question: Question, scorer: PassageScorer) -> list[tuple[str, Probe]]:
    probes = []
    if scorer.uses_terms:
        probes.append(("terms", question.passages_probe()))
    if scorer.uses_vector and question.vector is not None:
        probes.append(("vector", dense_probe(question.vector)))
    return probes


def _by_tokens(
    question: Question, answers: Sequence[Sequence[Hit]], most: int, place: Place
) -> Steps[list[Hit]]:
    """So many that are best by each other signal, with MaxSim as their score, best first."""
    compared = first_of(answers, [most] * len(answers))
    by_part = yield from late_scores(question, [each.id for each in compared], place=place)
    scores = late_of_passages(question, by_part)
    hits = [each._replace(score=scores[each.id]) for each in compared if each.id in scores]
    return sorted(hits, key=lambda hit: -hit.score)


def _told(
    points: Iterable[Hit],
    held: Mapping[str, PassagePlace],
    known: Known,
    table: Table | None,
    place: Place,
) -> Steps[dict[str, _Told]]:
    """Whose passages points are, and their order; those that are none of ours are left out."""
    points = list(points)
    places = {each.id: held.get(each.id) or read_place(each.id, each.payload) for each in points}
    unread = [identity for identity, where in places.items() if where is None]
    told: dict[str, _Told] = {}
    if table is not None:
        keys, numbers = known.owned(unread), table.owners.numbers(unread)
        told = {each: (*key, numbers[each], None) for each, key in keys.items()}
        unread = [each for each in unread if each not in told]
        found = yield from fetch(place.passages, unread, keys=PLACE_KEYS)
        places.update({each: read_place(each, found[each].payload) for each in found})
    for identity, where in places.items():
        if where is not None:
            told[identity] = (where.document, where.version, where.start, where)
    return told


def _ranked(
    by_signal: Mapping[str, Sequence[Hit]],
    told: Mapping[str, _Told],
    scorer: PassageScorer,
    depth: int,
) -> list[RankedPassage]:
    scores: dict[str, dict[str, float]] = {}
    for name, points in by_signal.items():
        for point in points:
            if point.id in told:
                scores.setdefault(point.id, {})[name] = float(point.score)
    # Of a list that is full, others are at most as good as its last.
    least = {
        name: float(points[-1].score)
        for name, points in by_signal.items()
        if points and (len(points) == depth or name == "late")
    }
    ranked = []
    for identity, known in scores.items():
        document, version, at, where = told[identity]
        score = scorer.score({**least, **known})
        ranked.append(RankedPassage(identity, document, version, at, score, known, where))
    return sorted(ranked, key=lambda each: (-each.score, each.at))


def _of_place(where: PassagePlace, score: float, scores: dict[str, float]) -> RankedPassage:
    return RankedPassage(
        where.point_id, where.document, where.version, where.start, score, scores, where
    )


def shown(
    record: Stored, text: str | None, ranked: Sequence[RankedPassage], scorer: PassageScorer
) -> list[RankedPassage]:
    """Those of a document's passages that are shown.

    Args:
        record: The document's point.
        text: Its text.
        ranked: Its passages, best first.
        scorer: How many are wanted.
    """
    version = read_own(record.payload).get("content_hash")
    # Those of another version are about to be removed.
    there = [each for each in ranked if text is not None and each.version == version]
    count = min(scorer.most, len(there))
    if scorer.adaptive and there:
        scores = sorted((each.score for each in there), reverse=True)
        count = adaptive_count(scores, most=count)
    return there[:count]


def with_places(passages: Iterable[RankedPassage], place: Place) -> Steps[dict[str, PassagePlace]]:
    """Where passages stand, by the ids of their points; those that are gone are left out."""
    passages = list(passages)
    places = {each.id: each.where for each in passages if each.where is not None}
    unread = [each.id for each in passages if each.where is None]
    found = yield from fetch(place.passages, unread, keys=PLACE_KEYS)
    for identity, record in found.items():
        where = read_place(identity, record.payload)
        if where is not None:
            places[identity] = where
    return places
