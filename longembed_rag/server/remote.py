"""A library that a server of the same user holds: commands use it as if it were their own."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longembed_rag import errors
from longembed_rag.errors import LongEmbedError, SettingsError, StoreError, StoreLockedError
from longembed_rag.files.remote import as_location
from longembed_rag.library.library import Library
from longembed_rag.server.codec import decode, encode
from longembed_rag.server.sockets import is_served, socket_path

_PATIENCE = 10.0  # seconds until a server says who it is


@dataclass(frozen=True, kw_only=True)
class RemoteEncoder:
    """What a command tells of the model, which is loaded in the server.

    Attributes:
        model_name: What it is called.
        method: How it reads past its window.
        fingerprint: Hash of its files and of every setting that changes a vector.
    """

    model_name: str
    method: str
    fingerprint: str


class ServerLink:
    """The way to the server that holds a store.

    Args:
        store: The store's folder.
        status: What the server says of itself.
    """

    def __init__(self, store: Path, status: dict[str, Any]) -> None:
        self.store = store
        self.status = status

    @classmethod
    def find(cls, store: Path) -> ServerLink | None:
        """The way to a store's server; None where there is none that answers.

        Args:
            store: The store's folder.
        """
        if not is_served(store):
            return None
        link = cls(store, {})
        try:
            link.status = link.ask("GET", "/own/status", timeout=_PATIENCE)
        except (OSError, http.client.HTTPException, ValueError):
            return None  # it was killed, and its socket file is all that is left of it
        return link

    @property
    def described(self) -> str:
        """Which server it is, for people."""
        return f"the server at {self.status['url']} (process {self.status['pid']})"

    def ask(self, method: str, path: str, *, timeout: float | None = None) -> Any:
        """A short answer of the server.

        Raises:
            OSError: It does not answer.
            ValueError: What it answers is no JSON.
        """
        with closing(_Connection(socket_path(self.store), timeout=timeout)) as connection:
            connection.request(method, path)
            return json.loads(connection.getresponse().read())

    def call(
        self, method: str, *args: Any, on_event: Callable[[Any], None] | None = None, **options: Any
    ) -> Any:
        """Have the server's library do something.

        Args:
            method: Which of its methods.
            *args: What it is given.
            on_event: Is told how it goes.
            **options: Its options.

        Raises:
            StoreError: The server has ended.
            LongEmbedError: What the method raises.
        """
        body = json.dumps(
            {"method": method, "args": encode(list(args)), "options": encode(options)}
        )
        try:
            with closing(_Connection(socket_path(self.store), timeout=None)) as connection:
                connection.request("POST", "/own/call", body.encode("utf-8", "surrogatepass"))
                answer = connection.getresponse()
                if answer.status != http.client.OK:
                    refused = (
                        SettingsError if answer.status == http.client.FORBIDDEN else StoreError
                    )
                    raise refused(json.loads(answer.read())["error"]["message"])
                for line in answer:
                    told = json.loads(line)
                    if "event" not in told:
                        return _result(told)
                    if on_event is not None:
                        on_event(decode(told["event"]))
        except LongEmbedError:  # some are ValueErrors, too
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise StoreError(f"{self.described} does not answer any more: {error!r}") from error
        raise StoreError(f"{self.described} ended before it was done")


class RemoteLibrary(Library):
    """The library of a server; what would take the store itself is refused.

    Args:
        link: The way to the server.
        collection: The collection that is meant.
        given: Settings of the encoder, and of how documents are kept, that were given by name.

    Raises:
        StoreLockedError: The server serves another collection of the store.
        SettingsError: A setting is not the server's.
    """

    def __init__(self, link: ServerLink, *, collection: str, given: dict[str, Any]) -> None:
        self._link = link
        served = link.status["collection"]
        if served != collection:
            raise self._locked(f"serves collection {served!r} of it, and not {collection!r}")
        self._facts: dict[str, Any] | None = None
        for name, value in given.items():
            is_read = name in vars(self.settings)
            known = getattr(self.settings if is_read else self.info().options, name, None)
            if known != value:
                raise SettingsError(
                    f"{name}={value!r}: {link.described} holds the store, and has "
                    f"{name}={known!r}; leave it out, or end the server with 'longembed-rag serve "
                    "--stop'"
                )

    def _locked(self, what: str) -> StoreLockedError:
        return StoreLockedError(
            f"the store at {self._link.store} is held by {self._link.described}, which {what}",
            "end it with 'longembed-rag serve --stop' and try again",
        )

    def close(self) -> None:
        """Nothing: the store is the server's."""

    @property
    def collection(self) -> str:
        """Name of the collection."""
        return str(self._link.status["collection"])

    @property
    def location(self) -> str:
        """Folder of the store."""
        return str(self._link.status["location"])

    @property
    def path(self) -> Path:
        """Folder of the store."""
        return self._link.store

    @property
    def settings(self) -> Any:
        """The encoder's settings."""
        return self._told["settings"]

    @property
    def encoder(self) -> Any:
        """What can be told of the encoder."""
        return RemoteEncoder(
            **{name: self._told[name] for name in RemoteEncoder.__dataclass_fields__}
        )

    @property
    def _told(self) -> dict[str, Any]:
        if self._facts is None:
            try:
                self._facts = decode(self._link.ask("GET", "/own/settings"))
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise StoreError(f"{self._link.described} does not answer any more") from error
        return self._facts

    @property
    def needs_encoder_for_queries(self) -> bool:
        """No: the server has it."""
        return False

    @property
    def outdated(self) -> str | None:
        """As the server's library says."""
        found: str | None = self._link.call("outdated")
        return found

    @property
    def remarks(self) -> tuple[str, ...]:
        """As the server's library says."""
        found: tuple[str, ...] = self._link.call("remarks")
        return found

    def search(self, query: Any, **options: Any) -> Any:
        """As the server's library does; vectors do not come along."""
        return self._link.call("search", query, **options)

    def get(self, id: Any, **options: Any) -> Any:  # noqa: A002 - what it is called elsewhere
        """As the server's library does."""
        return self._link.call("get", id, **options)

    def documents(self, **options: Any) -> Any:
        """As the server's library does."""
        return self._link.call("documents", **options)

    def all_documents(self, **options: Any) -> Iterator[Any]:
        """As the server's library does."""
        return iter(self._link.call("all_documents", **options))

    def info(self) -> Any:
        """As the server's library does."""
        return self._link.call("info")

    def facets(self, **options: Any) -> Any:
        """As the server's library does."""
        return self._link.call("facets", **options)

    def require_tenant(self, filter: Any) -> None:  # noqa: A002 - as everywhere
        """As the server's library does."""
        self._link.call("require_tenant", filter)

    def ingest(self, paths: Any, **options: Any) -> Any:
        """As the server's library does, with the files of this working directory."""
        given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        return self._link.call("ingest", [_from_here(each) for each in given], **options)

    def refresh(self, **options: Any) -> Any:
        """As the server's library does."""
        return self._link.call("refresh", **options)

    def add(self, documents: Any, **options: Any) -> Any:
        """As the server's library does."""
        given = documents if isinstance(documents, list) else [documents]
        return self._link.call("add", given, **options)

    def add_files(self, files: Any, **options: Any) -> Any:
        """As the server's library does, with the files of this working directory."""
        named = {name: _from_here(path) for name, path in files.items()}
        return self._link.call("add_files", named, **options)

    def remove(self, ids: Any) -> Any:
        """As the server's library does."""
        return self._link.call("remove", ids if isinstance(ids, str) else list(ids))

    def mend(self) -> Any:
        """As the server's library does."""
        return self._link.call("mend")

    def verify(self, **options: Any) -> Any:
        """Not while a server holds the store."""
        raise self._locked("cannot verify it while it serves")

    def purge(self) -> Any:
        """Not while a server holds the store."""
        raise self._locked("cannot write its files anew while it serves")

    def copy(self, to: Any, **options: Any) -> Any:
        """Not while a server holds the store."""
        raise self._locked("cannot copy it while it serves")

    @property
    def store(self) -> Any:
        """Not while a server holds it."""
        raise self._locked("has it open")


def _from_here(given: str | os.PathLike[str]) -> Any:
    """A place as another process finds it: a path from the root, or a URL as it is."""
    place = as_location(given)
    return place.absolute() if isinstance(place, Path) else place


def _result(told: dict[str, Any]) -> Any:
    if "error" not in told:
        return decode(told["result"])
    kind = getattr(errors, told["error"], LongEmbedError)
    raise kind(told["message"])


class _Connection(http.client.HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path: Path, *, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
