"""The options that spread work over the processes of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from longembed_rag.ray_cluster import LOCAL


@dataclass(frozen=True, kw_only=True)
class RayChoice:
    """What was said of a Ray cluster.

    Attributes:
        address: Of the cluster; None where the work is this process's.
        workers: Processes with a model; None takes as many as fit.
        gpus: GPUs that are used; None takes all.
    """

    address: str | None
    workers: int | None
    gpus: int | None


def _address(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """The address; a path that was taken for one is refused."""
    if value is not None and value != LOCAL and Path(value).exists():
        raise click.UsageError(
            f"--ray took {value!r} as the address of a cluster; name the paths before --ray, or "
            f"write --ray={LOCAL}"
        )
    return value


def ray_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--ray``, ``--workers`` and ``--gpus``; the function gets ``ray``, a choice."""

    @wraps(function)
    def wrapper(
        *args: Any, ray: str | None, workers: int | None, gpus: int | None, **parameters: Any
    ) -> Any:
        if ray is None and (workers is not None or gpus is not None):
            raise click.UsageError("--workers and --gpus say how many processes --ray starts")
        choice = RayChoice(address=ray, workers=workers, gpus=gpus)
        return function(*args, ray=choice, **parameters)

    for option in (
        click.option(
            "--gpus",
            type=click.IntRange(0),
            metavar="NUMBER",
            help="With --ray: GPUs that are used, each by a process.  [default: all]",
        ),
        click.option(
            "--workers",
            type=click.IntRange(1),
            metavar="NUMBER",
            help="With --ray: processes with a model.  [default: one for each GPU, or for every "
            "four processors]",
        ),
        click.option(
            "--ray",
            is_flag=False,
            flag_value=LOCAL,
            metavar="[ADDRESS]",
            is_eager=True,
            callback=_address,
            help="Share the work among processes of a Ray cluster; without an address of this "
            "machine.",
        ),
    ):
        wrapper = option(wrapper)
    return wrapper
