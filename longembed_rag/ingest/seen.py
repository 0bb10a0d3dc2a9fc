"""What this machine remembers of a collection's folders: which they are, and their files' stamps.

It only saves work. Where it is missing or damaged, every file is read; and a file is taken for
unchanged only while the collection holds the very text that was read from it. Paths and times are
of this machine, so they stay on it: beside an embedded store, and for a server in the user's cache.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longembed_rag.files.discover import Discovery
from longembed_rag.files.formats.recognition import tessdata
from longembed_rag.files.options import ReadOptions
from longembed_rag.files.remote import Location, located
from longembed_rag.files.selection import Selection
from longembed_rag.files.sources import is_below, path_of
from longembed_rag.files.stamps import Stamp
from longembed_rag.points.connection import GIVEN_CLIENT
from longembed_rag.store.values import READERS_VERSION
from longembed_rag.whole_files import read_plain, write_whole

if TYPE_CHECKING:
    from longembed_rag.store.store import DocumentStore

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file as it was when it was last read.

    Attributes:
        stamp: Its stamp, from before it was read.
        content_hash: Hash of the text in it; empty where it could not be read.
        notes: What its reader remarked.
    """

    stamp: Stamp
    content_hash: str
    notes: tuple[str, ...] = ()

    def to_list(self) -> list[Any]:
        """Its parts in a row, ready for JSON."""
        return [*self.stamp.to_list(), self.content_hash, *self.notes]


class Seen:
    """What is remembered of a collection.

    Args:
        file: Where it is kept; None keeps nothing.
        roots: What is taken of each folder or file that was ingested, by path.
        files: The files below them, by source, each as :meth:`SeenFile.to_list` gives it.
        unreadable: What could not be looked at, by source.
        reading: How the files were read.
        is_done: Whether every ingest of them came to its end, removals and all.
    """

    def __init__(
        self,
        file: Path | None,
        roots: Mapping[Location, Selection] | None = None,
        files: Mapping[str, list[Any]] | None = None,
        unreadable: Iterable[str] = (),
        reading: ReadOptions | None = None,
        is_done: bool = True,
    ) -> None:
        self._is_done = is_done
        self.reading = reading or ReadOptions()
        self._file = file
        self.roots: dict[Location, Selection] = dict(roots or {})
        self._files = dict(files or {})
        self._unreadable = frozenset(unreadable)

    @classmethod
    def of(cls, store: DocumentStore, *, reading: ReadOptions | None = None) -> Seen:
        """What is remembered of a store's collection; nothing where that cannot be read.

        Args:
            store: Where the collection is.
            reading: How files are read now; None reads them as they were.
        """
        file = _place(store)
        if file is None:
            return cls(None, reading=reading)
        try:
            values = json.loads(read_plain(file, most=1 << 30))
            if values["format"] != _FORMAT:
                return cls(file, reading=reading)
            now = reading or ReadOptions(**values["reading"])
            files = dict(values["files"]) if values["read_by"] == _read_by(now) else {}
            return cls(
                file,
                {located(each): Selection.from_dict(of) for each, of in values["roots"].items()},
                files,
                values["unreadable"],
                now,
                values["is_done"],
            )
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return cls(file, reading=reading)  # damaged; SettingsError is a ValueError, too

    def unchanged(self, source: str, stamp: Stamp | None, *, held: str | None) -> SeenFile | None:
        """A file as it was read, if it is so still and the collection holds what was read.

        Args:
            source: The file.
            stamp: Its stamp now.
            held: Hash of the text that the collection holds of it, whole; None where it does not.
        """
        known = self._files.get(source)
        if known is None or stamp is None or known[:5] != [*stamp.to_list(), held]:
            return None
        return SeenFile(stamp, known[4], tuple(known[5:]))

    def is_in_step(self, found: Discovery) -> bool:
        """Whether files were found as they are remembered: the same ones, with the same stamps.

        Args:
            found: What is below roots that are remembered.
        """
        known = self._of(found)
        return (
            self._is_done
            and found.stamps.keys() == known.keys()
            and all(known[source][:4] == stamp.to_list() for source, stamp in found.stamps.items())
            and {each.source for each in found.unreadable} == self._unreadable
        )

    def _of(self, found: Discovery) -> dict[str, list[Any]]:
        """The files of the roots of what was found; not those that lie below other roots."""
        others = [str(each) for each in self.roots.keys() - set(found.roots)]
        if not others:
            return self._files
        return {
            source: each
            for source, each in self._files.items()
            if source in found.stamps or not _is_below(source, others)
        }

    def note(
        self, found: Discovery, files: Mapping[str, SeenFile], *, is_done: bool = True
    ) -> None:
        """Remember what was found and read, in place of what was known of the same roots.

        Args:
            found: What was found.
            files: Those of the files whose stamps can be trusted.
            is_done: Whether the ingest came to its end.
        """
        roots = [str(root) for root in found.roots]
        kept = {
            path: selection
            for path, selection in self.roots.items()
            if not _is_below(str(path), roots)
        }
        self._is_done = is_done and (self._is_done or not kept)
        self.roots = {**kept, **found.selections}
        others = [str(path) for path in kept]
        before = {
            source: each
            for source, each in self._files.items()
            # What an ingest that was stopped did not come to is as it was: unchanged() checks it.
            if source in found.stamps
            or (_is_below(source, others) and not _is_below(source, roots))
        }
        self._files = {**before, **{source: each.to_list() for source, each in files.items()}}
        unread = {each.source for each in found.unreadable}
        self._unreadable = frozenset(
            unread | {each for each in self._unreadable if not _is_below(each, roots)}
        )
        self._save()

    def forget_gone(self, stored: Container[str]) -> None:
        """Forget the names of files that are neither stored nor there any more.

        Args:
            stored: The sources that are stored.
        """
        there = {
            source: each
            for source, each in self._files.items()
            if source in stored or _is_there(path_of(source))
        }
        if there != self._files:
            self._files = there
            self._save()

    def _save(self) -> None:
        if self._file is None:
            return
        values = {
            "format": _FORMAT,
            "read_by": _read_by(self.reading),
            "is_done": self._is_done,
            "reading": self.reading.to_dict(),
            "roots": {str(path): of.to_dict() for path, of in self.roots.items()},
            "unreadable": sorted(self._unreadable),
            "files": self._files,
        }
        with suppress(OSError):  # then everything is read the next time
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._file, json.dumps(values, separators=(",", ":")))


def _read_by(reading: ReadOptions) -> list[Any]:
    """What decides, beside the file, what text it has: scanned pages need what is installed."""
    language = reading.ocr_language
    return [READERS_VERSION, language, language != "none" and tessdata(language) is not None]


def _is_there(file: Location) -> bool:
    """Whether a file is there; for one in a bucket nobody asks, it is only read once more."""
    return isinstance(file, Path) and file.exists()


def _is_below(source: str, folders: Iterable[str]) -> bool:
    return any(is_below(source, folder) for folder in folders)


def _place(store: DocumentStore) -> Path | None:
    if store.path is not None:
        return store.path / f"longembed.seen-{_hashed(store.collection)}.json"
    if store.engine != "server" or store.location == GIVEN_CLIENT:
        return None
    return cache_folder() / f"seen-{_hashed(store.location.rstrip('/'), store.collection)}.json"


def _hashed(*names: str) -> str:
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def cache_folder() -> Path:
    """This user's folder for what can be made again."""
    from platformdirs import user_cache_path

    return user_cache_path("longembed-rag", appauthor=False)
