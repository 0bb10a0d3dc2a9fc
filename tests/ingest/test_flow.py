"""Texts on their way: the next is read while the last is written, and all is told in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from longembed_rag.encoder.values import ReadDocument
from longembed_rag.errors import InputError, OutOfMemoryError
from longembed_rag.ingest import flow
from longembed_rag.ingest.report import DocumentDone, DocumentFailed, DocumentStarted, Event
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import IndexedDocument
from tests.ingest.conftest import Bench, numbers
from tests.store.fakes import FakeEncoder

LONG = 10.0  # seconds, for what comes at once or never


class Together(FakeEncoder):
    """Reads all that is there in one go, as LongEncoder does with small documents."""

    groups: list[list[str]]

    def encode_documents(
        self,
        documents: Iterable[tuple[str, str] | None],
        *,
        on_progress: Callable[[str, int, int], None],
        **options: Any,
    ) -> Iterator[ReadDocument]:
        self.groups = []
        group: list[tuple[str, str]] = []
        for each in documents:
            if each is not None:
                group.append(each)
            elif group:
                yield from self._read(group, options)
                group = []
        yield from self._read(group, options)

    def _read(self, group: list[tuple[str, str]], options: Any) -> Iterator[ReadDocument]:
        self.groups.append([text for _, text in group])
        for name, text in group:
            try:
                encoding = self.encode_passages(text, name=name, **options)
            except InputError as error:
                yield ReadDocument(name, 0.1, error=error)
            else:
                yield ReadDocument(name, 0.1, encoding)


@pytest.fixture
def upsert(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[IndexedDocument], None]], None]:
    """Has something done before every document that is written."""
    real = DocumentStore.upsert

    def put(before: Callable[[IndexedDocument], None]) -> None:
        def run(store: DocumentStore, document: IndexedDocument) -> None:
            before(document)
            real(store, document)

        monkeypatch.setattr(DocumentStore, "upsert", run)

    return put


def test_the_next_is_read_while_the_last_is_written(
    bench: Bench, upsert: Callable[..., None]
) -> None:
    """A write that waits for the next text to be read comes to its end."""
    for name in "abc":
        bench.write(f"{name}.txt", f"words of {name}")
    is_read = {name: threading.Event() for name in "abc"}
    bench.encoder.before = lambda text: is_read[text[-1]].set()
    upsert(lambda document: "b" if document.text[-1] != "a" else is_read["b"].wait(LONG))
    assert numbers(bench.ingest()) == (3, 0, 0, 0, 0)
    assert all(each.is_set() for each in is_read.values())


def test_one_thread_writes_and_the_caller_is_told_on_its_own(
    bench: Bench, upsert: Callable[..., None]
) -> None:
    """Neither listeners nor the store have to expect several threads."""
    for name in "abcdef":
        bench.write(f"{name}.txt", f"words of {name}")
    writing, reading, telling = set(), set(), set()
    upsert(lambda document: writing.add(threading.get_ident()))
    bench.encoder.before = lambda text: reading.add(threading.get_ident())
    bench.ingest(on_event=lambda event: telling.add(threading.get_ident()))
    assert telling == reading == {threading.get_ident()}
    assert len(writing) == 1
    assert writing != telling


def test_what_is_read_together_is_told_one_after_the_other(bench: Bench) -> None:
    """In the order of the files, those that fail or are as they were among them."""
    bench.encoder = Together()
    bench.write("b.txt", "as it was")
    bench.ingest()
    for name, text in {"a": "first", "c": "", "d": "second", "e": "odd"}.items():
        bench.write(f"{name}.txt", text)

    def refuse(text: str) -> None:
        if text == "odd":
            raise OutOfMemoryError("too large")

    bench.encoder.before = refuse
    report = bench.ingest()
    assert numbers(report) == (2, 0, 1, 0, 2)
    assert bench.encoder.groups == [["first", "second", "odd"]]
    names = [(type(event), event.source[-5]) for event in bench.events[1:] if _has_source(event)]
    assert names[::2] == [(DocumentStarted, name) for name in "abcde"]
    done = {name: DocumentFailed if name in "ce" else DocumentDone for name in "abcde"}
    assert names[1::2] == [(kind, name) for name, kind in done.items()]
    seconds = {event.source[-5]: event.seconds for event in bench.events if _is_done(event)}
    assert seconds["a"] >= 0.1, "its share of the reading"


def _has_source(event: Event) -> bool:
    return isinstance(event, DocumentStarted | DocumentDone | DocumentFailed)


def _is_done(event: Any) -> bool:
    return isinstance(event, DocumentDone)


def test_what_waits_to_be_written_is_bounded(
    bench: Bench, upsert: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that is slower than the model holds it up before texts fill the memory."""
    monkeypatch.setattr(flow, "_MOST_WAITING", 300)
    monkeypatch.setattr(flow, "_LONGEST_LINE", 3)
    texts = [f"{number:02} " + "x" * 97 for number in range(20)]
    for number, text in enumerate(texts):
        bench.write(f"{number:02}.txt", text)
    read, written, most = 0, 0, 0

    def count_read(text: str) -> None:
        nonlocal read, most
        read += 1
        most = max(most, read - written)

    def count_written(document: IndexedDocument) -> None:
        nonlocal written
        threading.Event().wait(0.01)
        written += 1

    bench.encoder.before = count_read
    upsert(count_written)
    assert numbers(bench.ingest()) == (20, 0, 0, 0, 0)
    assert most <= 5


def test_many_that_are_as_they_were_hold_up_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is to be read is not kept until thousands behind it are looked at."""
    monkeypatch.setattr(flow, "_LONGEST_LINE", 4)
    bench.encoder = Together()
    for number in range(1, 20):
        bench.write(f"{number:02}.txt", f"words {number}")
    bench.ingest()
    bench.write("00.txt", "new words")
    bench.write("19.txt", "changed words")
    assert numbers(bench.ingest()) == (1, 1, 18, 0, 0)
    assert bench.encoder.groups == [["new words"], ["changed words"]]
