"""Documents one after the other, of which small ones share a forward pass."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from longembed_rag.encoder.reading import DocumentReading
from longembed_rag.encoder.remarks import warn_of_gaps
from longembed_rag.encoder.values import PassageEncoding, ReadDocument
from longembed_rag.errors import InputError

#: What a document is called, if anything, and its text.
NamedText: TypeAlias = tuple[str | None, str]

#: Characters that are taken ahead, for each token of a forward pass: a pass and a bit of a language
#: with long tokens, several of one with short ones.
_AHEAD = 6
#: What is one text's trouble, and no other's.
_OF_ONE = (InputError, MemoryError)


class DocumentReader:
    """Reads documents in the order in which they come, as many in one pass as fit.

    The tokens of the next ones are found on a thread of their own, while a pass runs on the
    thread that asks.

    Args:
        prepare: Finds a document's tokens, from its text and name; called on another thread.
        read: Runs the model over some.
        budget: Tokens of a forward pass; a longer document is read alone.
    """

    def __init__(
        self,
        *,
        prepare: Callable[[str, str | None], DocumentReading],
        read: Callable[[Sequence[DocumentReading]], list[PassageEncoding]],
        budget: int,
    ) -> None:
        self._prepare = prepare
        self._read = read
        self._budget = budget
        self._waiting: deque[_Waiting] = deque()
        self._characters = 0

    def all(self, texts: Iterable[NamedText | None]) -> Iterator[ReadDocument]:
        """Read texts; a None among them says not to wait for the next.

        Yields:
            Each, in the order given.
        """
        given = iter(texts)
        with ThreadPoolExecutor(1, thread_name_prefix="longembed-tokens") as thread:
            try:
                while self._look_ahead(given, thread):
                    group = self._next_group()
                    # Their tokens are found while the model reads the group.
                    self._look_ahead(given, thread, busy=True)
                    yield from self._results(group)
            finally:
                for each in self._waiting:
                    each.found.cancel()

    def _look_ahead(
        self,
        given: Iterator[NamedText | None],
        thread: ThreadPoolExecutor,
        *,
        busy: bool = False,
    ) -> bool:
        """Take as many as there is room for, and say whether any wait.

        Args:
            given: Where they come from.
            thread: Finds their tokens.
            busy: Whether there are others to go on with, so that none is waited for.
        """
        while self._characters < _AHEAD * self._budget:
            each = next(given, _END)
            if isinstance(each, _End) or (each is None and (busy or self._waiting)):
                break
            if each is not None:
                name, text = each
                found = thread.submit(self._found, text, name)
                size = len(text) if isinstance(text, str) else 0  # what is none is told later
                self._waiting.append(_Waiting(name, size, found))
                self._characters += size
        return bool(self._waiting)

    def _found(self, text: str, name: str | None) -> DocumentReading | Exception:
        try:
            return self._prepare(text, name)
        except _OF_ONE as error:
            return error

    def _next_group(self) -> list[_Found]:
        """The next ones that share a pass, and among them those without tokens."""
        group: list[_Found] = []
        tokens = 0
        while self._waiting:
            first = self._waiting[0]
            found = first.found.result()
            size = 0 if isinstance(found, Exception) else found.tokens
            if group and tokens + size > self._budget:
                break
            self._waiting.popleft()
            self._characters -= first.characters
            group.append((first.name, found))
            tokens += size
        return group

    def _results(self, group: Sequence[_Found]) -> Iterator[ReadDocument]:
        documents = [found for _, found in group if not isinstance(found, Exception)]
        for each in documents:
            warn_of_gaps(each.reading.coverage, name=each.name, kind="document", stacklevel=4)
        results = iter(self._passes(documents))
        for name, found in group:
            if isinstance(found, Exception):
                yield ReadDocument(name, 0.0, error=found)
            else:
                encoding, seconds = next(results)
                if isinstance(encoding, Exception):
                    yield ReadDocument(name, seconds, error=encoding)
                else:
                    yield ReadDocument(name, seconds, encoding)

    def _passes(
        self, documents: Sequence[DocumentReading]
    ) -> list[tuple[PassageEncoding | Exception, float]]:
        """The vectors of some, read together; one by one where one of them cannot be read."""
        if not documents:
            return []
        began = time.monotonic()
        try:
            encodings = self._read(documents)
        except _OF_ONE as error:
            if len(documents) == 1:
                return [(error, time.monotonic() - began)]
        else:
            second = (time.monotonic() - began) / max(sum(each.tokens for each in documents), 1)
            pairs = zip(encodings, documents, strict=True)
            return [(encoding, second * each.tokens) for encoding, each in pairs]
        return [result for each in documents for result in self._passes([each])]


@dataclass(frozen=True)
class _Waiting:
    """A document that is ahead, and its tokens as soon as they are found."""

    name: str | None
    characters: int
    found: Future[DocumentReading | Exception]


class _End:
    """What stands for the end of the documents."""


_END = _End()
_Found: TypeAlias = tuple[str | None, DocumentReading | Exception]
