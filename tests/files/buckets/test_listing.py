"""What lies below a prefix, folder by folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fsspec import AbstractFileSystem
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import BucketError
from longembed_rag.files.buckets import listing
from longembed_rag.files.buckets.listing import Listing
from longembed_rag.files.remote import Remote
from tests.shelf import CUT

KEYS = st.lists(
    st.lists(st.sampled_from(["a", "b", "c.txt", "", ".", "..", "ü*"]), min_size=1, max_size=4),
    max_size=12,
)


class Flat(AbstractFileSystem):  # type: ignore[misc]
    """A bucket of given names."""

    keys: tuple[str, ...] = ()

    def find(self, path: str, **options: Any) -> dict[str, Any]:
        names = [f"{path}/{key}" for key in self.keys]
        return {name: {"name": name, "size": 1, "type": "file"} for name in names}


@given(KEYS)
def test_every_object_lies_in_one_folder(parts: list[list[str]]) -> None:
    """Whatever its name is: empty parts, dots, a folder's name; markers of folders are nothing."""
    keys = {"/".join(each) for each in parts}
    system = Flat(skip_instance_cache=True)
    system.keys = tuple(keys)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(listing, "file_system", lambda remote: (system, "box/p"))
        found = Listing(Remote("s3://box/p"))
    objects, folders, waiting = list[str](), set[str](), [""]
    while waiting:
        way = waiting.pop()
        assert way not in folders
        folders.add(way)
        for entry in found.entries(way):
            if entry.info is None:
                waiting.append(f"{way}{entry.name}/")
            else:
                objects.append(f"{way}{entry.name}")
    assert sorted(objects) == sorted(key for key in keys if key and not key.endswith("/"))


def test_a_listing_that_breaks_off_is_none(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a bucket; elsewhere each folder is asked for when it is come to."""
    for name in ("a.txt", "z.txt"):
        (shelf / name).write_text(name)
    monkeypatch.setenv(CUT, "z.txt")
    with pytest.raises(BucketError, match="shelf://box: it cannot be reached"):
        Listing(Remote("shelf://box"))
    folders = Listing(Remote("stairs://box"))
    assert [entry.name for entry in folders.entries("")] == ["a.txt", "z.txt"]
    with pytest.raises(BucketError, match="stairs://box/sub: it is gone"):
        folders.entries("sub/")
