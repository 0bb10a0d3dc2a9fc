"""What has been found so far, while folders and buckets are looked through."""

from __future__ import annotations

from dataclasses import dataclass, field

from longembed_rag.files.debris import LOCK_FILE, is_lock, reason_debris
from longembed_rag.files.sources import source_of_resolved
from longembed_rag.files.stamps import Stamp
from longembed_rag.files.suffixes import (
    AMBIGUOUS_SUFFIXES,
    DOCUMENT_SUFFIXES,
    is_readable_name,
    suffix_of,
    supported_types,
)
from longembed_rag.files.values import Failure

#: Folders below the given one that are entered. What lies deeper was made by a mistake, and its
#: path is as long as the system allows.
_DEEPEST = 250
#: What lies in the folder of an embedded store; a copy of one may lie among documents.
_STORE_MARK = "longembed.lock"
#: What a name alone leaves open: the file's beginning has to be looked at.
LOOK = "look"


@dataclass
class Found:
    """What has been found, by resolved path or URL; text in place of paths, which take longer.

    Attributes:
        exclude: Folders not to enter.
        files: Files to read.
        skipped: Files of folders that cannot be read, with the reasons.
        excluded: Files and folders that the selection passes over, with the patterns.
        unreadable: What cannot be looked at, or was named and is no document.
        entered: Folders that have been looked through.
    """

    exclude: frozenset[str]
    files: dict[str, Stamp] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, Failure] = field(default_factory=dict)
    entered: set[str] = field(default_factory=set)

    def fail(self, path: str, reason: str) -> None:
        """Note what cannot be looked at, or is no document though it was named."""
        self.unreadable[path] = Failure(source_of_resolved(path), reason)

    def skip(self, path: str, reason: str) -> None:
        """Note a file of a folder that is not read."""
        if path not in self.unreadable:
            self.skipped[path] = reason

    def enter(self, folder: str, way: str) -> bool:
        """Note a folder that is come to, and say whether to look into it: once, and not too deep.

        Args:
            folder: The folder.
            way: The way to it from the given one, ``""`` or ``"sub/"``.
        """
        if folder in self.entered or folder in self.exclude:
            return False
        self.entered.add(folder)
        if (depth := way.count("/")) > _DEEPEST:
            self.fail(folder, f"it lies {depth} folders deep, which is too deep; move it up")
            return False
        return True

    def is_store(self, folder: str, way: str, names: set[str]) -> bool:
        """Whether a folder below the given one is an embedded store; such is passed over."""
        if way and _STORE_MARK in names:
            self.skipped[folder] = "an embedded store of longembed-rag"
            return True
        return False


def is_passed_over(name: str, *, is_folder: bool) -> str | bool:
    """Whether a file or folder of a folder is nothing to read by its name, and why if told."""
    debris = reason_debris(name)
    if debris is not None and not is_folder:
        return debris
    return name.startswith(".")


def reason_to_skip(name: str, size: int, *, all_text: bool) -> str | None:
    """Why a file in a folder is not read; None where it is, :data:`LOOK` where that is not known.

    Args:
        name: Its name.
        size: Its bytes.
        all_text: Whether whatever holds text is read.
    """
    suffix = suffix_of(name)
    if suffix in DOCUMENT_SUFFIXES:
        return None
    is_known = is_readable_name(name)
    if not (is_known or all_text):
        return f"no reader for {suffix or 'a name without suffix'}"
    if not size:
        return "empty"
    if is_known and suffix not in AMBIGUOUS_SUFFIXES:
        return None
    return LOOK


def reason_to_refuse(name: str, *, all_text: bool) -> str | None:
    """Why a file that was named itself is no document; the other answers are the same.

    Args:
        name: Its name.
        all_text: Whether whatever holds text is read.
    """
    if is_lock(name):
        return f"it is {LOCK_FILE}; name the document itself"
    if is_readable_name(name):
        return None
    if all_text:
        return LOOK
    return f"unsupported type ({suffix_of(name) or 'no suffix'}); {supported_types()}"
