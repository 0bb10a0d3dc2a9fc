"""What was sent is kept until it is in the collection, whatever happens to the server."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from longembed_rag import Document, Library
from longembed_rag.errors import SettingsError, StoreError
from longembed_rag.ingest.report import IngestReport
from longembed_rag.server.failures import ApiError
from longembed_rag.server.jobs import Job, Jobs
from longembed_rag.server.metrics import Metrics
from longembed_rag.server.spool import Spool
from tests.models import TinyModels
from tests.server.served import folder_of_its_own
from tests.store.fakes import FakeEncoder

pytestmark = pytest.mark.filterwarnings("ignore::longembed_rag.errors.LongEmbedWarning")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "store", encoder=FakeEncoder()) as found:
        yield found


def jobs_of(library: Library, tmp_path: Path, *, most: int = 3) -> Jobs:
    return Jobs(library, Spool(tmp_path / "spool"), most=most, metrics=Metrics())


def ended(job: Job) -> Job:
    for _ in range(1000):
        if job.ended is not None:
            return job
        time.sleep(0.01)
    raise AssertionError(job)


def sources(library: Library) -> list[str]:
    return sorted(each.source for each in library.all_documents())


def test_what_is_taken_in_is_forgotten(library: Library, tmp_path: Path) -> None:
    """A job that is over leaves nothing on disk; its numbers say what was done."""
    jobs = jobs_of(library, tmp_path)
    job = ended(jobs.add_files([("a.txt", io.BytesIO(b"apples")), ("b.txt", io.BytesIO(b""))]))
    assert (job.status, job.done, job.total) == ("done", 1, 2)
    assert [each["source"] for each in job.failed] == ["b.txt"]
    assert list((tmp_path / "spool").iterdir()) == []
    jobs.close(within=10)
    assert sources(library) == ["a.txt"]


def test_what_is_left_goes_on(library: Library, tmp_path: Path) -> None:
    """Jobs of a server that was killed are done by the next, in the order in which they came."""
    spool = Spool(tmp_path / "spool")
    spool.keep_documents("job-1", [Document(id="a", text="old")])
    time.sleep(0.02)
    spool.keep_documents("job-2", [Document(id="a", text="new")])
    (tmp_path / "spool" / "job-3").mkdir()  # killed before anybody was told that it was taken
    (tmp_path / "spool" / "job-3" / "0.txt").write_text("half")
    jobs = jobs_of(library, tmp_path)
    assert [ended(each).status for each in reversed(jobs.all())] == ["done", "done"]
    jobs.close(within=10)
    found = library.get("a")
    assert found is not None
    assert found.text == "new"
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_note_that_cannot_be_read(library: Library, tmp_path: Path) -> None:
    """A damaged note is passed over, and the others are taken up."""
    spool = Spool(tmp_path / "spool")
    spool.keep_documents("job-1", [Document(id="a", text="apples")])
    for name, note in (("job-2", b"{"), ("job-3", b"[]"), ("job-4", b'{"other": 1}')):
        (spool.folder / name).mkdir()
        (spool.folder / name / "job.json").write_bytes(note)
    jobs = jobs_of(library, tmp_path)
    assert [each.id for each in jobs.all()] == ["job-1"]
    assert ended(jobs.all()[0]).status == "done"
    jobs.close(within=10)


def test_what_has_failed_is_not_done_later(library: Library, tmp_path: Path) -> None:
    """A job that failed is over: a later server would undo what was sent since."""
    jobs = jobs_of(library, tmp_path)
    with pytest.MonkeyPatch.context() as patch:

        def fail(*args: Any, **options: Any) -> IngestReport:
            raise StoreError("the disk is full")

        patch.setattr(Library, "add", fail)
        job = ended(jobs.add_documents([Document(id="a", text="old")]))
    assert (job.status, job.error) == ("failed", "the disk is full")
    ended(jobs.add_documents([Document(id="a", text="new")]))
    jobs.close(within=10)
    again = jobs_of(library, tmp_path)
    assert again.all() == []
    again.close(within=10)
    found = library.get("a")
    assert found is not None
    assert found.text == "new"


def test_what_nobody_foresaw_is_told_without_its_words(library: Library, tmp_path: Path) -> None:
    """An error that may quote a text is told by its kind alone, and the next job is done."""

    def fail(hear: Callable[[Any], None]) -> None:
        raise ValueError("zebra")

    jobs = jobs_of(library, tmp_path)
    job = ended(jobs.run("folders", fail))
    assert job.error is not None
    assert "ValueError" in job.error
    assert "zebra" not in job.error
    assert ended(jobs.add_documents([Document(id="a", text="b")])).status == "done"
    jobs.close(within=10)


def test_too_many_wait(library: Library, tmp_path: Path) -> None:
    """More than may wait are 429 with the time to wait, and nothing of them is kept."""
    import threading

    goes_on = threading.Event()
    jobs = jobs_of(library, tmp_path, most=1)

    def wait(hear: Callable[[Any], None]) -> None:
        goes_on.wait(30)

    first = jobs.run("folders", wait)
    while first.status == "queued":
        time.sleep(0.01)
    jobs.add_documents([Document(id="a", text="b")])
    with pytest.raises(ApiError) as refused:
        jobs.add_documents([Document(id="c", text="d")])
    assert refused.value.status == 429
    assert len(list((tmp_path / "spool").iterdir())) == 1
    assert not jobs.is_idle
    goes_on.set()
    ended(jobs.all()[0])
    assert jobs.is_idle
    jobs.close(within=10)


def test_closing_hands_back_what_it_holds(library: Library, tmp_path: Path) -> None:
    """A job in hand is stopped between two documents, and the next server finishes it."""
    seen: list[str] = []
    jobs: Jobs | None = None

    class Ends(FakeEncoder):
        def encode_passages(self, text: str, **options: Any) -> Any:
            seen.append(text)
            if len(seen) == 2 and jobs is not None:
                jobs._is_ending = True
            return super().encode_passages(text, **options)

    with Library.open(tmp_path / "other", encoder=Ends()) as other:
        jobs = jobs_of(other, tmp_path)
        given = [Document(id=str(n), text=f"text {n}") for n in range(60)]
        job = jobs.add_documents(given)
        jobs._thread.join(30)
        assert job.status == "queued"
        assert job.done < 60
        second = jobs_of(other, tmp_path)
        assert ended(second.all()[0]).status == "done"
        second.close(within=10)
        assert sources(other) == sorted(str(n) for n in range(60))


def test_no_room_leaves_nothing(tmp_path: Path) -> None:
    """What cannot be kept whole is not kept at all; a folder that cannot be is told."""

    class Full(io.BytesIO):
        def read(self, *args: Any) -> bytes:
            raise OSError(28, "No space left on device")

    spool = Spool(tmp_path / "spool")
    with pytest.raises(StoreError, match="No space left"):
        spool.keep_files("job-1", [("a.txt", io.BytesIO(b"a")), ("b.txt", Full())])
    assert list(spool.left()) == []
    assert list(spool.folder.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="--spool"):
        Spool(tmp_path / "file" / "spool")


_SERVER = """
import sys
from pathlib import Path
from longembed_rag import Library
from longembed_rag.server.options import ServerOptions
from longembed_rag.server.running import serve
folder = Path(sys.argv[1])
with Library.open(folder / "store", model=sys.argv[2], device="cpu", dtype="float32") as library:
    options = ServerOptions(port=0, spool=folder / "spool")
    serve(library, options, on_ready=lambda address: print(address, flush=True))
