"""Finding the files under the paths that were given."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from longembed_rag.errors import SettingsError
from longembed_rag.files.suffixes import is_readable_type, supported_types
from longembed_rag.files.values import Failure, Skipped

#: What lies in the folder of an embedded store; a copy of one may lie among documents.
_STORE_MARK = "longembed.lock"


@dataclass(frozen=True)
class Discovery:
    """What was found; iterating gives the files.

    Attributes:
        files: Files to read: absolute, resolved, sorted, each once.
        skipped: Files in folders that are of no type that can be read.
        unreadable: Folders that cannot be listed, and files that were named and are no
            documents. What lies under them on disk is not known.
        roots: The paths that were given, absolute and resolved.
    """

    files: tuple[Path, ...]
    skipped: tuple[Skipped, ...]
    unreadable: tuple[Failure, ...]
    roots: tuple[Path, ...]

    def __iter__(self) -> Iterator[Path]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


def source_of(path: Path) -> str:
    r"""What a file is called in a collection: its absolute path, symbolic links resolved.

    Bytes of a name that are not UTF-8 are written as ``\xNN``: Qdrant takes only valid text.
    """
    return os.fsencode(path.resolve()).decode("utf-8", "backslashreplace")


def discover(paths: Iterable[Path], *, exclude: Iterable[Path] = ()) -> Discovery:
    """Find the files under paths.

    Folders are searched recursively, symbolic links followed, each folder entered once however
    many links lead to it. Files and folders whose name starts with a dot are passed over, unless
    they are named themselves; so is everything that is no regular file.

    Args:
        paths: Files and folders.
        exclude: Folders not to enter, such as the store's own.

    Raises:
        SettingsError: A path does not exist, or none was given.
    """
    found = _Found(exclude=frozenset(path.resolve() for path in exclude))
    roots = []
    for path in paths:
        root = resolve_given(path)
        roots.append(root)
        if root.is_dir():
            found.walk(root)
        else:
            found.take_named(root)
    if not roots:
        raise SettingsError("no path was given; name at least one file or folder")
    return Discovery(
        files=tuple(sorted(found.files)),
        skipped=tuple(found.skipped[path] for path in sorted(found.skipped)),
        unreadable=tuple(found.unreadable[path] for path in sorted(found.unreadable)),
        roots=tuple(dict.fromkeys(roots)),
    )


def resolve_given(path: Path) -> Path:
    """A path that was given, absolute and with its links resolved.

    Raises:
        SettingsError: There is nothing, or it cannot be reached.
    """
    try:
        return path.expanduser().resolve(strict=True)
    except FileNotFoundError as error:
        raise SettingsError(f"{path} does not exist; name files and folders that do") from error
    except NotADirectoryError as error:
        raise SettingsError(f"{path} does not exist: a part of it is not a folder") from error
    except (OSError, RuntimeError) as error:
        # RuntimeError: a symbolic link that leads to itself, before Python 3.13.
        raise SettingsError(f"{path} cannot be reached: {error}") from error


@dataclass
class _Found:
    """What has been found so far, by resolved path."""

    exclude: frozenset[Path]
    files: set[Path] = field(default_factory=set)
    skipped: dict[Path, Skipped] = field(default_factory=dict)
    unreadable: dict[Path, Failure] = field(default_factory=dict)
    entered: set[Path] = field(default_factory=set)

    def walk(self, root: Path) -> None:
        """Take everything in a folder and below it."""
        waiting = [root]
        while waiting:
            folder = waiting.pop()
            if folder in self.entered or folder in self.exclude:
                continue
            self.entered.add(folder)
            try:
                names = sorted(os.listdir(folder))  # noqa: PTH208 - names only, Path by Path below
            except OSError as error:
                self._fail(folder, f"the folder cannot be listed: {error.strerror}")
                continue
            if _STORE_MARK in names and folder != root:
                self._skip(folder, "an embedded store of longembed-rag")
                continue
            for name in names:
                if not name.startswith("."):
                    subfolder = self._take(folder / name)
                    if subfolder is not None:
                        waiting.append(subfolder)

    def _take(self, path: Path) -> Path | None:
        """Take a file of a folder; give back a subfolder, resolved."""
        try:
            target = path.resolve(strict=True)
            mode = target.stat().st_mode
        except FileNotFoundError:
            return None  # gone since the listing, or a link to nowhere: there is nothing to read
        except (OSError, RuntimeError) as error:
            told = error.strerror if isinstance(error, OSError) else None
            self._fail(path, f"it cannot be reached: {told or error}")
            return None
        if stat.S_ISDIR(mode):
            return target
        if not stat.S_ISREG(mode):
            self._skip(target, "no regular file")
        elif is_readable_type(target):
            self.files.add(target)
        else:
            self._skip(target, f"no reader for {target.suffix or 'a name without suffix'}")
        return None

    def take_named(self, path: Path) -> None:
        """Take a file that was named itself."""
        if not path.is_file():
            self._fail(path, "it is neither a regular file nor a folder")
        elif is_readable_type(path):
            self.files.add(path)
            self.skipped.pop(path, None)
        else:
            told = path.suffix or "no suffix"
            self._fail(path, f"unsupported type ({told}); supported are {supported_types()}")
            self.skipped.pop(path, None)

    def _fail(self, path: Path, reason: str) -> None:
        self.unreadable[path] = Failure(_shown(path), reason)

    def _skip(self, path: Path, reason: str) -> None:
        if path not in self.unreadable:
            self.skipped[path] = Skipped(_shown(path), reason)


def _shown(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
