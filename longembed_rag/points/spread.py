"""How a server spreads a collection over its nodes, and what of it is missing."""

from __future__ import annotations

from dataclasses import dataclass

#: Most shards and replicas: far more than any cluster has, and no slip of a finger.
MOST_SPREAD = 1000


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How a server spreads a collection over its nodes.

    Attributes:
        shards: Parts of it, each with some of the points.
        replicas: Nodes that are to hold each shard.
        write_consistency: Replicas that have to confirm a write.
    """

    shards: int = 1
    replicas: int = 1
    write_consistency: int = 1


@dataclass(frozen=True, kw_only=True)
class MissingReplicas:
    """Replicas that take no part in answers, while others of their shards do.

    Attributes:
        missing: How many there are: dead, being filled, on a node that cannot be reached, or never
            made.
        wanted: How many replicas there should be, together.
        nodes: Addresses of the nodes that cannot be reached.
    """

    missing: int
    wanted: int
    nodes: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """What is missing, and what that means, in a sentence."""
        where = f" (no answer from {', '.join(self.nodes)})" if self.nodes else ""
        return (
            f"{self.missing} of {self.wanted} replicas are missing{where}: answers are whole, from "
            "the others, until one more of the same shard is gone"
        )
