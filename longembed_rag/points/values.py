"""What goes through the port: points on their way in, and what comes back of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    NamedTuple,
    Protocol,
    TypeAlias,
    Union,
)
from uuid import UUID

from typing_extensions import TypeIs

from longembed_rag.errors import SettingsError
from longembed_rag.points.spread import MOST_SPREAD, Spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.points.filters import AnyFilter

Quantization = Literal["none", "scalar", "binary"]
#: Kind of the index of a keyword whose points are always looked at together, and no others: a
#: server lays them beside each other. It is described as ``"keyword"``.
TENANT_INDEX = "tenant"


class SparseVector(Protocol):
    """A sparse vector: ids of terms, each once, with their weights."""

    @property
    def indices(self) -> Sequence[int] | NDArray[np.int64]:
        """Ids of the terms, 0 to 2^32 - 1, each once."""

    @property
    def values(self) -> Sequence[float] | NDArray[np.float64]:
        """Their weights, as many."""


Vector: TypeAlias = Union["NDArray[np.float32]", SparseVector]


def is_sparse(vector: Vector) -> TypeIs[SparseVector]:
    """Whether a vector is a sparse one; asking a protocol takes thirty times as long."""
    return hasattr(vector, "indices")


@dataclass(frozen=True, kw_only=True)
class StorageOptions:
    """How a server keeps a collection's vectors; an embedded store passes them over.

    Attributes:
        quantization: ``"scalar"`` keeps one byte a number in memory, ``"binary"`` one bit; the
            exact vectors stay on disk and decide the order of what is found.
        on_disk: Whether vectors, word lists and graphs stay on disk instead of in memory.
        shards: Parts that its points are spread over, each on one node; None is as 1.
        replicas: Nodes that hold each shard; None leaves it to the server.
        write_consistency: Replicas that have to confirm a write; None leaves it to the server.

    Raises:
        SettingsError: A value is unknown, or out of range.
    """

    quantization: Quantization = "none"
    on_disk: bool = False
    shards: int | None = None
    replicas: int | None = None
    write_consistency: int | None = None

    def __post_init__(self) -> None:
        if self.quantization not in ("none", "scalar", "binary"):
            raise SettingsError(
                f"quantization={self.quantization!r} is not one of: none, scalar, binary"
            )
        for name, value in self.spread.items():
            if isinstance(value, bool) or not isinstance(value, int):
                raise SettingsError(f"{name}={value!r} must be a whole number")
            if not 1 <= value <= MOST_SPREAD:
                raise SettingsError(f"{name}={value} must be from 1 to {MOST_SPREAD:,}")
        if (self.write_consistency or 1) > (self.replicas or MOST_SPREAD):
            raise SettingsError(
                f"write_consistency={self.write_consistency} is more than replicas="
                f"{self.replicas}: a write would wait for replicas that there never are"
            )

    @property
    def spread(self) -> dict[str, int]:
        """What was said of how it is spread over nodes, by name; without what was left open."""
        said = {name: getattr(self, name) for name in Spread.__dataclass_fields__}
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which vectors the points of a collection have.

    Attributes:
        dense: Their length by name; compared by cosine.
        sparse: Names of sparse ones; compared by the dot product.
        weighs_rarity: Whether the store puts into it how rare each term is (IDF), in each shard by
            itself.
        storage: How a server is to keep them.
    """

    dense: Mapping[str, int] = field(default_factory=dict)
    sparse: tuple[str, ...] = ()
    weighs_rarity: bool = True
    storage: StorageOptions = StorageOptions()


@dataclass(frozen=True, kw_only=True)
class Described:
    """A collection that is there.

    Attributes:
        name: Its own name, also where it was asked for by an alias.
        metadata: What its maker noted down.
        indexes: Kind of the index of each indexed field of the payload.
        spread: How it is spread over a server's nodes; None of an embedded store.
    """

    name: str
    metadata: Mapping[str, Any]
    indexes: Mapping[str, str]
    spread: Spread | None = None


@dataclass(frozen=True)
class Point:
    """A point to be written.

    Attributes:
        id: A UUID in its usual spelling.
        vectors: By name: float32 arrays and sparse vectors; an empty sparse one is none.
        payload: What is stored beside them, JSON values.
    """

    id: str
    vectors: Mapping[str, Vector]
    payload: dict[str, Any]


@dataclass(frozen=True)
class Stored:
    """A point that was read.

    Attributes:
        id: Its id.
        payload: Of its payload what was asked for.
        vectors: Its vectors by name, if they were asked for.
    """

    id: str
    payload: dict[str, Any]
    vectors: Mapping[str, Vector] = field(default_factory=dict)


class Hit(NamedTuple):
    """A point that was found; a tuple, since a search makes hundreds of them.

    Attributes:
        id: Its id.
        score: How close it is: a cosine, or the dot product of terms.
        payload: Of its payload what was asked for.
    """

    id: str
    score: float
    payload: dict[str, Any]


@dataclass(frozen=True)
class Ask:
    """A query.

    Attributes:
        using: Name of the vector to compare with.
        vector: What to compare; None where there is nothing to ask, such as the word pairs of a
            query of one word.
        limit: Most points; for none, nothing is asked.
        filter: Which points; None for all.
        keys: Fields of the payload to answer with; none for none.
        corpus: Among which points a store counts how rare the terms of a sparse vector are, where
            it does; None for all.
    """

    using: str
    vector: Vector | None
    limit: int
    filter: AnyFilter | None = None
    keys: tuple[str, ...] = ()
    corpus: AnyFilter | None = None

    @property
    def finds_nothing(self) -> bool:
        """Whether the answer is known without asking."""
        return self.vector is None or self.limit < 1 or is_empty(self.vector)


def described_kind(kind: str) -> str:
    """As what an index of a kind is described once it is made."""
    return "keyword" if kind == TENANT_INDEX else kind


def native_id(identity: str) -> int | str:
    """An id as stores have it: ours are UUIDs, other programs' may be numbers."""
    return int(identity) if identity.isdecimal() else identity


def is_id(identity: str) -> bool:
    """Whether a point may be called so."""
    try:
        return identity.isdecimal() or bool(UUID(identity))
    except ValueError:
        return False


def is_empty(vector: Vector) -> bool:
    """Whether a vector is a sparse one without any term, which stores keep as none."""
    # Not by isinstance: to look a protocol over takes longer than many a query.
    indices = getattr(vector, "indices", None)
    return indices is not None and not len(indices)


@dataclass(frozen=True)
class Page:
    """Some of a collection's points, in the order of their ids.

    Attributes:
        points: The points.
        next: The id that the next page begins with; None after the last.
    """

    points: tuple[Stored, ...]
    next: str | None
