"""The head of a table of frequencies: which segments count, changed in one step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from longembed_rag.points.filters import FieldCondition, Filter, MatchValue
from longembed_rag.points.values import Point
from longembed_rag.store.payload import OWN_KEY

if TYPE_CHECKING:
    from longembed_rag.store.place import Place

#: The id of the head's point; one in each table.
HEAD_ID = str(UUID(int=0))
#: Fields of the table's points that are asked for by their values.
SEQUENCE_KEY = f"{OWN_KEY}.sequence"
KIND_KEY = f"{OWN_KEY}.kind"
SEGMENT_KEY = f"{OWN_KEY}.segment"
TABLE_INDEXES = {SEQUENCE_KEY: ("integer",), KIND_KEY: ("keyword",)}
TERM_BITS = 32  # of a term's id
#: What is done, for messages.
READING, WRITING = "reading the frequencies of words", "writing the frequencies of words"


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Counts of terms over documents that came and went; what is in it never changes.

    Attributes:
        id: A UUID; those of its points follow from it.
        terms: How many terms it has.
        bits: By how many of their first bits terms are put into buckets.
        totals: How many more documents and passages have any, since it.
        pages: How many points list its documents.
    """

    id: str
    terms: int
    bits: int
    totals: tuple[int, ...]
    pages: int

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Segment:
        """What ``asdict`` gave."""
        return cls(
            id=str(values["id"]),
            terms=int(values["terms"]),
            bits=int(values["bits"]),
            totals=tuple(int(each) for each in values["totals"]),
            pages=int(values["pages"]),
        )

    def bucket_of(self, term: int) -> int:
        """Which bucket a term is in."""
        return term >> (TERM_BITS - self.bits)

    def bucket_id(self, bucket: int) -> str:
        """The id of the point of a bucket; there is none where it would be empty."""
        return str(uuid5(UUID(self.id), f"bucket/{bucket}"))

    def page_id(self, page: int) -> str:
        """The id of a point that lists documents."""
        return str(uuid5(UUID(self.id), f"page/{page}"))

    def point_ids(self) -> Iterator[str]:
        """The ids of all points that it may have."""
        yield from map(self.bucket_id, range(1 << self.bits))
        yield from map(self.page_id, range(self.pages))


@dataclass(frozen=True, kw_only=True)
class Head:
    """What counts.

    Attributes:
        sequence: How often it was changed.
        segments: The segments that count.
        holder: Who changes it now; empty for nobody.
        until: When that may be taken over, in seconds since 1970.
    """

    sequence: int = 0
    segments: tuple[Segment, ...] = ()
    holder: str = ""
    until: float = 0.0

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Head:
        """What :meth:`to_point` gave."""
        own = payload[OWN_KEY]
        return cls(
            sequence=int(own["sequence"]),
            segments=tuple(map(Segment.from_dict, own["segments"])),
            holder=str(own["holder"]),
            until=float(own["until"]),
        )

    def to_point(self) -> Point:
        """As a point."""
        segments = [{**asdict(each), "totals": list(each.totals)} for each in self.segments]
        return Point(HEAD_ID, {}, {OWN_KEY: {"kind": "head", **asdict(self), "segments": segments}})

    def totals(self, column: int) -> int:
        """How many documents, or passages, have any terms."""
        return sum(each.totals[column] for each in self.segments)


def read_head(place: Place) -> Head | None:
    """The head of a table; None where there is none yet.

    Raises:
        CollectionNotFoundError: There is no table.
        StoreError: It cannot be read.
    """
    found = place.points.fetch(place.words, [HEAD_ID], what=READING)
    return Head.from_payload(found[0].payload) if found else None


def exchange(place: Place, known: Head | None, new: Head) -> Head | None:
    """Put a head in the place of the one that was read, unless somebody else has done so.

    Args:
        place: Where the table is.
        known: The head as it was read; None where there was none.
        new: What counts from now on; its sequence is set.

    Returns:
        The head as it is now; None where another one is there.

    Raises:
        StoreError: It cannot be written.
    """
    sequence = -1 if known is None else known.sequence
    made = replace(new, sequence=sequence + 1)
    seen = Filter(must=[FieldCondition(key=SEQUENCE_KEY, match=MatchValue(sequence))])
    written = place.points.exchange(place.words, [made.to_point()], only_if=seen, what=WRITING)
    return made if written else None
