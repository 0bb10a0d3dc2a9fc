"""The seal on a store's files: what is damaged is named, what is as it was costs a look."""

from __future__ import annotations

import json
import os
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from qdrant_client import models

from longembed_rag.errors import StoreDamagedError
from longembed_rag.points.edge_client.client import EdgeClient
from longembed_rag.points.seal import SEAL_FILE, Seal
from tests.forked import forked

PARTS = {"a.dat": b"\0" * 200_000 + b"held" + b"\0" * 200_000, "deep/b.json": b'{"x": 1, "y": [2]}'}

pytestmark = pytest.mark.sealed


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A folder of two files, sealed."""
    for name, content in PARTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    Seal(tmp_path).set()
    return tmp_path


def told(folder: Path, *, thorough: bool = False) -> list[tuple[str, str]]:
    damages = Seal(folder).damages(thorough=thorough)
    return [(each.path.relative_to(folder).as_posix(), each.what) for each in damages]


@pytest.mark.parametrize("at", [0, 199_999, 200_001, 399_999])
def test_a_byte_that_is_another_is_named(sealed: Path, at: int) -> None:
    """Wherever it is, among what is empty too."""
    content = bytearray(PARTS["a.dat"])
    content[at] ^= 1
    (sealed / "a.dat").write_bytes(content)
    assert told(sealed) == [("a.dat", "it holds something else than was written")]
    with pytest.raises(StoreDamagedError, match=rf"{sealed} is damaged \(a\.dat: it holds"):
        Seal(sealed).require_whole(sealed)


def test_a_file_that_is_cut_or_gone_is_named(sealed: Path) -> None:
    """With how much of it is there."""
    (sealed / "a.dat").write_bytes(b"held")
    (sealed / "deep/b.json").unlink()
    assert told(sealed) == [
        ("a.dat", "4 bytes in place of 400004"),
        ("deep/b.json", "it is missing"),
    ]


def test_what_keeps_its_times_is_seen_by_who_reads_everything(sealed: Path) -> None:
    """As a disk damages it; who only opens the store looks at times and sizes."""
    path = sealed / "a.dat"
    seal = Seal(sealed)
    noted = seal._noted or {}
    path.write_bytes(b"\0" * 400_004)
    status = path.stat()
    digest = noted["a.dat"].digest
    noted["a.dat"] = type(noted["a.dat"])(400_004, status.st_mtime_ns, status.st_ctime_ns, digest)
    assert seal.damages() == []
    assert [each.path for each in seal.damages(thorough=True)] == [path]


def test_a_copy_is_read_once(sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its times are others, what it holds is not; from then on its times are known."""
    for name in PARTS:
        os.utime(sealed / name, (1, 1))
    read: list[str] = []
    original = Path.open

    def opening(self: Path, *args: object, **options: object) -> object:
        read.append(self.name)
        return original(self, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", opening)
    assert told(sealed) == []
    assert "a.dat" in read
    read.clear()
    assert told(sealed) == []
    assert "a.dat" not in read


def test_the_order_of_keys_does_not_count(sealed: Path) -> None:
    """The engine writes its JSON anew when it loads it."""
    (sealed / "deep/b.json").write_text('{"y": [2], "x": 1}')
    assert told(sealed) == []
    (sealed / "deep/b.json").write_text('{"y": [1], "x": 2}')
    assert len(told(sealed)) == 1


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"format": 1}', "\x00" * 40])
def test_a_damaged_seal_is_named_and_keeps_nobody_out(sealed: Path, content: str) -> None:
    """The files may be as they were."""
    (sealed / SEAL_FILE).write_text(content)
    assert told(sealed) == [(SEAL_FILE, "it cannot be read")]
    Seal(sealed).require_whole(sealed)


def test_a_seal_that_says_something_else_is_damaged(sealed: Path) -> None:
    """It has a digest of its own."""
    content = json.loads((sealed / SEAL_FILE).read_text())
    content["files"]["a.dat"][0] += 1
    (sealed / SEAL_FILE).write_text(json.dumps(content))
    assert told(sealed) == [(SEAL_FILE, "it cannot be read")]


