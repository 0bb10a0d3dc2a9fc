"""Files by their places: paths of this machine, and URLs of what lies elsewhere."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from longembed_rag.errors import SettingsError
from longembed_rag.urls import is_page, is_url, one_form, protocol_of

# What a path makes of a URL: one of the slashes is gone.
_BROKEN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/[^/]")
# An object's account may have an owner (abfs://container@account/), and no password.
_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/@]*@")
_PATHS = frozenset({"file", "local"})


@dataclass(frozen=True, order=True)
class Remote:
    """An object in a bucket, or all below a prefix of one.

    Attributes:
        url: Its URL in one form (:func:`~longembed_rag.urls.one_form`), which is also what it is
            called in a collection; never with anything secret in it.
    """

    url: str

    @property
    def protocol(self) -> str:
        """What it is reached by: ``"s3"``."""
        return protocol_of(self.url)

    @property
    def name(self) -> str:
        """The last part of its name."""
        return self.url.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The name's suffix with its dot, as a path has it."""
        return PurePosixPath(self.name).suffix

    def __str__(self) -> str:
        return self.url


#: Where a file lies, or a folder.
Location: TypeAlias = Path | Remote


def located(name: str) -> Location:
    """The place of a file by its name in this package: a resolved path, or a URL in one form."""
    return Remote(name) if is_url(name) else Path(name)


def as_location(given: str | os.PathLike[str] | Remote) -> Location:
    """The place that somebody names, by a path or a URL.

    Args:
        given: ``reports/``, ``s3://bucket/reports``, ``file:///home/me/reports``.

    Raises:
        SettingsError: It is a URL that cannot be used, or has a password in it.
    """
    if isinstance(given, Remote):
        return given
    if not isinstance(given, str):
        if _BROKEN.match(str(given)) and not os.path.lexists(given) and os.name != "nt":
            raise SettingsError(
                f"{given} is a path made of a URL, which has lost a slash; give the URL as text"
            )
        return Path(given)
    if not is_url(given):
        return Path(given)
    protocol = protocol_of(given)
    if protocol in _PATHS:
        from urllib.parse import urlsplit
        from urllib.request import url2pathname

        return Path(url2pathname(urlsplit(given).path))
    shown = _PASSWORD.sub(r"\1:***@", given)
    if shown != given and protocol != "github":
        raise SettingsError(
            f"{shown}: leave the password out; it is taken from the environment or the settings of "
            "the package that reads this protocol, and a URL is kept in the collection as it is"
        )
    if is_page(given):
        raise SettingsError(
            f"{given}: pages of the web are no folder that can be listed; download them, or name a "
            "bucket such as s3://bucket/reports"
        )
    if not given.partition("://")[2].strip("/"):
        raise SettingsError(f"{given} names no bucket; give one as in {protocol}://bucket/reports")
    try:
        given.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SettingsError(f"{given!a} is not valid text, which every URL is") from error
    return Remote(one_form(given))
