"""A benchmark spread over real processes of Ray: the same as in one, whatever their order."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, ValuesView
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from longembed_eval import Request, evaluate
from longembed_eval.archive import results_to_dict
from longembed_eval.events import Event, RunDone, RunFailed, RunStarted
from longembed_eval.results import SPREAD, Results
from longembed_eval.runner import run_benchmark
from longembed_eval.spread.benchmark import spread_benchmark
from longembed_eval.spread.options import Spread
from longembed_eval.table import markdown_table
from longembed_eval.tasks.values import Task
from longembed_eval.workshop import BenchOptions
from longembed_rag import EncoderSettings
from longembed_rag.errors import LongEmbedError, ModelLoadError, SettingsError
from tests.eval.test_runner import a_task, broken, planned
from tests.models import TinyModels
from tests.small_ray import small_ray

# Ray's own modules leave files open, and warn of what is to come.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
#: Words alone; two that share a reading; the product's own, which stores; the same in other words.
FEW = ("bm25", "auto", "passages", "hybrid", "pcw:max_length=32768")
SYSTEMS = (*FEW, "late", "chunked:window=16")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Ray on this machine, started once."""
    with small_ray():
        yield


@pytest.fixture(scope="module")
def options(tiny_models: TinyModels) -> BenchOptions:
    encoder = EncoderSettings(model=str(tiny_models.folder("bert")), device="cpu", dtype="float32")
    return BenchOptions(encoder=encoder, timed_queries=1)


def spread_over(
    folder: Path,
    options: BenchOptions,
    *tasks: Any,
    systems: tuple[str, ...] = SYSTEMS,
    events: list[Event] | None = None,
    **how: Any,
) -> Results:
    return spread_benchmark(
        tasks,
        systems,
        options=options,
        folder=folder,
        command="longembed-rag eval",
        spread=Spread(**how),
        on_event=(lambda event: None) if events is None else events.append,
    )


def untimed(results: Results) -> dict[str, Any]:
    """Everything but what took how long, when and on what."""
    values = results_to_dict(results)
    for row in values["results"]:
        del row["made"], row["machine"]
        for name in ("index_seconds", "tokens_per_second", "peak_memory_bytes", "query_ms"):
            del row["cost"][name]
    return values


@pytest.mark.parametrize(
    "usual", [FEW, pytest.param(SYSTEMS, marks=pytest.mark.slow)], ids=["some", "every"]
)
def test_spread_is_as_in_one_process(
    options: BenchOptions, tiny_models: TinyModels, tmp_path: Path, usual: tuple[str, ...]
) -> None:
    """Rows, rankings and failures; each run is told once; one reading serves all that look at it.

    The same again runs nothing, here and in one process; with a row less, that one alone.
    """
    without = tiny_models.copy("bert", "no-weights")
    (without / "model.safetensors").unlink()
    systems = (*usual, f"gp:model={without}")
    tasks = (planned(a_task()), broken(), planned(a_task("more", seed=9)))
    plain = run_benchmark(
        tasks, systems, options=options, folder=tmp_path / "plain", command="longembed-rag eval"
    )
    folder, events = tmp_path / "spread", list[Event]()
    spread = spread_over(folder, options, *tasks, systems=systems, events=events, workers=2)
    assert untimed(spread) == untimed(plain)
    assert [row.rankings for row in spread.rows] == [row.rankings for row in plain.rows]
    assert [(f.task, f.system) for f in spread.failed] == [
        ("words", "gp:model=no-weights"),
        ("broken", None),
        ("more", "gp:model=no-weights"),
    ]
    runs = len(systems)
    numbers = [*range(1, runs + 1), *range(2 * runs + 1, 3 * runs + 1)]
    for kind in (RunStarted, RunDone | RunFailed):
        told = Counter(e.number for e in events if isinstance(e, kind))  # type: ignore[arg-type]
        told.pop(None, None)  # the task
        assert told == Counter(numbers)
    of = {(row.task, row.system): row for row in spread.rows}
    for task in ("words", "more"):
        one, other = of[task, "pcw"].cost, of[task, "passages"].cost
        assert one.index_seconds == other.index_seconds, "of one reading"
    assert all(row.machine[SPREAD] for row in spread.rows)
    assert "All rows ran spread" in markdown_table(spread)

    for path in (folder / "runs").iterdir():
        if '"hybrid"' in path.read_text():
            path.unlink()
    events.clear()
    again = spread_over(folder, options, *tasks, systems=systems, events=events, workers=1)
    assert [e.row.system for e in events if isinstance(e, RunDone) and not e.kept] == ["hybrid"] * 2
    assert untimed(again) == untimed(plain)
    here = run_benchmark(
        tasks, systems, options=options, folder=folder, command="longembed-rag eval"
    )
    assert results_to_dict(here) == results_to_dict(again)


