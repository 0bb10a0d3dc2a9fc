"""Files that nobody wrote: what office programs, systems and editors leave among documents."""

from __future__ import annotations

import re

LOCK_FILE = "a lock file, which an office program keeps beside an open document"
_SYSTEM_FILE = "a system's own file"
_BACKUP = "an editor's backup or temporary file"
_OF_SYSTEMS = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
_OF_EDITORS = re.compile(r".+~|#.+#|.+\.(?:swp|swo|bak|orig|tmp)", re.IGNORECASE | re.DOTALL)


def is_lock(name: str) -> bool:
    """Whether a file is what Word, LibreOffice and their like keep beside an open document."""
    return name.startswith("~$") or (name.startswith(".~lock.") and name.endswith("#"))


def reason_debris(name: str) -> str | None:
    """Why a file of a folder is nothing to read, by its name alone; None where it may be.

    Args:
        name: The file's name; of folders nothing is said, a ``notes.bak`` may hold documents.
    """
    if is_lock(name):
        return LOCK_FILE
    if name.startswith("._") or name.lower() in _OF_SYSTEMS:  # macOS writes ._ beside every file
        return _SYSTEM_FILE
    return _BACKUP if not name.startswith(".") and _OF_EDITORS.fullmatch(name) else None
