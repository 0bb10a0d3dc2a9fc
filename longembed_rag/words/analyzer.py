"""Text to the words that word search compares: every way of cutting texts, by version."""

from __future__ import annotations

from functools import cache

from longembed_rag.errors import SettingsError
from longembed_rag.words.cutting import Analyzer, Term
from longembed_rag.words.forms import FormsAnalyzer
from longembed_rag.words.languages import (
    DEFAULT_LANGUAGE,
    NO_LANGUAGE,
    languages,
    require_language,
)

__all__ = [
    "ANALYZERS",
    "ANALYZER_VERSION",
    "DEFAULT_LANGUAGE",
    "NO_LANGUAGE",
    "Analyzer",
    "Term",
    "get_analyzer",
    "languages",
    "require_language",
]

#: How texts are cut into terms. Whoever changes what terms a text has adds a version, and keeps
#: the one before: collections are searched by the words they were made with until they are weighed
#: anew.
ANALYZER_VERSION = 2
#: Every way of cutting texts that collections may have been made by.
ANALYZERS: dict[int, type[Analyzer]] = {each.version: each for each in (Analyzer, FormsAnalyzer)}


@cache
def get_analyzer(language: str = DEFAULT_LANGUAGE, *, version: int = ANALYZER_VERSION) -> Analyzer:
    """The analyzer of a language.

    Args:
        language: One of :func:`languages`, or ``"none"``.
        version: Which way of cutting texts; the one of now unless told.

    Raises:
        SettingsError: There is no stemmer for the language, or no such version; lists those there
            are.
    """
    if version not in ANALYZERS:
        known = ", ".join(map(str, sorted(ANALYZERS)))
        raise SettingsError(
            f"words were cut by version {version} of the analyzer, and this release knows {known}: "
            "update longembed-rag"
        )
    return ANALYZERS[version](language)
