"""Ctrl-C at any moment, and a terminal that goes away, in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import longembed_rag
from tests.models import TinyModels

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(Path(longembed_rag.__file__).parent.parent),
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
}
#: Says when Python has begun with our code: before that, nobody can answer.
PROGRAM = "import os; from longembed_rag.__main__ import main; os.write(3, b'.'); main()"
PAGE = "<html><body>" + "<p>Pears are ripe.</p>" * 20 + "</body></html>"


@pytest.fixture
def ingest(tiny_models: TinyModels, tmp_path: Path) -> list[str]:
    """The arguments of an ingest of files that need a reader, and of others."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.txt").write_text(f"Document {number} tells of pears. " * 40)
        (folder / f"{number}.html").write_text(PAGE)
    model = str(tiny_models.folder("bert"))
    return ["ingest", str(folder), "--model", model, "--path", str(tmp_path / "store")]


@contextlib.contextmanager
def started(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """The program, once Python is ready, as the leader of a group of its own."""
    ready, tell = os.pipe()

    def prepare() -> None:
        os.setsid()
        os.dup2(tell, 3)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=ENVIRONMENT,
        pass_fds=(3, tell),
        preexec_fn=prepare,
    ) as process:
        os.close(tell)
        try:
            os.read(ready, 1)
            yield process
        finally:
            os.close(ready)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def require_alone(group: int) -> None:
    """Require that nothing is left running of a group whose leader has ended."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if not [pid for pid in _running() if _group(pid) == group]:
            return
        time.sleep(0.02)
    raise AssertionError("a process stayed behind")


def _running() -> list[int]:
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]


def _group(pid: int) -> int | None:
    try:
        state, _, group = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:3]
    except OSError:
        return None
    return None if state == "Z" else int(group)


# Modules are imported most of this time; what comes after is for the campaign (tests/kills).
MOMENTS = [0, 0.02, 0.05, 0.1, 0.3, 1, 2.5]
#: Each moment once, the number of presses taking turns; the others are slow tests.
PRESSES = [
    pytest.param(presses, moment, marks=() if presses == 1 + at % 2 else pytest.mark.slow)
    for presses in (1, 2)
    for at, moment in enumerate(MOMENTS)
]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked for there")
@pytest.mark.parametrize(("presses", "moment"), PRESSES)
def test_ctrl_c_is_one_line_at_any_moment(
    ingest: list[str], tmp_path: Path, moment: float, presses: int
) -> None:
    """Also while modules are imported, a model is loaded, files are read; also twice quickly."""
    as_json = presses == 2
    with started(*ingest, *(["--json"] if as_json else []), cwd=tmp_path) as process:
        time.sleep(moment)
        for _ in range(presses):
            os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
        require_alone(process.pid)
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    if process.returncode == 0:  # it came too late
        assert not as_json or json.loads(out)["added"] == 8
        return
    assert process.returncode == 130
    (line,) = [each for each in err.splitlines() if not _is_progress(each)]
    assert line.startswith("interrupted: ")
    assert line == err.splitlines()[-1]
    if as_json:
        assert json.loads(out)["error"]["type"] == "KeyboardInterrupt"
    else:
        assert out == ""


def _is_progress(line: str) -> bool:
    return line.startswith("added") or "into collection" in line


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked for there")
@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGTERM, 2),
        (signal.SIGHUP, 0.1),
        pytest.param(signal.SIGTERM, 0.1, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 2, marks=pytest.mark.slow),
    ],
)
def test_other_signals_end_it_and_its_readers(
    ingest: list[str], tmp_path: Path, number: signal.Signals, moment: float
) -> None:
    """Sent to the program alone; its readers end with it, and nothing more is said."""
    with started(*ingest, cwd=tmp_path) as process:
        time.sleep(moment)
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=60)
        require_alone(process.pid)
    assert process.returncode in (-number, 0)
    assert all(map(_is_progress, err.splitlines()[:-1]))
    assert "Traceback" not in err


def test_a_terminal_that_goes_away_ends_it(ingest: list[str], tmp_path: Path) -> None:
    """By SIGHUP, as it does other programs."""
    assert os.waitstatus_to_exitcode(_without_terminal(ingest, tmp_path)) == -signal.SIGHUP


def test_after_nohup_a_terminal_that_went_away_cannot_be_written_to(tmp_path: Path) -> None:
    """That is the status of output that cannot be written, and no traceback anywhere."""
    code = "import signal, time; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    code += "print('.', flush=True); time.sleep(0.5)\n"
    status = _without_terminal(["models"], tmp_path, before=code)
    assert os.waitstatus_to_exitcode(status) == 1


def _without_terminal(arguments: list[str], cwd: Path, *, before: str = "print('.')\n") -> int:
    """The status of a command whose terminal is closed once it has said something."""
    code = before + "from longembed_rag.__main__ import main; main()"
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execve(sys.executable, [sys.executable, "-c", code, *arguments], ENVIRONMENT)
    os.read(terminal, 1)
    os.close(terminal)
    return os.waitpid(pid, 0)[1]
