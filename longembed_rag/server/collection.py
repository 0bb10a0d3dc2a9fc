"""``/v1/search``, ``/v1/documents``, ``/v1/jobs``: the collection for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.routing import Match

from longembed_rag.errors import InputError
from longembed_rag.ingest.documents import Document
from longembed_rag.search.syntax import read_query
from longembed_rag.server.failures import ApiError
from longembed_rag.server.schemas import DocumentsRequest, SearchRequest
from longembed_rag.server.spool import safe_id
from longembed_rag.server.waiting import answered

if TYPE_CHECKING:
    from starlette.types import Scope

    from longembed_rag.search.results import SearchResult
    from longembed_rag.server.jobs import Job
    from longembed_rag.server.service import Service


class _DocumentConvertor(PathConvertor):
    """Anything, lines and slashes, too: files are called like this."""

    regex = r"(?s:.*)"


register_url_convertor("document", _DocumentConvertor())
Filter = Annotated[
    list[str] | None, Query(description="Conditions, such as file_type=pdf; all must hold.")
]


class _OfFiles(APIRoute):
    """A route for requests that bring files along, and no others."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for it."""
        kind = dict(scope["headers"]).get(b"content-type", b"")
        if not kind.lower().startswith(b"multipart/form-data"):
            return Match.NONE, {}
        return super().matches(scope)


def routes(service: Service) -> APIRouter:
    """The routes of the collection."""
    router = APIRouter(prefix="/v1", tags=["collection"])
    for add in (_reading, _writing, _jobs):
        add(router, service)
    return router


def _reading(router: APIRouter, service: Service) -> None:
    library, timeout = service.library, service.options.timeout

    @router.post("/search")
    async def search(request: Request, asked: SearchRequest) -> dict[str, Any]:
        """The documents that answer a query, or several, with the passages that fit best."""
        work = service.with_store(_search, service, asked)
        return await answered(request, work, timeout=timeout)

    @router.get("/info")
    async def info() -> dict[str, Any]:
        """The collection at a glance."""
        found = await service.with_store(library.info)
        return found.to_dict()

    @router.get("/facets")
    async def facets(filter: Filter = None) -> dict[str, Any]:  # noqa: A002 - as everywhere
        """What documents could be narrowed down to, each with how many there are."""
        found = await service.with_store(library.facets, filter=filter)
        return found.to_dict()

    @router.get("/documents")
    async def documents(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        after: str | None = None,
        filter: Filter = None,  # noqa: A002 - as everywhere
    ) -> dict[str, Any]:
        """What is in the collection, page by page."""
        await service.with_store(library.require_tenant, filter)
        page = await service.with_store(library.documents, limit=limit, after=after, filter=filter)
        return page.to_dict()

    @router.get("/documents/{name:document}")
    async def document(
        name: str,
        filter: Filter = None,  # noqa: A002 - as everywhere
    ) -> dict[str, Any]:
        """A document by its source or id: text, metadata, passages."""
        await service.with_store(library.require_tenant, filter)
        found = await service.with_store(library.get, name, filter=filter)
        if found is None:
            raise _no_document(name)
        values: dict[str, Any] = found.to_dict()
        return values


def _writing(router: APIRouter, service: Service) -> None:
    @router.post("/documents", status_code=202)
    async def add(asked: DocumentsRequest) -> Response:
        """Texts to be kept; the answer is a job."""
        service.require_writable()
        if len(asked.documents) > service.options.max_texts:
            told = f"send at most {service.options.max_texts:,} documents at once"
            raise ApiError(400, told, code="too_many_texts", param="documents")
        given = [Document(id=x.id, text=x.text, metadata=x.metadata) for x in asked.documents]
        names = [each.id for each in given]
        if len(set(names)) < len(names):
            raise InputError("two documents have the same id; each needs its own")
        return _taken(await service.with_store(service.jobs.add_documents, given))

    async def upload(
        files: Annotated[list[UploadFile], File(description="Files of any kind that is read.")],
        ids: Annotated[
            list[str] | None, Form(description="The id of each; else it is its name.")
        ] = None,
    ) -> Response:
        """Files to be kept; the answer is a job."""
        service.require_writable()
        given = [safe_id(name) for name in ids or [each.filename or "" for each in files]]
        if len(given) != len(files):
            raise ApiError(400, "ids: give one for each file", code="invalid_value", param="ids")
        if len(set(given)) < len(given):
            told = "two files have the same name; give each an id of its own (ids)"
            raise ApiError(400, told, code="invalid_value", param="ids")
        sent = [(name, each.file) for name, each in zip(given, files, strict=True)]
        return _taken(await service.with_store(service.jobs.add_files, sent))

    router.post("/files", status_code=202)(upload)
    # The same at the address of texts; OpenAPI has one kind of body for each.
    of_files = _OfFiles(
        "/v1/documents", upload, methods=["POST"], status_code=202, include_in_schema=False
    )
    router.routes.insert(0, of_files)

    @router.delete("/documents/{name:document}")
    async def remove(name: str) -> dict[str, Any]:
        """Remove a document by its source or id; no file is touched."""
        service.require_writable()
        removed = await service.with_store(service.library.remove, name)
        if not removed:
            raise _no_document(name)
        return {"id": removed[0], "object": "document", "deleted": True}


def _jobs(router: APIRouter, service: Service) -> None:
    @router.get("/jobs")
    async def jobs(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> dict[str, Any]:
        """The jobs that are known, newest first."""
        return {"jobs": [each.to_dict() for each in service.jobs.all()[:limit]]}

    @router.get("/jobs/{identity}")
    async def job(identity: str) -> dict[str, Any]:
        """How far a job is."""
        found = service.jobs.find(identity)
        if found is None:
            told = f"there is no job {identity!r}; those of an earlier server are not remembered"
            raise ApiError(404, told, code="job_not_found")
        return found.to_dict()


def _search(service: Service, asked: SearchRequest) -> dict[str, Any]:
    if (asked.query is None) is (asked.queries is None):
        raise ApiError(400, "give either query or queries", code="invalid_value", param="query")
    queries = [asked.query] if asked.query is not None else asked.queries or []
    answers = service.library.search(
        queries,
        mode=asked.mode,
        limit=asked.limit,
        adaptive=asked.adaptive,
        passages=asked.passages,
        filter=asked.filter,
        snippets=asked.snippets,
        operators=asked.operators,
    )
    remarks = list(service.library.remarks)
    found = [
        {
            "query": query,
            "understood": read_query(query, operators=asked.operators).to_dict(),
            "mode": asked.mode,
            "remarks": remarks,
            "results": [_result(each, with_text=asked.text) for each in answer],
        }
        for query, answer in zip(queries, answers, strict=True)
    ]
    return found[0] if asked.query is not None else {"answers": found}


def _result(result: SearchResult, *, with_text: bool) -> dict[str, Any]:
    """A result as ``search --json`` has it, and where the words of its snippet stand."""
    values = result.to_dict(with_text=with_text)
    marks = None if result.snippet is None else [list(each) for each in result.snippet.marks]
    return {**values, "snippet": result.snippet and result.snippet.text, "marks": marks}


def _taken(job: Job) -> JSONResponse:
    where = {"Location": f"/v1/jobs/{job.id}"}
    return JSONResponse(job.to_dict(), status_code=202, headers=where)


def _no_document(name: str) -> ApiError:
    return ApiError(404, f"there is no document {name!r} here", code="document_not_found")
