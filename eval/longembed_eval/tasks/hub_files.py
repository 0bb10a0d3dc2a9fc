"""Files of data sets: from the Hugging Face hub, from its cache, or from a copy in a folder.

A copy of ``OWNER/NAME`` lies at ``FOLDER/OWNER/NAME``, as ``hf download OWNER/NAME --repo-type
dataset --local-dir FOLDER/OWNER/NAME`` puts it there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longembed_eval.tasks.rows import Row
from longembed_rag.errors import MissingDependencyError, ReadError

#: Splits of a data set that has no ``test``, in the order in which one is taken.
SPLITS = ("test", "validation", "train")

_BUILDERS = {".parquet": "parquet"}


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set, as far as its files go.

    Attributes:
        name: ``OWNER/NAME`` on the hub.
        revision: Its commit; None for the newest. Not looked at for a copy.
        copies: Folder of copies, which come before the hub; None for the hub alone.
    """

    name: str
    revision: str | None = None
    copies: Path | None = None

    @property
    def copy(self) -> Path | None:
        """The folder of the copy, if there is one."""
        return copy_of(self.name, self.copies)

    def files(self, patterns: Sequence[str]) -> list[Path]:
        """The files of the first pattern that any file fits, in the order of their names.

        Args:
            patterns: Shell patterns of paths within the data set, such as ``documents/*.parquet``.

        Raises:
            ReadError: There are none, or they cannot be had; says what to do.
        """
        folder = self.copy or self._fetched(patterns)
        for pattern in patterns:
            if found := sorted(path for path in folder.glob(pattern) if path.is_file()):
                return found
        if self.copy is not None:
            raise ReadError(
                f"{folder} holds no {' or '.join(patterns)}; make it a whole copy of the data set "
                f"{self.name}: {self._command(folder)}"
            )
        raise self._missing(patterns, "no such file is in the cache")

    def splits(self, config: str) -> list[Path]:
        """The files of a configuration's test split, or else of its validation or train split.

        Args:
            config: The configuration, whose files ``datasets`` saves in a folder of its name.

        Raises:
            ReadError: As :meth:`files`.
        """
        return self.files(
            [f"{config}/{split}*.{ending}" for split in SPLITS for ending in ("parquet", "jsonl*")]
        )

    def rows(self, paths: Sequence[Path]) -> Iterator[Row]:
        """The rows of files, one after the other.

        Args:
            paths: Files of Parquet, or of JSON lines, which may be packed with gzip.

        Raises:
            MissingDependencyError: ``datasets`` is not installed.
            ReadError: A file is damaged.
        """
        for path in paths:
            yield from read_rows(path, name=path.name, dataset=self.name)

    def source(self, what: str) -> str:
        """Where its texts come from, for people, without a path of the machine."""
        if self.copy is not None:
            return f"a copy of {self.name}, {what}"
        return f"{self.name} @ {(self.revision or 'newest')[:8]}, {what}"

    def _fetched(self, patterns: Sequence[str]) -> Path:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

        try:
            return Path(
                snapshot_download(
                    self.name,
                    repo_type="dataset",
                    revision=self.revision,
                    allow_patterns=list(patterns),
                )
            )
        except (EntryNotFoundError, HfHubHTTPError, OSError, ValueError) as error:
            raise self._missing(patterns, first_line(error)) from error

    def _missing(self, patterns: Sequence[str], why: str) -> ReadError:
        return ReadError(
            f"{' or '.join(patterns)} of the data set {self.name} is not in the hub's cache and "
            f"could not be fetched ({why}). On a machine with network, make a copy with "
            f"'{self._command(Path('DIR', self.name))}' and give DIR with --copies"
        )

    def _command(self, folder: Path) -> str:
        revision = "" if self.revision is None else f" --revision {self.revision}"
        return f"hf download {self.name} --repo-type dataset{revision} --local-dir {folder}"


def copy_of(name: str, copies: Path | None) -> Path | None:
    """Where the copy of a data set lies; None where there is no folder of copies, or not of it."""
    if copies is None:
        return None
    folder = copies.expanduser() / name
    return folder if folder.is_dir() else None


def read_rows(path: Path, *, name: str, dataset: str) -> list[Row]:
    """The rows of one file, each with its place.

    Args:
        path: A file of Parquet, or of JSON lines, which may be packed with gzip.
        name: What to call it in messages.
        dataset: What it belongs to.

    Raises:
        MissingDependencyError: ``datasets`` is not installed.
        ReadError: It is damaged.
    """
    load_dataset = _load_dataset()
    from datasets.exceptions import DatasetsError

    builder = _BUILDERS.get(path.suffix, "json")
    try:
        loaded = load_dataset(builder, data_files={"rows": str(path)}, split="rows")
    except (DatasetsError, OSError, ValueError) as error:
        cause = error.__cause__ or error
        kind = "Parquet" if builder == "parquet" else "JSON lines"
        raise ReadError(
            f"{dataset}: {name} cannot be read as {kind}: {first_line(cause)}; remove "
            f"{path} and try again"
        ) from error
    return [Row(f"{name}, row {number}", values) for number, values in enumerate(loaded, 1)]


def first_line(error: BaseException) -> str:
    """An error's kind and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _load_dataset() -> Any:
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise MissingDependencyError(
            "reading tasks from the hub or from copies of its data sets needs the package "
            'datasets; install it with pip install "longembed-rag[longembed]"'
        ) from error
    return load_dataset
