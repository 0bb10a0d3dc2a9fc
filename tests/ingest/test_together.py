"""Two ingests of one folder into one collection on a server."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from longembed_rag.ingest import flow
from longembed_rag.ingest.report import IngestReport
from longembed_rag.ingest.synchronise import synchronise
from longembed_rag.store.claims import Claims
from longembed_rag.store.store import DocumentStore
from tests.points.fake_qdrant import FakeQdrant
from tests.store.corpora import assert_same_contents, everything, random_texts
from tests.store.fakes import FakeEncoder
from tests.stores import folder, server

__all__ = ["folder", "server"]


@pytest.fixture
def files(folder: Path) -> Path:
    """Twelve files."""
    for number, text in enumerate(random_texts(12, seed=2)):
        (folder / f"{number}.txt").write_text(text)
    return folder


def ingest(
    server: FakeQdrant, files: Path, encoder: FakeEncoder, collection: str = "documents"
) -> IngestReport:
    """Ingest the files."""
    with DocumentStore.open(url=server.url, collection=collection) as store:
        return synchronise([files], encoder=encoder, store=store)


def test_no_document_is_read_twice(server: FakeQdrant, files: Path) -> None:
    """Both end with all of them there, and the model has read each once."""
    meeting = threading.Barrier(2)
    ahead = threading.local()

    def before(text: str) -> None:
        if not getattr(ahead, "met", False):
            ahead.met = True
            meeting.wait(20)  # both have begun

    encoders = [FakeEncoder(before=before), FakeEncoder(before=before)]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda each: ingest(server, files, each), encoders))
    read = [name for each in encoders for name in each.encoded]
    assert sorted(read) == sorted(str(path) for path in files.iterdir())
    assert all(each.encoded for each in encoders)
    assert [each.added + each.unchanged for each in reports] == [12, 12]
    assert sum(each.added for each in reports) == 12
    ingest(server, files, FakeEncoder(), "alone")
    with (
        DocumentStore.open(url=server.url) as both,
        DocumentStore.open(url=server.url, collection="alone") as alone,
    ):
        ours, theirs = everything(both.place), everything(alone.place)
        assert_same_contents(ours, {n.replace("alone", "documents"): p for n, p in theirs.items()})


def test_what_a_dead_one_had_is_taken_over(
    server: FakeQdrant, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once its lease has run out, and not before."""
    monkeypatch.setattr(flow, "_PATIENCE", 0.05)
    ingest(server, files, FakeEncoder())
    changed = files / "3.txt"
    changed.write_text("quite another text")
    with DocumentStore.open(url=server.url) as store, Claims(store.place) as other:
        other.take([str(changed)])
        encoder = FakeEncoder()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(ingest, server, files, encoder)
            with pytest.raises(TimeoutError):
                waiting.result(0.6)
            assert encoder.encoded == []
            other.__exit__()
            assert waiting.result(20).updated == 1
        assert encoder.encoded == [str(changed)]
