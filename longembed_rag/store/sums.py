"""Checksums over what a document's points hold, so that what is stored is known to be as written.

A point carries the sum of its payload, its text and its vector. The words of a document and of its
passages are weighed anew from time to time, passage by passage, so that their sums stand together
with the document, those under way beside those that were: whenever a process is killed, every
vector fits one of the two.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import StoreDamagedError
from longembed_rag.points.port import scroll
from longembed_rag.points.values import is_sparse
from longembed_rag.store.listing import list_documents
from longembed_rag.store.manifest import Manifest
from longembed_rag.store.payload import (
    OWN_KEY,
    read_node,
    read_own,
    read_source,
    read_stored_source,
)
from longembed_rag.store.values import DENSE_VECTOR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.points.values import Point, Stored, Vector
    from longembed_rag.store.place import Place

#: The sum of a point's payload, text and vector.
SUM = "sum"
#: The sums of the words of a document, then of each of its passages.
WORDS = "words"
#: Those that are being written.
NEXT_WORDS = "words_next"
#: The text of a point, and its metadata.
Node = tuple[str | None, dict[str, Any]]
_OF_DOCUMENT = "its text, vector or words are not as they were written"
_CHANGING = frozenset({SUM, WORDS, NEXT_WORDS, "counts"})
_POINT, _WORDS = struct.Struct("<I2f"), struct.Struct("<If")
# Stores bring vectors to unit length once more, and round weights, which moves their last bits.
_TOLERANCE, _RELATIVE = 1e-5, 1e-6
# What numbers raise that are none, or too many or large.
_UNUSABLE = (OverflowError, TypeError, ValueError, struct.error)
_SPREAD = 2654435761  # Knuth's multiplier: the highest bit of the product is as good as random
_PAGE = 256  # points with their texts and vectors


def add_sum(point: Point) -> Point:
    """Note in a point what its payload, text and vector are; returns the point."""
    point.payload[OWN_KEY][SUM] = _encode(
        _POINT.pack(_content(point, read_node(point.payload)), *_projections(point.vectors))
    )
    return point


def add_words(document: Point, passages: Iterable[Point]) -> Point:
    """Note in a document what its words and those of its passages are; returns the document."""
    sums = words_sums(point.vectors for point in (document, *passages))
    document.payload[OWN_KEY].update({WORDS: sums, NEXT_WORDS: ""})
    return document


def words_sums(vectors: Iterable[Mapping[str, Vector]]) -> str:
    """The sums of the sparse vectors of points, in base64."""
    return _encode(b"".join(map(_words, vectors)))


def is_as_written(
    point: Point | Stored, *, with_vector: bool = True, node: Node | None = None
) -> bool:
    """Whether a point's id, payload and text, and its vector, fit their sum.

    True of a point without a sum: of another program, or of an earlier version of this one.

    Args:
        point: The point.
        with_vector: Whether its vector is looked at, too.
        node: Its text and metadata, where they have been read already.
    """
    own = read_own(point.payload)
    noted = _decode(own.get(SUM))
    if noted is None:
        return SUM not in own
    if len(noted) != _POINT.size:
        return False
    content, *projections = _POINT.unpack(noted)
    if content != _content(point, read_node(point.payload) if node is None else node):
        return False
    if not with_vector:
        return True
    try:
        found = list(zip(projections, _projections(point.vectors), strict=True))
    except _UNUSABLE:
        return False
    return all(_is_near(other, one) for one, other in found)


def require_as_written(
    points: Iterable[Stored], place: Place, *, nodes: Mapping[str, Node] | None = None
) -> None:
    """Refuse to answer with documents whose text or payload is not as it was written.

    Args:
        points: Their points.
        place: Where they are, for messages.
        nodes: Their texts and metadata, where they have been read already.

    Raises:
        StoreDamagedError: One is not; names it, and the way out.
    """
    for point in points:
        node = None if nodes is None else nodes[point.id]
        if not is_as_written(point, with_vector=False, node=node):
            source = read_source(point.payload, point_id=point.id)
            raise StoreDamagedError(
                f"{source} at {place.location} is not as it was written; 'longembed-rag verify' "
                "names all that is damaged, and 'verify --repair' readies it for the next ingest"
            )


def require_whole(place: Place) -> None:
    """Refuse a store that holds something else than was written; closes it then.

    Raises:
        StoreDamagedError: It does; names the first document, and the way out.
        StoreError: It cannot be read.
    """
    try:
        if place.points.describe(place.documents) is None:
            return
        for source, told in chain(find_damaged(place), _of_manifest(place)):
            raise StoreDamagedError(
                f"the store at {place.location} is damaged ({source}: {told}): 'longembed-rag "
                "verify --repair' keeps what is whole, and the next ingest embeds the rest again"
            )
    except BaseException:  # whatever it was, it goes on; only the folder must not stay locked
        place.points.close()
        raise


def _of_manifest(place: Place) -> Iterator[tuple[str, str]]:
    """Documents of which the manifest says something else; searches believe it."""
    versions = {each.source: each.content_hash for each in list_documents(place)}
    for source, entry in Manifest(place).entries().items():
        # Other programs remove documents, and leave what the manifest says of them.
        if entry.state == "stored" and versions.get(source, entry.content_hash) != (
            entry.content_hash
        ):
            yield source, "the manifest tells of another version"


@dataclass
class _Words:
    """What the words of a document and of its passages may be."""

    version: str
    source: str
    allowed: list[bytes]

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> _Words | None:
        """What a document's payload says; None where it says nothing."""
        own = read_own(payload)
        noted = [_decode(own.get(key)) for key in (WORDS, NEXT_WORDS) if own.get(key)]
        stored = read_stored_source(payload)
        if not noted or stored is None:
            return None
        return cls(stored.content_hash, stored.source, [each or b"" for each in noted])

    def fit(self, index: int, vectors: Mapping[str, Vector]) -> bool:
        """Whether the words of the document (0) or of a passage (from 1 on) are as written."""
        try:
            terms, weights = _WORDS.unpack(_words(vectors))
        except _UNUSABLE:
            return False
        at = _WORDS.size * index
        for noted in self.allowed:
            part = noted[at : at + _WORDS.size]
            if len(part) == _WORDS.size:
                noted_terms, noted_weights = _WORDS.unpack(part)
                if terms == noted_terms and _is_near(weights, noted_weights):
                    return True
        return False


