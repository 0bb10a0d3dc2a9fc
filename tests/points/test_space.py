"""A disk that is nearly full: told before the engine writes, which would end the process."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from longembed_rag.errors import StoreError
from longembed_rag.points.edge import space
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
