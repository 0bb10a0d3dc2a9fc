"""The benchmark in one call: tasks and systems by name, results as files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from longembed_eval.archive import results_to_dict, write_text
from longembed_eval.events import Event
from longembed_eval.extras import require
from longembed_eval.results import Results
from longembed_eval.spread.options import Spread
from longembed_eval.workshop import BenchOptions
from longembed_rag.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to measure.

    Attributes:
        tasks: Names of tasks.
        data: Folders of labelled tasks.
        docs: Files and folders of documents without labels.
        haystack: Folder of text that needle and two_facts hide in; None for the one that ships.
        copies: Folder with copies of the hub's data sets, each at ``OWNER/NAME``; None for the hub.
        lengths: Lengths of tasks that are made for lengths, tokens; none for the usual ones: to
            4,096 where they are made here, all eight of LongEmbed's own.
        seed: What the tasks that are made here are made with.
        systems: Names of systems; none for the usual ones.
        options: What holds for every system.
        out: Folder for results, and for what is kept between runs.
        command: The command, for people who want to run it again.
        spread: A Ray cluster to spread the runs over; None to run one after the other, here.
    """

    tasks: tuple[str, ...] = ()
    data: tuple[Path, ...] = ()
    docs: tuple[Path, ...] = ()
    haystack: Path | None = None
    copies: Path | None = None
    lengths: tuple[int, ...] = ()
    seed: int = 0
    systems: tuple[str, ...] = ()
    options: BenchOptions
    out: Path
    command: str = ""
    spread: Spread | None = None


def evaluate(
    request: Request, *, on_event: Callable[[Event], None] = lambda event: None
) -> Results:
    """Run a benchmark and write ``results.json``, ``results.md`` and ``report.html``.

    Args:
        request: What to measure.
        on_event: Is told what happens.

    Raises:
        MissingDependencyError: The extra ``eval`` is not installed.
        SettingsError: A task or system is unknown, or does not fit the model; or there is no such
            cluster.
        LongEmbedError: Nothing at all could be run; the first reason.
    """
    require()
    from longembed_eval.runner import run_benchmark
    from longembed_eval.tasks.choose import choose_tasks

    planned = choose_tasks(
        names=request.tasks,
        data=request.data,
        docs=request.docs,
        haystack=request.haystack,
        copies=request.copies,
        lengths=request.lengths,
        seed=request.seed,
    )
    require_writable(request.out)
    run = run_benchmark
    if request.spread is not None:
        from longembed_eval.spread.benchmark import spread_benchmark

        run = partial(spread_benchmark, spread=request.spread)
    results = run(
        planned,
        request.systems,
        options=request.options,
        folder=request.out,
        command=request.command,
        on_event=on_event,
    )
    write_results(results, request.out)
    return results


def require_writable(folder: Path) -> None:
    """Refuse a folder that cannot be made or written to before any work is done for it.

    Raises:
        SettingsError: It cannot be made or written to.
    """
    probe = folder / f".{os.getpid()}.probe"
    there = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
        if not there:  # it is made when there is something to put into it
            folder.rmdir()
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(f"out={str(folder)!r} cannot be written to: {reason}") from error


def write_results(results: Results, folder: Path) -> None:
    """Write what programs and people read, each file whole or not at all."""
    from longembed_eval.report.html import render_report
    from longembed_eval.table import markdown_table

    values = results_to_dict(results)
    write_text(folder / "results.json", json.dumps(values, indent=1, ensure_ascii=False) + "\n")
    write_text(folder / "results.md", markdown_table(results))
    write_text(folder / "report.html", render_report(results))
