"""Which names collections may have."""

from __future__ import annotations

from longembed_rag.errors import SettingsError
from longembed_rag.store.values import (
    manifest_collection,
    passages_collection,
    words_collection,
)

_FORBIDDEN = '<>:"/\\|?*\0\x1f'
_SIBLINGS = (passages_collection(""), manifest_collection(""), words_collection(""))
_LONGEST_NAME = 255 - max(map(len, _SIBLINGS))


def require_name(name: str) -> None:
    """Refuse a name that Qdrant would not take, for the collection or those beside it.

    Raises:
        SettingsError: It would not; says why.
    """
    forbidden = sorted(set(name) & set(_FORBIDDEN))
    if forbidden:
        raise SettingsError(f"collection={name!r} must not contain {' '.join(forbidden)}")
    size = len(name.encode("utf-8", "surrogatepass"))
    if name in ("", ".", "..") or size > _LONGEST_NAME or not name.isprintable():
        raise SettingsError(
            f"collection={name!r} is not a name: 1 to {_LONGEST_NAME} bytes that can be printed, "
            "not . or .."
        )
    for sibling in _SIBLINGS:
        if name.endswith(sibling):
            raise SettingsError(
                f"collection={name!r} must not end in {sibling!r}: that is how the collections "
                "beside another one are called"
            )
