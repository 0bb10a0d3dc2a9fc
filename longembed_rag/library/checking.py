"""Whether a library holds what it should, and putting right what it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longembed_rag.library.holdings import Part

if TYPE_CHECKING:
    from longembed_rag.ingest.verify import VerifyReport


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
        from longembed_rag.library.mending import look, repaired

        return (repaired if repair else look)(self._holdings, files=files)

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
        from longembed_rag.library.mending import mended

        return mended(self._holdings)

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
        from longembed_rag.ingest.seen import Seen

        held = self._holdings
        with held.writing:
            held.purge()
            Seen.of(held.store()).forget_gone(held.store().sources())
