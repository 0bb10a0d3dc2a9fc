"""What files are called in a collection, and the places that are called so."""

from __future__ import annotations

import os
import re
from pathlib import Path

from longembed_rag.files.remote import Location, Remote
from longembed_rag.urls import is_url

_LIKE_AN_ESCAPE = re.compile(r"\\(?=x(?:5c|[89a-f][0-9a-f]))")
_ESCAPE = re.compile(rb"\\x(5c|[89a-f][0-9a-f])")


def source_of(path: Location) -> str:
    """What a file is called in a collection: its absolute path, symbolic links resolved, or URL.

    Args:
        path: The file, however it is named.
    """
    return path.url if isinstance(path, Remote) else source_of_resolved(str(path.resolve()))


def source_of_resolved(path: str) -> str:
    r"""The same of a path that is resolved, which takes a look at each of its folders.

    Qdrant takes only valid text: bytes of a name that are not UTF-8 are written as ``\xNN``, and a
    backslash before what would look like one as ``\x5c``, so that two names never become one.
    """
    if (path.isascii() and "\\" not in path) or is_url(path):
        return path
    if os.sep != "\\":
        path = _LIKE_AN_ESCAPE.sub(r"\\x5c", path)
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def path_of(source: str) -> Location:
    """The path or object that is called so; :func:`source_of` gives the source again.

    Args:
        source: What the file is called in a collection.
    """
    if is_url(source):
        return Remote(source)
    if os.sep == "\\":
        return Path(source)
    return Path(os.fsdecode(_ESCAPE.sub(_byte, source.encode("utf-8", "surrogatepass"))))


def is_below(source: str, folder: str) -> bool:
    """Whether a file is, or lies in, a folder or below it.

    Args:
        source: What the file is called in a collection.
        folder: What the folder would be called.
    """
    separator = "/" if is_url(folder) else os.sep
    inner = folder if folder.endswith(separator) else folder + separator
    return source == folder or source.startswith(inner)


def _byte(escape: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escape.group(1).decode("ascii"))
