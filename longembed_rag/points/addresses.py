"""Addresses and keys of servers: checked before anything is sent, and shown without secrets."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from longembed_rag.errors import SettingsError

#: What stands in place of a secret.
MASK = "***"
_SCHEMES = ("http://", "https://")
# User and password: all up to the last @, for a password may hold any letter, if wrongly.
_LOGIN = re.compile(r"^(https?:/{1,2})?.*@", re.DOTALL | re.IGNORECASE)
_QUERY = re.compile(r"[?#].*", re.DOTALL)
# Shorter ones would be found in any text.
_SHORTEST_SECRET = 4


def masked_url(url: str) -> str:
    """An address as it may be shown: without user and password, and without a query.

    Args:
        url: The address; whatever else it is comes back as it is.

    Example:
        >>> masked_url("https://reader:sesame@qdrant.example:6333")
        'https://***@qdrant.example:6333'
    """
    return _QUERY.sub(f"?{MASK}", _LOGIN.sub(rf"\1{MASK}@", url))


@dataclass(frozen=True, kw_only=True)
class Address:
    """A server's address, taken apart.

    Attributes:
        url: Where it is, without user and password.
        shown: How it is called in messages and records.
        login: User and password, if the address names them.
    """

    url: str
    shown: str
    login: tuple[str, str] | None = field(default=None, repr=False)

    @classmethod
    def read(cls, url: str) -> Address:
        """Take an address apart.

        Raises:
            SettingsError: It is not one; it is shown without its secrets.
        """
        shown = masked_url(url)
        if not url.lower().startswith(_SCHEMES):
            raise SettingsError(f"url={shown!r} must start with http:// or https://")
        wrong = f"url={shown!r} is not an address of a server"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:  # its words hold what they are about
            raise SettingsError(f"{wrong}: its host or port cannot be read") from None
        if not host or re.search(r"[\s\x00-\x1f\x7f]", url):
            raise SettingsError(f"{wrong}: it names no host, or holds a space or a line's end")
        if "@" in parts.path + parts.query + parts.fragment:
            raise SettingsError(
                f"{wrong}: in a user or a password, write / as %2F, ? as %3F, # as %23 and @ as "
                "%40; further on, @ as %40"
            )
        where = f"[{host}]" if ":" in host else host
        bare = where if port is None else f"{where}:{port}"
        login = None
        if parts.username is not None:
            login = (unquote(parts.username), unquote(parts.password or ""))
        plain = urlunsplit((parts.scheme, bare, parts.path, "", ""))
        return cls(url=plain, shown=shown, login=login)


def require_key(key: str | None) -> None:
    """Require that an API key can be sent in a header.

    Raises:
        SettingsError: It cannot; says why, and never what it is.
    """
    if key is None:
        return
    advice = (
        "; it is taken from LONGEMBED_API_KEY or QDRANT_API_KEY, or from api_key=: set it "
        "again (nothing was sent)"
    )
    if not isinstance(key, str):
        raise SettingsError(f"the API key is not a text, but {type(key).__name__}{advice}")
    if re.search(r"[\r\n]", key):
        raise SettingsError(f"the API key holds the end of a line{advice}")
    if not key.isascii():
        raise SettingsError(f"the API key holds a letter outside ASCII{advice}")
    if re.search(r"[\s\x00-\x1f\x7f]", key):
        raise SettingsError(f"the API key holds a space or a control character{advice}")


class Secrets:
    """What must not come out again, where a server repeats what it was sent.

    Args:
        key: The API key.
        login: User and password.
    """

    def __init__(self, *, key: str | None = None, login: tuple[str, str] | None = None) -> None:
        words = {key or ""}
        if login is not None:
            pair = ":".join(login)
            words |= {login[1], pair, base64.b64encode(pair.encode()).decode()}
        # The longer first: one may be a part of another.
        self._words = sorted((w for w in words if len(w) >= _SHORTEST_SECRET), key=len)[::-1]

    def hide(self, text: str) -> str:
        """A text without them."""
        for word in self._words:
            text = text.replace(word, MASK)
        return text
