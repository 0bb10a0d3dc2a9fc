"""What a library takes in under names of your own: texts, and files wherever they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from longembed_rag.library.checking import Checks

if TYPE_CHECKING:
    import os

    from longembed_rag.files.options import ReadOptions
    from longembed_rag.ingest.documents import Document
    from longembed_rag.ingest.report import Event, IngestReport

    OnEvent = Callable[[Event], None] | None


class Adds(Checks):
    """The methods of a library that take in single documents."""

    def _write(self, run: Callable[..., IngestReport], *, on_event: OnEvent) -> IngestReport:
        held = self._holdings
        with held.writing:
            damage = self.mend().damage
            encoder = held.encoder()  # first: a model that cannot be loaded makes no store
            store = held.made_store()
            report = run(
                encoder=encoder,
                store=store,
                options=held.index_options(store.record()),
                storage=held.storage,
                on_event=on_event,
            )
        return report if damage is None else replace(report, remarks=(damage, *report.remarks))

    def add(
        self, documents: Document | Iterable[Document], *, on_event: OnEvent = None
    ) -> IngestReport:
        """Bring in texts under ids of your own, without files.

        A text that is there already is not embedded again; where only its metadata is another,
        that is written. Other documents are left alone.

        Args:
            documents: A document or several.
            on_event: Is told what happens, as it happens.

        Returns:
            What was done. A document that could not be taken in is among its ``failed``, and the
            others are there.

        Raises:
            InputError: Two documents have the same id.
            CollectionMismatchError: The collection was made with other settings; names them.
            ModelLoadError: The model cannot be loaded.
            StoreError: The store cannot be read or written to.

        Example:
            >>> library.add([Document(id="minutes-7", text="The lease was signed.")]).added
            1
        """
        from longembed_rag.ingest.documents import add_documents, as_documents

        return self._write(partial(add_documents, as_documents(documents)), on_event=on_event)

    async def aadd(
        self, documents: Document | Iterable[Document], *, on_event: OnEvent = None
    ) -> IngestReport:
        """:meth:`add` on another thread, so that the event loop runs on.

        Example:
            >>> import asyncio
            >>> asyncio.run(library.aadd(Document(id="note", text="Apples."))).added
            1
        """
        import asyncio

        return await asyncio.to_thread(partial(self.add, documents, on_event=on_event))

    def add_files(
        self,
        files: Mapping[str, str | os.PathLike[str]],
        *,
        reading: ReadOptions | None = None,
        on_event: OnEvent = None,
    ) -> IngestReport:
        """Bring in files under ids of your own, wherever they lie; they may be gone afterwards.

        As :meth:`add`, with the text, pages, headings and metadata that a file's reader finds.

        Args:
            files: The path or URL of each by its id; its ending says what it is.
            reading: How files are read: within which time and memory, and the language of scanned
                pages.
            on_event: Is told what happens, as it happens.

        Returns:
            What was done. A file that could not be read or taken in is among its ``failed``, and
            the others are there.

        Raises:
            InputError: An id is empty.
            SettingsError: A URL cannot be used.
            CollectionMismatchError: The collection was made with other settings; names them.
            ModelLoadError: The model cannot be loaded.
            StoreError: The store cannot be read or written to.

        Example:
            >>> library.add_files({"the lease": "reports/lease.txt"}).added
            1
        """
        from longembed_rag.files.remote import as_location
        from longembed_rag.ingest.documents import add_files

        named = {name: as_location(path) for name, path in files.items()}
        return self._write(partial(add_files, named, reading=reading), on_event=on_event)
