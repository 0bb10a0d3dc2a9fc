"""Where a collection lies, and how it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from longembed_rag.cli.output import one_line
from longembed_rag.errors import SettingsError
from longembed_rag.library.places import DEFAULT_PATH, api_key
from longembed_rag.points.addresses import masked_url
from longembed_rag.points.locking import DEFAULT_WAIT

if TYPE_CHECKING:
    from longembed_rag.library.library import Library

# Which source of a value wins, the first most; click's own order is only comparable since 8.3.
_PRECEDENCE = (
    ParameterSource.COMMANDLINE,
    ParameterSource.ENVIRONMENT,
    ParameterSource.DEFAULT_MAP,
    ParameterSource.DEFAULT,
)


@dataclass(frozen=True, kw_only=True)
class StoreLocation:
    """A collection in an embedded store or on a server.

    Attributes:
        path: Folder of the embedded store; None when it is a server.
        url: Address of the server; None when it is embedded.
        collection: Name of the collection.
        timeout: Seconds to wait for an answer of the server.
        wait: Seconds to wait for a store that another process has open.
        exact_below: Points below which a server compares a query with every vector.
        hnsw_ef: Points that its search through the graph keeps in sight.
        from_file: Whether ``longembed.toml`` named the server.
    """

    path: Path | None
    url: str | None = field(repr=False)  # it may hold a password
    collection: str
    timeout: float
    wait: float = DEFAULT_WAIT
    exact_below: int | None = None
    hnsw_ef: int | None = None
    from_file: bool = False

    @classmethod
    def choose(
        cls,
        *,
        path: Path | None,
        url: str | None,
        collection: str,
        timeout: float,
        wait: float = DEFAULT_WAIT,
        exact_below: int | None = None,
        hnsw_ef: int | None = None,
        sources: Mapping[str, ParameterSource | None],
    ) -> StoreLocation:
        """Pick between folder and server: the one that was set more directly.

        Args:
            path: Folder, if one was set.
            url: Server, if one was set.
            collection: Name of the collection.
            timeout: Seconds to wait for an answer.
            wait: Seconds to wait for a store that another process has open.
            exact_below: Points below which a server compares a query with every vector.
            hnsw_ef: Points that its search through the graph keeps in sight.
            sources: Where ``path`` and ``url`` come from.

        Raises:
            SettingsError: Both were set in the same place.
        """
        if url is not None and path is not None:
            path_rank, url_rank = (_rank(sources[name]) for name in ("path", "url"))
            if path_rank == url_rank:
                raise SettingsError(
                    f"path={str(path)!r} and url={masked_url(url)!r} are both set; a collection "
                    "lies in a folder or on a server: give one of them"
                )
            path, url = (path, None) if path_rank < url_rank else (None, url)
        if url is None:
            path = (path or DEFAULT_PATH).expanduser().absolute()
        from_file = sources["url"] is ParameterSource.DEFAULT_MAP
        return cls(
            path=path,
            url=url,
            collection=collection,
            timeout=timeout,
            wait=wait,
            exact_below=exact_below,
            hnsw_ef=hnsw_ef,
            from_file=from_file,
        )

    def library(self, *, autostart: bool = False, **options: Any) -> Library:
        """The library there: that of the server that holds it, where one does.

        Args:
            autostart: Whether to leave a server running where there is none.
            **options: Settings, as :meth:`Library.open` takes them.

        Raises:
            SettingsError: A setting is out of range, or the key of the environment would go to a
                server that only ``longembed.toml`` names.
            StoreError: The store cannot be opened.
        """
        from longembed_rag.server.sockets import is_served

        if self.path is None or not (autostart or is_served(self.path)):
            return self.own_library(**options)
        from longembed_rag.points.connection import has_store
        from longembed_rag.server.remote import RemoteLibrary, ServerLink

        link = ServerLink.find(self.path)
        if link is None and autostart and has_store(self.path):
            from longembed_rag.server import detached
            from longembed_rag.server.options import DETACHED_IDLE

            flags = [f"--path={self.path}", f"--collection={self.collection}", "--port=0"]
            link = detached.start(self.path, [*flags, f"--idle={DETACHED_IDLE}"])
            told = f"started {link.described}: it stays for the next searches (autostart); "
            told += f"it ends when nobody used it for {DETACHED_IDLE:g} minutes, or by serve --stop"
            click.echo(one_line(told), err=True)
        elif link is not None:
            click.echo(one_line(f"using {link.described}, which has this store open"), err=True)
        if link is None:
            return self.own_library(**options)
        return RemoteLibrary(link, collection=self.collection, given=options)

    def own_library(self, **options: Any) -> Library:
        """The library there, opened by this process.

        A key that would cross a network unencrypted is warned of.

        Args:
            **options: Settings, as :meth:`Library.open` takes them.

        Raises:
            SettingsError: As :meth:`library`.
            StoreError: The store cannot be opened.
        """
        from longembed_rag.library.library import Library

        return Library.open(
            self.path,
            url=self.url,
            api_key=api_key_for(self.url, from_file=self.from_file),
            collection=self.collection,
            timeout=self.timeout,
            wait=self.wait,
            on_wait=tell_waiting,
            exact_below=self.exact_below,
            hnsw_ef=self.hnsw_ef,
            **options,
        )


def tell_waiting(what: str) -> None:
    """Say on stderr what is waited for."""
    click.echo(one_line(what), err=True)


def api_key_for(url: str | None, *, from_file: bool = False) -> str | None:
    """The key of a server, with a warning where it would cross a network unencrypted.

    Args:
        url: The server's address, if it is one.
        from_file: Whether ``longembed.toml`` named it, which may have come with somebody's folder.

    Raises:
        SettingsError: There is a key, and only the file says where to send it.
    """
    key = api_key() if url else None
    if url and key and from_file and not _is_this_machine(_host(url)):
        raise SettingsError(
            f"url: longembed.toml names the server {_host(url)!r}, and the API key in your "
            "environment would be sent there. If that is your server, say so with --url or "
            "LONGEMBED_URL; if not, name another place, or unset the key"
        )
    if url and key and _is_exposed(url):
        told = f"warning: the API key goes to {masked_url(url)} unencrypted; use https"
        click.echo(one_line(told), err=True)
    return key


def _rank(source: ParameterSource | None) -> int:
    return _PRECEDENCE.index(source) if source in _PRECEDENCE else len(_PRECEDENCE)


def _is_exposed(url: str) -> bool:
    """Whether a key sent there crosses a network unencrypted.

    A name without a dot, such as a service of the same compose file, is no public host.
    """
    host = _host(url)
    local = _is_this_machine(host) or not set(host) & set(".:")
    return url.lower().startswith("http:") and not local


def _is_this_machine(host: str) -> bool:
    return host in ("127.0.0.1", "::1", "localhost")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # brackets that do not close; whoever opens it says so
        return ""
