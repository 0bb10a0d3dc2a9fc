"""Bringing a table of frequencies in step with the documents that are there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from longembed_rag.errors import WriteError
from longembed_rag.points.filters import Filter, matches
from longembed_rag.points.port import delete_all, scroll
from longembed_rag.store.frequencies.head import (
    KIND_KEY,
    SEGMENT_KEY,
    WRITING,
    Head,
    Segment,
    exchange,
    read_head,
)
from longembed_rag.store.frequencies.identities import identities, net, spelled
from longembed_rag.store.frequencies.postings import (
    Postings,
    half_of,
    postings_id,
    postings_point,
)
from longembed_rag.store.frequencies.segments import (
    ROWS,
    listed,
    merge_segments,
    remove_segments,
    write_segment,
)
from longembed_rag.store.listing import list_documents
from longembed_rag.store.manifest import Manifest
from longembed_rag.store.payload import read_own
from longembed_rag.store.values import PAIRS_VECTOR, TERMS_VECTOR
from longembed_rag.store.writing import of_documents

if TYPE_CHECKING:
    from longembed_rag.points.values import Vector
    from longembed_rag.store.frequencies.identities import Identities
    from longembed_rag.store.place import Place
    from longembed_rag.store.values import StoredSource

#: Seconds after which somebody who has said nothing more is taken for dead.
PATIENCE = 60.0
_FETCHED = 32  # documents' terms in a request: some megabytes, where they are long


def settle(place: Place, *, sweeps: bool = False) -> int:
    """Count the documents that have come, and no longer those that have gone.

    Every step that counts is one exchange of the head, so that a call that is interrupted leaves a
    table that is right for the documents that it lists; the next call goes on from there. One call
    at a time works on a table, others wait for it.

    Args:
        place: Where the collection is; its documents and their passages are written.
        sweeps: Whether to look for what somebody who was killed has left in the table.

    Returns:
        How many documents came or went.

    Raises:
        WriteError: Somebody else works on it and does not come to an end.
        StoreError: The store cannot be read or written to.
    """
    turn = _Turn(place)
    try:
        done = _settled(turn)
        if sweeps or turn.is_taken_over:
            _sweep(turn)
        return done
    finally:
        turn.give_up()


def _settled(turn: _Turn) -> int:
    place = turn.place
    there = identities(postings_id(each) for each in list_documents(place))
    counted, _ = listed(place, turn.head.segments)
    come, gone = net([(1, there), (-1, counted)])
    lost = _lacking(place, gone)
    if lost:
        # Their terms cannot be taken off any more: all are counted once more.
        before = turn.head.segments
        turn.put(())
        remove_segments(place, before)
        come, gone = there, gone[:0]
    _adopt(place, set(_lacking(place, come)))
    _count(turn, come, gone)
    _merge(turn)
    return len(come) + len(gone)


def miscounted(place: Place) -> tuple[int, int]:
    """How many documents are there and not counted, and how many the reverse.

    Raises:
        StoreError: The store cannot be read.
    """
    head = read_head(place) or Head()
    there = identities(postings_id(each) for each in list_documents(place))
    counted, _ = listed(place, head.segments)
    come, gone = net([(1, there), (-1, counted)])
    return len(come), len(gone)


class _Turn:
    """The right to change a table; it has to be used every :data:`PATIENCE` seconds.

    Args:
        place: Where the table is; waits until it is free.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.head = Head()
        self.is_taken_over = False
        self._holder = uuid4().hex
        waited_from, seen = time.monotonic(), None
        while True:
            known = read_head(place)
            state = None if known is None else known.sequence
            if state != seen:
                waited_from, seen = time.monotonic(), state
            # Who holds it goes on in less than its patience; a dead one never does. Clocks of two
            # machines need not agree for that.
            is_late = time.monotonic() - waited_from > PATIENCE
            if known is None or not known.holder or known.until < time.time() or is_late:
                head = exchange(place, known, self._held(known or Head()))
                if head is not None:
                    self.head = head
                    self.is_taken_over = known is not None and bool(known.holder)
                    return
            time.sleep(0.2)

    def _held(self, head: Head) -> Head:
        return replace(head, holder=self._holder, until=time.time() + PATIENCE)

    def put(self, segments: Sequence[Segment]) -> None:
        """Let these segments count from now on, and no others.

        Raises:
            WriteError: Somebody else has taken over.
        """
        head = exchange(
            self.place, self.head, self._held(replace(self.head, segments=tuple(segments)))
        )
        if head is None:
            raise WriteError(
                f"the frequencies of words at {self.place.location} are being settled by somebody "
                "else, who took this call for dead; run the same again to go on"
            )
        self.head = head

    def hold(self) -> None:
        """Say that this is alive, if that was not said for a while."""
        if self.head.until - time.time() < PATIENCE / 2:
            self.put(self.head.segments)

    def give_up(self) -> None:
        """Let others change it; harmless where they already do."""
        exchange(self.place, self.head, replace(self.head, holder="", until=0.0))


