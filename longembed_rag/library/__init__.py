"""The whole tool in one object: :class:`Library`. Commands and plugs are skins over it."""

from __future__ import annotations

from longembed_rag.library.library import Library

__all__ = ["Library"]
