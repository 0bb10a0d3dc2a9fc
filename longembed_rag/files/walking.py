"""Looking through the folders of this machine."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from longembed_rag.files.found import (
    LOOK,
    Found,
    is_passed_over,
    reason_to_refuse,
    reason_to_skip,
)
from longembed_rag.files.looking import reason_not_text
from longembed_rag.files.selection import Layer, Rules, Selection, layers_above
from longembed_rag.files.stamps import Stamp


def take_path(found: Found, root: Path, selection: Selection) -> None:
    """Take a file that was named itself, or everything in a folder and below it.

    Args:
        found: Is given what there is.
        root: The file or folder, resolved.
        selection: What is taken.

    Raises:
        SettingsError: A pattern in an ignore file cannot be read.
    """
    if root.is_dir():
        _walk(found, root, selection)
    else:
        _take_named(found, root, selection)


def _walk(found: Found, root: Path, selection: Selection) -> None:
    try:
        above = tuple(layers_above(root)) if selection.gitignore else ()
    except OSError as error:
        found.fail(str(root), f"an ignore file above it cannot be read: {error.strerror}")
        return
    rules = Rules(selection, above)
    waiting = [(str(root), "", rules.at_root())]
    while waiting:
        folder, way, layers = waiting.pop()
        if not found.enter(folder, way):
            continue
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
            names = {entry.name for entry in entries}
            if found.is_store(folder, way, names):
                continue
            layers = rules.entering(folder, way, names, layers)
        except OSError as error:
            at = error.filename or folder
            what = "the folder cannot be listed" if at == folder else f"{at} cannot be read"
            found.fail(folder, f"{what}: {error.strerror}")
            continue
        for entry in entries:
            subfolder = _take(found, entry, way, rules, layers, selection)
            if subfolder is not None:
                waiting.append((subfolder, f"{way}{entry.name}/", layers))


def _take(
    found: Found,
    entry: os.DirEntry[str],
    way: str,
    rules: Rules,
    layers: tuple[Layer, ...],
    selection: Selection,
) -> str | None:
    """Take a file of a folder; give back a subfolder, resolved."""
    if is_passed_over(entry.name, is_folder=False) is True:
        return None
    try:
        is_folder = entry.is_dir()
        passed_over = is_passed_over(entry.name, is_folder=is_folder)
        if passed_over:
            if isinstance(passed_over, str):
                found.skip(entry.path, passed_over)
            return None
        why = rules.reason_against(f"{way}{entry.name}{'/' if is_folder else ''}", layers)
        if why is not None:
            found.excluded[entry.path] = why
            return None
        target, status = _followed(entry)
    except FileNotFoundError:
        return None  # gone since the listing, or a link to nowhere: there is nothing to read
    except (OSError, RuntimeError) as error:
        told = error.strerror if isinstance(error, OSError) else None
        found.fail(entry.path, f"it cannot be reached: {told or error}")
        return None
    if stat.S_ISDIR(status.st_mode):
        return target
    why = "no regular file"
    if stat.S_ISREG(status.st_mode):
        name = target.rpartition(os.sep)[2]
        why = reason_to_skip(name, status.st_size, all_text=selection.all_text)
    if why == LOOK:
        why = reason_not_text(target)
    if why is None:
        found.files[target] = Stamp.of(status)
    else:
        found.skip(target, why)
    return None


def _take_named(found: Found, root: Path, selection: Selection) -> None:
    path = str(root)
    found.skipped.pop(path, None)
    if not root.is_file():
        found.fail(path, "it is neither a regular file nor a folder")
        return
    why = reason_to_refuse(root.name, all_text=selection.all_text)
    if why == LOOK:
        why = reason_not_text(path)
    if why is None:
        found.files[path] = Stamp.of(root.stat())
    else:
        found.fail(path, why)


def _followed(entry: os.DirEntry[str]) -> tuple[str, os.stat_result]:
    """What an entry of a resolved folder leads to, and what is known of it."""
    if entry.is_symlink() or os.name == "nt":  # there, a listing tells no file's number
        target = Path(entry.path).resolve(strict=True)
        return str(target), target.stat()
    return entry.path, entry.stat(follow_symlinks=False)
