"""Containers of Office before 2007, and the properties of the documents in them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.archives import damaged
from longembed_rag.files.formats.damaged import ERRORS_OF_DAMAGED_FILES
from longembed_rag.files.formats.properties import properties

_UTF_8 = 65001


@contextmanager
def open_container(data: bytes, name: str, *, kind: str) -> Iterator[Any]:
    """Open a document as an ``olefile.OleFileIO``; what fails on the way tells of damage.

    Args:
        data: The file.
        name: Its name, for messages.
        kind: What it should be, for messages: ``"the DOC"``.

    Raises:
        ReadError: It is encrypted or damaged.
    """
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as container:
            if container.exists("EncryptedPackage"):
                raise ReadError(f"{name}: it is encrypted; save a copy without password")
            yield container
    except ERRORS_OF_DAMAGED_FILES as error:
        raise damaged(name, kind, error) from error


def ole_properties(container: Any) -> dict[str, Any]:
    """Title, author and so on of an ``olefile.OleFileIO``.

    Args:
        container: The container, open.
    """
    summary = container.get_metadata()
    encoding = "utf-8" if summary.codepage == _UTF_8 else f"cp{summary.codepage or 1252}"
    pairs: list[tuple[str, object]] = []
    for key in ("title", "subject", "author", "keywords", "comments", "category"):
        value = getattr(summary, key)
        if isinstance(value, bytes):
            try:
                value = value.decode(encoding, "replace")
            except LookupError:
                value = value.decode("cp1252", "replace")
        pairs.append((key, value))
    for key, moment in (("created", summary.create_time), ("modified", summary.last_saved_time)):
        if moment is not None and moment.year > 1980:  # else it was never set
            pairs.append((key, moment.isoformat()))
    return properties(pairs)
