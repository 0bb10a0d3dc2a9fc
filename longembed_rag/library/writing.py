"""What a library takes in and gives up: files, documents, repairs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, overload

from typing_extensions import Unpack

from longembed_rag.errors import SettingsError
from longembed_rag.library.adding import Adds

if TYPE_CHECKING:
    from longembed_rag.files.options import ReadOptions
    from longembed_rag.files.remote import Location
    from longembed_rag.files.selection import Selection
    from longembed_rag.ingest.plan import IngestPlan
    from longembed_rag.ingest.refresh import Refreshed
    from longembed_rag.ingest.report import Event, IngestReport

    OnEvent = Callable[[Event], None] | None
    Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


class IngestKeywords(TypedDict, total=False):
    """The options of :meth:`Writes.ingest`."""

    on_event: OnEvent
    allow_deletions: bool
    selection: Selection | None
    reread: bool
    reading: ReadOptions | None


class Writes(Adds):
    """The methods of a library that change the collection; one of them runs at a time."""

    @overload
    def ingest(
        self,
        paths: Paths,
        *,
        dry_run: Literal[False] = False,
        **options: Unpack[IngestKeywords],
    ) -> IngestReport: ...

    @overload
    def ingest(
        self,
        paths: Paths,
        *,
        dry_run: Literal[True],
        **options: Unpack[IngestKeywords],
    ) -> IngestPlan: ...

    def ingest(
        self,
        paths: Paths,
        *,
        on_event: OnEvent = None,
        dry_run: bool = False,
        allow_deletions: bool = False,
        selection: Selection | None = None,
        reread: bool = False,
        reading: ReadOptions | None = None,
        ray: str | None = None,
        workers: int | None = None,
        gpus: int | None = None,
    ) -> IngestReport | IngestPlan:
        """Bring the collection in step with files and folders.

        Files whose times and sizes are as they were are not read again, and those whose text is
        in the collection already are not embedded; changed ones are replaced, and documents whose
        files are gone from under the paths, or that the selection passes over, are removed. It
        can be stopped at any moment; the same call goes on.

        Args:
            paths: A file or folder, or several; also URLs such as ``"s3://bucket/reports"``.
            on_event: Is told what happens, as it happens.
            dry_run: Say what would be done and how each file would be read, and do nothing; loads
                no weights.
            allow_deletions: Whether all, or most, of a folder's documents may be deleted.
            selection: Which files of folders are taken; None takes all of a kind that can be read.
            reread: Whether to read every file, whatever its times say.
            reading: How files are read: within which time and memory, and the language of scanned
                pages.
            ray: Do it by many processes of a Ray cluster: its address, ``"local"`` for processes of
                this machine, ``"auto"`` for one that runs here. The collection has to be on a
                server. None does it in this process.
            workers: Processes with a model; None takes one for each GPU, else for every four
                processors.
            gpus: GPUs that are used; None takes all that the cluster has.

        Returns:
            What was done, or would be; files that could not be read are among its ``failed``.

        Raises:
            SettingsError: A path or bucket does not exist, cannot be reached or is the store's own
                folder, or a pattern in an ignore file cannot be read.
            MissingDependencyError: What reads the protocol of a URL is not installed.
            DeletionsRefusedError: A folder that had documents gives none, or would lose more than
                half of at least ten; nothing was changed.
            CollectionMismatchError: The collection was made with other settings; names them.
            ModelLoadError: The model cannot be loaded.
            StoreError: The store cannot be read or written to.

        Example:
            >>> report = library.ingest("reports/")
            >>> report.added, report.unchanged
            (0, 2)
        """
        from longembed_rag.files.remote import as_location
        from longembed_rag.ingest.synchronise import synchronise

        given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        roots = [as_location(path) for path in given]
        for root in roots:  # first: a mistyped path makes no store and loads no model
            self._require_documents(root)
        if dry_run:
            return self._plan(
                roots, allow_deletions=allow_deletions, selection=selection, reading=reading
            )
        run = partial(
            synchronise,
            roots,
            allow_deletions=allow_deletions,
            selection=selection,
            reread=reread,
            reading=reading,
        )
        if ray is None:
            if workers is not None or gpus is not None:
                raise SettingsError("workers= and gpus= say how many processes ray= is to start")
            return self._write(run, on_event=on_event)
        from longembed_rag.library.spreading import spread_over

        with spread_over(self._holdings, ray, workers=workers, gpus=gpus) as many:
            return self._write(partial(run, many=many), on_event=on_event)

    def _require_documents(self, root: Location) -> None:
        """Require that a path is there, and is not the folder that the store itself is in.

        Raises:
            SettingsError: It is not, or it is; nothing would be found in it.
            MissingDependencyError: What reads the protocol of a URL is not installed.
        """
        from longembed_rag.files.discover import resolve_given

        if not isinstance(root, Path):
            from longembed_rag.files.buckets.objects import require_reached

            require_reached(root)
            return
        found, store = resolve_given(root), self._holdings.where["path"]
        if store is not None and str(found) == os.path.realpath(store.expanduser()):
            raise SettingsError(
                f"{root} is the folder of the store, in which no documents are looked for; name "
                "another folder for the store with --path or path="
            )

    def make(self) -> None:
        """Make the store where there is none, so that it is this process's from now on.

        Raises:
            StoreError: It cannot be opened or made.

        Example:
            >>> library.make()
        """
        self._holdings.made_store()

    def refresh(self, *, on_event: OnEvent = None, allow_deletions: bool = False) -> Refreshed:
        """Bring the collection in step with the folders that it was made from, if they changed.

        Whether they did shows a look at times and sizes, which reads no file and loads no model.
        The folders, and what was taken of them, are those that were ingested on this machine.

        Args:
            on_event: Is told what happens, as it happens.
            allow_deletions: Whether all, or most, of a folder's documents may be deleted.

        Returns:
            The folders, those that are not there now, and what was done, if anything.

        Raises:
            CollectionNotFoundError: Nothing has been ingested yet.
            DeletionsRefusedError: As :meth:`ingest`; so are the other errors.

        Example:
            >>> done = library.refresh()
            >>> len(done.folders), done.missing
            (1, ())
        """
        from longembed_rag.ingest.refresh import look
        from longembed_rag.ingest.synchronise import follow

        held = self._holdings
        with held.writing:
            store = held.store()
            store.existing_record()
            seen = look(store)
            if seen.changed is None:
                return seen.outcome
            run = partial(
                follow, seen.changed, allow_deletions=allow_deletions, reading=seen.reading
            )
            return replace(seen.outcome, report=self._write(run, on_event=on_event))

    def _plan(self, roots: Sequence[Location], **options: Any) -> IngestPlan:
        from longembed_rag.ingest.plan import plan_ingest

        held = self._holdings
        planner = held.planner()
        store = held.find_store()
        made = None if store is None or store.record() is None else store
        stored = {} if made is None else made.sources()
        return plan_ingest(
            roots,
            stored=stored,
            whole=None if made is None else frozenset(made.complete_sources(stored)),
            devices=None if made is None else made.roots(),
            exclude=held.where["path"],
            planner=planner,
            **options,
        )

    @overload
    async def aingest(
        self,
        paths: Paths,
        *,
        dry_run: Literal[False] = False,
        **options: Unpack[IngestKeywords],
    ) -> IngestReport: ...

    @overload
    async def aingest(
        self,
        paths: Paths,
        *,
        dry_run: Literal[True],
        **options: Unpack[IngestKeywords],
    ) -> IngestPlan: ...

    async def aingest(self, paths: Paths, **options: Any) -> IngestReport | IngestPlan:
        """:meth:`ingest` on another thread, so that the event loop runs on.

        Example:
            >>> import asyncio
            >>> asyncio.run(library.aingest("reports/")).failed
            ()
        """
        import asyncio

        return await asyncio.to_thread(partial(self.ingest, paths, **options))

    def remove(self, ids: str | Iterable[str]) -> tuple[str, ...]:
        """Remove documents with their passages; no file is touched.

        Args:
            ids: A source or the id of a point, or several; unknown ones are passed over.

        Returns:
            The sources that were removed.

        Raises:
            CollectionNotFoundError: Nothing has been ingested yet.
            StoreError: The store cannot be read or written to.

        Example:
            >>> report = library.add(Document(id="minutes-7", text="The lease was signed."))
            >>> library.remove(["minutes-7", "unknown"])
            ('minutes-7',)
        """
        from longembed_rag.store.document import find_sources

        given = [ids] if isinstance(ids, str) else list(ids)
        held = self._holdings
        with held.writing:
            store = held.store()
            store.recover()
            found = find_sources(given, place=store.place)
            sources = tuple(dict.fromkeys(found.values()))
            store.delete(sources)
            if sources:
                store.reweigh()
            return sources
