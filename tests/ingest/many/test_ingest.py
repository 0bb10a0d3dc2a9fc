"""Files into a collection by real processes of Ray, on two cores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from longembed_rag import Library
from longembed_rag.errors import SettingsError, StoreError
from longembed_rag.ingest.report import DocumentDone, Event, IngestReport
from longembed_rag.points.client.retries import RetryPolicy
from longembed_rag.store.claims import holders
from tests.points.fake_qdrant import FakeQdrant, Fault
from tests.small_ray import small_ray
from tests.store.corpora import assert_same_contents, everything, random_texts
from tests.store.fakes import FakeEncoder
from tests.stores import folder, server

__all__ = ["folder", "server"]

# Ray's own modules leave files open, and warn of what is to come.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


#: What two ingests of the same need not have in common.
TIMELESS = {"seconds": 0}


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """A cluster of this machine, which all tests of this module use: it takes seconds to start."""
    with small_ray():
        yield


@pytest.fixture
def files(folder: Path) -> Path:
    """Files of several kinds, two of which cannot be read."""
    (folder / "in").mkdir()
    for number, text in enumerate(random_texts(14, seed=4)):
        (folder / "in" / f"{number}.txt").write_text(text)
    (folder / "in" / "damaged.pdf").write_bytes(b"%PDF-1.4 nothing")
    (folder / "in" / "page.html").write_text("<title>A page</title><p>w0 w1 of a page</p>")
    (folder / "in" / "latin.txt").write_bytes("Größe und Maß, über alles".encode("cp1252"))
    (folder / "in" / "program.exe").write_bytes(b"\0\1\2")
    return folder / "in"


def library(server: FakeQdrant, collection: str = "documents") -> Library:
    """A collection on the server."""
    return Library.open(url=server.url, collection=collection, encoder=FakeEncoder())


def ingest(library: Library, files: Path) -> tuple[IngestReport, list[Event]]:
    """Ingest files by many, and collect what is told."""
    events: list[Event] = []
    return library.ingest(files, ray="local", on_event=events.append), events


@pytest.mark.parametrize(
    "first", ["of one process", pytest.param("of many", marks=pytest.mark.slow)]
)
def test_the_result_is_that_of_one_process(server: FakeQdrant, files: Path, first: str) -> None:
    """Point by point, and in the report: of all files, or once some have come, changed and gone."""
    with library(server) as many, library(server, "one") as one:
        if first == "of many":
            assert_same(many, one, files, documents=16)
        else:
            assert one.ingest(files).to_dict() | TIMELESS == many.ingest(files).to_dict() | TIMELESS
        (files / "0.txt").unlink()
        (files / "1.txt").unlink()
        (files / "2.txt").write_text("w1 w2 something else")
        (files / "new.txt").write_text("w5 a new one")
        report = assert_same(many, one, files, documents=15)
        assert (report.added, report.updated, report.deleted) == (1, 1, 2)
        assert holders(many.store.place) == []


def assert_same(many: Library, one: Library, files: Path, *, documents: int) -> IngestReport:
    """Require that many processes do what one does, and tell it."""
    report, events = ingest(many, files)
    ours, theirs = (each.to_dict() | TIMELESS for each in (report, one.ingest(files)))
    assert json.dumps(ours, sort_keys=True) == json.dumps(theirs, sort_keys=True)
    done = [each for each in events if isinstance(each, DocumentDone)]
    assert len({each.source for each in done}) == len(done) == documents
    there = {
        name.replace("one", "documents"): at for name, at in everything(one.store.place).items()
    }
    assert_same_contents(everything(many.store.place), there)
    return report


@pytest.mark.slow
def test_a_server_that_is_gone(server: FakeQdrant, files: Path) -> None:
    """The error of one process is the error of the whole; the next run goes on."""
    with Library.open(
        url=server.url, encoder=FakeEncoder(), retries=RetryPolicy(attempts=1)
    ) as many:
        many.ingest(files / "0.txt")
        server.faults += [Fault("/documents.passages/points", 500, method="PUT")] * 50
        with pytest.raises(StoreError, match="was not confirmed as written"):
            ingest(many, files)
        server.faults.clear()
        report, _ = ingest(many, files)
        assert report.added + report.unchanged == 16


def test_an_embedded_store_is_refused(folder: Path, files: Path) -> None:
    """It is one process's; nothing is started and nothing made."""
    with (
        Library.open(folder / "store", encoder=FakeEncoder()) as embedded,
        pytest.raises(SettingsError, match="name a Qdrant server"),
    ):
        embedded.ingest(files, ray="local")
    assert not (folder / "store").exists()


def test_workers_without_ray_are_refused(server: FakeQdrant, files: Path) -> None:
    """They would be passed over."""
    with library(server) as many, pytest.raises(SettingsError, match="ray= is to start"):
        many.ingest(files, workers=2)