def _count(turn: _Turn, come: Identities, gone: Identities) -> None:
    """Write segments of what came and went, as many terms at a time as fit into memory."""
    signed = ((sign, part) for sign, ids in ((-1, gone), (1, come)) for part in _parts(ids))
    several: list[tuple[int, Postings]] = []
    ids: dict[int, list[Identities]] = {1: [], -1: []}
    rows = 0

    def write() -> None:
        nonlocal several, rows, ids
        added, removed = (net([(1, each) for each in ids[sign]])[0] for sign in (1, -1))
        segment = write_segment(
            turn.place, Postings.together(several), added=added, removed=removed
        )
        turn.put((*turn.head.segments, segment))
        delete_all(turn.place.points, turn.place.words, spelled(removed), what=WRITING)
        several, rows, ids = [], 0, {1: [], -1: []}

    for sign, part in signed:
        turn.hold()
        found = list(_fetched(turn.place, part))
        several += [(sign, each) for each in found]
        ids[sign].append(part)
        rows += sum(map(len, found))
        if rows > ROWS:
            several = [(1, Postings.together(several))]
            rows = len(several[0][1])
            if rows > ROWS // 2:
                write()
                _merge(turn)
    if ids[1] or ids[-1]:
        write()


def _merge(turn: _Turn) -> None:
    """Keep few segments, each at least twice as large as the next."""
    while True:
        segments = sorted(turn.head.segments, key=lambda each: -each.terms)
        if len(segments) < 2 or segments[-2].terms >= 2 * segments[-1].terms:
            return
        merged = merge_segments(turn.place, segments[-2:], on_part=turn.hold)
        turn.put((*segments[:-2], merged))
        remove_segments(turn.place, segments[-2:])


def _sweep(turn: _Turn) -> None:
    """Remove what somebody who was killed has begun: segments, and terms of documents.

    Terms are there before their document is, but after the manifest says that it is being written,
    so they are nobody's once neither it nor the listing of documents, read in this order after the
    terms, knows of them.
    """
    place = turn.place
    kept = {each.id for each in turn.head.segments}
    found = scroll(
        place.points,
        place.words,
        what=WRITING,
        keys=[SEGMENT_KEY],
        matching=Filter(must=[matches(KIND_KEY, "bucket", "page")]),
    )
    orphans = [each.id for each in found if read_own(each.payload).get("segment") not in kept]
    delete_all(place.points, place.words, orphans, what=WRITING)
    turn.hold()
    found = scroll(
        place.points,
        place.words,
        what=WRITING,
        keys=[],
        matching=Filter(must=[matches(KIND_KEY, "postings")]),
    )
    terms = identities(each.id for each in found)
    entries = Manifest(place).entries().values()
    in_hand = {half_of(each.document_id) for each in entries if each.state == "writing"}
    there = identities(postings_id(each) for each in list_documents(place))
    counted, _ = listed(place, turn.head.segments)
    left, _ = net([(1, terms), (-1, there), (-1, counted)])
    orphans = [each for each in spelled(left) if half_of(each) not in in_hand]
    delete_all(place.points, place.words, orphans, what=WRITING)


def _parts(ids: Identities) -> Iterator[Identities]:
    for start in range(0, len(ids), _FETCHED):
        yield ids[start : start + _FETCHED]


def _fetched(place: Place, ids: Identities) -> Iterator[Postings]:
    found = place.points.fetch(place.words, spelled(ids), what=WRITING)
    for point in found:
        yield Postings.unpacked(read_own(point.payload))


def _lacking(place: Place, ids: Identities) -> list[str]:
    """Those of which there are no terms."""
    lacking: list[str] = []
    for start in range(0, len(ids), 1000):
        wanted = spelled(ids[start : start + 1000])
        found = place.points.fetch(place.words, wanted, keys=[], what=WRITING)
        lacking += sorted(set(wanted) - {each.id for each in found})
    return lacking


def _adopt(place: Place, lacking: set[str]) -> None:
    """Write the terms of documents that came without: from their vectors, as they are stored."""
    if not lacking:
        return
    for stored in list_documents(place):
        identity = postings_id(stored)
        if identity in lacking:
            point = postings_point(stored, *_read(place, stored))
            place.points.write(place.words, [point], what=WRITING)


def _read(
    place: Place, stored: StoredSource
) -> tuple[Mapping[str, Vector], Iterator[Mapping[str, Vector]]]:
    """The sparse vectors of a document that is there, and of its passages."""
    own = place.points.fetch(
        place.documents,
        [stored.document_id],
        keys=[],
        vectors=[TERMS_VECTOR, PAIRS_VECTOR],
        what=WRITING,
    )
    passages = scroll(
        place.points,
        place.passages,
        what=WRITING,
        keys=[],
        matching=of_documents([stored.document_id], version=stored.content_hash),
        vectors=[TERMS_VECTOR],
        limit=256,
    )
    return own[0].vectors if own else {}, (each.vectors for each in passages)
