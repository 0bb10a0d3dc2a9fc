"""Warnings of what a model does not take in of a text."""

from __future__ import annotations

import warnings

from longembed_rag.encoder.settings import Kind
from longembed_rag.encoder.values import Coverage
from longembed_rag.errors import TruncationWarning, UnknownTokensWarning


def warn_of_gaps(coverage: Coverage, *, name: str, kind: Kind, stacklevel: int) -> None:
    """Warn of what was not read of a text, and of a text that the model hardly knows.

    Args:
        coverage: How much of it was read.
        name: What the text is called.
        kind: Whether it is a document; of a query's few words, one that is unknown says little.
        stacklevel: Whose line the warnings point at, as :func:`warnings.warn` counts from the
            caller of this function.
    """
    if not coverage.complete:
        warnings.warn(
            f"{name}: only {coverage.tokens_read:,} of {coverage.tokens:,} tokens were "
            "read, the rest was cut off; another method, or overflow='windows', reads all",
            TruncationWarning,
            stacklevel=stacklevel + 1,
        )
    if kind == "document" and coverage.unknown_note:
        warnings.warn(
            f"{name}: {coverage.unknown_note}", UnknownTokensWarning, stacklevel=stacklevel + 1
        )