def test_what_cannot_work_is_refused_before_anything_is_run(
    options: BenchOptions, tmp_path: Path
) -> None:
    """By the name of the system or setting, by errors of the kinds that one process raises."""
    task, folder = planned(a_task()), tmp_path / "out"
    for systems, told in (
        (("bm25", "bm52"), "bm52"),
        (("bm25", "pcw:model=nowhere/there"), "nowhere/there"),
    ):
        with pytest.raises((SettingsError, ModelLoadError), match=told):
            spread_over(folder, options, task, systems=systems)
    request = Request(
        tasks=("passkey",), options=options, out=folder, spread=Spread(workers=1, gpus=9)
    )
    with pytest.raises(SettingsError, match="gpus=9"):
        evaluate(request)
    cuda = replace(options, encoder=replace(options.encoder, device="cuda"))
    with pytest.raises(SettingsError, match="device='cuda'"):
        spread_over(folder, cuda, task, gpus=0)
    assert not folder.exists()
    with pytest.raises(LongEmbedError, match="broken is gone"):
        spread_over(folder, options, broken())


class Deadly(dict[str, str]):
    """Documents that end the process of Ray that looks at them, so many times."""

    def __init__(self, documents: dict[str, str], folder: str, times: int) -> None:
        super().__init__(documents)
        self.folder, self.times, self.home = folder, times, os.getpid()

    def __reduce__(self) -> tuple[Any, ...]:
        return _deadly, (dict(self), self.folder, self.times, self.home)

    def values(self) -> ValuesView[str]:  # type: ignore[override]
        deaths = len(list(Path(self.folder).iterdir()))
        if os.getpid() != self.home and deaths < self.times:
            Path(self.folder, str(deaths)).touch()
            os._exit(1)
        return super().values()


def _deadly(documents: dict[str, str], folder: str, times: int, home: int) -> Deadly:
    made = Deadly(documents, folder, times)
    made.home = home
    return made


@pytest.mark.slow
@pytest.mark.parametrize(("times", "lost"), [(1, []), (4, ["pcw"])])
def test_a_lost_process_is_tried_again(
    options: BenchOptions, tmp_path: Path, times: int, lost: list[str]
) -> None:
    """By Ray, three times; then the run that loses it is left out, and the others go on."""
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    made = a_task()
    task: Task = replace(made, documents=Deadly(dict(made.documents), str(deaths), times))
    events: list[Event] = []
    results = spread_over(
        tmp_path / "out",
        options,
        planned(task),
        systems=("pcw", "passages"),
        events=events,
        workers=1,
    )
    assert len(list(deaths.iterdir())) == times
    assert [failure.system for failure in results.failed] == lost
    assert all("its process was lost" in failure.reason for failure in results.failed)
    assert [row.system for row in results.rows] == [s for s in ("pcw", "passages") if s not in lost]
    assert len({e.number for e in events if isinstance(e, RunDone | RunFailed)}) == 2
