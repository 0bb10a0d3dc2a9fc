"""The options that spread work over the processes of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from longembed_rag.cli.option_specs import Count
from longembed_rag.ray_cluster import LOCAL

Function = TypeVar("Function", bound=Callable[..., Any])


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


def ray_options(usual: str) -> Callable[[Function], Function]:
    """Add ``--ray``, ``--workers`` and ``--gpus``; the function gets ``ray``, a choice.

    Args:
        usual: How many processes there are where nothing is said.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def wrapper(
            *args: Any, ray: str | None, workers: int | None, gpus: int | None, **parameters: Any
        ) -> Any:
            if ray is None and (workers is not None or gpus is not None):
                raise click.UsageError("--workers and --gpus say how many processes --ray starts")
            choice = RayChoice(address=ray, workers=workers, gpus=gpus)
            return function(*args, ray=choice, **parameters)

        decorated: Any = wrapper
        for option in _options(usual):
            decorated = option(decorated)
        return cast("Function", decorated)

    return decorate


def _options(usual: str) -> tuple[Callable[[Any], Any], ...]:
    """The options, the last one first, as decorators are applied."""
    return (
        click.option(
            "--gpus",
            type=Count(min=0),
            metavar="NUMBER",
            help="With --ray: GPUs that are used, each by a process.  [default: all]",
        ),
        click.option(
            "--workers",
            type=Count(min=1),
            metavar="NUMBER",
            help=f"With --ray: processes with a model.  [default: {usual}]",
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
    )
