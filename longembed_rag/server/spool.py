"""What was sent and is not in the collection yet, kept on disk until it is."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from longembed_rag.errors import SettingsError, StoreError
from longembed_rag.whole_files import write_whole

if TYPE_CHECKING:
    from longembed_rag.ingest.documents import Document

_NOTE = "job.json"
_LONGEST = 512  # characters of an id
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,12}")


class Spool:
    """A folder with a folder for each job, which holds what was sent and a note of it.

    The note is written last: without it nobody was told that anything was taken.

    Args:
        folder: The folder; it is made, for this user alone.

    Raises:
        SettingsError: It cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise SettingsError(
                f"spool={str(folder)!r}: what is sent cannot be kept there: {error.strerror}; "
                "name another folder with --spool"
            ) from error

    @classmethod
    def of(cls, location: str, collection: str) -> Spool:
        """This user's, for one collection."""
        from platformdirs import user_state_path

        name = sha256(f"{location}\0{collection}".encode()).hexdigest()[:24]
        return cls(user_state_path("longembed-rag", appauthor=False) / "uploads" / name)

    def keep_files(self, job: str, files: Sequence[tuple[str, BinaryIO]]) -> None:
        """Keep files that were sent, until :meth:`forget`.

        Args:
            job: Id of the job that takes them in.
            files: The id of each, and where its bytes come from.

        Raises:
            StoreError: There is no room; nothing is kept.
        """
        named = [(name, f"{n}{_suffix(name)}") for n, (name, _) in enumerate(files)]
        with _undone_if_full(self.folder / job) as folder:
            for (_, source), (_, file_name) in zip(files, named, strict=True):
                with (folder / file_name).open("wb") as target:
                    shutil.copyfileobj(source, target)
                    target.flush()
                    os.fsync(target.fileno())
            self.note(job, {"files": named})

    def keep_documents(self, job: str, documents: Sequence[Document]) -> None:
        """Keep texts that were sent, until :meth:`forget`.

        Raises:
            StoreError: There is no room; nothing is kept.
        """
        values = [
            {"id": each.id, "text": each.text, "metadata": each.metadata} for each in documents
        ]
        with _undone_if_full(self.folder / job):
            self.note(job, {"documents": values})

    def note(self, job: str, values: Mapping[str, Any]) -> None:
        """Write a job's note."""
        write_whole(self.folder / job / _NOTE, json.dumps(values).encode("utf-8", "surrogatepass"))

    def read(self, job: str) -> dict[str, Any]:
        """A job's note; empty where there is none."""
        with suppress(OSError, ValueError):
            found = json.loads((self.folder / job / _NOTE).read_bytes())
            return found if isinstance(found, dict) else {}
        return {}

    def files(self, job: str) -> dict[str, Path]:
        """The files of a job by their ids."""
        return {name: self.folder / job / file for name, file in self.read(job)["files"]}

    def forget(self, job: str) -> None:
        """Remove what is in the collection now."""
        # The note first: without it the rest is not taken up again.
        with suppress(OSError):
            (self.folder / job / _NOTE).unlink()
        shutil.rmtree(self.folder / job, ignore_errors=True)

    def left(self) -> Iterator[str]:
        """The jobs that an earlier server left, oldest first; what has no note is removed."""
        for folder in sorted(self.folder.iterdir(), key=_made):
            if (folder / _NOTE).exists():
                yield folder.name
            else:
                shutil.rmtree(folder, ignore_errors=True)


class _undone_if_full:  # noqa: N801 - reads as the statement that it is
    """A folder that is made, and gone again where what happens in it fails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Path:
        self._folder.mkdir(mode=0o700)
        return self._folder

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        shutil.rmtree(self._folder, ignore_errors=True)
        if isinstance(error, OSError):
            told = f"what was sent cannot be kept in {self._folder.parent}: {error.strerror}"
            raise StoreError(told) from error


def safe_id(name: str) -> str:
    """The id that a file is known by that was sent under a name, which may be any text.

    Never an absolute path, which would be taken for that of a file of this machine.
    """
    # First what cannot be seen: without it a part may be another one, such as "..".
    seen = "".join(each for each in name.replace("\\", "/") if each.isprintable())
    parts = [part.strip() for part in seen.split("/")]
    plain = "/".join(part for part in parts if part not in ("", "..", ".")) or "unnamed"
    ending = _suffix(plain)  # says what a file is
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - len(ending)]}{ending}"


def _suffix(name: str) -> str:
    found = PurePosixPath(name).suffix
    return found if _SUFFIX.fullmatch(found) else ""


def _made(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0
