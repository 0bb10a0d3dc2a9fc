"""Names of what lies in buckets, ``s3://bucket/a.txt``: told from paths, and in one form each."""

from __future__ import annotations

import re

_PROTOCOL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
#: Other names of the same protocol.
_ALIASES = {"gcs": "gs", "s3a": "s3"}
_PAGES = frozenset({"http", "https"})


def is_url(name: str) -> bool:
    """Whether a name is no path: it begins with a protocol, as ``s3://``."""
    return _PROTOCOL.match(name) is not None


def is_page(url: str) -> bool:
    """Whether it is an address of the web: programs call documents so, and none is a file's."""
    return protocol_of(url) in _PAGES


def protocol_of(url: str) -> str:
    """The protocol of a URL, in lower case and by its usual name; empty where it is none."""
    match = _PROTOCOL.match(url)
    if match is None:
        return ""
    protocol = match[1].lower()
    return _ALIASES.get(protocol, protocol)


def one_form(url: str) -> str:
    """A URL as it is stored: ``s3a://b/p/`` and ``s3://b/p`` are the same, as ``s3://b/p``.

    Args:
        url: The URL; of the rest each character counts, names in buckets are no paths.
    """
    rest = url.partition("://")[2]
    return f"{protocol_of(url)}://{rest.rstrip('/')}"


def folders_of(url: str) -> list[str]:
    """The folders that an object lies in, innermost first; the last is its bucket.

    Args:
        url: The object's URL in one form; a page of the web lies in no folder.
    """
    protocol, _, rest = url.partition("://")
    found: list[str] = []
    if is_page(url):
        return found
    while "/" in rest:
        rest = rest.rpartition("/")[0].rstrip("/")
        if rest:
            found.append(f"{protocol}://{rest}")
    return found
