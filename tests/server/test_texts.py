"""Texts of many requests in one queue: together what each is alone, everybody in turn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longembed_rag.errors import InputError, LongEmbedError
from longembed_rag.server.failures import ApiError
from longembed_rag.server.metrics import Metrics
from longembed_rag.server.texts import Read, TextQueue
from tests.store.fakes import FakeEncoder

BUDGET = 8  # tokens: 32 characters
LONG = "word " * 20


class Slow(FakeEncoder):
    """Notes which texts are read together, and reads only when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[list[str]] = []
        self.may_read = threading.Event()
        self.may_read.set()
        self.reads = threading.Event()

    def encode(self, texts: Sequence[str], **options: Any) -> Any:
        self.groups.append(list(texts))
        self.reads.set()
        assert self.may_read.wait(30)
        return super().encode(texts, **options)


@pytest.fixture
def encoder() -> Slow:
    return Slow()


@pytest.fixture
def queue() -> Iterator[TextQueue]:
    made = TextQueue(budget=BUDGET, most_waiting=1000, metrics=Metrics())
    yield made
    made.close(within=10)


async def read(queue: TextQueue, encoder: Slow, *texts: str, key: Any = None) -> list[Read]:
    return await queue.read(texts, kind="document", find=lambda: encoder, key=key)  # type: ignore


async def held(encoder: Slow, ask: Callable[[], Any]) -> asyncio.Task[Any]:
    """A first request that is being read, behind which others wait."""
    encoder.may_read.clear()
    encoder.reads.clear()
    first = asyncio.ensure_future(ask())
    await asyncio.to_thread(encoder.reads.wait, 30)
    return first


WORD = st.text("abc ", min_size=0, max_size=70)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.lists(WORD, min_size=1, max_size=5), st.integers(0, 1)), max_size=8))
def test_together_is_what_each_is_alone(requests: list[tuple[list[str], int]]) -> None:
    """Whatever is asked at once, a request gets its own vectors, or its own error."""
    queue = TextQueue(budget=BUDGET, most_waiting=10**6, metrics=Metrics())
    encoder = Slow()

    async def ask_all() -> list[Any]:
        asked = [read(queue, encoder, *texts, key=key) for texts, key in requests]
        return await asyncio.gather(*asked, return_exceptions=True)

    found = asyncio.run(ask_all())
    queue.close(within=10)
    for (texts, _), answer in zip(requests, found, strict=True):
        if any(not text.strip() for text in texts):
            place = next(n for n, text in enumerate(texts) if not text.strip())
            assert isinstance(answer, LongEmbedError)
            assert str(answer).startswith("input")
            assert len(texts) > 1 or place == 0
            continue
        expected = FakeEncoder().encode(texts).embeddings
        assert np.array_equal(np.stack([each.vector for each in answer]), expected)
    assert queue._characters == 0


async def test_a_text_that_cannot_be_read_is_its_requests_error(
    queue: TextQueue, encoder: Slow
) -> None:
    """The others of its pass are read, in few passes, and the error names its place."""
    first = await held(encoder, lambda: read(queue, encoder, "a"))
    others = [asyncio.ensure_future(read(queue, encoder, f"b{n}")) for n in range(8)]
    bad = asyncio.ensure_future(read(queue, encoder, "c", ""))
    await asyncio.sleep(0.05)
    encoder.may_read.set()
    await first
    assert [len(each) for each in await asyncio.gather(*others)] == [1] * 8
    with pytest.raises(InputError, match=r"^input\[1\]"):
        await bad
    assert len(encoder.groups) <= 10


async def test_everybody_is_read_in_turn(queue: TextQueue, encoder: Slow) -> None:
    """One text does not wait behind another request's many: the next pass holds it."""
    first = await held(encoder, lambda: read(queue, encoder, "a" * 30))
    many = asyncio.ensure_future(read(queue, encoder, *["b" * 15] * 20))
    await asyncio.sleep(0.02)
    one = asyncio.ensure_future(read(queue, encoder, "c" * 15))
    await asyncio.sleep(0.02)
    encoder.may_read.set()
    await one
    assert encoder.groups[1] == ["b" * 15, "c" * 15]
    await asyncio.gather(first, many)


