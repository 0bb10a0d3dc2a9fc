"""LongRoPE's rescale factors for a model, found on somebody's own documents.

What is maximised is how likely a held-out sentence picks its own document out of the others, by
the temperature that embedding models are trained with. Perplexity, which LongRoPE minimises, is
nothing that an embedding model has; and like LongRoPE2's needles it counts only what was asked for.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from longembed_eval.candidates import By
from longembed_eval.systems.readers import WholeReader
from longembed_eval.systems.vectors import best_by_owner, cosines
from longembed_rag import Planner, RopeFactors, evolve_rope_factors
from longembed_rag.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_eval.systems.readings import Reading
    from longembed_eval.tasks.values import Task
    from longembed_rag import EncoderSettings, LongEncoder

#: Documents that each set of factors reads, at most.
MOST_DOCUMENTS = 20
_TEMPERATURE = 0.05


@dataclass(frozen=True, kw_only=True)
class FactorSearch:
    """What a search for factors found.

    Attributes:
        factors: The best.
        fitness: Mean log-likelihood of the right document.
        start_fitness: The same of the best of PI, NTK, YaRN and LongRoPE2's start.
        tried: How many sets of factors were tried.
        documents: Documents that each of them read.
        queries: Queries on them.
        length: Tokens of the longest text that they are for.
        seconds: How long it took.
    """

    factors: RopeFactors
    fitness: float
    start_fitness: float
    tried: int
    documents: int
    queries: int
    length: int
    seconds: float


def search_factors(
    task: Task,
    settings: EncoderSettings,
    *,
    minutes: float = 5.0,
    by: By = "both",
    seed: int = 0,
    passage_tokens: int = 256,
    on_tried: Callable[[int, float], None] = lambda number, fitness: None,
    clock: Callable[[], float] = time.perf_counter,
) -> FactorSearch:
    """Search for rescale factors of a rotary model.

    Args:
        task: Documents and held-out queries.
        settings: The model, and what is to stay as it is.
        minutes: About how long it may take; what the search begins with is tried in any case.
        by: What is judged: whole-document vectors, best passages, or the mean of both.
        seed: Which documents are read, and what chance is drawn with.
        passage_tokens: Most tokens in a passage.
        on_tried: Is told of each set of factors, how many were tried and how good it is.
        clock: Seconds, for tests.

    Raises:
        SettingsError: The model does not rotate, or no two documents with a query are longer than
            what it reads as it is.
        ModelLoadError: The model cannot be loaded.
    """
    from longembed_rag import LongEncoder

    began = clock()
    plain = replace(settings, method="none", rope_factors=None)
    bare = replace(plain, method="truncate", resonance=False, attention_temperature=None)
    planner = Planner.from_settings(bare)
    if planner.family.positions != "rotary":
        raise SettingsError(
            f"{planner.model_name} ({planner.family.name}) does not rotate, and rescale factors "
            "are for models that do"
        )
    planner = Planner.from_settings(plain)
    sample, longest = _sample(task, planner, seed)
    encoder = LongEncoder.from_settings(plain)
    judged = _Judge(task, sample, encoder, by, passage_tokens, longest)
    tried = 0

    def fitness(factors: RopeFactors) -> float:
        nonlocal tried
        tried += 1
        found = judged(factors)
        on_tried(tried, found)
        return found

    found = evolve_rope_factors(
        fitness,
        theta=planner.rules.theta,
        rotary_dim=planner.rules.rotary_dim,
        original_length=planner.original_length,
        length=longest,
        seed=seed,
        is_late=lambda: clock() - began > 60 * minutes,
    )
    return FactorSearch(
        factors=found.factors,
        fitness=found.fitness,
        start_fitness=found.start_fitness,
        tried=found.tried,
        documents=len(sample),
        queries=len(judged.asked),
        length=longest,
        seconds=clock() - began,
    )


def _sample(task: Task, planner: Planner, seed: int) -> tuple[list[str], int]:
    """Documents that are read past the window and have queries, and the longest of them."""
    names = sorted({name for gold in task.gold.values() for name in gold})
    random.Random(seed).shuffle(names)
    tokens = {name: planner.count_tokens(task.documents[name]) for name in names}
    longer = [name for name in names if tokens[name] > planner.original_length]
    if len(longer) < 2:
        raise SettingsError(
            f"{len(longer)} of the documents with a query are longer than the "
            f"{planner.original_length:,} tokens that {planner.model_name} reads as it is; two or "
            "more are needed to search for rescale factors, so name longer documents"
        )
    sample = longer[:MOST_DOCUMENTS]
    return sample, min(planner.max_length, max(tokens[name] for name in sample))


class _Judge:
    """How good factors are on a sample of documents."""

    def __init__(
        self,
        task: Task,
        sample: list[str],
        encoder: LongEncoder,
        by: By,
        passage_tokens: int,
        length: int,
    ) -> None:
        self._documents = {name: task.documents[name] for name in sample}
        self._encoder, self._by = encoder, by
        self._passage_tokens, self._length = passage_tokens, length
        place = {name: number for number, name in enumerate(sample)}
        asked = [each for each in task.queries if set(task.gold[each.id]) & set(place)]
        self._right = [place[next(iter(task.gold[query.id]))] for query in asked]
        # Queries are read as the model reads them, whatever the factors.
        self.asked = encoder.encode([each.text for each in asked], kind="query").embeddings

    def __call__(self, factors: RopeFactors) -> float:
        """Mean log-likelihood of the right document."""
        read = self._encoder.reading_otherwise(
            method="longrope", rope_factors=factors.to_json(), max_length=self._length
        )
        reader = WholeReader(read.planner, lambda: read, self._passage_tokens)
        reading = reader.read(self._documents, on_progress=lambda done, total: None)
        levels = self._levels(reading)
        wanted = tuple(levels) if self._by == "both" else (self._by,)
        return sum(self._likelihood(levels[name]) for name in wanted) / len(wanted)

    def _levels(self, reading: Reading) -> dict[str, NDArray[np.float32]]:
        best = cosines(self.asked, reading.parts)
        return {
            "documents": cosines(self.asked, reading.vectors),
            "passages": best_by_owner(best, reading.owners, len(self._documents)),
        }

    def _likelihood(self, scores: NDArray[np.float32]) -> float:
        import numpy as np

        logits = scores.astype(np.float64) / _TEMPERATURE
        logits -= logits.max(axis=1, keepdims=True)
        right = logits[np.arange(len(logits)), self._right]
        return float((right - np.log(np.exp(logits).sum(axis=1))).mean())
