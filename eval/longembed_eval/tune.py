"""Which method and scale reads a user's own documents best, within a few minutes.

Successive halving (Jamieson and Talwalkar 2016): every candidate is measured on a small sample of
the documents, the better third on a larger one, until two are left and the sample is as large as
the time allows. What is set always stays in, and is only given up for something that is clearly
better.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from longembed_eval.candidates import By, Candidate, candidates_for
from longembed_eval.measures import difference_by_document, mean_points, measure
from longembed_eval.results import Difference
from longembed_eval.systems.protocol import ranked
from longembed_eval.systems.readers import WholeReader
from longembed_eval.systems.readings import Reading
from longembed_eval.systems.slot import ModelSlot
from longembed_eval.systems.vectors import best_by_owner, cosines
from longembed_rag import EncoderSettings, Planner
from longembed_rag.errors import OutOfMemoryError, SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_eval.tasks.values import Task
    from longembed_rag import LongEncoder

#: Candidates that are measured even if that takes too long: the default and one to compare it with.
_LEAST_MEASURED = 2
_NO_TIME = "there was no time left to measure it; give more --minutes"

#: Least documents of a sample: among fewer, any method finds nearly everything.
LEAST_DOCUMENTS = 20
#: The part of the candidates that goes on to the next round is one of so many.
KEPT_OF = 3


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What was found.

    Attributes:
        best: The setting to take; what is set where nothing is clearly better.
        default: What is set, or the model's own default.
        versus_default: How much better the best rival is than the default, with its interval;
            None where there is no rival.
        candidates: Everything that was tried, best first within the last round it took part in.
        documents: Documents that there are.
        queries: Queries that there are.
        seconds: How long it took.
        reason: Why this setting, for people.
    """

    best: Candidate
    default: Candidate
    versus_default: Difference | None
    candidates: tuple[Candidate, ...]
    documents: int
    queries: int
    seconds: float
    reason: str

    @property
    def changes(self) -> bool:
        """Whether something better than the default was found."""
        return self.best.label != self.default.label


@dataclass
class _Contender:
    """A candidate under measurement: its reader, and the vectors of what it has read so far."""

    candidate: Candidate
    reader: WholeReader
    names: list[str] = field(default_factory=list)
    vectors: list[NDArray[np.float32]] = field(default_factory=list)
    parts: list[NDArray[np.float32]] = field(default_factory=list)
    tokens: int = 0
    seconds: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)

    def read(self, documents: Mapping[str, str]) -> None:
        """Read documents that it has not read yet."""
        new = {name: text for name, text in documents.items() if name not in set(self.names)}
        self.reader.prepare()  # not a part of how fast it reads
        for name, text in new.items():
            began = time.perf_counter()
            reading = self.reader.read({name: text}, on_progress=lambda done, total: None)
            self.seconds += time.perf_counter() - began
            self._take(name, reading)

    def _take(self, name: str, reading: Reading) -> None:
        self.names.append(name)
        self.vectors.append(reading.vectors)
        self.parts.append(reading.parts)
        self.tokens += int(reading.tokens_read.sum())

    def judge(self, task: Task, by: By) -> None:
        """Score what it has read, on the queries whose documents are among it."""
        import numpy as np

        there = set(self.names)
        queries = [query for query in task.queries if set(task.gold[query.id]) & there]
        asked = self.reader.embed_queries([query.text for query in queries])
        owners = np.repeat(np.arange(len(self.names)), [len(part) for part in self.parts])
        whole = cosines(asked, np.concatenate(self.vectors))
        best = cosines(asked, np.concatenate(self.parts))
        levels = {
            "documents": whole,
            "passages": best_by_owner(best, owners, len(self.names)),
        }
        gold = {query.id: task.gold[query.id] for query in queries}
        found = {}
        for level, scores in levels.items():
            rankings = {
                query.id: ranked(dict(zip(self.names, row, strict=True)), 10)
                for query, row in zip(queries, scores.tolist(), strict=True)
            }
            found[level] = measure(rankings, gold, depth=10)["ndcg@10"]
        wanted: Sequence[str] = tuple(found) if by == "both" else (by,)
        self.scores = {
            query: sum(found[level][query] for level in wanted) / len(wanted) for query in gold
        }
        self.candidate = replace(
            self.candidate,
            documents=len(self.names),
            of_documents=mean_points(found["documents"]),
            of_passages=mean_points(found["passages"]),
            tokens_per_second=self.tokens / self.seconds if self.seconds else 0.0,
        )


