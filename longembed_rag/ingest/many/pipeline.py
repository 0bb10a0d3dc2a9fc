"""From stage to stage, by Ray Data."""

from __future__ import annotations

import logging
import math
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import SettingsError, StoreError
from longembed_rag.ingest.many.stages import Embedding, Reading, Writing
from longembed_rag.ingest.many.values import Job, Workers
from longembed_rag.ray_cluster import own_error

if TYPE_CHECKING:
    from longembed_rag.ray_cluster import RayCluster

# Bytes that one stage gives to the next at once: the texts of some eight forward passes. Texts are
# counted by their size, never by their number; what is in hand is lost with a process.
_PARCEL = 128 * 1024
_FILES = 64  # that one process is told to read at once
_ROW = "row"


@dataclass(frozen=True, kw_only=True)
class Shares:
    """What each stage takes of a cluster.

    Attributes:
        models: Processes with a model.
        model_processors: Processors of each.
        model_gpus: GPUs of each.
        sides: Processes that read files, and as many that write.
        side_processors: Processors of each of these.
    """

    models: int
    model_processors: float
    model_gpus: float
    sides: int
    side_processors: float

    @classmethod
    def of(cls, workers: Workers, cluster: RayCluster) -> Shares:
        """How a cluster is divided.

        Raises:
            SettingsError: More is asked for than there is.
        """
        gpus = workers.gpus
        if gpus is None:
            gpus = int(cluster.gpus)
            if gpus and workers.models is not None:
                gpus = workers.models
        if gpus > cluster.gpus:
            raise SettingsError(
                f"{gpus} processes are to have a GPU each: the Ray cluster at {cluster.address} "
                f"has {cluster.gpus:g} (--gpus 0, gpus=0 uses none)"
            )
        models = gpus or workers.models or max(1, int(cluster.processors // 4))
        if models > cluster.processors:
            raise SettingsError(
                f"models={models}: the Ray cluster at {cluster.address} has "
                f"{cluster.processors:g} processors"
            )
        sides = max(1, min(int(cluster.processors // 4), 2 * models))
        side = min(0.5, cluster.processors / 4 / (2 * sides))
        left = (cluster.processors - 2 * sides * side) / models
        return cls(
            models=models,
            model_processors=1.0 if gpus and left > 1 else math.floor(left) if left > 1 else left,
            model_gpus=1.0 if gpus else 0.0,
            sides=sides,
            side_processors=side,
        )


@dataclass(frozen=True, kw_only=True)
class Step:
    """A stage of the way that items take.

    Attributes:
        make: Makes what does it, in each of its processes.
        processes: How many there are.
        processors: Processors of each.
        gpus: GPUs of each.
        items: Items that it is given at once; None gives as many as have some hundred kilobytes.
    """

    make: Callable[[], Callable[[Sequence[Any]], Iterator[Any]]]
    processes: int
    processors: float
    gpus: float = 0.0
    items: int | None = None


def ingest_steps(job: Job, shares: Shares) -> list[Step]:
    """The way of files into a collection."""
    sides, processors = shares.sides, shares.side_processors
    return [
        Step(make=partial(Reading, job), processes=sides, processors=processors, items=_FILES),
        Step(
            make=partial(Embedding, job),
            processes=shares.models,
            processors=shares.model_processors,
            gpus=shares.model_gpus,
        ),
        Step(make=partial(Writing, job), processes=sides, processors=processors),
    ]


def run_steps(items: Iterable[Any], steps: Iterable[Step]) -> Iterator[Any]:
    """Take items through all steps; gives what comes out, in any order.

    Args:
        items: The items.
        steps: The steps; memory does not grow with the items that are on their way.

    Raises:
        LongEmbedError: What one of the processes ended with.
        StoreError: Ray gave up.
    """
    import ray
    from ray.data import ActorPoolStrategy

    with _quiet_data():
        data = ray.data.from_items([{_ROW: pickle.dumps(item)} for item in items])
        for step in steps:
            data = data.map_batches(
                _Stage,
                fn_constructor_args=(step.make,),
                compute=ActorPoolStrategy(size=step.processes),
                batch_size=step.items,
                num_cpus=step.processors,
                num_gpus=step.gpus or None,
            )
        try:
            for batch in data.iter_batches(batch_size=None, prefetch_batches=0):
                for row in batch[_ROW]:
                    yield pickle.loads(row)
        except ray.exceptions.RayError as error:
            own = own_error(error)
            if own is not None:
                raise own from error
            told = " ".join(str(error).split())[-400:]
            raise StoreError(
                f"the ingest was ended by Ray: {told}. Every document that was told as done is in "
                "the collection; run the same again to go on"
            ) from error


class _Stage:
    """A step as Ray Data calls it: with rows that are pickled, and for some at a time."""

    def __init__(self, make: Callable[[], Callable[[Sequence[Any]], Iterator[Any]]]) -> None:
        self._stage = make()

    def __call__(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        given = [pickle.loads(row) for row in batch[_ROW]]
        for each in self._stage(given):
            yield {_ROW: [pickle.dumps(each)]}


@contextmanager
def _quiet_data() -> Iterator[None]:
    """Ray Data without its bars and its log, and with parcels of our size."""
    from ray.data import DataContext

    context = DataContext.get_current()
    loggers = [logging.getLogger(n) for n in ("ray.data", "ray")]
    before = context.target_max_block_size, context.enable_progress_bars
    levels = [each.level for each in loggers]
    context.target_max_block_size, context.enable_progress_bars = _PARCEL, False
    for each in loggers:
        each.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        context.target_max_block_size, context.enable_progress_bars = before
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
