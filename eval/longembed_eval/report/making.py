"""How a benchmark was made: settings, versions, machine, dates, tasks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from longembed_eval.report import naming, notes, summary, wording
from longembed_eval.results import SPREAD, Results

#: Tasks that the weights of the hybrid were chosen with.
_OF_THE_WEIGHTS = ("qmsum", "2wikimqa_rebuilt", "crd3_segments")


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A system and its settings.

    Attributes:
        system: Its name.
        description: What it is.
        settings: Those that are its own, on one line.
    """

    system: str
    description: str
    settings: str


@dataclass(frozen=True, kw_only=True)
class TaskNote:
    """Tasks of which the same is known.

    Attributes:
        names: What they are called.
        told: Where they come from, and what a reader must know.
        numbers: Documents, words, queries.
    """

    names: str
    told: str
    numbers: str


@dataclass(frozen=True, kw_only=True)
class Making:
    """How the results were made.

    Attributes:
        setups: The systems.
        shared: Settings that all systems have alike which have them at all.
        versions: Versions of packages.
        machine: What they ran on.
        machines: Whether that was more than one machine.
        times: What keeps their times from being compared, beside different machines.
        dates: First and last day.
        tasks: The tasks.
        limits: What the numbers do not say.
    """

    setups: tuple[Setup, ...]
    shared: str
    versions: str
    machine: str
    machines: bool
    times: tuple[str, ...]
    dates: str
    tasks: tuple[TaskNote, ...]
    limits: tuple[str, ...]


def making(results: Results, *, chosen_afterwards: bool) -> Making:
    """Gather it from the rows.

    Args:
        results: The rows.
        chosen_afterwards: Whether a best method was picked by the scores it is judged by.
    """
    own = {
        system: _merged(row.settings for row in results.rows if row.system == system)
        for system in results.systems
    }
    shared = _shared(list(own.values()))
    days = sorted({row.made[:10] for row in results.rows if row.made})
    machines = {
        json.dumps({k: v for k, v in row.machine.items() if k != SPREAD}, sort_keys=True)
        for row in results.rows
    }
    return Making(
        setups=tuple(
            Setup(
                system=system,
                description=naming.description(system),
                settings=wording.flat({k: v for k, v in found.items() if k not in shared}),
            )
            for system, found in own.items()
        ),
        shared=wording.flat(shared),
        versions=_spaced(_merged(row.versions for row in results.rows)),
        machine=_spaced(_merged(row.machine for row in results.rows)),
        machines=len(machines) > 1,
        times=tuple(notes.of_times(results)),
        dates=" to ".join(dict.fromkeys([days[0], days[-1]])) if days else "",
        tasks=tuple(_tasks(results)),
        limits=tuple(_limits(results, chosen_afterwards)),
    )


def _merged(many: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Values by name; where they differ, all of them."""
    found: dict[str, list[str]] = {}
    for values in many:
        for name, value in values.items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            if value is not None and text not in found.setdefault(name, []):
                found[name].append(text)
    return {name: " / ".join(texts) for name, texts in found.items() if texts}


def _shared(own: list[dict[str, str]]) -> dict[str, str]:
    """What at least two have, and all that have it have alike."""
    names = dict.fromkeys(name for settings in own for name in settings)
    values = {name: [s[name] for s in own if name in s] for name in names}
    return {
        name: found[0] for name, found in values.items() if len(found) > 1 and len(set(found)) == 1
    }


def _spaced(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _tasks(results: Results) -> Iterable[TaskNote]:
    for told, tasks in notes.of_tasks(results):
        documents = sum(task.documents for task in tasks)
        queries = sum(len(task.queries) for task in tasks)
        words = [round(task.words) for task in tasks]
        between = f"{min(words):,}" + (f" to {max(words):,}" if min(words) < max(words) else "")
        yield TaskNote(
            names=wording.listed([task.name for task in tasks]),
            told=told,
            numbers=f"{documents:,} documents of {between} words on average, {queries:,} queries.",
        )


def _limits(results: Results, chosen_afterwards: bool) -> Iterable[str]:
    yield (
        "An interval says how far a difference may lie from the one shown if other queries of the"
        " same kind were asked about the same documents (paired bootstrap over queries, 95 %). It"
        " says nothing of other documents, other languages or other models."
    )
    yield (
        "Of twenty differences that are nothing but chance, one leaves zero out of its interval:"
        " with many systems and tasks, a single one is weak evidence."
    )
    if chosen_afterwards:
        yield (
            "The best whole-document method of a task was picked by the scores it is then compared"
            " by, which flatters it a little."
        )
    if any(summary.kind_of(results, g) in ("passkey", "needle") for g in results.groups):
        yield (
            "Passkey and needle hide one fact in text that has nothing to do with it. They show"
            " how far a method reads; finding what people ask of real documents is another matter."
        )
    if any(summary.kind_of(results, g) == "two_facts" for g in results.groups):
        yield (
            "two_facts asks for the one document that holds two facts; each of them stands in ten."
            " Half of its questions share no word with their facts, so that words alone settle a"
            " quarter of the queries."
        )
    if "held_out" in {row.kind for row in results.rows}:
        yield (
            "Sentences held out of a document are asked for in its own words, which favours"
            " systems that match words."
        )
    if summary.has_means(results):
        yield "A mean over tasks counts each task alike, however many queries it has."
    yield (
        "Times were taken once, on the machine below, with whatever else it was doing. Vectors"
        " that several systems share were made once; their time is told for each of them."
    )
    yield (
        "Peak memory is that of the whole process: libraries and model are included, and what"
        " earlier systems of the same run have left, so it is an upper bound."
    )
    if any(naming.base(system) == "late" for system in results.systems):
        yield (
            "late compares every token of every passage in memory; a search of the product compares"
            " those of candidates, pooled and as bits (late:pool=4:bits=true keeps them alike)."
        )
    if any(naming.base(system) == "hybrid" for system in results.systems):
        yield (
            "hybrid searches in a store, where other systems compare in memory unless they were run"
            " through Qdrant: a part of its time for a query is the store's."
        )
        if tuned := [group for group in results.groups if group in _OF_THE_WEIGHTS]:
            yield (
                f"The weights of hybrid were chosen with {wording.listed(tuned)} in view, among"
                " other tasks; chosen without the task they lose up to 0.5 points"
                " (benchmarks/results/fusion.json)."
            )
