"""Copying a collection: every point as it is, each once, whatever comes in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest

from longembed_rag.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    SettingsError,
)
from longembed_rag.points.values import Point
from longembed_rag.store.copying import copy_collection
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import DENSE_VECTOR
from tests.points.fake_qdrant import FakeQdrant, running_fake
from tests.store.corpora import (
    Killed,
    assert_same_contents,
    every_moment,
    everything,
    fill,
    killed_after,
    moments,
    random_documents,
)
from tests.store.fakes import DIMENSION, make_document
from tests.stores import ENGINES, ensure, find, opening, scratch

DOCUMENTS = random_documents(20, seed=4, longest=24)
FOREIGN = Point("7", {DENSE_VECTOR: np.ones(DIMENSION, dtype=np.float32)}, {"note": "theirs"})


@pytest.fixture(scope="module")
def source() -> Iterator[DocumentStore]:
    """A collection with a point of somebody else in it, to read only."""
    with scratch() as folder, DocumentStore.open(path=folder) as store:
        fill(ensure(store), DOCUMENTS)
        store.place.points.write("documents", [FOREIGN], what="writing")
        yield store


@contextmanager
def target(engine: str) -> Iterator[DocumentStore]:
    """An empty place."""
    with scratch() as folder, opening(engine, folder / "store") as opener, opener() as store:
        yield store


@pytest.mark.parametrize("engine", ENGINES)
def test_everything_is_copied_as_it_is_and_comes_back(source: DocumentStore, engine: str) -> None:
    """Points, vectors, payloads, manifest and record, to any place and back to the first kind."""
    with target(engine) as there, target("edge") as back:
        report = copy_collection(source, there)
        assert (report.copied, report.unchanged, report.others, report.failed) == (20, 0, 1, {})
        assert report.passages == source.info().passages
        assert_same_contents(everything(there.place), everything(source.place))
        assert there.record() == source.record()
        assert copy_collection(there, back).copied == 20
        assert_same_contents(everything(back.place), everything(source.place))
        for text in ("w0 w5", "w9"):
            ours, theirs = (find(store, text) for store in (source, back))
            assert [(each.source, each.passage) for each in ours] == [
                (each.source, each.passage) for each in theirs
            ]
            assert [each.score for each in ours] == pytest.approx([each.score for each in theirs])


def test_what_is_there_is_passed_over_and_what_is_another_replaced(source: DocumentStore) -> None:
    """A second copy writes nothing; documents that only the target holds stay."""
    with target("edge") as there:
        ensure(there).upsert(make_document("/own.txt", "only here"))
        there.upsert(make_document(DOCUMENTS[0].source, "an older text"))
        progress: list[tuple[int, int]] = []
        assert (
            copy_collection(source, there, on_progress=lambda *d: progress.append(d)).copied == 20
        )
        assert progress == [(16, 20), (20, 20)]
        again = copy_collection(source, there)
        assert (again.copied, again.unchanged, again.passages) == (0, 20, 0)
        assert set(there.complete_sources()) == {*source.sources(), "/own.txt"}
        assert there.info().passages == source.info().passages + 1
        assert there.recover() == []


@pytest.mark.parametrize("engine", ENGINES)
@every_moment
def test_a_copy_that_was_killed_goes_on(
    source: DocumentStore, engine: str, every: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before any of its writes, the next call ends with what an undisturbed one gives."""
    monkeypatch.setattr("longembed_rag.store.copying._GROUP", 7)
    with target(engine) as there, killed_after(there, None) as calls:
        copy_collection(source, there)
    expected = everything(source.place)
    for moment in moments(calls.count, every=every, most=6 if engine == "edge" else 3):
        with target(engine) as there:
            with pytest.raises(Killed), killed_after(there, moment):
                copy_collection(source, there)
            copy_collection(source, there)
            assert_same_contents(everything(there.place), expected)


@pytest.mark.slow
def test_a_thousand_documents_go_to_a_server_and_back() -> None:
    """With a kill in the middle of each way; equal point by point."""
    documents = random_documents(1000, seed=8)
    with ExitStack() as stack:
        first, last = (Path(stack.enter_context(scratch())) for _ in range(2))
        fake = stack.enter_context(running_fake())
        origin = stack.enter_context(DocumentStore.open(path=first))
        for document in documents:
            ensure(origin).upsert(document)
        server = stack.enter_context(DocumentStore.open(url=fake.url))
        back = stack.enter_context(DocumentStore.open(path=last))
        for one, other in ((origin, server), (server, back)):
            with pytest.raises(Killed), killed_after(other, 150):
                copy_collection(one, other)
            report = copy_collection(one, other)
            assert 0 < report.copied < 1000
            assert report.copied + report.unchanged == 1000
        assert_same_contents(everything(back.place), everything(origin.place))


def test_documents_that_have_lost_passages_are_named(source: DocumentStore) -> None:
    """They are not copied half; the others are."""
    with target("edge") as broken, target("edge") as there:
        copy_collection(source, broken)
        name = DOCUMENTS[3].source
        lost = next(
            each
            for each in everything(broken.place)["documents.passages"]
            if each.payload["source"] == name
        )
        broken.place.points.delete("documents.passages", [lost.id], what="breaking")
        report = copy_collection(broken, there)
        assert report.copied == 19
        assert list(report.failed) == [name]
        assert "ingest it again" in report.failed[name]
        assert name not in there.sources()


