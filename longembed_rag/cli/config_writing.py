"""Writing settings to ``longembed.toml`` without losing what stands there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from longembed_rag.errors import SettingsError
from longembed_rag.whole_files import read_plain, write_whole


def write_settings(path: Path, settings: Mapping[str, Any], *, remark: str) -> None:
    """Set keys in a file; its other keys, its comments and its order stay.

    Args:
        path: The file; made where there is none.
        settings: Values by key.
        remark: A comment on the line above the first of the keys that are new.

    Raises:
        SettingsError: The file cannot be read, is no TOML, or cannot be written.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        text = read_plain(path).decode("utf-8") if path.exists() else ""
        document = tomlkit.parse(text)
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise SettingsError(f"{path} cannot be read as TOML: {error}") from error
    new = [key for key in settings if key not in document]
    for key, value in settings.items():
        if key == (new[0] if new else None):
            document.add(tomlkit.comment(remark))
        document[key] = value
    try:
        write_whole(path, tomlkit.dumps(document))
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error}") from error


def require_writable_config(path: Path, *, needed: bool) -> None:
    """Refuse before any work is done for a file that cannot be written.

    Args:
        path: The file; it need not be there.
        needed: Whether it is going to be written at all.

    Raises:
        SettingsError: It, or its folder, cannot be written to.
    """
    place = path if path.exists() else path.absolute().parent
    if needed and not (os.access(place, os.W_OK) and os.access(path.absolute().parent, os.W_OK)):
        raise SettingsError(f"{path} cannot be written here; use --dry-run to measure only")
