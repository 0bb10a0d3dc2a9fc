"""A store of local mode that somebody else made runs no code when it is opened."""

from __future__ import annotations

import pickle
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import models

from longembed_rag.errors import StoreError
from longembed_rag.points.pickles import require_harmless
from longembed_rag.store.store import DocumentStore
from tests.store.fakes import make_document
from tests.stores import ensure, make_local


class _Opens:
    """What, unpickled, makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A store of local mode with a document in it."""
    folder = tmp_path / "store"
    with ensure(DocumentStore.open(path=make_local(folder))) as store:
        store.upsert(make_document("/a.txt", "one two three four"))
    return folder


def rows_of(folder: Path) -> Path:
    """The file with the documents' points."""
    return folder / "collection" / "documents" / "storage.sqlite"


def put(folder: Path, value: object) -> None:
    """Put a row's value in the place of every point."""
    with sqlite3.connect(rows_of(folder)) as storage:
        storage.execute("UPDATE points SET point = ?", (value,))
    storage.close()


def test_what_was_written_is_read(filled: Path) -> None:
    """Everything that a store of ours holds is harmless."""
    require_harmless(filled)
    with DocumentStore.open(path=filled) as store:
        assert list(store.sources()) == ["/a.txt"]


@pytest.mark.parametrize("hidden", ["bare", "payload"])
def test_a_row_that_would_make_a_file_makes_none(filled: Path, hidden: str) -> None:
    """The error names the folder and what the row wanted to load."""
    made, row = filled / "owned", _Opens(filled / "owned")
    point = models.PointStruct.model_construct(id=1, vector={}, payload={"text": row})
    put(filled, pickle.dumps(row if hidden == "bare" else point))
    with pytest.raises(StoreError, match=r"(?s)store at .*store is not opened.* io\.open"):
        DocumentStore.open(path=filled)
    assert not made.exists()


@pytest.mark.parametrize("protocol", [4, 5])
def test_arrays_of_numbers_are_data(filled: Path, protocol: int) -> None:
    """qdrant-client writes them where vectors are updated; objects in them are none."""
    for array in (np.ones((2, 3), dtype=np.float32), np.zeros((0, 4)), np.float32(1), np.arange(3)):
        point = models.PointStruct.model_construct(id=1, vector={"a": array}, payload=None)
        put(filled, pickle.dumps(point, protocol=protocol))
        require_harmless(filled)
    put(filled, pickle.dumps(np.array([_Opens(filled / "owned")]), protocol=protocol))
    with pytest.raises(StoreError):
        DocumentStore.open(path=filled)
    assert not (filled / "owned").exists()


def test_an_array_whose_parts_contradict_each_other_is_refused(filled: Path) -> None:
    """Otherwise numpy would read past its end."""
    whole = pickle.dumps(np.arange(3, dtype=np.float32))
    put(filled, whole.replace(b"K\x03\x85", b"K\xff\x85"))
    with pytest.raises(StoreError, match="contradict"):
        require_harmless(filled)


def test_the_folder_is_free_again_once_it_was_refused(filled: Path) -> None:
    """Mended, it opens in the same process."""
    with sqlite3.connect(rows_of(filled)) as storage:
        (before,) = storage.execute("SELECT point FROM points").fetchone()
    storage.close()
    put(filled, pickle.dumps(_Opens(filled / "owned")))
    with pytest.raises(StoreError, match="not opened"):
        DocumentStore.open(path=filled)
    put(filled, before)
    DocumentStore.open(path=filled).close()


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TRIGGER t AFTER INSERT ON points BEGIN SELECT 1; END",
        "CREATE VIEW more AS SELECT * FROM points",
        "ALTER TABLE points ADD COLUMN other TEXT",
        "ALTER TABLE points RENAME TO other",
    ],
)
def test_a_database_of_another_shape_is_refused(filled: Path, change: str) -> None:
    """It could show one row to the check and another to qdrant-client."""
    with sqlite3.connect(rows_of(filled)) as storage:
        storage.execute(change)
    storage.close()
    with pytest.raises(StoreError, match="another shape"):
        DocumentStore.open(path=filled)


def test_rows_of_a_collection_that_is_only_made_later_are_read_too(filled: Path) -> None:
    """Local mode takes up what lies where a new collection is to lie."""
    put(filled, pickle.dumps(_Opens(filled / "owned")))
    (filled / "meta.json").write_text('{"collections": {}, "aliases": {}}')
    with pytest.raises(StoreError, match="not opened"):
        DocumentStore.open(path=filled)


def test_points_elsewhere_are_refused(filled: Path, tmp_path: Path) -> None:
    """Neither a link nor a name leads out of the folder that was checked."""
    meta = (filled / "meta.json").read_text()
    (filled / "meta.json").write_text(meta.replace('"documents"', '"../../other"'))
    with pytest.raises(StoreError, match="another folder"):
        DocumentStore.open(path=filled)
    (filled / "meta.json").write_text(meta)
    rows_of(filled).parent.rename(tmp_path / "other")
    rows_of(filled).parent.symlink_to(tmp_path / "other")
    with pytest.raises(StoreError, match="by way of a link"):
        DocumentStore.open(path=filled)


def test_points_of_the_format_before_sqlite_are_refused(filled: Path) -> None:
    """Earlier qdrant-clients read them, pickles as well, and move them over."""
    rows_of(filled).rename(rows_of(filled).with_name("storage.dbm.dat"))
    with pytest.raises(StoreError, match=r"before 1\.1\.7"):
        DocumentStore.open(path=filled)


@pytest.mark.parametrize("value", ["text", 1, None, pickle.dumps({"id": 1}), pickle.dumps(7)])
def test_a_row_that_is_no_point_is_refused(filled: Path, value: object) -> None:
    """Harmless, but no qdrant-client wrote it."""
    put(filled, value)
    with pytest.raises(StoreError, match="not opened"):
        DocumentStore.open(path=filled)


def test_damaged_rows_end_with_an_error_of_ours(filled: Path) -> None:
    """Whatever bytes stand in a row, it is told as the store's fault."""
    with sqlite3.connect(rows_of(filled)) as storage:
        (whole,) = storage.execute("SELECT point FROM points").fetchone()
    storage.close()

    @given(at=st.integers(0, len(whole) - 1), bytes_=st.binary(min_size=1, max_size=8))
    def check(at: int, bytes_: bytes) -> None:
        put(filled, whole[:at] + bytes_ + whole[at + len(bytes_) :])
        try:
            require_harmless(filled)
        except StoreError as error:
            assert str(filled) in str(error)  # noqa: PT017 - many changes do no harm

    check()