def test_a_document_over_a_servers_limit_is_named_alone(
    server: FakeQdrant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of its group are copied."""
    monkeypatch.setattr("longembed_rag.points.client.batches.REQUEST_LIMIT", 20_000)
    with target("edge") as origin, DocumentStore.open(url=server.url) as there:
        ensure(origin)
        origin.upsert(make_document("/long.txt", "word " * 6000))
        origin.upsert(make_document("/short.txt", "word"))
        report = copy_collection(origin, there)
        assert report.copied == 1
        assert "/long.txt was not written" in report.failed["/long.txt"]
        assert list(there.complete_sources()) == list(there.entries()) == ["/short.txt"]


def test_what_cannot_be_copied_is_refused(source: DocumentStore) -> None:
    """Onto itself, from nothing, and into a collection that was made in another way."""
    with pytest.raises(SettingsError, match="onto itself"):
        copy_collection(source, source)
    with target("edge") as there:
        with pytest.raises(CollectionNotFoundError):
            copy_collection(there, source)
        there.ensure(fingerprint="another", dimension=DIMENSION, description={"model": "other"})
        with pytest.raises(CollectionMismatchError, match="other"):
            copy_collection(source, there)
    with target("edge") as there:
        ensure(there, passages=False)
        with pytest.raises(CollectionMismatchError, match="passages"):
            copy_collection(source, there)


def test_no_path_of_this_machine_goes_to_a_server(server: FakeQdrant, folder: Path) -> None:
    """A model's folder is known there by its name; the settings are the same ones."""
    settings = {"model": str(folder)}
    with target("edge") as origin, DocumentStore.open(url=server.url) as there:
        origin.ensure(
            fingerprint="f",
            dimension=DIMENSION,
            description={**settings, "model_path": str(folder), "method": "pcw"},
            settings=settings,
            options=IndexOptions(passage_tokens=64),
        )
        origin.upsert(make_document("/a.txt", "one"))
        copy_collection(origin, there)
        record = there.existing_record()
        assert record.settings == {"model": folder.name}
        assert record.description == {"model": folder.name, "method": "pcw"}
        assert record.options.passage_tokens == 64
        metadata = server.client.get_collection("documents").config.metadata
    assert str(folder) not in str(metadata)


def test_a_document_that_changes_while_it_is_copied_is_whole_or_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its point and its passages are of one version; where that cannot be, the copy says so."""
    texts = ("one two three four five six", "seven eight nine ten eleven")
    with target("edge") as origin, target("edge") as there:
        ensure(origin).upsert(make_document("/a.txt", texts[0]))
        listed = origin.sources()
        monkeypatch.setattr(origin, "sources", lambda: listed)
        monkeypatch.setattr("longembed_rag.store.copying.without_all_passages", lambda *a, **k: [])
        origin.upsert(make_document("/a.txt", texts[1]))
        assert copy_collection(origin, there).copied == 1
        assert find(there, "eleven", mode="sparse")[0].passage == "eleven"
        assert list(there.complete_sources()) == ["/a.txt"]
        monkeypatch.undo()
        gone = origin.place.points.page("documents.passages", what="reading", limit=1).points[0]
        monkeypatch.setattr("longembed_rag.store.copying.without_all_passages", lambda *a, **k: [])
        origin.place.points.delete("documents.passages", [gone.id], what="breaking")
        origin.upsert(make_document("/b.txt", texts[0]))
        there.delete(["/a.txt"])
        report = copy_collection(origin, there)
        assert (report.copied, list(report.failed)) == (1, ["/a.txt"])
        assert list(there.complete_sources()) == list(there.sources()) == ["/b.txt"]
        assert there.recover() == []


def test_somebody_who_recovers_meanwhile_takes_nothing_away(server: FakeQdrant) -> None:
    """On a server a copy looks whether its passages are there, as writing does."""
    with (
        target("edge") as origin,
        DocumentStore.open(url=server.url) as there,
        DocumentStore.open(url=server.url) as other,
        pytest.MonkeyPatch.context() as patch,
    ):
        fill(ensure(origin), DOCUMENTS[:5])
        points = there.place.points
        write = points.write

        def write_and_recover(name: str, *given: object, **named: object) -> None:
            write(name, *given, **named)  # type: ignore[arg-type]
            if name == "documents.passages":
                patch.setattr(points, "write", write)
                other.recover()

        copy_collection(origin, there)
        there.delete([each.source for each in DOCUMENTS[:5]])
        patch.setattr(points, "write", write_and_recover)
        assert copy_collection(origin, there).copied == 5
        assert len(there.complete_sources()) == 5


def test_a_change_of_metadata_alone_is_copied(folder: Path) -> None:
    """The text is the same, what is known of it is not."""
    with target("edge") as origin, target("edge") as there:
        ensure(origin).upsert(make_document("/a.txt", "one", metadata={"year": 2003}))
        copy_collection(origin, there)
        origin.upsert(make_document("/a.txt", "one", metadata={"year": 2024}))
        assert copy_collection(origin, there).copied == 1
        assert find(there, "one", mode="sparse")[0].metadata["year"] == 2024
        assert copy_collection(origin, there).unchanged == 1


def test_between_two_given_clients() -> None:
    """Both are called alike, and are two places."""
    with target("local") as origin, target("local") as there:
        fill(ensure(origin), DOCUMENTS[:2])
        one, other = (DocumentStore.open(client=each.client) for each in (origin, there))
        assert copy_collection(one, other).copied == 2
        with pytest.raises(SettingsError, match="onto itself"):
            copy_collection(one, DocumentStore.open(client=origin.client))
