"""Where a library lies unless told, and where the key of a server comes from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from longembed_rag.errors import SettingsError
from longembed_rag.points.addresses import masked_url

#: Folder of the embedded store, in the working directory.
DEFAULT_PATH = Path(".longembed")
_KEY_VARIABLES = ("LONGEMBED_API_KEY", "QDRANT_API_KEY")


def api_key() -> str | None:
    """A server's key, from the environment: LONGEMBED_API_KEY, else QDRANT_API_KEY."""
    return next((os.environ[name] for name in _KEY_VARIABLES if os.environ.get(name)), None)


def key_of(url: str | None, given: str | None) -> str | None:
    """The key that was given, else for a server the one in the environment."""
    return given if given is not None or url is None else api_key()


def chosen_folder(
    path: str | os.PathLike[str] | None, *, url: str | None, client: Any
) -> Path | None:
    """The folder of the one place that is given, or of none; None where it is a server.

    Args:
        path: Folder of an embedded store.
        url: Address of a server.
        client: A client to work with.

    Raises:
        SettingsError: More than one place is given, or the folder is an address.
    """
    if path is not None and (not str(path) or "://" in str(path)):
        shown = masked_url(str(path))
        raise SettingsError(f"path={shown!r} is not a folder; a server's address is url=")
    places = {"path": path, "url": url, "client": client}
    named = [name for name, place in places.items() if place is not None]
    if len(named) > 1:
        raise SettingsError(
            f"{' and '.join(named)} are both given; a collection lies in one place: give one "
            "of path (embedded), url (server) and client"
        )
    if named and path is None:
        return None
    return Path(path or DEFAULT_PATH).expanduser().absolute()


def is_address(text: str) -> bool:
    """Whether it is the address of a server."""
    return text.lower().startswith(("http://", "https://"))
