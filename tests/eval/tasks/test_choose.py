"""Tests of choosing tasks by the words of a command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from longembed_eval.tasks import choose
from longembed_eval.tasks.choose import NAMES, choose_tasks
from longembed_eval.tasks.values import Query, Task
from longembed_rag.errors import SettingsError


def _task(name: str) -> Task:
    return Task(
        name=name, documents={"d": "text"}, queries=(Query(id="q", text="?"),), gold={"q": {"d": 1}}
    )


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the functions that load tasks were called with; they load nothing."""
    calls: list[tuple[Any, ...]] = []

    def passkey_task(length: int, **options: Any) -> Task:
        calls.append(("passkey", length, options))
        return _task(f"passkey-{length}")

    def needle_task(length: int, **options: Any) -> Task:
        calls.append(("needle", length, options))
        return _task(f"needle-{length}")

    def read_hub(
        config: str, *, lengths: list[int] | None = None, dataset: str | None = None
    ) -> list[Task]:
        calls.append(("hub", config, lengths, *([] if dataset is None else [dataset])))
        return [_task(config)]

    def held_out_task(paths: list[Path], *, seed: int) -> Task:
        calls.append(("held_out", paths, seed))
        return _task("own-documents")

    modules = "longembed_eval.tasks"
    monkeypatch.setitem(
        sys.modules, f"{modules}.passkey", SimpleNamespace(passkey_task=passkey_task)
    )
    monkeypatch.setitem(sys.modules, f"{modules}.needle", SimpleNamespace(needle_task=needle_task))
    monkeypatch.setattr(choose, "read_hub", read_hub)
    monkeypatch.setattr(choose, "held_out_task", held_out_task)
    return calls


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with a labelled task called ``qmsum``."""
    path = tmp_path / "qmsum"
    path.mkdir()
    (path / "corpus.jsonl").write_text('{"_id": "d", "text": "one"}\n')
    (path / "queries.jsonl").write_text('{"_id": "q", "text": "which?"}\n')
    (path / "qrels.tsv").write_text("q\td\t1\n")
    return path


def test_a_task_for_each_length(made: list[tuple[Any, ...]]) -> None:
    """A task that is made here comes once a length, and is made when it is loaded."""
    planned = choose_tasks(
        names=["passkey", "needle"],
        lengths=[256, 512],
        haystack=Path("hay"),
        seed=3,
        documents=20,
        queries=5,
    )
    names = ["passkey-256", "passkey-512", "needle-256", "needle-512"]
    assert [task.name for task in planned] == names
    assert made == []
    assert [task.load().name for task in planned] == names
    options = {"seed": 3, "documents": 20, "queries": 5}
    assert made[1] == ("passkey", 512, options)
    assert made[2] == ("needle", 256, {"haystack": Path("hay"), **options})


def test_one_length(made: list[tuple[Any, ...]]) -> None:
    """A length in the name counts, whatever lengths there are beside it."""
    planned = choose_tasks(names=["passkey-1000", "longembed_needle-2048"], lengths=[256])
    assert [task.name for task in planned] == ["passkey-1000", "longembed_needle-2048"]
    for task in planned:
        task.load()
    assert [call[:2] for call in made] == [("passkey", 1000), ("hub", "needle")]
    assert made[1][2] == [2048]


def test_all_of_longembed(made: list[tuple[Any, ...]]) -> None:
    """One word stands for the paper's six."""
    planned = choose_tasks(names=["longembed"], lengths=[256, 512])
    assert [task.name for task in planned] == [
        "narrativeqa",
        "qmsum",
        "2wikimqa",
        "summ_screen_fd",
        "longembed_passkey-256",
        "longembed_passkey-512",
        "longembed_needle-256",
        "longembed_needle-512",
    ]
    planned[0].load()
    planned[5].load()
    assert made == [("hub", "narrativeqa", None), ("hub", "passkey", [512])]


