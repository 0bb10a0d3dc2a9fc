"""Ray: many processes on one machine or on many, which share work."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from longembed_rag.errors import LongEmbedError, MissingDependencyError, SettingsError

#: The address that stands for processes of this machine alone, which end with this one.
LOCAL = "local"
# What lies between the processes of this machine at most, bytes: work that waits does so there.
_OBJECT_STORE = 1 << 30


@dataclass(frozen=True, kw_only=True)
class RayCluster:
    """A Ray cluster that this process is connected to.

    Attributes:
        address: Where it is; :data:`LOCAL` for this machine alone.
        processors: Processors that it has.
        gpus: GPUs that it has.
        dashboard: Address of Ray's own page of it; None where it has none.
    """

    address: str
    processors: float
    gpus: float
    dashboard: str | None


@contextmanager
def connect_ray(address: str) -> Iterator[RayCluster]:
    """Connect to a Ray cluster, or start one of this machine, which ends with the block.

    Args:
        address: As ``ray.init`` takes it: ``"auto"``, ``"ray://host:10001"``, ``"host:6379"``; or
            :data:`LOCAL`.

    Raises:
        MissingDependencyError: Ray is not installed.
        SettingsError: There is no cluster, or this process is connected to another one.
    """
    # Ray tells its makers who uses it, unless it is told otherwise before it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError(
            "Ray is not installed; install it with: pip install 'longembed-rag[ray]'"
        ) from error
    is_ours, page = not ray.is_initialized(), ""
    if is_ours:
        given = {"object_store_memory": _OBJECT_STORE} if address == LOCAL else {}
        try:
            context = ray.init(
                address=address,
                ignore_reinit_error=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **given,
            )
            page = context.dashboard_url
        except (ConnectionError, RuntimeError, ValueError) as error:
            told = " ".join(str(error).split())[:300]
            raise SettingsError(
                f"there is no Ray cluster at {address}: {told}. Start one with 'ray start --head', "
                "or leave the address out to use this machine alone"
            ) from error
    try:
        resources = ray.cluster_resources()
        yield RayCluster(
            address=address,
            processors=float(resources.get("CPU", 0)),
            gpus=float(resources.get("GPU", 0)),
            dashboard=f"http://{page}" if page else None,
        )
    finally:
        if is_ours:
            ray.shutdown()


def own_error(error: BaseException) -> LongEmbedError | None:
    """The error of ours that work in another process ended with; None where it is none of ours."""
    seen: BaseException | None = error
    while seen is not None:
        cause = getattr(seen, "cause", None)  # Ray's own errors are of both kinds
        if isinstance(seen, LongEmbedError) and cause is None:
            return seen
        seen = cause if isinstance(cause, BaseException) else seen.__cause__
    return None
