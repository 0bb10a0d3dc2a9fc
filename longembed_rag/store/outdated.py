"""What to say of a collection whose words another release has found or weighed."""

from __future__ import annotations

from longembed_rag.words.analyzer import ANALYZER_VERSION
from longembed_rag.words.terms import WEIGHING_VERSION


def outdated(*, analyzer: int, weighing: int) -> str | None:
    """What this release does otherwise, and how a collection comes to it; None if nothing.

    Args:
        analyzer: Version of the analyzer that found its words.
        weighing: Version of how they are weighed for ``hybrid``.
    """
    if weighing > WEIGHING_VERSION:
        return of_later_weighing(weighing)
    if analyzer > ANALYZER_VERSION:
        return (
            f"words were found by version {analyzer} of the analyzer, of a later release "
            f"than this one with version {ANALYZER_VERSION}: update longembed-rag"
        )
    if analyzer < ANALYZER_VERSION:
        return (
            f"words were found by version {analyzer} of the analyzer, and this release has "
            f"version {ANALYZER_VERSION}: they are searched as they are until the next ingest "
            "weighs them anew, which needs no model"
        )
    if weighing < WEIGHING_VERSION:
        return (
            "words of documents are weighed for hybrid as in short documents: they are searched "
            "as they are until the next ingest weighs them anew, which needs no model"
        )
    return None


def of_later_weighing(version: int) -> str:
    """What to say of words that a later release has weighed."""
    return (
        f"words are weighed by version {version}, of a later release than this one with version "
        f"{WEIGHING_VERSION}: update longembed-rag"
    )
