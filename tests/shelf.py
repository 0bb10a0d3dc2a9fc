"""A bucket for tests: names without folders, over a folder on disk, so that every process sees it.

``shelf://`` has flat names and ETags as S3 has, ``stairs://`` has folders and times as SFTP has.
Who reads in another process finds them as any package's file system, by its entry points.
Environment variables say what fails, for all processes alike.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from hashlib import md5
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem

ROOT, DENIED, CUT = "SHELF_ROOT", "SHELF_DENIED", "SHELF_CUT"
#: What lies beside a package, by which its file systems are found.
ENTRY_POINTS = """[fsspec.specs]
shelf = tests.shelf:ShelfFileSystem
stairs = tests.shelf:StairsFileSystem
"""


class StairsFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Folders, sizes and times."""

    protocol = "stairs"
    asked: list[str] = []  # noqa: RUF012 - of this process, for tests to see

    def _here(self, path: str) -> Path:
        self.asked.append(path)
        if (denied := os.environ.get(DENIED)) and denied in path:
            raise PermissionError(f"denied {path}?signature=secret")
        return Path(os.environ[ROOT]) / self._strip_protocol(path).strip("/")

    def _told(self, here: Path) -> dict[str, Any]:
        name = here.relative_to(os.environ[ROOT]).as_posix()
        if here.is_dir():
            return {"name": name, "size": 0, "type": "directory"}
        status = here.stat()
        written = datetime.fromtimestamp(status.st_mtime, tz=timezone.utc)
        return {"name": name, "size": status.st_size, "type": "file", "mtime": written}

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        here = self._here(path)
        if not here.exists():
            raise FileNotFoundError(path)
        return self._told(here)

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[dict[str, Any]]:
        return [self._told(each) for each in sorted(self._here(path).iterdir())]

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any
    ) -> bytes:
        return self._here(path).read_bytes()[start:end]


class ShelfFileSystem(StairsFileSystem):
    """Objects with ETags, all listed at once; a prefix is there while something lies below it."""

    protocol = "shelf"

    def _told(self, here: Path) -> dict[str, Any]:
        told = super()._told(here)
        if told["type"] == "file":
            told |= {"ETag": f'"{md5(here.read_bytes()).hexdigest()}"'}
        return told

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        told = super().info(path)
        is_bucket = "/" not in told["name"]
        here = self._here(path)
        if here.is_dir() and not is_bucket and not any(e.is_file() for e in here.rglob("*")):
            raise FileNotFoundError(path)
        return told

    def find(self, path: str, detail: bool = False, **kwargs: Any) -> Any:
        found = {}
        for here in sorted(self._here(path).rglob("*")):
            if (cut := os.environ.get(CUT)) and cut in here.name:
                raise ConnectionResetError("the connection was lost")
            if here.is_file():
                told = self._told(here)
                found[told["name"]] = told
        return found if detail else list(found)
