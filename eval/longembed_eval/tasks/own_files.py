"""A person's own files as texts, and what could not be read of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from longembed_rag import discover, read_file
from longembed_rag.errors import ReadError

_MOST_LISTED = 10


@dataclass(frozen=True, kw_only=True)
class OwnFiles:
    """What was read.

    Attributes:
        texts: Whole texts by short path.
        failures: What could not be read: short path and reason.
        passed_over: Files in folders that are of no type that can be read.
    """

    texts: dict[str, str]
    failures: tuple[str, ...]
    passed_over: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of results must know; without full paths."""
        notes = []
        if self.failures:
            further = len(self.failures) - _MOST_LISTED
            listed = "; ".join(self.failures[:_MOST_LISTED])
            notes.append(
                f"{len(self.failures):,} could not be read and are left out: {listed}"
                + (f"; and {further:,} more" if further > 0 else "")
            )
        if self.passed_over:
            notes.append(f"{self.passed_over:,} files of other types are left out.")
        return tuple(notes)


def read_own_files(paths: Sequence[Path]) -> OwnFiles:
    """Read every file under paths that can be read.

    Args:
        paths: Files and folders.

    Raises:
        SettingsError: A path does not exist, or none was given.
    """
    found = discover(paths)
    files = [file for file in found.files if isinstance(file, Path)]
    names = short_names(files, [root for root in found.roots if isinstance(root, Path)])
    texts, failures = {}, []
    for failure in found.unreadable:
        failures.append(f"{Path(failure.source).name}: {failure.reason}")
    for file, name in names.items():
        try:
            texts[name] = read_file(file).text
        except ReadError as error:
            failures.append(f"{name}: {str(error).removeprefix(f'{file}: ')}")
    return OwnFiles(texts=texts, failures=tuple(failures), passed_over=len(found.skipped))


def short_names(files: Sequence[Path], roots: Sequence[Path]) -> dict[Path, str]:
    """Paths as people who gave the roots know them.

    Args:
        files: Absolute paths.
        roots: Files and folders that were given, absolute.

    Returns:
        For each file its path below the folder that all roots share, with ``/`` between parts on
        every system. Where they share only the root of the file system, or a link leads out of
        it, the name of the file's own folder comes first.
    """
    folders = {root if root.is_dir() else root.parent for root in roots}
    shared = _shared(folders)
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for file in files:
        if shared is not None and file.is_relative_to(shared):
            path = file.relative_to(shared)
        else:
            above = [folder for folder in folders if file.is_relative_to(folder)]
            folder = min(above, key=lambda folder: len(folder.parts), default=file.parent)
            path = Path(folder.name, file.relative_to(folder))
        plain = os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")
        name, number = plain, 1
        while name in taken:
            number += 1
            name = f"{plain} ({number})"
        taken.add(name)
        names[file] = name
    return names


def _shared(folders: set[Path]) -> Path | None:
    try:
        shared = Path(os.path.commonpath(folders))
    except ValueError:  # on different drives
        return None
    return None if len(folders) > 1 and shared == Path(shared.anchor) else shared
