"""Where a library lies unless told, and where the key of a server comes from."""

from __future__ import annotations

import os
from pathlib import Path

#: Folder of the embedded store, in the working directory.
DEFAULT_PATH = Path(".longembed")
_KEY_VARIABLES = ("LONGEMBED_API_KEY", "QDRANT_API_KEY")


def api_key() -> str | None:
    """A server's key, from the environment: LONGEMBED_API_KEY, else QDRANT_API_KEY."""
    return next((os.environ[name] for name in _KEY_VARIABLES if os.environ.get(name)), None)
