"""What a page says of itself in its head."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from longembed_rag.files.formats.properties import iso_date, keywords_of, names_of, tidy_properties

# By name, the best first where several say the same: which key, and how it is read.
_KNOWN: dict[str, tuple[str, Callable[[str], Any]]] = {
    name: (key, read)
    for key, read, names in (
        ("author", names_of, "author dc.creator dcterms.creator citation_author article:author"),
        ("description", str, "description dc.description dcterms.description "
         "dcterms.abstract og:description twitter:description"),
        ("keywords", keywords_of, "keywords news_keywords citation_keywords article:tag"),
        ("subject", str, "subject dc.subject dcterms.subject"),
        ("category", str, "category article:section"),
        ("created", iso_date, "date dc.date dcterms.created dc.date.created dcterms.issued "
         "article:published_time citation_publication_date citation_date pubdate"),
        ("modified", iso_date, "modified dcterms.modified dc.date.modified article:modified_time "
         "last-modified"),
        ("publisher", str, "publisher dc.publisher dcterms.publisher citation_publisher"),
        ("identifier", str, "identifier dc.identifier dcterms.identifier citation_doi"),
        ("rights", str, "rights copyright dc.rights dcterms.rights"),
        ("language", str, "language dc.language dcterms.language content-language"),
        ("title", str, "title dc.title dcterms.title citation_title og:title"),
    )
    for name in names.split()
}  # fmt: skip
_RANK = {name: rank for rank, name in enumerate(_KNOWN)}
# For browsers, search engines and the program that made the page.
_TECHNICAL = re.compile(
    r"(?:viewport|robots|googlebot.*|bingbot|generator|progid|originator|referrer|rating|"
    r"color-scheme|theme-color|format-detection|handheldfriendly|mobileoptimized|"
    r"application-name|next-head-count|charset|content-type|refresh|pragma|expires|"
    r"cache-control|x-.*|csrf.*|_csrf.*|.*nonce|.*token|.*verif.*|msapplication.*|apple-.*|"
    r"mobile-web.*|twitter:.*|og:.*|fb:.*|al:.*|google.*|msvalidate.*|p:domain.*)"
)


def page_properties(
    metas: Iterable[tuple[str, str]], *, title: str, language: str
) -> dict[str, Any]:
    """A page's properties under the keys that all types share, and those of its maker's own.

    Args:
        metas: The name and the content of each ``<meta>``.
        title: What ``<title>`` says; empty where there is none.
        language: What ``<html lang>`` says; empty where it says nothing.
    """
    known: dict[str, tuple[int, Any]] = {}
    own: dict[str, Any] = {}
    several: dict[str, list[Any]] = {}
    for name, content in metas:
        lower = name.strip().lower()
        if lower in _KNOWN:
            key, read = _KNOWN[lower]
            value = read(content.strip())
            if value in ("", [], None):
                continue
            if lower in ("citation_author", "dc.creator", "article:tag"):  # one each
                several.setdefault(lower, []).extend(value if isinstance(value, list) else [value])
                value = several[lower] if len(several[lower]) > 1 or key == "keywords" else value
            if key not in known or _RANK[lower] <= known[key][0]:
                known[key] = (_RANK[lower], value)
        elif not _TECHNICAL.fullmatch(lower):
            own.setdefault(name.strip(), content)
    properties = {**own, **{key: value for key, (_, value) in known.items()}}
    properties |= {"title": title} if title else {}
    properties |= {"language": language} if language else {}
    return tidy_properties(properties)
