"""What tells without reading it that a file is as it was: its times, its size, its number."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

#: A file that was changed so short a time before it was looked at may be changed again without
#: showing it, on file systems whose times are coarse; nanoseconds.
_UNSURE = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Stamp:
    """A file's times, size and number, as its file system tells them.

    An object in a bucket has one, too (:attr:`ObjectInfo.stamp`): its number is made of its ETag.

    Attributes:
        modified: When its content was last written (``st_mtime_ns``); programs set it at will.
        changed: When anything of it was last changed (``st_ctime_ns``), which nobody can set; on
            Windows when it was made.
        size: Bytes.
        inode: Its number: another where a file has taken the place of another one.
    """

    modified: int
    changed: int
    size: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp in what ``stat`` gives."""
        return cls(status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)

    @classmethod
    def now(cls, path: Path) -> Stamp | None:
        """A file's stamp as it is now; None where it cannot be reached.

        Args:
            path: The file.
        """
        try:
            return cls.of(path.stat())
        except OSError:
            return None

    def is_sure(self, taken: int) -> bool:
        """Whether a later change is bound to give another stamp.

        Args:
            taken: When the stamp was taken, nanoseconds since 1970.
        """
        last = self.modified if os.name == "nt" else self.changed
        return last < taken - _UNSURE

    def to_list(self) -> list[int]:
        """Its numbers, ready for JSON."""
        return [self.modified, self.changed, self.size, self.inode]
