"""What lies below a prefix of a bucket, folder by folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from longembed_rag.files.buckets.objects import ObjectInfo, has_flat_names
from longembed_rag.files.buckets.systems import file_system, telling
from longembed_rag.files.remote import Remote


@dataclass(frozen=True)
class Entry:
    """What lies in a folder.

    Attributes:
        name: The last part of its name.
        info: What is known of an object; None for a folder.
    """

    name: str
    info: ObjectInfo | None


class Listing:
    """The folders below a prefix.

    Of a bucket everything is listed at once, a thousand names a request, and a listing that fails
    in the middle is none. Other file systems are asked for each folder when it is come to.

    Args:
        remote: The prefix.

    Raises:
        BucketError: It cannot be listed, or not to its end.
        MissingDependencyError: What reads this protocol is not installed.
    """

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._system, self._path = file_system(remote)
        self._known: dict[str, dict[str, Entry]] | None = None
        with telling(remote):
            self._system.invalidate_cache()
            if has_flat_names(self._system):
                found = dict(self._system.find(self._path, detail=True))
                self._known = _tree(self._below(self._path, found.values()))

    def entries(self, way: str) -> list[Entry]:
        """What lies in a folder, by name.

        Args:
            way: The way to it from the prefix, ``""`` or ``"sub/"``.

        Raises:
            BucketError: It cannot be listed.
        """
        if self._known is not None:
            return sorted(self._known.get(way, {}).values(), key=lambda entry: entry.name)
        folder = f"{self._path.rstrip('/')}/{way}".rstrip("/") or "/"
        with telling(Remote(f"{self._remote}/{way}".rstrip("/"))):
            told = self._system.ls(folder, detail=True)
            listed = list(self._below(folder, told))
        return sorted(
            (Entry(name.rstrip("/"), info) for name, info in listed),
            key=lambda entry: entry.name,
        )

    def _below(
        self, folder: str, told: Iterable[dict[str, Any]]
    ) -> Iterable[tuple[str, ObjectInfo | None]]:
        """The names below a folder, from there on."""
        start = folder.rstrip("/") + "/"
        for each in told:
            name, is_folder = str(each["name"]), each["type"] == "directory"
            # Consoles make an object of a folder's name, which holds nothing.
            if not name.startswith(start) or name in (start, folder):
                continue
            if not is_folder and name.endswith("/"):
                continue
            yield name[len(start) :], None if is_folder else ObjectInfo.of(each)


def _tree(found: Iterable[tuple[str, ObjectInfo | None]]) -> dict[str, dict[str, Entry]]:
    """Names below a prefix, by the folder that each lies in; each folder in the one above it."""
    tree: dict[str, dict[str, Entry]] = defaultdict(dict)
    for name, info in found:
        if info is None:
            continue  # a folder is where something lies in it
        way, last = _parted(name)
        tree[way][last] = Entry(last, info)
        while way:
            above, folder = _parted(way[:-1])
            if f"{folder}/" in tree[above]:
                break
            tree[above][f"{folder}/"] = Entry(folder, None)
            way = above
    return tree


def _parted(name: str) -> tuple[str, str]:
    cut = name.rfind("/") + 1
    return name[:cut], name[cut:]