def find_damaged(place: Place) -> Iterator[tuple[str, str]]:
    """Look at all that a collection holds; gives the documents that are not as they were written.

    Args:
        place: Where they are.

    Yields:
        The source of a document, and what is wrong with it, in words.

    Raises:
        StoreError: The collection cannot be read.
    """
    words: dict[str, _Words] = {}
    for point in scroll(
        place.points, place.documents, what="checking documents", vectors=True, limit=_PAGE
    ):
        is_whole = is_as_written(point)
        known = _Words.of(point.payload) if is_whole else None
        if known is not None:
            words[point.id] = known
        if not is_whole or (known is not None and not known.fit(0, point.vectors)):
            yield read_source(point.payload, point_id=point.id), _OF_DOCUMENT
    wrong: dict[str, int] = defaultdict(int)
    if place.points.describe(place.passages) is None:
        return  # somebody has deleted it, and with it all passages
    for point in scroll(
        place.points, place.passages, what="checking passages", vectors=True, limit=_PAGE
    ):
        own = read_own(point.payload)
        of = words.get(str(own.get("document")))
        is_of_it = of is not None and own.get("version") == of.version
        if not is_as_written(point) or (
            of is not None and is_of_it and not of.fit(_position(own), point.vectors)
        ):
            wrong[str(own.get("document") or point.id) if of is None else of.source] += 1
    for source, count in wrong.items():
        yield source, f"{count} of its passages are not as they were written"


def _position(own: Mapping[str, Any]) -> int:
    """Where the sum of a passage's words stands in its document's."""
    index = own.get("index")
    return index + 1 if isinstance(index, int) else -1


def _content(point: Point | Stored, node: Node) -> int:
    own = {name: value for name, value in read_own(point.payload).items() if name not in _CHANGING}
    text, metadata = node
    canonical = json.dumps([point.id, own, metadata], sort_keys=True, default=str).encode()
    return zlib.crc32((text or "").encode("utf-8", "surrogatepass"), zlib.crc32(canonical))


def _projections(vectors: Mapping[str, Vector]) -> Sequence[float]:
    """Two sums of a vector's numbers, each with a sign that is as good as random."""
    import numpy as np

    vector = vectors.get(DENSE_VECTOR)
    if vector is None or is_sparse(vector):
        return 0.0, 0.0
    exact = np.asarray(vector, dtype=np.float64)
    first, second = (_signs(len(exact)) * exact).sum(axis=1)
    return float(first), float(second)


@lru_cache(maxsize=8)
def _signs(dimension: int) -> NDArray[np.int8]:
    import numpy as np

    drawn = hashlib.shake_128(b"signs").digest(-(-2 * dimension // 8))
    bits = np.unpackbits(np.frombuffer(drawn, dtype=np.uint8))[: 2 * dimension]
    return (2 * bits.astype(np.int8) - 1).reshape(2, dimension)


def _words(vectors: Mapping[str, Vector]) -> bytes:
    """The sum of a point's terms, whatever their order, and one of their weights with signs."""
    import numpy as np

    terms, weights = 0, 0.0
    for name in sorted(vectors):
        vector = vectors[name]
        if is_sparse(vector) and len(vector.indices):
            indices = np.asarray(vector.indices, dtype="<u4")
            terms = zlib.crc32(np.sort(indices).tobytes(), terms)
            signs = 1 - 2 * (indices * np.uint32(_SPREAD) >> np.uint32(31)).astype(np.float64)
            weights += float(signs @ np.asarray(vector.values, dtype=np.float64))
    return _WORDS.pack(terms, weights)


def _is_near(one: float, other: float) -> bool:
    return abs(one - other) <= _TOLERANCE + _RELATIVE * abs(other)


def _encode(sums: bytes) -> str:
    return base64.b64encode(sums).decode()


def _decode(noted: Any) -> bytes | None:
    try:
        return base64.b64decode(noted, validate=True) if isinstance(noted, str) else None
    except ValueError:
        return None
