"""What speaks for whole documents, of which all are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from longembed_rag.points.values import Ask, Hit
from longembed_rag.search.document_evidence import Candidates, SingleWords, probes_of
from longembed_rag.search.fusion import WEIGHTS
from longembed_rag.search.requests import Question, deviation, unit_vector
from longembed_rag.search.steps import Steps, ask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.search.known import Known, Table
    from longembed_rag.store.place import Place

    Floats = NDArray[np.float64]

#: Up to so many documents the words of all are asked for, which then takes less than to ask for
#: the best, for those of a sample and for those of the candidates.
MOST_DOCUMENTS = 2500


class KnownEvidence:
    """The signals of documents, of all of them; see :class:`DocumentEvidence`.

    Args:
        table: The documents.
        terms: BM25 of the words of each, float64.
        pairs: BM25 of their word pairs, float64.
        vector: Cosines of their vectors, float64.
        coverage: Of the query.
        most: How many of the best of each signal are candidates.
    """

    def __init__(
        self,
        table: Table,
        *,
        terms: Floats,
        pairs: Floats,
        vector: Floats,
        coverage: float,
        most: int,
    ) -> None:
        self._table = table
        self._terms, self._pairs, self._vector = terms, pairs, vector
        self.coverage = coverage
        lists = (self._best(terms > 0, terms), self._best(pairs > 0, pairs), _ranked(vector))
        self.best = [table.documents[row] for rows in lists for row in rows[:most].tolist()]
        words, cosines = (terms + WEIGHTS.pairs * pairs)[table.sample], vector[table.sample]
        self.scales = (deviation(words, len(words)), deviation(cosines, len(cosines)))

    @classmethod
    def gather(
        cls,
        question: Question,
        *,
        most: int,
        words_vector: str,
        known: Known,
        table: Table,
        place: Place,
    ) -> Steps[KnownEvidence]:
        """Work it out; only what words score is asked for.

        Args:
            question: The query.
            most: How many of the best of each signal are candidates.
            words_vector: Which vector of documents holds their words.
            known: What is known of the collection.
            table: The documents.
            place: Where they are.
        """
        assert question.vector is not None
        total = len(table.documents)
        words = SingleWords(question, words_vector, known)
        probes = probes_of(question, words_vector)[:2]
        asks = [Ask(*probe, total) for probe in probes]
        answers = yield from ask(place.documents, [*asks, *words.asks()])
        terms, pairs = (_spread(hits, table) for hits in answers[:2])
        found = float(terms.max(initial=0.0))
        return cls(
            table,
            terms=terms,
            pairs=pairs,
            vector=(table.vectors @ unit_vector(question.vector)).astype(float),
            coverage=words.coverage(found, answers[2:], total=total, place=place),
            most=most,
        )

    def complete(self, candidates: Sequence[str]) -> Steps[Candidates]:
        """All signals of candidates; those that are gone are left out."""
        import numpy as np

        table = self._table
        known = [table.rows[each] for each in candidates if each in table.rows]
        rows = np.array(known, dtype=np.int64)
        return Candidates(
            documents=[table.documents[row] for row in known],
            versions=[table.versions[row] for row in known],
            passages=table.passages[rows],
            terms=self._terms[rows],
            pairs=self._pairs[rows],
            vector=self._vector[rows],
        )
        yield  # asks for nothing

    @staticmethod
    def _best(among: NDArray[np.bool_], scores: Floats) -> NDArray[np.int64]:
        """The rows of documents that have the signal at all, best first."""
        rows = among.nonzero()[0]
        return rows[_ranked(scores[rows])]


def _ranked(scores: Floats) -> NDArray[np.int64]:
    return (-scores).argsort(kind="stable")


def _spread(hits: Sequence[Hit], table: Table) -> Floats:
    """Scores by the rows of documents; those that were not found have none."""
    import numpy as np

    scores = np.zeros(len(table.documents))
    found = [(table.rows[hit.id], hit.score) for hit in hits if hit.id in table.rows]
    if found:
        rows, values = zip(*found, strict=True)
        scores[list(rows)] = values
    return scores
