"""Texts of many requests, read together: in each pass as many as fit, of everybody some."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from longembed_rag.errors import InputError, LongEmbedError
from longembed_rag.server.failures import ApiError, busy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.encoder.encoder import LongEncoder
    from longembed_rag.encoder.settings import Kind
    from longembed_rag.encoder.values import Coverage
    from longembed_rag.server.metrics import Metrics

Found = TypeVar("Found")

#: Characters of a token, about.
_CHARACTERS = 4
_FIRST_RATE = 10_000.0  # characters a second, before any was measured


@dataclass(frozen=True)
class Read:
    """A text that was read.

    Attributes:
        vector: float32, shape ``[dimension]``.
        coverage: What of it was read.
    """

    vector: NDArray[np.float32]
    coverage: Coverage


@dataclass(eq=False)
class _Asked:
    """Texts of one request, or a piece of work of its own.

    Attributes:
        key: What can be read together has the same.
        texts: The texts.
        kind: What they are.
        find: Finds the encoder.
        work: What is done with the encoder in place of reading the texts.
        done: Is told the result, or what was wrong.
    """

    key: Hashable
    texts: Sequence[str]
    kind: Kind
    find: Callable[[], LongEncoder]
    work: Callable[[LongEncoder], Any] | None
    done: Callable[[Any], None]
    results: list[Read | None] = field(default_factory=list)
    left: int = 0
    is_over: bool = False

    def finish(self, result: Any) -> None:
        if not self.is_over:
            self.is_over = True
            self.done(result)


@dataclass(eq=False)
class _Line:
    """Those who wait in one line, each with the places of its texts that are to be read yet."""

    waiting: deque[tuple[_Asked, deque[int]]] = field(default_factory=deque)


class TextQueue:
    """Reads texts for many requests at once, on two threads: one for short texts, one for long.

    Short texts share a pass, one of each request in turn, so that nobody waits behind somebody
    else's two thousand. A long text is read alone; between its passes the short ones have theirs
    (:class:`~longembed_rag.encoder.turns.Turns`).

    Args:
        budget: Tokens of a forward pass.
        most_waiting: Characters that may wait.
        metrics: Are told of each pass.
    """

    def __init__(self, *, budget: int, most_waiting: int, metrics: Metrics) -> None:
        self._longest_short = budget * _CHARACTERS
        self._most_waiting = most_waiting
        self._metrics = metrics
        self._changed = threading.Condition()
        self._short, self._long = _Line(), _Line()
        self._characters = 0
        self._rate = _FIRST_RATE
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._read_all, args=(line,), name=name, daemon=True)
            for line, name in ((self._short, "longembed-short"), (self._long, "longembed-long"))
        ]
        for thread in self._threads:
            thread.start()

    async def read(
        self,
        texts: Sequence[str],
        *,
        kind: Kind,
        find: Callable[[], LongEncoder],
        key: Hashable = None,
    ) -> list[Read]:
        """Read texts; cancelled, those of them that wait are not read.

        Args:
            texts: The texts.
            kind: What they are.
            find: Finds the encoder.
            key: Says which encoder that is: texts with the same share a pass.

        Raises:
            ApiError: Too much is waiting, or the server ends.
            LongEmbedError: A text cannot be read; names it by its place, from 0.
        """
        if not texts:
            return []
        read: list[Read] = await self._ask((kind, key), texts, kind, find, None)
        return read

    async def run(
        self,
        texts: Sequence[str],
        work: Callable[[LongEncoder], Found],
        *,
        find: Callable[[], LongEncoder],
    ) -> Found:
        """Have a piece of work done in turn.

        Args:
            texts: What it reads, in one.
            work: What is done.
            find: Finds the encoder.

        Raises:
            ApiError: As :meth:`read`.
            LongEmbedError: What the work raises.
        """
        found: Found = await self._ask(object(), texts, "document", find, work)
        return found

    async def _ask(
        self,
        key: Hashable,
        texts: Sequence[str],
        kind: Kind,
        find: Callable[[], LongEncoder],
        work: Callable[[LongEncoder], Any] | None,
    ) -> Any:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def done(result: Any) -> None:
            loop.call_soon_threadsafe(_settle, future, result)

        asked = _Asked(key, texts, kind, find, work, done)
        asked.results, asked.left = [None] * len(texts), len(texts)
        self._put(asked)
        try:
            return await future
        except asyncio.CancelledError:
            with self._changed:
                asked.is_over = True
            raise

    def _put(self, asked: _Asked) -> None:
        sizes = [len(text) for text in asked.texts]
        total = sum(sizes)
        with self._changed:
            if self._is_closed:
                raise ApiError(503, "the server is ending", code="ending", retry_after=5)
            if self._characters and self._characters + total > self._most_waiting:
                told = f"texts of {self._characters:,} characters wait for the model"
                raise busy(told, seconds=self._characters / self._rate)
            self._characters += total
            self._metrics.waiting(self._characters)
            if asked.work is not None:
                line = self._short if total <= self._longest_short else self._long
                line.waiting.append((asked, deque([0])))
            else:
                limit = self._longest_short
                for line, is_short in ((self._short, True), (self._long, False)):
                    places = deque(n for n, size in enumerate(sizes) if (size <= limit) is is_short)
                    if places:
                        line.waiting.append((asked, places))
            self._changed.notify_all()

    def _read_all(self, line: _Line) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: line.waiting or self._is_closed)
                if not line.waiting:
                    return
                group = self._next_group(line)
            if group:
                self._read_group(group)

    def _next_group(self, line: _Line) -> list[tuple[_Asked, int]]:
        """What shares the next pass: of each request one text, and again, while there is room."""
        group: list[tuple[_Asked, int]] = []
        room, passed_over = self._longest_short, 0
        while line.waiting and passed_over < len(line.waiting):
            asked, places = line.waiting.popleft()
            if asked.is_over:
                self._leave([(asked, place) for place in places])
                continue
            size = self._size(asked, places[0])
            if group and (asked.key != group[0][0].key or asked.work or size > room):
                line.waiting.append((asked, places))
                passed_over += 1
                continue
            group.append((asked, places.popleft()))
            room -= size
            passed_over = 0
            if places:
                line.waiting.append((asked, places))
            if asked.work:
                break
        return group

    @staticmethod
    def _size(asked: _Asked, place: int) -> int:
        if asked.work is not None:
            return sum(len(text) for text in asked.texts)
        return len(asked.texts[place])

    def _leave(self, group: Sequence[tuple[_Asked, int]]) -> None:
        """Note that these wait no more; the lock is held."""
        self._characters -= sum(self._size(asked, place) for asked, place in group)
        self._metrics.waiting(self._characters)

    def _read_group(self, group: list[tuple[_Asked, int]]) -> None:
        began, size = time.monotonic(), sum(self._size(*each) for each in group)
        over: list[tuple[_Asked, Any]] = []
        try:
            first = group[0][0]
            if first.work is not None:
                over.append((first, first.work(first.find())))
            else:
                self._read_texts(group, over)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told to those who asked
            over += [(asked, error) for asked, _ in group]
        finally:
            took = max(time.monotonic() - began, 1e-3)
            with self._changed:
                self._leave(group)
                self._rate += 0.2 * (size / took - self._rate)
            self._metrics.passed(texts=len(group), characters=size, seconds=took)
        # Only now: who is answered may send the next at once, and finds room for it.
        for asked, result in over:
            asked.finish(result)

    def _read_texts(self, group: list[tuple[_Asked, int]], over: list[tuple[_Asked, Any]]) -> None:
        """Read a group in one go; by halves where one of them cannot be read."""
        first = group[0][0]
        encoder = first.find()
        texts = [asked.texts[place] for asked, place in group]
        names = [_name(asked, place) for asked, place in group]
        try:
            found = encoder.encode(texts, kind=first.kind, names=names)
        except (InputError, MemoryError) as error:
            if len(group) == 1:
                over.append((first, error))
                return
            half = len(group) // 2
            for part in (group[:half], group[half:]):
                self._read_texts(part, over)
            return
        self._metrics.read(first.kind, sum(each.tokens_read for each in found.coverage))
        for (asked, place), vector, coverage in zip(
            group, found.embeddings, found.coverage, strict=True
        ):
            asked.results[place] = Read(vector, coverage)
            # Its short and its long texts are read by two threads.
            with self._changed:
                asked.left -= 1
                is_last = asked.left == 0
            if is_last:
                over.append((asked, asked.results))

    def close(self, *, within: float) -> None:
        """Finish what waits, and take no more.

        Args:
            within: Seconds; what is not done then is given up.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        until = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        with self._changed:
            left = [asked for line in (self._short, self._long) for asked, _ in line.waiting]
        for asked in left:
            asked.finish(ApiError(503, "the server has ended", code="ending", retry_after=5))


def _name(asked: _Asked, place: int) -> str:
    return "input" if len(asked.texts) == 1 else f"input[{place}]"


def _settle(future: asyncio.Future[Any], result: Any) -> None:
    if future.done():  # cancelled
        return
    if isinstance(result, ApiError | LongEmbedError | Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
