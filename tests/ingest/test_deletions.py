"""A collection is never emptied by accident: by an unmounted share or a wrong path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from longembed_rag.errors import DeletionsRefusedError
from longembed_rag.ingest.plan import IngestPlan, plan_ingest
from longembed_rag.ingest.synchronise import synchronise
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import StoredSource, document_id
from tests.ingest.conftest import Bench, numbers
from tests.points.fake_qdrant import Fault, running_fake
from tests.store.fakes import FakeEncoder
from tests.stores import ENGINES, ensure, opening


def filled(bench: Bench, count: int, folder: str = "") -> list[Path]:
    """So many documents, ingested; gives their files."""
    paths = [Path(bench.write(f"{folder}{n:02}.txt", f"{folder}{n} words")) for n in range(count)]
    bench.ingest()
    return paths


def remove(paths: list[Path]) -> None:
    """Remove files."""
    for path in paths:
        path.unlink()


def plan(bench: Bench, *paths: Path) -> IngestPlan:
    """What an ingest would do."""
    store = bench.store
    return plan_ingest(
        paths or (bench.folder,), stored=store.sources(), devices=store.roots(), exclude=store.path
    )


def refused(bench: Bench, *paths: Path) -> str:
    """What an ingest is refused with; it changes and embeds nothing, and a dry run warns of it."""
    store = bench.store
    before = (store.sources(), store.entries(), store.roots())
    with pytest.raises(DeletionsRefusedError) as caught:
        bench.ingest(*paths)
    assert (store.sources(), store.entries(), store.roots()) == before
    assert bench.encoder.encoded == []
    told = plan(bench, *paths).refused
    assert told is not None
    assert told in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("count", [1, 3])
def test_an_emptied_folder_is_refused(bench: Bench, count: int) -> None:
    """However few there were: the folder, the counts and the way on are named."""
    remove(filled(bench, count))
    told = refused(bench)
    assert f"{bench.folder}: {count} of the {count} documents from it would be deleted" in told
    assert "the folder gives no document now" in told
    assert "file system" not in told
    assert "--allow-deletions" in told
    assert "allow_deletions=True" in told
    assert "nothing was changed" in told
    assert plan(bench).count("delete") == count


def test_an_unmounted_share_is_told_as_such(bench: Bench, tmp_path: Path) -> None:
    """A folder that lies on another file system than before says so, in the dry run too."""
    remove(filled(bench, 2))
    device = bench.folder.stat().st_dev
    name = document_id(str(bench.folder))
    assert bench.store.roots() == {name: device}
    bench.store.note_roots({name: device + 1})
    assert "lies on another file system than when it was last ingested" in refused(bench)


def test_more_than_half_of_ten_is_refused(bench: Bench) -> None:
    """Nine of ten, though one is left and there are new ones."""
    remove(filled(bench, 10)[1:])
    bench.write("new.txt", "new words")
    told = refused(bench)
    assert "9 of the 10 documents from it would be deleted (their files are gone)" in told


def test_half_of_ten_and_most_of_nine_may_go(bench: Bench) -> None:
    """What a person does to a folder goes on without a question."""
    remove(filled(bench, 10)[5:])
    assert plan(bench).refused is None
    assert numbers(bench.ingest()) == (0, 0, 5, 5, 0)
    remove(filled(bench, 9)[1:])
    assert numbers(bench.ingest()) == (0, 0, 1, 8, 0)


def test_deletions_that_are_meant(bench: Bench) -> None:
    """With the flag everything goes, and the empty folder is no matter afterwards."""
    remove(filled(bench, 12))
    report = synchronise(
        [bench.folder], encoder=bench.encoder, store=bench.store, allow_deletions=True
    )
    assert (report.deleted, bench.store.sources()) == (12, {})
    assert numbers(bench.ingest()) == (0, 0, 0, 0, 0)


def test_every_root_counts_by_itself(bench: Bench) -> None:
    """An emptied root is refused beside a full one, and named without it."""
    filled(bench, 3, "full/")
    remove(filled(bench, 2, "share/"))
    roots = (bench.folder / "full", bench.folder / "share")
    told = refused(bench, *roots)
    assert str(roots[1]) in told
    assert str(roots[0]) not in told
    assert numbers(bench.ingest()) == (0, 0, 3, 2, 0)


def test_single_files_as_roots(bench: Bench) -> None:
    """A file that is there takes nobody along, and no device is noted for it."""
    first, *others = filled(bench, 12)
    remove(others)
    roots = bench.store.roots()
    assert numbers(bench.ingest(first)) == (0, 0, 1, 0, 0)
    assert bench.store.roots() == roots


def test_a_folder_that_gives_links_is_not_empty(bench: Bench, tmp_path: Path) -> None:
    """What it gives may lie elsewhere, and then losing its own file is no accident."""
    outside = tmp_path / "outside.txt"
    outside.write_text("words from outside")
    (own,) = filled(bench, 1)
    (bench.folder / "link.txt").symlink_to(outside)
    own.unlink()
    assert numbers(bench.ingest()) == (1, 0, 0, 1, 0)


def test_a_folder_that_cannot_be_listed_is_not_empty(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is out of reach stays, as before, and is told as failed."""
    remove(filled(bench, 2))

    real = os.scandir

    def scandir(path: Any) -> Any:
        if path == str(bench.folder):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert numbers(bench.ingest()) == (0, 0, 0, 0, 1)
    assert len(bench.store.sources()) == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_roots_are_kept_with_the_collection(engine: str, tmp_path: Path) -> None:
    """They survive closing, add up, and leave the record as it is."""
    with opening(engine, tmp_path) as opener:
        with opener() as store:
            assert store.roots() == {}
            record = ensure(store).existing_record()
            assert store.roots() == {}
            store.note_roots({"/a": 1})
            store.note_roots({"/b": 2, "/a": 3})
        with opener() as store:
            assert store.roots() == {"/a": 3, "/b": 2}
            assert store.record() == record


def test_a_key_that_may_not_note_roots_still_ingests(tmp_path: Path) -> None:
    """A refusal then cannot tell of the file system, and everything else goes on."""
    (tmp_path / "a.txt").write_text("words")
    with running_fake() as fake, DocumentStore.open(url=fake.url) as store:
        fake.faults.append(Fault("/documents", status=403, method="PATCH"))
        report = synchronise([tmp_path], encoder=FakeEncoder(), store=store)
        assert (report.added, fake.faults, store.roots()) == (1, [], {})


def test_what_is_there_is_listed_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard and the ingest look at one list, and the other is read only after a recovery."""
    filled(bench, 3)
    listed: list[int] = []
    sources = DocumentStore.sources

    def counted(store: DocumentStore) -> dict[str, StoredSource]:
        found = sources(store)
        listed.append(len(found))
        return found

    monkeypatch.setattr(DocumentStore, "sources", counted)
    bench.write("another.txt", "more words")
    assert numbers(bench.ingest()) == (1, 0, 3, 0, 0)
    assert listed == [3]
