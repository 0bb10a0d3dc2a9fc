"""Whether a file holds text, by a look at its beginning."""

from __future__ import annotations

import codecs
import os
import re

from longembed_rag.files.text.decoding import signed_as
from longembed_rag.files.text.unmarked import as_wide

#: Bytes that are looked at.
LOOKED_AT = 16_384
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_CONTROLS = re.compile(rb"[\x00-\x07\x0e-\x1a\x7f]")
# As in decoding: a log with a few of them is still text.
_MOST_CONTROLS = 0.01


def reason_not_text(path: str | os.PathLike[str]) -> str | None:
    """Why a file is not taken for text; None where it is.

    Only its beginning is read: what follows may still turn out to be none.

    Args:
        path: The file.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - of thousands of files
            data = file.read(LOOKED_AT)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    return reason_bytes_are_not_text(data)


def reason_bytes_are_not_text(data: bytes) -> str | None:
    """:func:`reason_not_text` of a file that is in memory."""
    data = data[:LOOKED_AT]
    kind = signed_as(data)
    if kind is not None:
        return f"no text: it holds {kind}"
    if data.startswith(_MARKS) or as_wide(data) is not None:
        return None
    controls = len(_CONTROLS.findall(data))
    if controls > 1 and controls > _MOST_CONTROLS * len(data):
        return "no text: it holds binary data"
    return None