"""


def start(folder: Path, model: Path) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-c", _SERVER, str(folder), str(model)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


@pytest.mark.slow
@pytest.mark.parametrize("wait", [0.0, 0.02, 0.1, 0.5])
def test_killed_while_it_takes_in(tiny_models: TinyModels, wait: float) -> None:
    """Kill -9 after an upload was answered loses nothing and doubles nothing."""
    with folder_of_its_own() as folder:
        process, address = start(folder, tiny_models.folder("bert"))
        files = [("files", (f"{n}.txt", f"number {n} {'word ' * 200}".encode())) for n in range(30)]
        answer = httpx.post(f"{address}/v1/files", files=files, timeout=60)
        assert answer.status_code == 202
        time.sleep(wait)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        process, address = start(folder, tiny_models.folder("bert"))
        try:
            for _ in range(600):
                if all(x["ended"] for x in httpx.get(f"{address}/v1/jobs").json()["jobs"]):
                    break
                time.sleep(0.1)
            found = httpx.get(f"{address}/v1/documents", timeout=60).json()["documents"]
            assert sorted(each["source"] for each in found) == sorted(f"{n}.txt" for n in range(30))
            assert httpx.get(f"{address}/v1/info").json()["documents"] == 30
            assert list((folder / "spool").iterdir()) == []
        finally:
            process.terminate()
            process.communicate()


@pytest.mark.slow
def test_killed_while_it_is_sent(tiny_models: TinyModels) -> None:
    """Kill -9 in the middle of an upload leaves nothing: nobody was told that it was taken."""
    with folder_of_its_own() as folder:
        process, address = start(folder, tiny_models.folder("bert"))

        def body() -> Iterator[bytes]:
            yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\n'
            for n in range(100):
                if n == 50:
                    os.kill(process.pid, signal.SIGKILL)
                yield b"a" * 10_000
            yield b"\r\n--x--\r\n"

        headers = {"content-type": "multipart/form-data; boundary=x"}
        with pytest.raises(httpx.TransportError):
            httpx.post(f"{address}/v1/files", content=body(), headers=headers, timeout=60)
        process.communicate()
        process, address = start(folder, tiny_models.folder("bert"))
        try:
            assert httpx.get(f"{address}/v1/jobs").json()["jobs"] == []
            assert list((folder / "spool").iterdir()) == []
        finally:
            process.terminate()
            process.communicate()
