"""Folders that a collection is kept in step with while it is served."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from longembed_rag import Library
from tests.models import TinyModels
from tests.server.served import folder_of_its_own, running

pytestmark = pytest.mark.filterwarnings(
    "ignore::longembed_rag.errors.LongEmbedWarning", "ignore::ResourceWarning"
)


def until(is_so: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait for something that happens by itself."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.1)


@pytest.mark.slow
def test_files_that_come_change_and_go(tiny_models: TinyModels) -> None:
    """Each is found soon after; searches go on; the store in the folder makes no endless loop."""
    chosen = {"model": str(tiny_models.folder("bert")), "device": "cpu", "dtype": "float32"}
    with folder_of_its_own() as folder:
        watched = folder / "watched"
        watched.mkdir()
        (watched / "first.txt").write_text("the first one")
        store = watched / ".longembed"
        with (
            Library.open(store, **chosen) as library,
            running(library, watch=[watched], spool=folder / "spool") as address,
            httpx.Client(base_url=address, timeout=60) as client,
        ):

            def names() -> set[str]:
                found = client.get("/v1/documents").json().get("documents", [])
                return {Path(each["source"]).name for each in found}

            def text_of(name: str) -> str:
                return str(client.get(f"/v1/documents/{watched / name}").json().get("text"))

            def jobs() -> list[dict[str, object]]:
                found: list[dict[str, object]] = client.get("/v1/jobs").json()["jobs"]
                return found

            until(lambda: names() == {"first.txt"})
            (watched / "second.txt").write_text("the second one")
            until(lambda: names() == {"first.txt", "second.txt"})
            assert client.post("/v1/search", json={"query": "second"}).status_code == 200
            (watched / "first.txt").write_text("the first one, changed")
            until(lambda: "changed" in text_of("first.txt"))
            (watched / "second.txt").unlink()
            until(lambda: names() == {"first.txt"})
            until(lambda: all(each["ended"] is not None for each in jobs()))
            done = len(jobs())
            time.sleep(4)
            assert len(jobs()) == done, "nothing has changed since"
            assert {each["kind"] for each in jobs()} == {"folders"}
            assert {each["status"] for each in jobs()} == {"done"}


@pytest.mark.slow
def test_a_folder_that_is_emptied_is_a_mistake(tiny_models: TinyModels) -> None:
    """What an ingest would refuse is refused here, told as a failed job, and nothing is lost."""
    chosen = {"model": str(tiny_models.folder("bert")), "device": "cpu", "dtype": "float32"}
    with folder_of_its_own() as folder:
        watched = folder / "watched"
        watched.mkdir()
        for n in range(3):
            (watched / f"{n}.txt").write_text(f"number {n}")
        with (
            Library.open(folder / "store", **chosen) as library,
            running(library, watch=[watched], spool=folder / "spool") as address,
            httpx.Client(base_url=address, timeout=60) as client,
        ):
            until(lambda: client.get("/v1/info").json().get("documents") == 3)
            for each in watched.iterdir():
                each.unlink()
            until(lambda: client.get("/v1/jobs").json()["jobs"][0]["status"] == "failed")
            assert client.get("/v1/info").json()["documents"] == 3
