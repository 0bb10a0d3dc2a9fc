"""Finding the files under the paths and URLs that were given."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from longembed_rag.errors import SettingsError
from longembed_rag.files.bucket_walking import take_remote
from longembed_rag.files.found import Found
from longembed_rag.files.remote import Location, Remote, as_location, located
from longembed_rag.files.selection import Selection
from longembed_rag.files.sources import source_of_resolved
from longembed_rag.files.stamps import Stamp
from longembed_rag.files.values import Failure, Skipped
from longembed_rag.files.walking import take_path
from longembed_rag.urls import folders_of, is_url


@dataclass(frozen=True)
class Discovery:
    """What was found; iterating gives the files.

    Attributes:
        names: Files to read: absolute and resolved, or URLs; sorted, each once.
        skipped: Files in folders that are of no kind that can be read.
        unreadable: Folders that cannot be listed, and files that were named and are no
            documents. What lies under them on disk is not known.
        roots: The paths that were given, absolute and resolved, and URLs.
        excluded: Files and folders that the selection passes over, a folder with all that is in
            it, each with the pattern.
        stamps: The files' stamps, by source, in their order.
        taken: When they were taken, nanoseconds since 1970.
        selections: What was taken of each root.
    """

    names: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    unreadable: tuple[Failure, ...]
    roots: tuple[Location, ...]
    excluded: tuple[Skipped, ...] = ()
    stamps: dict[str, Stamp] = field(default_factory=dict)
    taken: int = 0
    selections: dict[Location, Selection] = field(default_factory=dict)

    @cached_property
    def files(self) -> tuple[Location, ...]:
        """The files to read, as places; of thousands these take longer to make than to find."""
        return tuple(map(located, self.names))

    @property
    def sources(self) -> tuple[str, ...]:
        """What the files are called in a collection, in their order."""
        return tuple(self.stamps)

    def __iter__(self) -> Iterator[Location]:
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
        above = folders_of(source) if is_url(source) else map(str, Path(source).parents)
        return source in self._passed_over or any(each in self._passed_over for each in above)


def discover(
    paths: Iterable[str | os.PathLike[str] | Remote],
    *,
    exclude: Iterable[Path] = (),
    selection: Selection | None = None,
) -> Discovery:
    """Find the files under paths and URLs.

    Folders are searched recursively, symbolic links followed, each folder entered once however
    many links lead to it. Files and folders whose name starts with a dot are passed over, unless
    they are named themselves; so is everything that is no regular file, what programs generate
    (lock files, backups, minified scripts), and what the selection says. The same holds for what
    lies below a URL, in which there are no links.

    Args:
        paths: Files and folders, here or in buckets.
        exclude: Folders not to enter, such as the store's own.
        selection: Which files of folders are taken; None takes all of a kind that can be read.

    Raises:
        SettingsError: A path or bucket does not exist, none was given, or a pattern in an ignore
            file cannot be read.
        MissingDependencyError: What reads the protocol of a URL is not installed.
    """
    given = [as_location(path) for path in paths]
    if not given:
        raise SettingsError("no path was given; name at least one file or folder")
    return discover_each({path: selection or Selection() for path in given}, exclude=exclude)


def discover_each(
    selections: dict[Location, Selection], *, exclude: Iterable[Path] = ()
) -> Discovery:
    """:func:`discover` of several paths, each with a selection of its own.

    Args:
        selections: What is taken, by path.
        exclude: Folders not to enter, such as the store's own.

    Raises:
        SettingsError: As :func:`discover`.
    """
    found = Found(exclude=frozenset(str(path.resolve()) for path in exclude))
    taken = time.time_ns()
    roots = {resolve_given(path): selection for path, selection in selections.items()}
    # A folder in another one is its own: what is said of it is nearer than what is said of both.
    for root, selection in sorted(roots.items(), key=lambda each: -_depth(each[0])):
        if isinstance(root, Remote):
            take_remote(found, root, selection)
        else:
            take_path(found, root, selection)
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


def _depth(root: Location) -> int:
    return root.url.count("/") if isinstance(root, Remote) else len(root.parts)


def resolve_given(path: Location) -> Location:
    """A path that was given, absolute and with its links resolved; a URL is so already.

    Args:
        path: The path, or the URL.

    Raises:
        SettingsError: There is nothing, or it cannot be reached; of a URL that shows later.
    """
    if isinstance(path, Remote):
        return path
    try:
        return path.expanduser().resolve(strict=True)
    except FileNotFoundError as error:
        raise SettingsError(f"{path} does not exist; name files and folders that do") from error
    except NotADirectoryError as error:
        raise SettingsError(f"{path} does not exist: a part of it is not a folder") from error
    except (OSError, RuntimeError) as error:
        # RuntimeError: a symbolic link that leads to itself, before Python 3.13.
        raise SettingsError(f"{path} cannot be reached: {error}") from error
