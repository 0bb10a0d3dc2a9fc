"""What a server is told when it is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from longembed_rag.errors import SettingsError

MIB = 1024 * 1024
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000
#: Minutes without a request after which a server ends that runs without a terminal.
DETACHED_IDLE = 30.0
#: Names that lead to this machine and no other.
LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: Texts of a request.
MOST_TEXTS = 2048
#: Characters of a key: fewer are guessed.
_SHORTEST_KEY = 16


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """Limits of a server, and who may use it.

    Attributes:
        host: Address that it listens on.
        port: Port that it listens on; 0 takes a free one.
        key: What requests have to bring along (``Authorization: Bearer``); None asks for nothing.
        no_auth: Whether it may be reached from other machines without a key.
        read_only: Whether nothing can be added or removed.
        max_body: Most bytes of a request.
        max_texts: Most texts of a request.
        max_waiting: Most characters of texts that wait for the model, over all requests.
        max_searches: Most searches that wait or run.
        max_jobs: Most jobs that wait.
        timeout: Most seconds that a request takes.
        spool: Folder for what was sent and is not in the collection yet; None takes this user's.
        allowed_hosts: Further names that the server is reached by, such as that of a proxy before
            it. Other names than these and this machine's own are refused, which keeps out pages
            that lead a browser here by a name of theirs; so they are where only this machine
            reaches it.

    Raises:
        SettingsError: It could be reached by anybody, or a limit is out of range.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    key: str | None = field(default=None, repr=False)
    no_auth: bool = False
    read_only: bool = False
    max_body: int = 64 * MIB
    max_texts: int = MOST_TEXTS
    max_waiting: int = 16 * MIB
    max_searches: int = 256
    max_jobs: int = 64
    timeout: float = 600.0
    spool: Path | None = None
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.key is not None and len(self.key) < _SHORTEST_KEY:
            raise SettingsError(
                f"the server's key has {len(self.key)} characters; take at least {_SHORTEST_KEY}, "
                "such as those of 'openssl rand -hex 32'"
            )
        if self.key is not None and not (
            self.key.isascii() and self.key.isprintable() and " " not in self.key
        ):
            raise SettingsError(
                "the server's key holds characters that no header brings along; take letters and "
                "digits, such as those of 'openssl rand -hex 32'"
            )
        if self.key is None and not self.is_local and not self.no_auth:
            raise SettingsError(
                f"host={self.host!r} can be reached from other machines, and no key is set: set "
                "LONGEMBED_SERVER_KEY, or say no_auth (--no-auth) if everybody there may search, "
                "read, add and remove"
            )
        for name in ("max_body", "max_texts", "max_waiting", "max_searches", "max_jobs", "timeout"):
            if getattr(self, name) <= 0:
                raise SettingsError(f"{name}={getattr(self, name)!r} must be above zero")

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host in LOOPBACK
