"""Which documents somebody works on, so that nobody else does so at the same time.

Several may write to a collection on a server: two ingests, or one with many workers. Each has a
*holder* of its own, noted in the manifest with a lease that it renews; before the model reads a
document, it is claimed there for the holder, by a write that only one can win. A claim counts as
long as its holder lives. Whoever loses one waits for the other, or takes over once that is dead.
Were a claim to fail, nothing would be lost: a document would be read twice.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid4, uuid5

from typing_extensions import Self

from longembed_rag.errors import StoreError
from longembed_rag.points.filters import Filter, matches
from longembed_rag.points.port import delete_all, scroll
from longembed_rag.points.values import Point
from longembed_rag.store.manifest import Manifest, ManifestEntry

if TYPE_CHECKING:
    from longembed_rag.points.values import Stored
    from longembed_rag.store.place import Place
    from longembed_rag.store.values import StoredSource

#: Seconds after which a holder that has not renewed its lease is taken for dead. Clocks of machines
#: that write to one collection have to agree to a fraction of it.
LEASE = 60.0
#: What points of the manifest are that are no entries, and whose they are.
KIND_KEY, HOLDER_KEY = "kind", "holder"
MANIFEST_INDEXES = {KIND_KEY: ("keyword",), HOLDER_KEY: ("keyword",)}
_RUN, _CLAIM = "run", "claim"
_WHAT = "claiming documents"


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Somebody who works on documents of a collection.

    Attributes:
        name: Its name, used once.
        host: The machine that it runs on.
        process: Its process there.
        until: When its lease ends, in seconds since 1970.
    """

    name: str
    host: str
    process: int
    until: float

    @property
    def is_alive(self) -> bool:
        """Whether it has renewed its lease; on this machine, whether its process is there, too."""
        if self.until < time.time():
            return False
        return self.host != _host() or _runs(self.process)

    def to_point(self) -> Point:
        """As a point of the manifest."""
        payload: dict[str, Any] = {
            KIND_KEY: _RUN,
            HOLDER_KEY: self.name,
            "host": self.host,
            "process": self.process,
            "until": self.until,
        }
        return Point(self.point_id, {}, payload)

    @property
    def point_id(self) -> str:
        """The id of its point; its claims have others."""
        return str(uuid5(NAMESPACE_OID, self.name))

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Holder:
        """What :meth:`to_point` gave."""
        return cls(
            name=str(payload[HOLDER_KEY]),
            host=str(payload["host"]),
            process=int(payload["process"]),
            until=float(payload["until"]),
        )


class Claims:
    """The documents that a holder works on; a context manager, which keeps its lease alive.

    Args:
        place: Where the collection is.
        name: The holder's name; None makes up a new one.
        lease: Seconds after which it is taken for dead; it is renewed three times as often.
    """

    def __init__(self, place: Place, *, name: str | None = None, lease: float = LEASE) -> None:
        self.name = name or uuid4().hex
        self._place = place
        self._lease = lease
        self._ends = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._renew()
        self._thread = threading.Thread(target=self._keep_alive, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._ends.set()
        if self._thread is not None:
            self._thread.join()
            with suppress(StoreError):  # its lease ends by itself
                own = Filter(must=[matches(HOLDER_KEY, self.name)])
                self._place.points.delete(self._place.manifest, own, what="ending an ingest")

    def _holder(self) -> Holder:
        return Holder(
            name=self.name,
            host=_host(),
            process=os.getpid(),
            until=time.time() + self._lease,
        )

    def _renew(self) -> None:
        point = self._holder().to_point()
        self._place.points.write(self._place.manifest, [point], what="renewing a lease")

    def _keep_alive(self) -> None:
        while not self._ends.wait(self._lease / 3):
            with suppress(StoreError):  # tried again soon; whoever writes says what is wrong
                self._renew()

    def take(self, sources: Iterable[str]) -> dict[str, ManifestEntry | None]:
        """Claim documents that nobody else who is alive works on.

        Args:
            sources: The documents.

        Returns:
            Those that are this holder's from now on, until they are released, with what the
            manifest has of each now: somebody else may just have written it.

        Raises:
            StoreError: The manifest cannot be read or written to.
        """
        by_id = {_claim_id(source): source for source in sources}
        points = [self._claim(identity, source) for identity, source in by_id.items()]
        taken = self._exchange(points, [self.name])
        left = [each for each in points if each.id not in taken]
        if left:
            alive = {each.name for each in holders(self._place) if each.is_alive}
            found = self._place.points.fetch(
                self._place.manifest, [each.id for each in left], what=_WHAT
            )
            named = {str(each.payload[HOLDER_KEY]) for each in found}
            # Of those that were released meanwhile there is nothing to be fulfilled.
            taken |= self._exchange(left, sorted(named - alive) or [self.name])
        return Manifest(self._place).find(by_id[each] for each in sorted(taken))

    def release(self, sources: Iterable[str]) -> None:
        """Let others have documents, which are written, or cannot be.

        Raises:
            StoreError: The manifest cannot be written to.
        """
        ids = map(_claim_id, sources)
        delete_all(self._place.points, self._place.manifest, ids, what=_WHAT)

    def _claim(self, identity: str, source: str) -> Point:
        return Point(identity, {}, {KIND_KEY: _CLAIM, HOLDER_KEY: self.name, "source": source})

    def _exchange(self, points: list[Point], names: list[str]) -> set[str]:
        if not points:
            return set()
        theirs = Filter(must=[matches(HOLDER_KEY, *names)])
        return self._place.points.exchange(self._place.manifest, points, only_if=theirs, what=_WHAT)


def is_written_since(
    entry: ManifestEntry | None, digest: str, *, known: StoredSource | None
) -> bool:
    """Whether somebody else has written a text since this run looked at the collection.

    Args:
        entry: What the manifest has of the document now.
        digest: Hash of the text that is to be there.
        known: What the collection had of it; where that is this very text, it is read once more for
            another reason, such as passages that it has lost.
    """
    if entry is None or (entry.state, entry.content_hash) != ("stored", digest):
        return False
    return known is None or known.content_hash != digest


def holders(place: Place) -> list[Holder]:
    """Everybody who works on a collection, or has died over it.

    Raises:
        StoreError: The manifest cannot be read.
    """
    return [Holder.from_payload(each.payload) for each in _of_kind(place, _RUN)]


def claimed_by_others(place: Place, *, name: str = "") -> frozenset[str]:
    """The documents that others who are alive have in hand; what the dead have left is forgotten.

    Args:
        place: Where the collection is.
        name: Who asks.

    Raises:
        StoreError: The manifest cannot be read or written to.
    """
    there = holders(place)
    alive = {each.name for each in there if each.is_alive}
    gone = [each.point_id for each in there if each.name not in alive]
    in_hand = set()
    for each in _of_kind(place, _CLAIM):
        holder = each.payload[HOLDER_KEY]
        if holder not in alive:
            gone.append(each.id)
        elif holder != name:
            in_hand.add(str(each.payload["source"]))
    delete_all(place.points, place.manifest, gone, what=_WHAT)
    return frozenset(in_hand)


def _of_kind(place: Place, kind: str) -> Iterator[Stored]:
    return scroll(
        place.points, place.manifest, what=_WHAT, matching=Filter(must=[matches(KIND_KEY, kind)])
    )


def _claim_id(source: str) -> str:
    return str(uuid5(NAMESPACE_OID, f"claim/{source}"))


def _host() -> str:
    return socket.gethostname()


def _runs(process: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it is another user's
    return True
