"""What an assistant can do with a collection: the tools of MCP, whatever way they are reached."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from longembed_rag._version import __version__
from longembed_rag.errors import LongEmbedError
from longembed_rag.ingest.documents import Document
from longembed_rag.search.options import DEFAULT_MODE, Mode
from longembed_rag.server.greeting import INSTRUCTIONS, NAME

if TYPE_CHECKING:
    from longembed_rag.library.library import Library
    from longembed_rag.search.results import SearchResult
    from longembed_rag.store.document import StoredDocument

_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True)
#: Characters of what one call gives, so that it leaves room in a context window.
_SEARCH_ROOM, _READ_ROOM, _MOST_ROOM = 12_000, 16_000, 200_000
_LEAST = 200

Found = TypeVar("Found")
Filter = Annotated[
    list[str] | None,
    Field(
        description="Conditions that documents must fulfil, such as 'file_type=pdf', "
        "'path=/reports/2025' or 'last_modified>=2026-01-01'."
    ),
]


def create_assistant(find: Callable[[], Library], *, read_only: bool) -> MCPServer[Any]:
    """An MCP server over a library.

    Args:
        find: Finds the library, which is opened when the first tool needs it.
        read_only: Whether nothing can be added.
    """
    with _logging_as_it_is():
        server: MCPServer[Any] = MCPServer(NAME, version=__version__, instructions=INSTRUCTIONS)

    async def ask(work: Callable[[Library], Found]) -> Found:
        try:
            return await asyncio.to_thread(lambda: work(find()))
        except LongEmbedError as error:
            raise ToolError(str(error)) from error

    @server.tool(annotations=_READS)
    async def search(
        query: Annotated[str, Field(description="What to look for, in words or as a question.")],
        limit: Annotated[int, Field(ge=1, le=50, description="Most documents.")] = 5,
        passages: Annotated[int, Field(ge=1, le=10, description="Most passages of each.")] = 2,
        mode: Mode = DEFAULT_MODE,
        filter: Filter = None,  # noqa: A002 - as everywhere
        max_characters: Annotated[int, Field(ge=_LEAST, le=_MOST_ROOM)] = _SEARCH_ROOM,
    ) -> dict[str, Any]:
        """Find passages of documents by words and meaning, best documents first."""
        options: dict[str, Any] = {"limit": limit, "passages": passages, "mode": mode}
        work = partial(_search, query=query, matching=filter, room=max_characters, **options)
        return await ask(work)

    @server.tool(annotations=_READS)
    async def read_document(
        source: Annotated[str, Field(description="The source, or id, that search names.")],
        start: Annotated[int, Field(ge=0, description="First character.")] = 0,
        end: Annotated[int | None, Field(ge=0, description="One past the last.")] = None,
        page: Annotated[int | None, Field(ge=1, description="In place of start: a page.")] = None,
        last_page: Annotated[int | None, Field(ge=1)] = None,
        filter: Filter = None,  # noqa: A002 - as everywhere
        max_characters: Annotated[int, Field(ge=_LEAST, le=_MOST_ROOM)] = _READ_ROOM,
    ) -> dict[str, Any]:
        """Read a stretch of a document, by characters or by pages."""
        where: dict[str, Any] = {"start": start, "end": end, "page": page, "last_page": last_page}
        return await ask(
            partial(_read, source=source, matching=filter, room=max_characters, **where)
        )

    @server.tool(annotations=_READS)
    async def list_documents(
        limit: Annotated[int, Field(ge=1, le=500)] = 50,
        after: Annotated[str | None, Field(description="The page before's next.")] = None,
        filter: Filter = None,  # noqa: A002 - as everywhere
    ) -> dict[str, Any]:
        """List the documents of the collection, with their lengths in tokens."""
        return await ask(partial(_list, limit=limit, after=after, matching=filter))

    if not read_only:

        @server.tool(annotations=_WRITES)
        async def add_document(
            id: Annotated[  # noqa: A002 - as everywhere
                str, Field(min_length=1, description="What it is known by; the same replaces it.")
            ],
            text: Annotated[str, Field(min_length=1)],
            metadata: Annotated[
                dict[str, Any] | None, Field(description="Names and values.")
            ] = None,
        ) -> dict[str, Any]:
            """Keep a text in the collection, whole, so that search finds it."""
            return await ask(partial(_add, name=id, text=text, metadata=metadata or {}))

    return server


@contextmanager
def _logging_as_it_is() -> Iterator[None]:
    """Let nobody set up the logging of the whole process who finds none: it would quote texts."""
    root, keeps = logging.getLogger(), logging.NullHandler()
    root.addHandler(keeps)
    try:
        yield
    finally:
        root.removeHandler(keeps)


def _search(
    library: Library, *, query: str, matching: list[str] | None, room: int, **options: Any
) -> dict[str, Any]:
    found = library.search(query, filter=matching, snippets=False, **options)
    documents = []
    for result in found:
        kept, room = _fitting(result, room)
        if not kept:
            break
        title = result.metadata.get("title")
        named = {"source": result.source, **({"title": title} if isinstance(title, str) else {})}
        documents.append({**named, "score": round(result.score, 4), "passages": kept})
    values: dict[str, Any] = {"documents": documents}
    if len(documents) < len(found):
        values["left_out"] = len(found) - len(documents)
        values["note"] = "max_characters leaves no room for the others"
    return values


def _fitting(result: SearchResult, room: int) -> tuple[list[dict[str, Any]], int]:
    """The passages of a result that there is room for, and the room that is left."""
    kept = []
    for passage in result.passages:
        text = passage.text[:room]
        if len(text) < min(_LEAST, len(passage.text)):
            break
        room -= len(text)
        where = {"start": passage.start, "end": passage.start + len(text)}
        placed = {"page": passage.page, "heading": " > ".join(passage.heading) or None}
        known = {name: value for name, value in placed.items() if value is not None}
        kept.append({"text": text, **where, **known})
    return kept, room


def _read(
    library: Library,
    *,
    source: str,
    matching: list[str] | None,
    start: int,
    end: int | None,
    page: int | None,
    last_page: int | None,
    room: int,
) -> dict[str, Any]:
    library.require_tenant(matching)
    document = library.get(source, filter=matching)
    if document is None:
        raise ToolError(f"there is no document {source!r}; list_documents names those there are")
    if page is not None:
        start, end = _pages(document, page, last_page or page)
    size = len(document.text)
    stop = min(size if end is None else end, start + room, size)
    values = {"source": document.source, "characters": size, "start": min(start, size), "end": stop}
    if document.layout.pages:
        values["pages"] = len(document.layout.pages)
    text = document.text[start:stop]
    following = {"next_start": stop} if stop < min(size if end is None else end, size) else {}
    return {**values, "text": text, **following}


def _pages(document: StoredDocument, first: int, last: int) -> tuple[int, int]:
    starts = document.layout.pages
    if not starts:
        raise ToolError(f"{document.source} has no pages; read it by start and end")
    if not first <= last <= len(starts):
        raise ToolError(f"{document.source} has pages 1 to {len(starts)}")
    return starts[first - 1], starts[last] if last < len(starts) else len(document.text)


def _list(library: Library, *, matching: list[str] | None, **options: Any) -> dict[str, Any]:
    library.require_tenant(matching)
    page = library.documents(filter=matching, **options)
    listed = [
        {"source": each.source, "id": each.document_id, "tokens": each.tokens}
        for each in page.documents
    ]
    return {"documents": listed, "next": page.next}


def _add(library: Library, *, name: str, text: str, metadata: dict[str, Any]) -> dict[str, Any]:
    report = library.add(Document(id=name, text=text, metadata=metadata))
    if report.failed:
        raise ToolError(report.failed[0].reason)
    done = "added" if report.added else "updated" if report.updated else "unchanged"
    return {"id": name, "status": done, "tokens": report.tokens}
