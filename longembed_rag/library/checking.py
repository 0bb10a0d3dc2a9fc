"""Whether a library holds what it should, and putting right what it does not."""

from __future__ import annotations

from collections.abc import Sequence

from longembed_rag.errors import StoreDamagedError
from longembed_rag.ingest.again import embed_again
from longembed_rag.ingest.seen import Seen
from longembed_rag.ingest.verify import LOST_PARTS, Finding, VerifyReport, can_be_ingested, verify
from longembed_rag.ingest.verify import repair as put_right
from longembed_rag.library.holdings import Part
from longembed_rag.points.seal import Damage


class Checks(Part):
    """The methods of a library that check it and mend it."""

    def verify(self, *, repair: bool = False, files: bool = True) -> VerifyReport:
        """Compare manifest, collection and files, and name whatever does not agree.

        Everything that is stored is read, and compared with what was written.

        Args:
            repair: Whether to put right what can be without the files. The model is loaded where a
                document is to be embedded again that comes from no file.
            files: Whether to read the files, too.

        Returns:
            What does not agree, and what of it is left for an ingest.

        Raises:
            CollectionNotFoundError: Nothing has been ingested yet.
            StoreError: The store cannot be read or written to.

        Example:
            >>> library.verify().findings
            ()
        """
        held = self._holdings
        if not repair:
            damaged = self._damaged()
            if damaged:
                return VerifyReport(documents=None, findings=damaged, left=damaged)
            store = held.store()
            findings = verify(store, files=files)
            left = findings
        else:
            with held.writing:
                salvaged = held.salvage()
                damaged = _findings(salvaged)
                store = held.store()
                findings = verify(store, files=files)
                left = self._embed_again(self._put_right(findings, salvaged))
        return VerifyReport(
            documents=len(store.sources()), findings=(*damaged, *findings), left=tuple(left)
        )

    def mend(self) -> VerifyReport:
        """Make an embedded store whole again whose files were damaged; others are left alone.

        All that can still be read is kept. Documents that lost something are taken out where their
        file is there, so that the next ingest embeds them again. ``ingest`` and ``verify`` with
        ``repair`` do this first.

        Returns:
            The damaged files, what the collection lacked without them, and what of it is left for
            an ingest; nothing of a store that is whole.

        Raises:
            StoreLockedError: Another process holds the store.
            StoreError: It cannot be written to.

        Example:
            >>> library.mend().findings
            ()
        """
        held = self._holdings
        with held.writing:
            salvaged = held.salvage(once=True)
            store = held.find_store() if salvaged else None
            findings: list[Finding] = []
            left: list[Finding] = []
            if store is not None and store.record() is not None:
                findings = verify(store, files=False)
                left = self._put_right(findings, salvaged)
        return VerifyReport(
            documents=None, findings=(*_findings(salvaged), *findings), left=tuple(left)
        )

    def purge(self) -> None:
        """Leave nothing in an embedded store's files of what was removed or replaced.

        The engine keeps that until it needs the room. All of the store's collections are written
        anew; for a while that takes as much room again as the largest of them.

        Raises:
            CollectionNotFoundError: Nothing has been ingested yet.
            SettingsError: The library is on a server, which does this by itself in its own time.
            StoreError: The store cannot be written to, or there is no room.

        Example:
            >>> library.purge()
        """
        held = self._holdings
        with held.writing:
            held.purge()
            Seen.of(held.store()).forget_gone(held.store().sources())

    def _damaged(self) -> tuple[Finding, ...]:
        held = self._holdings
        try:
            store = held.find_store()
            return () if store is None else _findings(store.place.points.damages())
        except StoreDamagedError:
            return _findings(held.damages())

    def _put_right(self, findings: list[Finding], salvaged: Sequence[Damage]) -> list[Finding]:
        """Put right what can be without a model; gives what is left."""
        store = self._holdings.store()
        folder = f"{store.place.manifest.replace('.', '_')}-"
        is_known = salvaged and not any(folder in str(each.path) for each in salvaged)
        return put_right(store, findings, salvaged=bool(is_known))

    def _embed_again(self, left: list[Finding]) -> list[Finding]:
        """Embed documents again that are not whole and come from no file; gives what is left."""
        held = self._holdings
        again = {
            each.source
            for each in left
            if each.problem in LOST_PARTS and not can_be_ingested(each.source)
        }
        if not again:
            return left
        done = embed_again(sorted(again), store=held.store(), encoder=held.encoder())
        return [each for each in left if each.source not in done]


def _findings(damages: Sequence[Damage]) -> tuple[Finding, ...]:
    return tuple(Finding(str(each.path), "damaged file", each.what) for each in damages)
