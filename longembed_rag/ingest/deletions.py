"""Documents whose files are gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from longembed_rag.files.discover import Discovery, source_of


def gone_sources(stored: Iterable[str], found: Discovery) -> list[str]:
    """Documents whose files are certainly gone from under the paths that were looked through.

    Args:
        stored: The documents that are there, by source.
        found: What was found under the paths.
    """
    present = {source_of(path) for path in found.files}
    roots = [PurePath(source_of(root)) for root in found.roots]
    unknown = [PurePath(failure.source) for failure in found.unreadable]
    return [
        source
        for source in sorted(set(stored) - present)
        if _is_below(source, roots) and not _is_below(source, unknown) and is_gone(source)
    ]


def _is_below(source: str, folders: Sequence[PurePath]) -> bool:
    return any(PurePath(source).is_relative_to(folder) for folder in folders)


def is_gone(source: str) -> bool:
    """Whether there is certainly no such file any more; one that is out of reach may be there.

    Sources are resolved paths, so one that has become a link is known by another name now.
    """
    path = Path(source)
    try:
        return path.resolve(strict=True) != path or path.is_dir()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, RuntimeError):
        return False
