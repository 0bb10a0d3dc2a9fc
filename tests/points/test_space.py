"""A disk that is nearly full: told before the engine writes, which would end the process."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from longembed_rag import limits
from longembed_rag.errors import StoreError
from longembed_rag.points.edge import space
from longembed_rag.points.edge.folders import CollectionFolder, Description
from longembed_rag.store.store import DocumentStore
from tests.store.fakes import make_document
from tests.stores import ensure, find

Usage = namedtuple("Usage", "total used free")
MIB = 1 << 20


def _leave(patch: pytest.MonkeyPatch, free: int) -> None:
    patch.setattr(shutil, "disk_usage", lambda folder: Usage(1 << 40, 0, free))


def test_no_store_is_begun_without_room(tmp_path: Path) -> None:
    """The sentence names the folder, what is left and what is needed; with room it is made."""
    folder = tmp_path / "store"
    with pytest.MonkeyPatch.context() as patch:
        _leave(patch, 10 * MIB)
        with (
            DocumentStore.open(path=folder) as store,
            pytest.raises(StoreError, match=f"{folder} is nearly full: 10 MiB .* needs 64 MiB"),
        ):
            ensure(store)
    with DocumentStore.open(path=folder) as store:
        ensure(store).upsert(make_document("/a.txt", "some words"))


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """Neither what is written when it fills, nor what is opened while it is full."""
    folder = tmp_path / "store"
    with DocumentStore.open(path=folder) as store:
        ensure(store).upsert(make_document("/a.txt", "apples and pears"))
        with pytest.MonkeyPatch.context() as patch:
            _leave(patch, space.TO_WRITE - 1)
            with pytest.raises(StoreError, match="nearly full"):
                store.upsert(make_document("/b.txt", "a lease"))
            assert [each.source for each in find(store, "apples")] == ["/a.txt"]
    with pytest.MonkeyPatch.context() as patch:
        _leave(patch, space.TO_OPEN - 1)
        with (
            DocumentStore.open(path=folder) as store,
            pytest.raises(StoreError, match="nearly full"),
        ):
            store.sources()
    with DocumentStore.open(path=folder) as store:
        store.recover()
        assert list(store.sources()) == ["/a.txt"]
        store.upsert(make_document("/b.txt", "a lease"))
        assert set(store.sources()) == {"/a.txt", "/b.txt"}


def test_a_store_that_is_deleted_meanwhile_is_told(tmp_path: Path) -> None:
    """Not at the end, when much was written to files that nobody can open any more."""
    folder = tmp_path / "store"
    with DocumentStore.open(path=folder) as store:
        ensure(store).upsert(make_document("/a.txt", "apples and pears"))
        shutil.rmtree(folder)
        with pytest.raises(StoreError, match=f"{folder} was deleted or replaced"):
            store.upsert(make_document("/b.txt", "a lease"))
        with pytest.raises(StoreError, match=f"{folder} was deleted or replaced"):
            find(store, "apples")
    with DocumentStore.open(path=folder) as store:
        ensure(store).upsert(make_document("/b.txt", "a lease"))
        assert list(store.sources()) == ["/b.txt"]


def test_files_are_looked_at_only_where_address_space_is_limited(tmp_path: Path) -> None:
    """A look at each takes longer than loading them; with a limit they have to fit."""
    with DocumentStore.open(path=tmp_path) as store:
        ensure(store).upsert(make_document("/a.txt", "some words"))
    (shard,) = (tmp_path / "edge").glob("documents-*/shard")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rglob", lambda *_: pytest.fail("files are looked at"))
        patch.setattr(limits, "_limit", lambda name: None)
        space.require_mappable(shard)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "_limit", {"RLIMIT_AS": 100 * MIB}.get)
        with pytest.raises(StoreError, match="address space are needed"):
            space.require_mappable(shard)


def test_the_indexes_of_a_collection_are_noted_together(tmp_path: Path) -> None:
    """Its file is written for each change of all of them, and not for each; again makes none."""
    written: list[str] = []
    write = CollectionFolder.write

    def noting(self: CollectionFolder, description: Description) -> None:
        written.append(description.name)
        write(self, description)

    with pytest.MonkeyPatch.context() as patch, DocumentStore.open(path=tmp_path) as store:
        patch.setattr(CollectionFolder, "write", noting)
        ensure(store)
        indexes = store.place.points.collections.get("documents").description.indexes
        assert len(indexes) > written.count("documents")
        written.clear()
        ensure(store)
        assert written == []
