"""Where collections lie: folder names, the file that describes each, and what killed ones left."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from longembed_rag.whole_files import read_plain, sync_folder, write_whole

_SUFFIX = ".edge"
_FILE = "collection.json"
_SHARD = "shard"
_LOCK = ".lock"  # the name that QdrantClient(path=...) uses: neither opens what the other holds
_FORMAT = 1
_READABLE = 40
_DIGITS = 32
_FORBIDDEN = '<>:"/\\|?*\0\x1f'
_LONGEST_NAME = 255


def require_name(name: str) -> None:
    """Refuse a collection name that Qdrant would not take.

    Raises:
        ValueError: It would not; in the words of QdrantClient.
    """
    for char in _FORBIDDEN:
        if char in name:
            raise ValueError(f"Collection name cannot contain {char!r} char")
    if name in ("", ".", ".."):
        raise ValueError(f"Collection name cannot be {name!r}")
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"Collection name must be at most {_LONGEST_NAME} characters long")


def folder_name(name: str) -> str:
    """The name of a collection's folder: a readable part, and a digest that tells names apart.

    Quoting alone would not do: a name may have 255 characters of four bytes, where file systems
    take 255 bytes, and many of them take ``A`` and ``a`` for the same.
    """
    readable = re.sub(r"[^a-z0-9_-]", "_", name.lower())[:_READABLE]
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{readable}-{digest}{_SUFFIX}"


@dataclass
class Description:
    """What a collection is, beside what its shard holds.

    Attributes:
        name: Its name.
        vectors: Its dense vectors, as JSON values in Qdrant's own form: by name, or one without.
        sparse_vectors: Its sparse vectors by name, likewise.
        metadata: What its maker noted down.
        indexes: Its payload indexes by field, as JSON values.
    """

    name: str
    vectors: dict[str, Any] = field(default_factory=dict)
    sparse_vectors: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] | None = None
    indexes: dict[str, Any] = field(default_factory=dict)


def shard_in(folder: Path) -> Path:
    """Where the shard of a collection lies, by the collection's folder."""
    return folder / _SHARD


def file_in(folder: Path) -> Path:
    """The file that describes a collection, by the collection's folder."""
    return folder / _FILE


class CollectionFolder:
    """The folder of one collection.

    A collection exists when its file does. The file is written last when a collection is made and
    removed first when it is deleted, so that a folder without it is what a killed process left.

    Args:
        root: The client's folder.
        name: The collection's name.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.path = root / folder_name(name)
        self.shard = shard_in(self.path)

    def write(self, description: Description) -> None:
        """Write the collection's file, whole or not at all."""
        content = {
            "format": _FORMAT,
            "name": description.name,
            "vectors": description.vectors,
            "sparse_vectors": description.sparse_vectors,
            "metadata": description.metadata,
            "payload_indexes": description.indexes,
        }
        write_whole(self.path / _FILE, json.dumps(content, indent=1))

    def remove(self) -> None:
        """Remove the collection, its file first."""
        (self.path / _FILE).unlink(missing_ok=True)
        sync_folder(self.path)
        shutil.rmtree(self.path)


def read_folders(root: Path) -> list[Description]:
    """The collections in a folder; what killed processes left of others is removed.

    Raises:
        ValueError: A collection's file is damaged, or of a later version.
    """
    there = collection_folders(root)
    for path in root.glob(f"*{_SUFFIX}"):
        if path not in there:
            remove_unfinished(path)
    return [read_description(path) for path in there]


def collection_folders(root: Path) -> list[Path]:
    """The folders of the collections in a folder, without what killed processes left of others."""
    return sorted(path for path in root.glob(f"*{_SUFFIX}") if file_in(path).is_file())


def remove_unfinished(path: Path) -> None:
    """Remove what a killed process left of a collection; a folder that holds anything else stays.

    Args:
        path: The collection's folder; it holds no file that describes it.
    """
    if path.is_dir() and all(
        child.name == _SHARD or child.name.startswith(_FILE) for child in path.iterdir()
    ):
        shutil.rmtree(path)


def read_description(folder: Path) -> Description:
    """What the file in a collection's folder says of it.

    Raises:
        ValueError: It is damaged, or of a later version.
    """
    path = folder / _FILE
    try:
        content = json.loads(read_plain(path))
        if content["format"] != _FORMAT:
            raise ValueError(f"format {content['format']}, made by a later version")
        return Description(
            name=str(content["name"]),
            vectors=dict(content["vectors"] or {}),
            sparse_vectors=dict(content.get("sparse_vectors") or {}),
            metadata=None if content["metadata"] is None else dict(content["metadata"]),
            indexes=dict(content["payload_indexes"] or {}),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


class RootLock:
    """Holds a client's folder: one client at a time, as with QdrantClient(path=...).

    Args:
        root: The folder; it exists.

    Raises:
        RuntimeError: Another client holds it.
    """

    def __init__(self, root: Path) -> None:
        import portalocker

        file = (root / _LOCK).open("a", encoding="utf-8")
        try:
            portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.LockException as error:
            file.close()
            raise RuntimeError(
                f"Storage folder {root} is already accessed by another instance of Qdrant client. "
                "If you require concurrent access, use Qdrant server instead."
            ) from error
        self._file: IO[str] | None = file

    def release(self) -> None:
        """Let others in; again is harmless."""
        import portalocker

        if self._file is not None:
            portalocker.unlock(self._file)
            self._file.close()
            self._file = None
