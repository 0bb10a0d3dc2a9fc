"""Finding the files under the paths that were given."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from longembed_rag.errors import SettingsError
from longembed_rag.files.debris import LOCK_FILE, is_lock, reason_debris
from longembed_rag.files.looking import reason_not_text
from longembed_rag.files.selection import Layer, Rules, Selection
from longembed_rag.files.sources import source_of_resolved
from longembed_rag.files.stamps import Stamp
from longembed_rag.files.suffixes import (
    AMBIGUOUS_SUFFIXES,
    DOCUMENT_SUFFIXES,
    is_readable_name,
    suffix_of,
    supported_types,
)
from longembed_rag.files.values import Failure, Skipped

#: Folders below the given one that are entered. What lies deeper was made by a mistake, and its
#: path is as long as the system allows.
_DEEPEST = 250
#: What lies in the folder of an embedded store; a copy of one may lie among documents.
_STORE_MARK = "longembed.lock"


@dataclass(frozen=True)
class Discovery:
    """What was found; iterating gives the files.

    Attributes:
        names: Files to read: absolute, resolved, sorted, each once.
        skipped: Files in folders that are of no kind that can be read.
        unreadable: Folders that cannot be listed, and files that were named and are no
            documents. What lies under them on disk is not known.
        roots: The paths that were given, absolute and resolved.
        excluded: Files and folders that the selection passes over, a folder with all that is in
            it, each with the pattern.
        stamps: The files' stamps, by source, in their order.
        taken: When they were taken, nanoseconds since 1970.
        selections: What was taken of each root.
    """

    names: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    unreadable: tuple[Failure, ...]
    roots: tuple[Path, ...]
    excluded: tuple[Skipped, ...] = ()
    stamps: dict[str, Stamp] = field(default_factory=dict)
    taken: int = 0
    selections: dict[Path, Selection] = field(default_factory=dict)

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The files to read, as paths; of thousands these take longer to make than to find."""
        return tuple(map(Path, self.names))

    @property
    def sources(self) -> tuple[str, ...]:
        """What the files are called in a collection, in their order."""
        return tuple(self.stamps)

    def __iter__(self) -> Iterator[Path]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def _passed_over(self) -> frozenset[str]:
        return frozenset(each.source for each in self.excluded)

    def is_excluded(self, source: str) -> bool:
        """Whether the selection passes over a file, or over a folder that it lies in."""
        if not self._passed_over or source in self.stamps:
            return False
        above = (str(parent) for parent in Path(source).parents)
        return source in self._passed_over or any(each in self._passed_over for each in above)


def discover(
    paths: Iterable[Path],
    *,
    exclude: Iterable[Path] = (),
    selection: Selection | None = None,
) -> Discovery:
    """Find the files under paths.

    Folders are searched recursively, symbolic links followed, each folder entered once however
    many links lead to it. Files and folders whose name starts with a dot are passed over, unless
    they are named themselves; so is everything that is no regular file, what programs generate
    (lock files, backups, minified scripts), and what the selection says.

    Args:
        paths: Files and folders.
        exclude: Folders not to enter, such as the store's own.
        selection: Which files of folders are taken; None takes all of a kind that can be read.

    Raises:
        SettingsError: A path does not exist, none was given, or a pattern in an ignore file
            cannot be read.
    """
    given = list(paths)
    if not given:
        raise SettingsError("no path was given; name at least one file or folder")
    return discover_each({path: selection or Selection() for path in given}, exclude=exclude)


def discover_each(selections: dict[Path, Selection], *, exclude: Iterable[Path] = ()) -> Discovery:
    """:func:`discover` of several paths, each with a selection of its own.

    Args:
        selections: What is taken, by path.
        exclude: Folders not to enter, such as the store's own.

    Raises:
        SettingsError: As :func:`discover`.
    """
    found = _Found(exclude=frozenset(str(path.resolve()) for path in exclude))
    taken = time.time_ns()
    roots = {resolve_given(path): selection for path, selection in selections.items()}
    # A folder in another one is its own: what is said of it is nearer than what is said of both.
    for root, selection in sorted(roots.items(), key=lambda each: -len(each[0].parts)):
        if root.is_dir():
            found.walk(root, selection)
        else:
            found.take_named(root, selection)
    names = sorted(found.files, key=lambda name: name.replace(os.sep, "\0"))  # folder by folder
    return Discovery(
        names=tuple(names),
        skipped=_sorted(found.skipped, but=found.files),
        unreadable=tuple(found.unreadable[path] for path in sorted(found.unreadable)),
        roots=tuple(roots),
        excluded=_sorted(found.excluded, but={*found.files, *found.entered}),
        stamps={source_of_resolved(name): found.files[name] for name in names},
        taken=taken,
        selections=roots,
    )


