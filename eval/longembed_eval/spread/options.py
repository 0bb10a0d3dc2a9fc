"""Over what a benchmark is spread, and what each piece of its work gets of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from longembed_rag.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Over what a benchmark is spread.

    Attributes:
        address: The Ray cluster, as :func:`longembed_rag.connect_ray` takes it; ``"local"`` for
            processes of this machine.
        workers: Units of work at once, at most; None for as many as fit.
        gpus: GPUs that are used, each by one unit; None for all.

    Raises:
        SettingsError: A number is out of range.
    """

    address: str = "local"
    workers: int | None = None
    gpus: int | None = None

    def __post_init__(self) -> None:
        if not self.address:
            raise SettingsError("ray='' is no address; leave it out to use this machine alone")
        if self.workers is not None and self.workers < 1:
            raise SettingsError(f"workers={self.workers} must be at least 1")
        if self.gpus is not None and self.gpus < 0:
            raise SettingsError(f"gpus={self.gpus} must not be negative")


@dataclass(frozen=True)
class Share:
    """What work is given of a cluster.

    Attributes:
        processors: Of each unit.
        gpu: Whether each unit with a model has a GPU to itself.
        at_once: Units at once, at most.
    """

    processors: int
    gpu: bool
    at_once: int


def share_of(spread: Spread, nodes: Sequence[tuple[int, int]], *, device: str | None) -> Share:
    """What work is given of a cluster.

    Processors that would stand idle are given to the units: torch has a thread on each.

    Args:
        spread: What was asked for.
        nodes: Processors and GPUs of each machine.
        device: Where the model is to be; None for the best that there is.

    Raises:
        SettingsError: There are not so many GPUs.
    """
    there = sum(gpus for _, gpus in nodes)
    if (spread.gpus or 0) > there:
        raise SettingsError(
            f"gpus={spread.gpus}: the Ray cluster at {spread.address} has {there}; ask for fewer, "
            "or leave it out"
        )
    used = there if spread.gpus is None else spread.gpus
    gpu = used > 0 and (device is None or device.startswith("cuda"))
    fitting = min(used, _fitting(nodes, 1, gpu=True)) if gpu else _fitting(nodes, 1, gpu=False)
    at_once = max(1, fitting if spread.workers is None else min(fitting, spread.workers))
    sizes = range(1, max((processors for processors, _ in nodes), default=1) + 1)
    roomy = (size for size in sizes if _fitting(nodes, size, gpu=gpu) >= at_once)
    return Share(max(roomy, default=1), gpu, at_once)


def _fitting(nodes: Sequence[tuple[int, int]], processors: int, *, gpu: bool) -> int:
    """How many units fit at once."""
    return sum(
        min(there // processors, gpus) if gpu else there // processors for there, gpus in nodes
    )
