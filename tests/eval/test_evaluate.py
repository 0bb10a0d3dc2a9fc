"""The benchmark in one call, and the files that it writes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from longembed_eval import BenchOptions, Request, evaluate
from longembed_eval import extras as extras_module
from longembed_eval.archive import results_to_dict
from longembed_eval.evaluate import require_writable, write_results
from longembed_eval.events import Event, RunDone
from longembed_rag import EncoderSettings
from longembed_rag.errors import MissingDependencyError, SettingsError
from tests.eval.report.sample import sample
from tests.models import TinyModels

FILES = ("report.html", "results.json", "results.md")


@pytest.fixture
def request_of(tiny_models: TinyModels, tmp_path: Path) -> Request:
    encoder = EncoderSettings(model=str(tiny_models.folder("bert")), device="cpu")
    return Request(
        tasks=("passkey",),
        lengths=(64,),
        systems=("bm25", "truncate"),
        options=BenchOptions(encoder=encoder, timed_queries=2),
        out=tmp_path / "deep" / "out",
        command="longembed-rag eval --tasks passkey",
    )


def test_files_hold_what_is_given_back(request_of: Request) -> None:
    """JSON equals the rows; the others name every system; the same again runs nothing."""
    events: list[Event] = []
    results = evaluate(request_of, on_event=events.append)
    assert {path.name for path in request_of.out.iterdir()} == {*FILES, "runs", "vectors"}
    values = json.loads((request_of.out / "results.json").read_text(encoding="utf-8"))
    assert values == json.loads(json.dumps(results_to_dict(results)))
    assert [(row.task, row.system) for row in results.rows] == [
        ("passkey-64", "bm25"),
        ("passkey-64", "truncate"),
    ]
    for name in ("report.html", "results.md"):
        text = (request_of.out / name).read_text(encoding="utf-8")
        assert all(word in text for word in ("bm25", "truncate", "passkey", request_of.command))
    evaluate(request_of, on_event=events.append)
    assert [e.kept for e in events if isinstance(e, RunDone)] == [False, False, True, True]


def test_nothing_written_names_a_folder_of_the_machine(
    request_of: Request, tiny_models: TinyModels
) -> None:
    """Results are passed on: neither the model's folder nor that of the results is in them."""
    evaluate(request_of)
    private = (str(tiny_models.folder("bert").parent), str(request_of.out.parent), str(Path.home()))
    for name in FILES:
        text = (request_of.out / name).read_text(encoding="utf-8")
        assert [path for path in private if f"{path}/" in text] == [], name


def test_files_are_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that cannot be rendered leaves the earlier one, and no half file."""
    write_results(sample(queries=5, systems=("bm25", "pcw")), tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    assert all(before.values())
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)

    def fail(results: object) -> str:
        raise RuntimeError("no report today")

    monkeypatch.setattr("longembed_eval.report.html.render_report", fail)
    with pytest.raises(RuntimeError, match="no report"):
        write_results(sample(queries=6, systems=("bm25",)), tmp_path)
    assert (tmp_path / "report.html").read_bytes() == before["report.html"]
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)


def test_names_that_no_encoding_can_hold(tmp_path: Path) -> None:
    """A folder whose name is no valid text is no reason to lose hours of results."""
    results = replace(sample(queries=5, systems=("bm25",)), command="longembed-rag eval a\udcff")
    write_results(results, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)


def test_a_missing_extra_is_told_first(
    request_of: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing and the command that installs it, before anything is made."""
    monkeypatch.setattr(
        extras_module, "find_spec", lambda name: None if name in ("scipy", "jinja2") else object()
    )
    with pytest.raises(MissingDependencyError) as caught:
        evaluate(request_of)
    assert "jinja2, scipy must be installed" in str(caught.value)
    assert "pip install 'longembed-rag[eval]'" in str(caught.value)
    assert not request_of.out.exists()


def test_no_task_is_refused(request_of: Request) -> None:
    """With the names of those that there are."""
    empty = Request(options=request_of.options, out=request_of.out)
    assert empty.lengths == ()
    with pytest.raises(SettingsError, match="passkey"):
        evaluate(empty)
    assert not request_of.out.exists()


def test_a_place_that_cannot_be_written_to_is_refused_first(tmp_path: Path) -> None:
    """Before hours of work; and a folder is only made when there is something to put into it."""
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"out=.* cannot be written to"):
        require_writable(tmp_path / "file" / "out")
    require_writable(tmp_path / "new")
    assert not (tmp_path / "new").exists()
