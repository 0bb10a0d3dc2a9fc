"""A benchmark spread over a Ray cluster: the same runs, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from longembed_eval.results import Results
from longembed_eval.runner import PlannedTask, Tally
from longembed_eval.runs import Tell
from longembed_eval.spread.driver import Driver, told
from longembed_eval.spread.options import Share, Spread, share_of
from longembed_eval.workshop import BenchOptions
from longembed_rag import EncoderSettings, RayCluster, connect_ray
from longembed_rag.errors import LongEmbedError, SettingsError

if TYPE_CHECKING:
    from longembed_eval.spread.work import Planned

#: Seconds between two looks at what the processes tell.
_LOOK_EVERY = 0.3


def spread_benchmark(
    tasks: Sequence[PlannedTask],
    systems: Sequence[str],
    *,
    options: BenchOptions,
    folder: Path,
    command: str,
    spread: Spread,
    on_event: Tell = lambda event: None,
) -> Results:
    """Run every system on every task, as :func:`~longembed_eval.runner.run_benchmark` does.

    Args:
        tasks: The tasks; they are loaded here, and travel.
        systems: The systems.
        options: What holds for every system. Models are loaded where the work is done.
        folder: Where rows are kept, and vectors, where a process can see it.
        command: The command, for people who want to run it again.
        spread: Over what.
        on_event: Is told what happens; runs begin and end in any order.

    Raises:
        MissingDependencyError: Ray is not installed.
        SettingsError: A system is unknown or does not fit the model, there is no such cluster, or
            it has no such package or GPUs; nothing has been run then.
        ModelLoadError: The model cannot be loaded.
        LongEmbedError: Nothing at all could be run; the first reason.
    """
    tally = Tally(on_event)
    with connect_ray(spread.address) as cluster:
        share = share_of(spread, _nodes(), device=options.encoder.device)
        options = replace(options, encoder=_placed(options, share, cluster))
        planned = _plan(systems, options, folder, share, spread)
        options = replace(options, encoder=planned.encoder)
        driver = Driver(tally, options, folder.absolute(), share)
        try:
            for task, runs in tally.load(tasks, planned.plan):
                driver.begin(task, runs)
                driver.go_on(wait=0.0)
            while driver.is_busy:
                driver.go_on(wait=_LOOK_EVERY)
        finally:
            driver.stop()
    return tally.results(command=command, model=planned.plan.model)


def _nodes() -> list[tuple[int, int]]:
    import ray

    found = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [(int(each.get("CPU", 0)), int(each.get("GPU", 0))) for each in found]


def _placed(options: BenchOptions, share: Share, cluster: RayCluster) -> EncoderSettings:
    """The settings of the model: a unit sees the GPU that it is given, and no other."""
    encoder = options.encoder
    if encoder.device is not None or not cluster.gpus:
        return encoder
    return replace(encoder, device="cuda" if share.gpu else "cpu")


def _plan(
    systems: Sequence[str], options: BenchOptions, folder: Path, share: Share, spread: Spread
) -> Planned:
    """Have a process of the cluster choose the systems: it has the models and the devices."""
    import ray
    from ray.exceptions import RayError, RayTaskError

    from longembed_eval.spread.work import plan
    from longembed_rag import __version__

    remote = ray.remote(num_cpus=share.processors, num_gpus=int(share.gpu))(plan)
    advice = (
        f"install longembed-rag {__version__} with the extras eval and ray on every machine of the "
        f"Ray cluster at {spread.address}"
    )
    try:
        found = ray.get(remote.remote(tuple(systems), options, str(folder.absolute())))
    except RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(error, RayTaskError) and not isinstance(cause, ImportError | RuntimeError):
            raise
        raise SettingsError(f"its processes cannot measure: {told(error)}; {advice}") from error
    if isinstance(found, LongEmbedError):
        raise found
    if found.version != __version__:
        raise SettingsError(f"its processes have longembed-rag {found.version}; {advice}")
    planned: Planned = found
    return planned