def test_who_writes_breaks_it_up_and_sets_it(sealed: Path) -> None:
    """In between there is none, as after a kill; who only reads leaves it as it is."""
    before = (sealed / SEAL_FILE).read_bytes()
    Seal(sealed).close()
    assert (sealed / SEAL_FILE).read_bytes() == before
    seal = Seal(sealed)
    seal.break_up()
    assert not (sealed / SEAL_FILE).exists()
    (sealed / "a.dat").write_bytes(b"new")
    assert seal.damages(thorough=True) == []
    seal.close()
    assert told(sealed, thorough=True) == []


def test_a_folder_that_was_replaced_is_not_sealed(sealed: Path) -> None:
    """It is somebody else's."""
    seal = Seal(sealed)
    seal.break_up()
    sealed.rename(sealed.with_name("moved"))
    sealed.mkdir()
    seal.close()
    assert list(sealed.iterdir()) == []


def test_a_store_that_is_only_read_stays_sealed(tmp_path: Path) -> None:
    """However often the engine loads it, and whatever was done to it before."""
    client = EdgeClient(tmp_path)
    params = models.VectorParams(size=2, distance=models.Distance.COSINE)
    client.create_collection("c", vectors_config={"a": params, "b": params})
    points = [
        models.PointStruct(id=i, vector={"a": [1.0, i], "b": [i, 1.0]}, payload={"n": i})
        for i in range(1, 40)
    ]
    client.create_payload_index("c", "n", models.PayloadSchemaType.INTEGER)
    client.upsert("c", points)
    client.delete("c", [3, 4])
    client.close()
    seal = (tmp_path / SEAL_FILE).read_bytes()
    for _ in range(4):
        reader = EdgeClient(tmp_path)
        assert reader.count("c").count == 37
        reader.close()
        assert Seal(tmp_path).damages(thorough=True) == []
    assert json.loads((tmp_path / SEAL_FILE).read_bytes())["files"].keys() == (
        json.loads(seal)["files"].keys()
    )


def leave(pipe: Connection, folder: Path, flushed: bool) -> None:
    """Write to two collections, and end without a word to the engine."""
    client = EdgeClient(folder)
    size = models.VectorParams(size=2, distance=models.Distance.COSINE)
    for name in ("a", "b"):
        client.create_collection(name, size)
        for i in range(30):
            client.upsert(name, [models.PointStruct(id=i, vector=[1, i], payload={"n": i})])
    if flushed:
        client.collections.flush()
    os._exit(0)


@pytest.mark.parametrize("flushed", [True, False])
def test_what_a_killed_process_left_is_settled_before_it_is_sealed(
    tmp_path: Path, flushed: bool
) -> None:
    """Its log and journals are taken up when a shard is loaded, also of one that is not written."""
    folder = tmp_path / "store"
    with forked(leave, folder, flushed) as other:
        other.process.join()
        assert other.process.exitcode == 0
    assert not (folder / SEAL_FILE).exists()
    client = EdgeClient(folder)
    client.set_payload("a", {"more": True}, points=[1])
    client.close()
    for _ in range(3):
        reader = EdgeClient(folder)
        assert [reader.count(name).count for name in ("a", "b")] == [30, 30]
        reader.close()
        assert Seal(folder).damages(thorough=True) == []


def test_another_version_of_the_engine_seals_its_own_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may write files anew that it only reads: that is no damage, and what came before is."""
    client = EdgeClient(tmp_path / "store")
    client.create_collection("c", {})
    client.close()
    monkeypatch.setattr("longembed_rag.points.edge.collections.engine_version", lambda: "later")
    (file,) = (tmp_path / "store").glob("*/shard/edge_config.json")
    before = file.read_text()
    file.write_text("{}")
    with pytest.raises(StoreDamagedError):
        EdgeClient(tmp_path / "store")
    file.write_text(before)
    reader = EdgeClient(tmp_path / "store")
    file.write_text(before.replace("{", '{"later": 1,', 1))
    reader.close()
    EdgeClient(tmp_path / "store").close()
    assert json.loads((tmp_path / "store" / SEAL_FILE).read_bytes())["by"] == "later"
