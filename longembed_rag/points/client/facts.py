"""What a server says of a collection, as far as searches need to know it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longembed_rag.points.spread import Spread

if TYPE_CHECKING:
    from qdrant_client.models import CollectionInfo

# Seconds for which a collection is about as large as it was.
_FRESH = 60.0


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a collection on a server.

    Attributes:
        points: How many there are, about.
        on_disk: Whether vectors lie on disk.
        quantization: ``"none"``, ``"scalar"``, ``"binary"``, or another of Qdrant's.
        spread: How it is spread over nodes.
        read_at: When that was read, by :func:`time.monotonic`.
    """

    points: int
    on_disk: bool
    quantization: str
    spread: Spread
    read_at: float = field(default_factory=time.monotonic, compare=False)

    @classmethod
    def of(cls, info: CollectionInfo) -> Facts:
        """What a collection says of itself."""
        told = info.config.params
        vectors: Any = told.vectors
        each = list(vectors.values()) if isinstance(vectors, dict) else [vectors] if vectors else []
        quantized = info.config.quantization_config
        kinds = [] if quantized is None else list(type(quantized).model_fields)
        return cls(
            points=info.points_count or 0,
            on_disk=any(vector.on_disk for vector in each),
            quantization=kinds[0] if kinds else "none",
            spread=Spread(
                shards=told.shard_number or 1,
                replicas=told.replication_factor or 1,
                write_consistency=told.write_consistency_factor or 1,
            ),
        )

    @property
    def is_fresh(self) -> bool:
        """Whether the collection is likely still as large."""
        return time.monotonic() - self.read_at < _FRESH
