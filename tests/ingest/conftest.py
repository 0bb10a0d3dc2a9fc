"""A folder of documents and a store to bring in step with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from longembed_rag.ingest.report import Event, IngestReport
from longembed_rag.ingest.synchronise import synchronise
from longembed_rag.search.results import SearchResult
from longembed_rag.search.search import SearchOptions, search_documents
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.store import DocumentStore
from tests.store.fakes import FakeEncoder, vector_of


@dataclass
class Bench:
    """A folder, a store, and an ingest of the one into the other.

    Attributes:
        folder: Where the documents lie.
        store: Where they go.
        encoder: Counts what it embeds.
        events: What the last ingest told.
        options: What the collection keeps of documents.
    """

    folder: Path
    store: DocumentStore
    encoder: FakeEncoder = field(default_factory=FakeEncoder)
    events: list[Event] = field(default_factory=list)
    options: IndexOptions | None = None

    def write(self, name: str, text: str) -> str:
        """Write a file; gives its source."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path.resolve())

    def ingest(self, *paths: Path, on_event: Callable[[Event], None] | None = None) -> IngestReport:
        """Ingest paths, else the whole folder."""
        self.events.clear()
        self.encoder.encoded.clear()

        def tell(event: Event) -> None:
            self.events.append(event)
            if on_event is not None:
                on_event(event)

        return synchronise(
            paths or (self.folder,),
            encoder=self.encoder,
            store=self.store,
            options=self.options,
            on_event=tell,
        )


def find(store: DocumentStore, text: str, *, limit: int = 1) -> list[SearchResult]:
    """Documents whose vectors are closest to the text's."""
    options = SearchOptions(mode="dense", limit=limit)
    return search_documents(store, text, vector=vector_of(text), options=options)


def numbers(report: IngestReport) -> tuple[int, int, int, int, int]:
    """Added, updated, unchanged, deleted, failed."""
    return (
        report.added,
        report.updated,
        report.unchanged,
        report.deleted,
        len(report.failed),
    )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """An empty folder and an empty store."""
    folder = tmp_path / "documents"
    folder.mkdir()
    with DocumentStore.open(path=tmp_path / "store") as store:
        yield Bench(folder.resolve(), store)
