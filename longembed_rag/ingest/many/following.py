"""The run that many processes work for: what is to be done, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from longembed_rag.files.remote import located
from longembed_rag.ingest.many.pipeline import Shares, Step, ingest_steps, run_steps
from longembed_rag.ingest.many.stages import Reweighing
from longembed_rag.ingest.many.values import Job, Outcome, Task, Workers
from longembed_rag.ingest.report import DocumentStarted, Spread
from longembed_rag.ingest.seen import SeenFile
from longembed_rag.store.claims import claimed_by_others

if TYPE_CHECKING:
    from longembed_rag.files.discover import Discovery
    from longembed_rag.files.options import ReadOptions
    from longembed_rag.ingest.encoding import DocumentEncoder
    from longembed_rag.ingest.taking import Run
    from longembed_rag.ray_cluster import RayCluster
    from longembed_rag.store.store import DocumentStore
    from longembed_rag.store.values import StoredSource
    from longembed_rag.words.lengths import Averages

# Files, or documents, on their way at once: what this process holds of them does not grow with all.
_SHARE = 50_000
# How long is waited until files are tried again that somebody else has in hand, seconds.
_PATIENCE = 1.0
# Documents for which a process of its own is not worth while to weigh their words again.
_FEW = 256


@dataclass(frozen=True, kw_only=True)
class Many:
    """Takes files into a collection by many processes.

    Attributes:
        workers: How many.
        cluster: Where they run; this process is connected to it.
        open_store: Opens the store, in each of them.
        make_encoder: Loads the model, in each that has one.
    """

    workers: Workers
    cluster: RayCluster
    open_store: Callable[[], DocumentStore]
    make_encoder: Callable[[], DocumentEncoder]

    def take(
        self,
        run: Run,
        found: Discovery,
        as_before: Mapping[str, SeenFile],
        reading: ReadOptions,
    ) -> Iterator[Outcome]:
        """Bring in files; one that cannot be taken in is told and passed over.

        Args:
            run: The pass that they belong to.
            found: The files.
            as_before: Those that need not be read, by source.
            reading: How the others are read.

        Yields:
            What came of each that was read, once it is told.

        Raises:
            SettingsError: More processes are asked for than the cluster has room for.
            StoreError: The store cannot be read or written to. Every document that was told as done
                is in it.
        """
        assert run.claims is not None
        shares = Shares.of(self.workers, self.cluster)
        job = Job(
            open_store=self.open_store,
            make_encoder=self.make_encoder,
            holder=run.claims.name,
            reading=reading,
        )
        run.tell(
            Spread(
                address=self.cluster.address,
                models=shares.models,
                gpus=round(shares.models * shares.model_gpus),
                others=2 * shares.sides,
                dashboard=self.cluster.dashboard,
            )
        )
        run.reweighing = partial(self._reweigh, job, shares)
        tasks = _tasks(run, found, as_before)
        while share := list(islice(tasks, _SHARE)):
            yield from self._take_share(run, ingest_steps(job, shares), share)

    def _take_share(self, run: Run, steps: list[Step], tasks: list[Task]) -> Iterator[Outcome]:
        """Bring in some of the files."""
        while tasks:
            # What a process had given on before it died, it may give on in other parcels when it is
            # started again, and Ray passes over as many as there were: so some may come twice, and
            # some never.
            waiting = {task.source: task for task in tasks}
            for outcome in run_steps(tasks, steps):
                if outcome.source not in waiting:
                    continue
                if outcome.status is None and outcome.failure is None:
                    continue  # somebody else has it in hand
                del waiting[outcome.source]
                run.tell(_started(outcome.task))
                _tell(run, outcome)
                yield outcome
            tasks = _once_more(run, list(waiting.values()))

    def _reweigh(
        self, job: Job, shares: Shares, stored: Iterable[StoredSource], averages: Averages
    ) -> int:
        """Weigh the words of documents again, by many where they are many."""
        listed, done = iter(stored), 0
        while share := list(islice(listed, _SHARE)):
            done += self._reweigh_share(job, shares, share, averages)
        return done

    def _reweigh_share(
        self, job: Job, shares: Shares, stored: Sequence[StoredSource], averages: Averages
    ) -> int:
        if len(stored) < _FEW:
            return sum(Reweighing(job, averages)(stored))
        step = Step(
            make=partial(Reweighing, job, averages),
            processes=shares.sides,
            processors=shares.side_processors,
            items=_FEW // 4,
        )
        return sum(run_steps(stored, [step]))


def _tasks(run: Run, found: Discovery, as_before: Mapping[str, SeenFile]) -> Iterator[Task]:
    """The files that are to be read; the others are told."""
    named = zip(found.names, found.sources, strict=True)
    for position, (name, source) in enumerate(named, start=1):
        stamp, before = found.stamps.get(source), as_before.get(source)
        task = Task(
            source=source,
            place=located(name),
            size=0 if stamp is None else stamp.size,
            position=position,
            earlier=run.stored.get(source),
            is_whole=source in run.whole,
        )
        if before is None:
            yield task
            continue
        run.tell(_started(task))
        kept = run.stored[source]
        run.done("unchanged", kept, size=task.size, seconds=0.0, notes=before.notes)


def _started(task: Task) -> DocumentStarted:
    return DocumentStarted(source=task.source, size=task.size, position=task.position)


def _tell(run: Run, outcome: Outcome) -> None:
    if outcome.failure is not None:
        run.fail(outcome.source, outcome.failure)
        return
    assert outcome.status is not None
    if outcome.language is not None:
        run.others.counts[outcome.language] += 1
    run.done(
        outcome.status,
        outcome,
        size=outcome.task.size,
        seconds=outcome.seconds,
        notes=outcome.notes,
        is_embedded=outcome.is_embedded,
    )


def _once_more(run: Run, left: Sequence[Task]) -> list[Task]:
    """What is left, once others who had it in hand have written it or are dead."""
    assert run.claims is not None
    wanted = {task.source for task in left}
    while wanted & claimed_by_others(run.store.place, name=run.claims.name):
        time.sleep(_PATIENCE)
    return [replace(task, is_whole=False) for task in left]
