"""Checking a library's store and mending it, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from longembed_rag.errors import StoreDamagedError
from longembed_rag.ingest.again import embed_again
from longembed_rag.ingest.verify import LOST_PARTS, Finding, VerifyReport, can_be_ingested, verify
from longembed_rag.ingest.verify import repair as put_right

if TYPE_CHECKING:
    from longembed_rag.library.holdings import Holdings
    from longembed_rag.points.seal import Damage


def look(held: Holdings, *, files: bool) -> VerifyReport:
    """Compare manifest, collection and files; see :meth:`Library.verify`."""
    if damaged := _damaged(held):
        return VerifyReport(documents=None, findings=damaged, left=damaged)
    store = held.store()
    findings = tuple(verify(store, files=files))
    return VerifyReport(documents=len(store.sources()), findings=findings, left=findings)


def repaired(held: Holdings, *, files: bool) -> VerifyReport:
    """The same, after what can be put right without the files."""
    with held.writing:
        salvaged = held.salvage()
        store = held.store()
        findings = verify(store, files=files)
        left = _embed_again(held, _put_right(held, findings, salvaged))
    found = (*_findings(salvaged), *findings)
    return VerifyReport(documents=len(store.sources()), findings=found, left=tuple(left))


def mended(held: Holdings) -> VerifyReport:
    """Make an embedded store whole again whose files were damaged; see :meth:`Library.mend`."""
    with held.writing:
        salvaged = held.salvage(once=True)
        store = held.find_store() if salvaged else None
        findings: list[Finding] = []
        left: list[Finding] = []
        if store is not None and store.record() is not None:
            findings = verify(store, files=False)
            left = _put_right(held, findings, salvaged)
    found = (*_findings(salvaged), *findings)
    return VerifyReport(documents=None, findings=found, left=tuple(left))


def _damaged(held: Holdings) -> tuple[Finding, ...]:
    try:
        store = held.find_store()
        return () if store is None else _findings(store.place.points.damages())
    except StoreDamagedError:
        return _findings(held.damages())


def _put_right(
    held: Holdings, findings: list[Finding], salvaged: Sequence[Damage]
) -> list[Finding]:
    """Put right what can be without a model; gives what is left."""
    store = held.store()
    folder = f"{store.place.manifest.replace('.', '_')}-"
    is_known = salvaged and not any(folder in str(each.path) for each in salvaged)
    return put_right(store, findings, salvaged=bool(is_known))


def _embed_again(held: Holdings, left: list[Finding]) -> list[Finding]:
    """Embed documents again that are not whole and come from no file; gives what is left."""
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