async def test_ways_of_reading_are_kept_apart(queue: TextQueue, encoder: Slow) -> None:
    """Only texts that are read in the same way share a pass."""
    first = await held(encoder, lambda: read(queue, encoder, "a" * 30))
    asked = [asyncio.ensure_future(read(queue, encoder, f"k{n}", key=n % 2)) for n in range(6)]
    await asyncio.sleep(0.05)
    encoder.may_read.set()
    await asyncio.gather(first, *asked)
    assert sorted(map(sorted, encoder.groups[1:])) == [["k0", "k2", "k4"], ["k1", "k3", "k5"]]


async def test_too_much_waiting_is_refused(queue: TextQueue, encoder: Slow) -> None:
    """More characters than may wait are 429 with the seconds to wait; later there is room."""
    first = await held(encoder, lambda: read(queue, encoder, "a" * 600))
    with pytest.raises(ApiError) as refused:
        await read(queue, encoder, "b" * 401)
    assert (refused.value.status, refused.value.code) == (429, "rate_limit_exceeded")
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 60
    encoder.may_read.set()
    await first
    assert len(await read(queue, encoder, "b" * 401)) == 1


async def test_one_that_is_larger_than_the_queue_is_read_alone(
    queue: TextQueue, encoder: Slow
) -> None:
    """The limit is for what waits: where nothing does, anything is read."""
    assert len(await read(queue, encoder, "a" * 2000)) == 1


async def test_who_is_gone_is_not_read(queue: TextQueue, encoder: Slow) -> None:
    """A cancelled request's texts are taken out, and make room."""
    first = await held(encoder, lambda: read(queue, encoder, "a" * 30))
    gone = asyncio.ensure_future(read(queue, encoder, *["never"] * 50))
    await asyncio.sleep(0.05)
    gone.cancel()
    await asyncio.wait([gone])
    encoder.may_read.set()
    await first
    await read(queue, encoder, "after")
    assert "never" not in [text for group in encoder.groups for text in group]
    assert queue._characters == 0


async def test_short_ones_pass_a_long_one(queue: TextQueue, encoder: Slow) -> None:
    """While a long text is read, short ones are, too."""
    first = await held(encoder, lambda: read(queue, encoder, LONG))
    short = asyncio.ensure_future(read(queue, encoder, "short"))
    for _ in range(200):
        if len(encoder.groups) == 2:
            break
        await asyncio.sleep(0.01)
    assert encoder.groups == [[LONG], ["short"]]
    encoder.may_read.set()
    await asyncio.gather(first, short)


async def test_work_is_done_in_turn(queue: TextQueue, encoder: Slow) -> None:
    """A piece of work gets the encoder; what it raises is told to who asked."""
    assert await queue.run(["a"], lambda one: one is encoder, find=lambda: encoder)  # type: ignore

    def fail(_: Any) -> None:
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        await queue.run(["a"], fail, find=lambda: encoder)  # type: ignore[arg-type,return-value]


async def test_closing_finishes_what_waits(encoder: Slow) -> None:
    """What was asked before is read; what is asked after is 503."""
    queue = TextQueue(budget=BUDGET, most_waiting=1000, metrics=Metrics())
    first = await held(encoder, lambda: read(queue, encoder, "a" * 30))
    waits = asyncio.ensure_future(read(queue, encoder, "b" * 30))
    await asyncio.sleep(0.02)
    closing = asyncio.ensure_future(asyncio.to_thread(partial(queue.close, within=10)))
    await asyncio.sleep(0.05)
    with pytest.raises(ApiError) as refused:
        await read(queue, encoder, "late")
    assert (refused.value.status, refused.value.code) == (503, "ending")
    encoder.may_read.set()
    assert [len(each) for each in await asyncio.gather(first, waits)] == [1, 1]
    await closing


async def test_closing_gives_up_what_takes_too_long(encoder: Slow) -> None:
    """Who waits still when the time is over is told so, and does not wait for ever."""
    queue = TextQueue(budget=BUDGET, most_waiting=1000, metrics=Metrics())
    first = await held(encoder, lambda: read(queue, encoder, "a" * 30))
    waits = asyncio.ensure_future(read(queue, encoder, "b" * 30))
    await asyncio.sleep(0.02)
    await asyncio.to_thread(partial(queue.close, within=0.05))
    with pytest.raises(ApiError, match="ended"):
        await waits
    encoder.may_read.set()
    await first