def _sorted(reasons: dict[str, str], *, but: Iterable[str]) -> tuple[Skipped, ...]:
    taken = frozenset(but)
    return tuple(
        Skipped(source_of_resolved(path), reasons[path]) for path in sorted(reasons.keys() - taken)
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
    """What has been found so far, by resolved path; text in place of paths, which take longer."""

    exclude: frozenset[str]
    files: dict[str, Stamp] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, Failure] = field(default_factory=dict)
    entered: set[str] = field(default_factory=set)

    def walk(self, root: Path, selection: Selection) -> None:
        """Take everything in a folder and below it."""
        try:
            rules = Rules(selection, root)
        except OSError as error:
            self._fail(str(root), f"an ignore file above it cannot be read: {error.strerror}")
            return
        waiting = [(str(root), "", rules.at_root())]
        while waiting:
            folder, way, layers = waiting.pop()
            if folder in self.entered or folder in self.exclude:
                continue
            self.entered.add(folder)
            if (depth := way.count("/")) > _DEEPEST:
                self._fail(folder, f"it lies {depth} folders deep, which is too deep; move it up")
                continue
            try:
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
                names = {entry.name for entry in entries}
                if _STORE_MARK in names and folder != str(root):
                    self.skipped[folder] = "an embedded store of longembed-rag"
                    continue
                layers = rules.entering(folder, way, names, layers)
            except OSError as error:
                at = error.filename or folder
                what = "the folder cannot be listed" if at == folder else f"{at} cannot be read"
                self._fail(folder, f"{what}: {error.strerror}")
                continue
            for entry in entries:
                subfolder = self._take(entry, way, rules, layers, selection)
                if subfolder is not None:
                    waiting.append((subfolder, f"{way}{entry.name}/", layers))

    def _take(
        self,
        entry: os.DirEntry[str],
        way: str,
        rules: Rules,
        layers: tuple[Layer, ...],
        selection: Selection,
    ) -> str | None:
        """Take a file of a folder; give back a subfolder, resolved."""
        debris = reason_debris(entry.name)
        if debris is None and entry.name.startswith("."):
            return None
        try:
            is_folder = entry.is_dir()
            if debris is not None and not is_folder:
                self._skip(entry.path, debris)
                return None
            if entry.name.startswith("."):
                return None
            why = rules.reason_against(f"{way}{entry.name}{'/' if is_folder else ''}", layers)
            if why is not None:
                self.excluded[entry.path] = why
                return None
            target, status = _followed(entry)
        except FileNotFoundError:
            return None  # gone since the listing, or a link to nowhere: there is nothing to read
        except (OSError, RuntimeError) as error:
            told = error.strerror if isinstance(error, OSError) else None
            self._fail(entry.path, f"it cannot be reached: {told or error}")
            return None
        if stat.S_ISDIR(status.st_mode):
            return target
        why = _reason_to_skip(target, status, all_text=selection.all_text)
        if why is None:
            self.files[target] = Stamp.of(status)
        else:
            self._skip(target, why)
        return None

    def take_named(self, root: Path, selection: Selection) -> None:
        """Take a file that was named itself."""
        path = str(root)
        self.skipped.pop(path, None)
        if not root.is_file():
            self._fail(path, "it is neither a regular file nor a folder")
        elif is_lock(root.name):
            self._fail(path, f"it is {LOCK_FILE}; name the document itself")
        elif is_readable_name(root.name):
            self.files[path] = Stamp.of(root.stat())
        elif not selection.all_text:
            told = root.suffix or "no suffix"
            self._fail(path, f"unsupported type ({told}); {supported_types()}")
        elif (why := reason_not_text(path)) is not None:
            self._fail(path, why)
        else:
            self.files[path] = Stamp.of(root.stat())

    def _fail(self, path: str, reason: str) -> None:
        self.unreadable[path] = Failure(source_of_resolved(path), reason)

    def _skip(self, path: str, reason: str) -> None:
        if path not in self.unreadable:
            self.skipped[path] = reason


def _followed(entry: os.DirEntry[str]) -> tuple[str, os.stat_result]:
    """What an entry of a resolved folder leads to, and what is known of it."""
    if entry.is_symlink() or os.name == "nt":  # there, a listing tells no file's number
        target = Path(entry.path).resolve(strict=True)
        return str(target), target.stat()
    return entry.path, entry.stat(follow_symlinks=False)


def _reason_to_skip(path: str, status: os.stat_result, *, all_text: bool) -> str | None:
    """Why a file in a folder is not read; None where it is."""
    name = path.rpartition(os.sep)[2]
    suffix = suffix_of(name)
    if not stat.S_ISREG(status.st_mode):
        return "no regular file"
    if suffix in DOCUMENT_SUFFIXES:
        return None
    is_known = is_readable_name(name)
    if not (is_known or all_text):
        return f"no reader for {suffix or 'a name without suffix'}"
    if not status.st_size:
        return "empty"
    if is_known and suffix not in AMBIGUOUS_SUFFIXES:
        return None
    return reason_not_text(path)