def tune(
    task: Task,
    settings: EncoderSettings,
    *,
    minutes: float = 5.0,
    by: By = "both",
    seed: int = 0,
    passage_tokens: int = 256,
    on_measured: Callable[[Candidate], None] = lambda candidate: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Tuning:
    """Measure methods and scales on documents, within a time.

    Args:
        task: The documents and queries, as
            :func:`~longembed_eval.tasks.held_out.held_out_task` makes them of a folder.
        settings: The model, and what is to stay as it is.
        minutes: About how long it may take; the default and one rival are measured in any case.
        by: What is judged: whole-document vectors, best passages, or the mean of both.
        seed: Which documents are in the samples.
        passage_tokens: Most tokens in a passage.
        on_measured: Is told of each measurement.
        clock: Seconds, for tests.

    Raises:
        SettingsError: There is nothing to choose from, or ``minutes`` is not positive.
        ModelLoadError: The model cannot be loaded.
    """
    if minutes <= 0:
        raise SettingsError(f"minutes={minutes:g} must be greater than zero")
    began = clock()
    names = list(task.documents)
    random.Random(seed).shuffle(names)
    planner = Planner.from_settings(settings)
    longest = max(planner.count_tokens(text) for text in task.documents.values())
    if longest <= planner.original_length:
        raise SettingsError(
            f"the longest document has {longest:,} tokens, and {planner.model_name} reads "
            f"{planner.original_length:,} as it is: every method is the same for these documents"
        )
    encoders = _Encoders(settings)
    racing, out = _contenders(candidates_for(planner, longest=longest), encoders, passage_tokens)
    for each in out:
        on_measured(each)
    default = racing[0]
    deadline = clock() + 60 * minutes
    size, last = min(LEAST_DOCUMENTS, len(names)), len(racing) < 2
    while True:
        sample = {name: task.documents[name] for name in names[:size]}
        measured, refused = _round(
            racing,
            sample,
            task,
            by=by,
            is_late=lambda: clock() > deadline,
            on_measured=on_measured,
        )
        out += refused
        if last or clock() > deadline:
            break
        rivals = [each for each in measured if each is not default]
        kept = max(1, -(-len(measured) // KEPT_OF) - 1)
        out += [each.candidate for each in rivals[kept:]]
        # The default first: without it nothing can be compared.
        racing = [default, *rivals[:kept]]
        last = len(racing) <= 2
        rounds = 1 if last else 2
        size = _next_size(racing, size, len(names), (deadline - clock()) / rounds)
    return _verdict(task, measured, default, out, seconds=clock() - began)


def _contenders(
    candidates: Sequence[Candidate], encoders: _Encoders, passage_tokens: int
) -> tuple[list[_Contender], list[Candidate]]:
    """Those that can race, the default first, and those that what is set does not go with."""
    racing, refused = list[_Contender](), list[Candidate]()
    for candidate in candidates:
        try:
            racing.append(
                _Contender(candidate, encoders.reader(candidate.settings, passage_tokens))
            )
        except SettingsError as error:
            if not racing:
                raise
            refused.append(replace(candidate, refused=str(error)))
    return racing, refused


def _round(
    racing: Sequence[_Contender],
    sample: Mapping[str, str],
    task: Task,
    *,
    by: By,
    is_late: Callable[[], bool],
    on_measured: Callable[[Candidate], None],
) -> tuple[list[_Contender], list[Candidate]]:
    """Measure contenders, the default first; those that were, best first, and those refused."""
    measured: list[_Contender] = []
    refused: list[Candidate] = []

    def refuse(contender: _Contender, reason: str) -> None:
        refused.append(replace(contender.candidate, refused=reason))
        on_measured(refused[-1])

    for contender in racing:
        if is_late() and len(measured) >= _LEAST_MEASURED:
            refuse(contender, _NO_TIME)
            continue
        try:
            contender.read(sample)
        except OutOfMemoryError as error:
            if contender is racing[0]:
                raise  # without the default nothing can be compared
            refuse(contender, str(error))
            continue
        contender.judge(task, by)
        measured.append(contender)
        on_measured(contender.candidate)
    return sorted(measured, key=lambda each: -each.candidate.score(by)), refused


class _Encoders:
    """Readers whose models take turns in memory."""

    def __init__(self, settings: EncoderSettings) -> None:
        self._settings = settings
        self._slot = ModelSlot()

    def reader(self, own: Mapping[str, Any], passage_tokens: int) -> WholeReader:
        from longembed_rag import LongEncoder

        settings = EncoderSettings.from_dict({**self._settings.to_dict(), **own})

        def load() -> LongEncoder:
            loaded: LongEncoder = self._slot.get(
                settings, lambda: LongEncoder.from_settings(settings)
            )
            return loaded

        return WholeReader(Planner.from_settings(settings), load, passage_tokens)


def _next_size(racing: Sequence[_Contender], size: int, most: int, seconds: float) -> int:
    """How many documents fit into a time, at the speed so far; never fewer than before."""
    per_document = sum(each.seconds / max(len(each.names), 1) for each in racing)
    more = int(max(seconds, 0.0) / per_document) if per_document > 0 else most
    return min(most, size + more)


def _verdict(
    task: Task,
    measured: Sequence[_Contender],
    default: _Contender,
    out: Sequence[Candidate],
    *,
    seconds: float,
) -> Tuning:
    rivals = [each for each in measured if each is not default]
    gap, best = None, default
    if not rivals:
        reason = "this model can be read in no other way"
    else:
        rival, tried = rivals[0], sum(each.refused is None for each in out) + len(rivals)
        gap = difference_by_document(rival.scores, default.scores, task.gold, rivals=tried)
        told = f"{len(rival.scores)} queries on {len(rival.names)} documents, {tried} rivals"
        if gap is None:
            reason = f"too few documents to tell settings apart: {told}"
        else:
            interval = f"{gap.mean:+.1f} points, interval {gap.low:+.1f} to {gap.high:+.1f}"
            reason = f"none of the rivals is clearly better than what is set: {interval}, {told}"
            if gap.low > 0:
                best = rival
                reason = f"clearly better than what is set: {interval}, {told}"
            elif gap.high < 0:
                reason = f"what is set is better than its best rival: {interval}, {told}"
    return Tuning(
        best=best.candidate,
        default=default.candidate,
        versus_default=gap,
        candidates=(*(each.candidate for each in measured), *reversed(out)),
        documents=len(task.documents),
        queries=len(task.queries),
        seconds=seconds,
        reason=reason,
    )
