"""How near to the exact answer a server's comparison of vectors is to come."""

from __future__ import annotations

from dataclasses import dataclass

from longembed_rag.errors import SettingsError

#: Points below which every vector is compared: 100,000 of 384 numbers take 10 ms of a processor.
EXACT_BELOW = 100_000
#: The same where vectors lie on disk, and each may have to be read from it.
EXACT_BELOW_ON_DISK = 10_000
#: Points that the search through the graph keeps in sight: of the 256 nearest passages, as many as
#: a hybrid search asks for, it then finds more than 99 of 100 (benchmarks/nearness.py).
HNSW_EF = 1024
#: Most of them: more than that many comparisons are dearer than to compare all.
MOST_EF = 100_000


@dataclass(frozen=True, kw_only=True)
class Nearness:
    """When a server is to compare a query with every vector, and how hard it is to look else.

    An embedded store compares with every vector.

    Attributes:
        exact_below: Points of a collection below which all are compared; 0 for never. None takes
            :data:`EXACT_BELOW`, or :data:`EXACT_BELOW_ON_DISK` where the vectors lie on disk.
        hnsw_ef: Points that the search through the graph (HNSW) keeps in sight; None takes
            :data:`HNSW_EF`.

    Raises:
        SettingsError: A value is out of range.
    """

    exact_below: int | None = None
    hnsw_ef: int | None = None

    def __post_init__(self) -> None:
        for name, least, most in (("exact_below", 0, 2**31 - 1), ("hnsw_ef", 1, MOST_EF)):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int):
                raise SettingsError(f"{name}={value!r} must be a whole number")
            if not least <= value <= most:
                raise SettingsError(f"{name}={value} must be from {least} to {most:,}")

    def of(self, points: int, *, on_disk: bool = False, quantization: str = "none") -> Comparing:
        """How the vectors of a collection are compared.

        Args:
            points: How many there are, about.
            on_disk: Whether they lie on disk.
            quantization: ``"none"``, ``"scalar"``, ``"binary"``, or another of Qdrant's.
        """
        usual = EXACT_BELOW_ON_DISK if on_disk else EXACT_BELOW
        below = usual if self.exact_below is None else self.exact_below
        if points < below:
            return Comparing(points=points)
        return Comparing(
            points=points,
            hnsw_ef=self.hnsw_ef or HNSW_EF,
            oversampling=OVERSAMPLING.get(quantization),
        )


@dataclass(frozen=True, kw_only=True)
class Comparing:
    """How a query's vector is compared with those of a collection.

    Attributes:
        points: How many there are, about; None of an embedded store.
        hnsw_ef: Points that the search through the graph keeps in sight; None where there is no
            such search, and every vector is compared.
        oversampling: How many times as many points as are asked for are looked up by their
            quantized vectors, before the exact ones put them in order; None where none are
            quantized, or where every vector is compared.
    """

    points: int | None = None
    hnsw_ef: int | None = None
    oversampling: float | None = None

    @property
    def exact(self) -> bool:
        """Whether every vector is compared."""
        return self.hnsw_ef is None

    @property
    def told(self) -> str:
        """The same for people."""
        count = "" if self.points is None else f" ({self.points:,} points)"
        if self.exact:
            return f"with every vector{count}"
        more = f", oversampling {self.oversampling:g}" if self.oversampling else ""
        return f"by HNSW, approximately{count}: hnsw_ef {self.hnsw_ef}{more}"


#: How many times as many points are looked up by quantized vectors, by quantization.
OVERSAMPLING = {"scalar": 2.0, "binary": 4.0}
