"""Segments of a table of frequencies: written once, read in parts, and merged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from longembed_rag.points.port import delete_all
from longembed_rag.points.values import Point
from longembed_rag.store.frequencies.head import READING, TERM_BITS, WRITING, Segment
from longembed_rag.store.frequencies.identities import net, packed, unpacked
from longembed_rag.store.frequencies.postings import COLUMNS, Postings
from longembed_rag.store.payload import OWN_KEY, read_own

if TYPE_CHECKING:
    from longembed_rag.store.frequencies.identities import Identities
    from longembed_rag.store.place import Place

#: Terms in a bucket, about: a query reads one for each of its terms, and so many take 3 KB.
BUCKET = 512
#: Terms that are in memory at once while segments are merged, some 30 bytes each.
ROWS = 1_000_000
_PAGE = 4096  # documents in a point that lists them: 130 KB
_FETCHED = 512  # points in a request


def write_segment(
    place: Place, postings: Postings, *, added: Identities, removed: Identities
) -> Segment:
    """Write a segment; it does not count before the head says so.

    Args:
        place: Where the table is.
        postings: Its terms.
        added: The documents whose terms these are, by the ids of their postings.
        removed: Those whose terms were taken off.

    Raises:
        StoreError: It cannot be written.
    """
    segment = _begun(len(postings), tuple(postings.totals.tolist()), len(added) + len(removed))
    _write(place, _buckets(segment, postings))
    _write(place, _pages(segment, added, removed))
    return segment


def merge_segments(
    place: Place, segments: Sequence[Segment], *, on_part: Callable[[], None] = lambda: None
) -> Segment:
    """Write a segment that says what several say; a part of them is in memory at once.

    Args:
        place: Where the table is.
        segments: The segments.
        on_part: Is called now and then.

    Raises:
        StoreError: They cannot be read, or it cannot be written.
    """
    terms = sum(each.terms for each in segments)
    totals = tuple(sum(each.totals[column] for each in segments) for column in range(COLUMNS))
    added, removed = listed(place, segments)
    segment = _begun(terms, totals, len(added) + len(removed))
    parts = min(segment.bits, max(0, math.ceil(math.log2(max(terms, 1) / ROWS))))
    kept = 0
    for part in range(1 << parts):
        on_part()
        merged = Postings.together((1, _part(place, each, part, parts)) for each in segments)
        kept += len(merged)
        _write(place, _buckets(segment, merged))
    _write(place, _pages(segment, added, removed))
    return replace(segment, terms=kept)


def listed(place: Place, segments: Sequence[Segment]) -> tuple[Identities, Identities]:
    """Of which documents segments have the terms, and of which they take them off, on balance.

    Raises:
        StoreError: They cannot be read.
    """
    several = []
    ids = [each.page_id(page) for each in segments for page in range(each.pages)]
    for start in range(0, len(ids), _FETCHED // 8):
        found = place.points.fetch(place.words, ids[start : start + _FETCHED // 8], what=READING)
        for point in found:
            own = read_own(point.payload)
            several += [(1, unpacked(own["added"])), (-1, unpacked(own["removed"]))]
    return net(several)


def remove_segments(place: Place, segments: Sequence[Segment]) -> None:
    """Remove the points of segments that count no longer.

    Raises:
        WriteError: They could not be removed.
    """
    for segment in segments:
        delete_all(place.points, place.words, segment.point_ids(), what=WRITING)


def _begun(terms: int, totals: tuple[int, ...], documents: int) -> Segment:
    bits = min(TERM_BITS, max(0, round(math.log2(max(terms, 1) / BUCKET))))
    return Segment(
        id=str(uuid4()),
        terms=terms,
        bits=bits,
        totals=totals,
        pages=math.ceil(documents / _PAGE),
    )


def _buckets(segment: Segment, postings: Postings) -> Iterator[Point]:
    """The buckets that terms fall into, whole: the terms are all of those in them."""
    import numpy as np

    buckets = (
        postings.terms >> np.uint32(TERM_BITS - segment.bits)
        if segment.bits
        else (np.zeros(len(postings), dtype=np.uint32))
    )
    changes = np.flatnonzero(np.r_[True, buckets[1:] != buckets[:-1]][: len(buckets)])
    starts: list[int] = changes.tolist()
    for start, end in zip(starts, [*starts[1:], len(postings)], strict=False):
        payload = {
            "kind": "bucket",
            "segment": segment.id,
            **postings.between(start, end).packed(),
        }
        yield Point(segment.bucket_id(int(buckets[start])), {}, {OWN_KEY: payload})


def _pages(segment: Segment, added: Identities, removed: Identities) -> Iterator[Point]:
    for page in range(segment.pages):
        first = page * _PAGE
        here = added[first : first + _PAGE]
        before = max(0, first - len(added))
        gone = removed[before : before + _PAGE - len(here)]
        payload = {
            "kind": "page",
            "segment": segment.id,
            "added": packed(here),
            "removed": packed(gone),
        }
        yield Point(segment.page_id(page), {}, {OWN_KEY: payload})


def _part(place: Place, segment: Segment, part: int, parts: int) -> Postings:
    """The terms of a segment whose first bits are so."""
    import numpy as np

    bits = max(segment.bits - parts, 0)
    # Of a segment with fewer buckets than there are parts, the bucket that this part lies in.
    first = (part << bits) if segment.bits >= parts else part >> (parts - segment.bits)
    ids = [segment.bucket_id(first + each) for each in range(1 << bits)]
    several = []
    for start in range(0, len(ids), _FETCHED):
        found = place.points.fetch(place.words, ids[start : start + _FETCHED], what=READING)
        several += [Postings.unpacked(read_own(point.payload)) for point in found]
    together = Postings.together((1, each) for each in several)
    if segment.bits >= parts:
        return together
    here = np.flatnonzero((together.terms >> np.uint32(TERM_BITS - parts)) == part)
    return together.between(*(here[[0, -1]] + [0, 1])) if len(here) else together.between(0, 0)


def _write(place: Place, points: Iterator[Point]) -> None:
    place.points.write(place.words, points, what=WRITING)