def test_benchmarks_beside_longembed(
    made: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A word stands for all tasks of a benchmark, or for one; copies come before the hub."""
    for kind, module in (("loco", "benchmarks"), ("mldr", "benchmarks"), ("conteb", "conteb")):

        def read(part: str, *, copies: Path | None, kind: str = kind) -> Task:
            made.append((kind, part, copies))
            return _task(f"{kind}_{part}")

        monkeypatch.setattr(f"longembed_eval.tasks.{module}.read_{kind}", read)
    (tmp_path / "dwzhu" / "LongEmbed").mkdir(parents=True)
    names = ["mldr", "loco_qmsum", "conteb_covid-qa", "mteb_SciFact", "qmsum"]
    planned = choose_tasks(names=names, copies=tmp_path)
    assert [task.name for task in planned[:2]] == ["mldr_ar", "mldr_de"]
    assert [task.name for task in planned[13:]] == names[1:]
    assert len(choose_tasks(names=["loco", "conteb"])) == 20
    for task in (planned[2], planned[13], planned[14], planned[16]):
        task.load()
    assert made == [
        ("mldr", "en", tmp_path),
        ("loco", "qmsum", tmp_path),
        ("conteb", "covid-qa", tmp_path),
        ("hub", "qmsum", None, str(tmp_path / "dwzhu" / "LongEmbed")),
    ]
    with pytest.raises(SettingsError, match=r"--copies .*nowhere is no folder"):
        choose_tasks(names=["mldr_en"], copies=tmp_path / "nowhere")


def test_named_twice_is_planned_once() -> None:
    """Words that overlap give each task once."""
    planned = choose_tasks(names=["passkey-256", "passkey", "qmsum", "qmsum"], lengths=[256])
    assert [task.name for task in planned] == ["passkey-256", "qmsum"]


def test_folder_and_documents(made: list[tuple[Any, ...]], folder: Path, tmp_path: Path) -> None:
    """Folders are read when loaded; all documents make one task."""
    planned = choose_tasks(data=[folder], docs=[tmp_path, folder], seed=7)
    assert [task.name for task in planned] == ["qmsum", "own-documents"]
    assert planned[0].load().documents == {"d": "one"}
    planned[1].load()
    assert made == [("held_out", [tmp_path, folder], 7)]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "pasky",
            r"no task 'pasky'; did you mean 'passkey'\? There are passkey, needle, two_facts, narr",
        ),
        ("pasky-512", r"no task 'pasky-512'; did you mean 'passkey'\?"),
        ("qmsum-512", r"no task 'qmsum-512'; did you mean 'qmsum'\?"),
        ("mldr_eng", r"no task 'mldr_eng'; did you mean 'mldr_en'\?"),
        ("mldr-512", r"no task 'mldr-512'; did you mean 'mldr'\?"),
        ("longembed-512", r"no task 'longembed-512'"),
        ("zzz", r"no task 'zzz'\. There are passkey"),
        ("passkey-0", "0 tokens is no length"),
        ("longembed_passkey-300", r"no documents of 300 tokens, only of 256, 512"),
    ],
)
def test_bad_names(name: str, told: str) -> None:
    """An unknown name or length is refused with those there are."""
    with pytest.raises(SettingsError, match=told):
        choose_tasks(names=[name])


def test_every_name_is_known() -> None:
    """Every name of the list can be asked for."""
    for name in NAMES:
        assert choose_tasks(names=[name], lengths=[1024])


def test_two_tasks_of_one_name(folder: Path, tmp_path: Path) -> None:
    """A folder that is called like another task is refused, naming both."""
    with pytest.raises(SettingsError, match=r"'qmsum': .*--tasks qmsum and .*--data .*qmsum;"):
        choose_tasks(names=["qmsum"], data=[folder])
    with pytest.raises(SettingsError, match="two tasks are called 'qmsum'"):
        choose_tasks(data=[folder, folder])
    folder.rename(tmp_path / "own-documents")
    with pytest.raises(SettingsError, match="two tasks are called 'own-documents'"):
        choose_tasks(data=[tmp_path / "own-documents"], docs=[tmp_path])


def test_bad_paths_are_told_at_once(tmp_path: Path) -> None:
    """What does not exist is refused before anything is loaded."""
    with pytest.raises(SettingsError, match=r"lacks corpus\.jsonl"):
        choose_tasks(data=[tmp_path])
    with pytest.raises(SettingsError, match=r"--docs .*nowhere does not exist"):
        choose_tasks(docs=[tmp_path / "nowhere"])


def test_nothing_asked_for() -> None:
    """Without any task the message says what can be given."""
    with pytest.raises(SettingsError, match=r"no task was given.*--tasks.*--data.*--docs"):
        choose_tasks()


def test_lengths_that_nobody_gave() -> None:
    """What is made here goes to 4,096; LongEmbed's own has all lengths that its means are over."""
    made = [task.name for task in choose_tasks(names=["passkey"])]
    assert made == [f"passkey-{n}" for n in (256, 512, 1024, 2048, 4096)]
    hub = choose_tasks(names=["longembed_needle"])
    assert len(hub) == 8
    assert hub[-1].name == "longembed_needle-32768"


def test_a_folder_called_as_a_group_of_lengths(tmp_path: Path) -> None:
    """Its scores would be averaged with those of another kind of task."""
    folder = tmp_path / "needle"
    folder.mkdir()
    for name in ("corpus.jsonl", "queries.jsonl", "qrels.tsv"):
        (folder / name).touch()
    with pytest.raises(SettingsError, match="rename the folder"):
        choose_tasks(names=["needle-256"], data=[folder])
