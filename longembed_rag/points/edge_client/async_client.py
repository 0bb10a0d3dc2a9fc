"""AsyncEdgeClient: the methods of an AsyncQdrantClient over the embedded engine."""

from __future__ import annotations

import asyncio
from functools import wraps
from typing import Any


class AsyncEdgeClient:
    """The async twin of an ``EdgeClient``: what that has, each method on a thread.

    Both work on the same collections, which are closed with either.

    Args:
        client: The ``EdgeClient`` whose methods are called.

    Example:
        >>> client = EdgeClient(Path("store"))
        >>> store = QdrantVectorStore("c", client=client, aclient=client.aclient)
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # as of a copy that is only being made, which has no client yet
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        found = getattr(self._client, name)
        if not callable(found):
            return found

        @wraps(found)
        async def on_a_thread(*arguments: Any, **options: Any) -> Any:
            return await asyncio.to_thread(found, *arguments, **options)

        return on_a_thread
