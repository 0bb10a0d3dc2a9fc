"""Single objects: what is known of them, and their bytes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from longembed_rag.errors import BucketError, ReadError, SettingsError
from longembed_rag.files.buckets.objects import (
    ObjectInfo,
    beginning_of,
    bytes_of,
    is_missing,
    kind_of,
    require_reached,
)
from longembed_rag.files.readers import read_file
from longembed_rag.files.remote import Remote
from tests.shelf import DENIED, ShelfFileSystem, StairsFileSystem

NOW = datetime(2026, 5, 1, 12, 30, 15, tzinfo=timezone.utc)
NANOSECONDS = int(NOW.timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    "told",
    [
        {"size": 3, "ETag": '"abc"', "LastModified": NOW + timedelta(milliseconds=7)},
        {"size": 3, "ETag": "abc", "LastModified": NOW},
        {"size": 3, "etag": '"abc"', "last_modified": NOW.replace(tzinfo=None)},
        {"size": 3, "etag": "abc", "updated": "2026-05-01T12:30:15.123Z", "type": "file"},
        {"size": 3, "etag": "abc", "mtime": NOW.timestamp(), "created": NOW - timedelta(9)},
    ],
    ids=["list", "head", "azure", "google", "seconds"],
)
def test_listings_and_answers_give_one_stamp(told: dict[str, Any]) -> None:
    """Whatever names, quotes and fractions of seconds they have."""
    stamp = ObjectInfo.of(told).stamp
    assert stamp == ObjectInfo(3, NOW, "abc").stamp
    assert stamp != ObjectInfo(3, NOW, "abd").stamp
    assert stamp.is_sure(NANOSECONDS)  # the mark changes with the content, however soon


def test_without_a_mark_the_time_has_to_be_past() -> None:
    """And without a time nothing tells that an object is as it was."""
    timed = ObjectInfo.of({"size": 3, "mtime": NOW}).stamp
    assert (timed.is_sure(NANOSECONDS), timed.is_sure(NANOSECONDS + 3_000_000_000)) == (False, True)
    assert not ObjectInfo.of({"size": None}).stamp.is_sure(NANOSECONDS)
    assert not ObjectInfo.of({"size": 1, "mtime": "yesterday"}).stamp.is_sure(NANOSECONDS)


def test_kinds_of_names(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object, a prefix, nothing in a bucket that is there; other names are refused."""
    (shelf / "p").mkdir()
    (shelf / "p" / "a.txt").write_text("a")
    names = ("box/p/a.txt", "box/p", "box", "box/q")
    kinds = [kind_of(Remote(f"shelf://{name}")) for name in names]
    assert kinds == ["object", "prefix", "prefix", "nothing"]
    with pytest.raises(SettingsError, match="shelf://chest/a: there is no bucket 'chest'"):
        kind_of(Remote("shelf://chest/a"))
    with pytest.raises(SettingsError, match=r"stairs://box/q does not exist"):
        kind_of(Remote("stairs://box/q"))
    monkeypatch.setenv(DENIED, "box")
    with pytest.raises(SettingsError, match=r"shelf://box/p: no permission to read it .* whose"):
        require_reached(Remote("shelf://box/p"))
    assert not is_missing(Remote("shelf://box/q"))


def test_objects_are_read_whole_and_within_bounds(shelf: Path) -> None:
    """By their size before they are fetched; an empty one, too."""
    (shelf / "a.txt").write_bytes(b"0123456789")
    (shelf / "empty.txt").write_bytes(b"")
    for protocol in ("shelf", "stairs"):
        remote = Remote(f"{protocol}://box/a.txt")
        assert bytes_of(remote, most=10)[0] == b"0123456789"
        assert beginning_of(remote, 4) == b"0123"
        with pytest.raises(BucketError, match=r"10 bytes, more than the 9 .* raise --read-memory"):
            bytes_of(remote, most=9)
        assert bytes_of(Remote(f"{protocol}://box/empty.txt"), most=10)[0] == b""
        with pytest.raises(BucketError, match=r"b\.txt: it is gone"):
            bytes_of(Remote(f"{protocol}://box/b.txt"), most=9)
        assert is_missing(Remote(f"{protocol}://box/b.txt"))
        assert not is_missing(remote)


@pytest.mark.parametrize("kind", [ShelfFileSystem, StairsFileSystem])
def test_an_object_that_changes_meanwhile_is_of_one_moment(
    kind: type[StairsFileSystem], shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has grown since it was asked for is fetched again; one that never rests, refused."""
    path, remote = shelf / "a.txt", Remote(f"{kind.protocol}://box/a.txt")
    path.write_text("short")
    growing = _growing(path, kind.cat_file, times=1)
    monkeypatch.setattr(kind, "cat_file", growing)
    data, info = bytes_of(remote, most=100)
    assert (data, info.size) == (b"short and longer", 16)
    monkeypatch.setattr(kind, "cat_file", _growing(path, kind.cat_file, times=9))
    with pytest.raises(BucketError, match="it changes while it is being read"):
        bytes_of(remote, most=1000)


def _growing(path: Path, cat: Callable[..., bytes], *, times: int) -> Callable[..., bytes]:
    left = [" and longer"] * times

    def growing(self: object, *arguments: Any, **options: Any) -> bytes:
        if left:
            path.write_text(path.read_text() + left.pop())
        return cat(self, *arguments, **options)

    return growing


def test_a_reader_reads_objects_as_files(shelf: Path) -> None:
    """The same text; the name, the time and the size are the object's."""
    (shelf / "Ä page.html").write_text("<title>T</title><p>Pears.</p>")
    here = read_file(shelf / "Ä page.html")
    there = read_file(Remote("shelf://box/Ä page.html"))
    assert (there.text, there.layout) == (here.text, here.layout)
    url = "shelf://box/Ä page.html"
    assert there.metadata == here.metadata | {"source": url, "file_path": url}
    assert there.stamp is not None
    (shelf / "b.txt").write_bytes(b" ")
    with pytest.raises(ReadError, match=r"shelf://box/b\.txt: no text: the file is empty"):
        read_file(Remote("shelf://box/b.txt"))
