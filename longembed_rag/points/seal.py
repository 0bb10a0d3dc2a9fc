"""The seal on an embedded store's files: what each held when its last writer closed it.

An engine believes its files. Where a disk or a program has changed one, it gives wrong answers,
gives none, or ends the process without a word, so that whoever opens a store has its files looked
at first. That costs a look at each file's size and times; what those say has changed is read and
compared by a digest, and ``verify`` reads everything.

A writer breaks the seal before it writes and sets it when it has closed the store. A process that
was killed in between leaves none, and the next writer sets it again.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longembed_rag.errors import StoreDamagedError
from longembed_rag.points.edge.space import identity_of
from longembed_rag.whole_files import read_plain, remove_halves, write_whole

SEAL_FILE = "longembed.seal"
#: What is sealed in the folder of a store of qdrant-client's local mode.
LOCAL_PARTS = ("collection", "meta.json")
_FORMAT = 1
_BLOCK = 1 << 16
_ZEROS = bytes(_BLOCK)
# Files that describe a collection are small, and nothing can be read without them.
_JSON, _KEPT_SIZE = ".json", 1 << 18
_NAMED = 3  # damaged files that a message names


@dataclass(frozen=True)
class Damage:
    """A file that is not as it was written.

    Attributes:
        path: The file.
        what: What is wrong with it, in words.
    """

    path: Path
    what: str


@dataclass(frozen=True)
class _Noted:
    """What the seal says of a file: its size in bytes, times in nanoseconds, and digest (hex)."""

    size: int
    modified: int
    changed: int
    digest: str
    content: str | None = None

    def is_as(self, status: os.stat_result) -> bool:
        """Whether nobody has touched the file since."""
        times = status.st_mtime_ns, status.st_ctime_ns
        return (self.size, self.modified, self.changed) == (status.st_size, *times)


class Seal:
    """The seal on a folder; its owner holds the folder's lock.

    Args:
        root: The folder; the seal lies in it.
        parts: Names in the folder that are sealed, with what is below; None for all.
        by: What writes the files, with its version, where another version may write them anew when
            it only reads them.
    """

    def __init__(self, root: Path, *, parts: tuple[str, ...] | None = None, by: str = "") -> None:
        self._by = self._set_by = by
        self._root = root
        self._parts = parts
        self._file = root / SEAL_FILE
        self._lock = threading.Lock()
        self._identity = identity_of(root)
        self._is_damaged = False
        self._noted = self._read()
        #: Whether there was a seal when the folder was opened.
        self.was_set = self._noted is not None
        #: Whether it was broken up since.
        self.is_written = False

    @property
    def is_of_another(self) -> bool:
        """Whether another version of what writes the files has sealed them."""
        return self.was_set and self._set_by != self._by

    @property
    def is_in_place(self) -> bool:
        """Whether the folder is the one that it was; it may be deleted or replaced meanwhile."""
        return identity_of(self._root) == self._identity

    def damages(self, *, thorough: bool = False) -> list[Damage]:
        """The files that are not as they were written; none of a folder that is not sealed.

        Args:
            thorough: Whether to read every file, and not only those that somebody has touched.
        """
        if self._is_damaged:
            return [Damage(self._file, "it cannot be read")]
        if self.is_written or self._noted is None:
            return []
        found, touched = [], False
        for name, noted in sorted(self._noted.items()):
            path = self._root / name
            try:
                status = path.stat()
                if thorough or not noted.is_as(status):
                    touched = True
                    what = _compared(path, status, noted)
                    if what is not None:
                        found.append(Damage(path, what))
            except OSError as error:
                missing = isinstance(error, FileNotFoundError)
                told = "it is missing" if missing else f"it cannot be read: {error.strerror}"
                found.append(Damage(path, told))
        if touched and not found:
            self._note_times()
        return found

    def require_whole(self, location: Path, *, thorough: bool = False) -> None:
        """Refuse a store whose files were damaged.

        Args:
            location: The store's folder, for the message.
            thorough: As :meth:`damages` has it.

        Raises:
            StoreDamagedError: A file is not as it was written; names it, and the way out.
        """
        found = self.damages(thorough=thorough)
        if not found or self._is_damaged:  # the files are there, and may be as they were
            return
        named = "; ".join(
            f"{each.path.relative_to(self._root)}: {each.what}" for each in found[:_NAMED]
        )
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise StoreDamagedError(
            f"the store at {location} is damaged ({named}{more}), so that searches would miss "
            "documents: 'longembed-rag verify --repair' keeps all that is whole, and the next "
            "ingest embeds the rest again"
        )

    def contents(self) -> dict[str, str]:
        """What small files held that describe collections, by their path in the folder."""
        noted = self._noted or {}
        return {name: each.content for name, each in noted.items() if each.content is not None}

    def break_up(self) -> None:
        """Say that the files are being written; to be called before they are.

        Raises:
            OSError: The folder cannot be written to.
        """
        with self._lock:
            if not self.is_written:
                self._file.unlink(missing_ok=True)
                self.is_written, self._is_damaged = True, False

    def set(self) -> None:
        """Note what the files hold now; they are closed.

        Raises:
            OSError: The folder cannot be read or written to.
        """
        with self._lock:
            remove_halves(self._file)
            self._noted = {name: _note(path) for name, path in self._members()}
            self._write()
            self.is_written = self._is_damaged = False

    def close(self) -> None:
        """Set the seal where it was broken up; a folder that cannot be written to stays without.

        So does one that has been deleted or replaced by another meanwhile.
        """
        if self.is_written and self.is_in_place:
            with suppress(OSError):
                self.set()

    def _members(self) -> Iterator[tuple[str, Path]]:
        for way, folders, files in os.walk(self._root):
            here = Path(way)
            if here == self._root and self._parts is not None:
                folders[:] = [name for name in folders if name in self._parts]
                files = [name for name in files if name in self._parts]
            for name in files:
                path = here / name
                # Locks are empty, and halves are what a killed process leaves.
                if not (name.startswith((SEAL_FILE, ".")) or name.endswith(".half")):
                    yield path.relative_to(self._root).as_posix(), path

    def _note_times(self) -> None:
        """Remember the times that files have now, which hold what they held."""
        with suppress(OSError):
            self._noted = {
                name: _timed(noted, (self._root / name).stat())
                for name, noted in (self._noted or {}).items()
            }
            self._write()

    def _write(self) -> None:
        files = {
            name: [each.size, each.modified, each.changed, each.digest, each.content]
            for name, each in (self._noted or {}).items()
        }
        write_whole(self._file, json.dumps({"format": _FORMAT, "by": self._by, **_signed(files)}))

    def _read(self) -> dict[str, _Noted] | None:
        try:
            content = json.loads(read_plain(self._file))
            if content["format"] != _FORMAT:
                return None  # a later version's, which says what this one cannot check
            if _signed(content["files"])["digest"] != content["digest"]:
                raise ValueError("the seal's own digest is another")
            self._set_by = str(content.get("by", ""))
            return {name: _Noted(*each) for name, each in content["files"].items()}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError):
            self._is_damaged = True
            return None


def _signed(files: dict[str, Any]) -> dict[str, Any]:
    canonical = json.dumps(files, sort_keys=True).encode()
    return {"files": files, "digest": hashlib.sha256(canonical).hexdigest()}


def _compared(path: Path, status: os.stat_result, noted: _Noted) -> str | None:
    """What is wrong with a file; None where it holds what it held."""
    if not stat.S_ISREG(status.st_mode):
        return "it is no file any more"
    if status.st_size != noted.size and path.suffix != _JSON:
        return f"{status.st_size} bytes in place of {noted.size}"
    return None if _digest(path) == noted.digest else "it holds something else than was written"


def _note(path: Path) -> _Noted:
    status = path.stat()
    content = None
    if path.suffix == _JSON and status.st_size <= _KEPT_SIZE:
        with suppress(UnicodeDecodeError):
            content = path.read_text(encoding="utf-8")
    return _timed(_Noted(status.st_size, 0, 0, _digest(path), content), status)


def _timed(noted: _Noted, status: os.stat_result) -> _Noted:
    return _Noted(noted.size, status.st_mtime_ns, status.st_ctime_ns, noted.digest, noted.content)


def _digest(path: Path) -> str:
    """A digest of what a file holds (hex); zeros and holes are passed over, and cost nothing.

    The engine makes files far larger than what is in them. Those of JSON it writes anew whenever it
    loads them, with their keys in another order, so that the order does not count.
    """
    if path.suffix == _JSON and path.stat().st_size <= _KEPT_SIZE:
        with suppress(ValueError, RecursionError):
            canonical = json.dumps(json.loads(path.read_bytes()), sort_keys=True)
            return hashlib.sha256(canonical.encode()).hexdigest()
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        for start in _blocks(file.fileno(), size):
            file.seek(start)
            block = file.read(_BLOCK)
            if block != _ZEROS[: len(block)]:
                digest.update(start.to_bytes(8, "little"))
                digest.update(block)
    return digest.hexdigest()


def _blocks(handle: int, size: int) -> Iterator[int]:
    """Where the blocks of a file begin that may hold anything but zeros."""
    if not hasattr(os, "SEEK_DATA"):
        yield from range(0, size, _BLOCK)
        return
    at = 0
    while at < size:
        try:
            data = os.lseek(handle, at, os.SEEK_DATA)
            hole = os.lseek(handle, data, os.SEEK_HOLE)
        except OSError:  # no data any more
            return
        start = max(at, data - data % _BLOCK)
        yield from range(start, hole, _BLOCK)
        at = start + -(-(hole - start) // _BLOCK) * _BLOCK


def copy_held(source: Path, target: Path) -> None:
    """Copy a folder; what is empty in its files takes no room in the copy.

    Args:
        source: The folder.
        target: Where to; it is not there yet.

    Raises:
        OSError: It cannot be read, or not be written.
    """
    for way, folders, files in os.walk(source):
        here = target / Path(way).relative_to(source)
        here.mkdir(parents=True)
        folders.sort()
        for name in files:
            with (Path(way) / name).open("rb") as old, (here / name).open("wb") as new:
                size = os.fstat(old.fileno()).st_size
                new.truncate(size)
                for start in _blocks(old.fileno(), size):
                    old.seek(start)
                    block = old.read(_BLOCK)
                    if block != _ZEROS[: len(block)]:
                        new.seek(start)
                        new.write(block)
