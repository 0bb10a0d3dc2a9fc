"""Waiting for work on other threads, for as long as whoever asked for it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from longembed_rag.server.failures import ApiError

if TYPE_CHECKING:
    from fastapi import Request

Found = TypeVar("Found")


class ClientGoneError(ApiError):
    """Whoever asked is not there any more; nobody reads the answer."""

    def __init__(self) -> None:
        super().__init__(499, "the client closed its request", code="client_closed_request")


async def answered(request: Request, work: Awaitable[Found], *, timeout: float) -> Found:
    """Wait for work; give it up when the client goes away or the time is over.

    Args:
        request: Who asked; all of its body has been read.
        work: What is asked for; it is cancelled when it is given up.
        timeout: Seconds.

    Raises:
        ApiError: It took too long.
        ClientGoneError: The client is not there any more.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise ClientGoneError
        told = f"this takes more than {timeout:g} s; send less at once"
        raise ApiError(503, told, code="timeout", retry_after=5)
    finally:
        for each in (task, gone):
            each.cancel()
        with suppress(asyncio.CancelledError):
            await gone


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
