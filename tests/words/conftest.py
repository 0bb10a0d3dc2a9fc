"""The stores that tests of this room use."""

from __future__ import annotations

from tests.stores import folder, opener, policy, remote, server, store, waits

__all__ = ["folder", "opener", "policy", "remote", "server", "store", "waits"]
