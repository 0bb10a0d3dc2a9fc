"""What a server answers when something is wrong: OpenAI's shape, with a status that fits."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse

from longembed_rag import errors
from longembed_rag.errors import LongEmbedError

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

_LOG = logging.getLogger("longembed_rag.server")

#: Which status an error of the package has, the first that fits; and what clients know it by.
_STATUSES: tuple[tuple[type[LongEmbedError], int, str], ...] = (
    (errors.OutOfMemoryError, 413, "text_too_large"),
    (errors.TextTooLongError, 400, "text_too_long"),
    (errors.InputError, 400, "invalid_input"),
    (errors.SettingsError, 400, "invalid_setting"),
    (errors.CollectionNotFoundError, 404, "collection_not_found"),
    (errors.CollectionMismatchError, 409, "collection_mismatch"),
    (errors.DeletionsRefusedError, 409, "deletions_refused"),
    (errors.ReadError, 422, "unreadable_file"),
    (errors.StoreLockedError, 503, "store_locked"),
    (errors.NotAllowedError, 502, "store_refused_key"),
    (errors.StoreError, 503, "store_unavailable"),
)
_TYPES = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error"}
_TYPES |= {404: "not_found_error", 429: "rate_limit_error"}
_CODES = {
    400: "invalid_value",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_type",
}
#: Values of requests, as messages of the package name them.
_VALUES = re.compile(
    r"\b(method|max_length|passage_tokens|input|filter|limit|after|mode|adaptive|operators|"
    r"query|queries|passages|documents|metadata|ids?)\b"
)
#: A message may quote what was sent, which may be long.
_LONGEST = 2_000
#: What a union of types calls its branches, which nobody has typed.
_BRANCHES = frozenset({"str", "int", "float", "bool", "dict", "list"})


class ApiError(Exception):
    """A request that is refused.

    Args:
        status: Its HTTP status.
        message: Why, and what can be done about it.
        code: What programs know it by.
        param: Which of the request's values is wrong.
        retry_after: Seconds after which it may be tried again.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.retry_after = retry_after

    @property
    def body(self) -> dict[str, Any]:
        """What is answered, in OpenAI's shape."""
        kind = _TYPES.get(self.status)
        if kind is None:
            kind = "server_error" if self.status >= 500 else "invalid_request_error"
        values = {"type": kind, "param": self.param, "code": self.code}
        return {"error": {"message": printable(self.message), **values}}

    @property
    def headers(self) -> dict[str, str]:
        """When to try again, and how to say who one is."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return headers | ({"WWW-Authenticate": "Bearer"} if self.status == 401 else {})


class Answer(JSONResponse):
    """An answer in ASCII: what it repeats of a request may be no Unicode."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return json.dumps(content, separators=(",", ":")).encode()


def busy(what: str, *, seconds: float) -> ApiError:
    """Too much is waiting already.

    Args:
        what: What is.
        seconds: How long that may take.
    """
    wait = max(1, min(60, round(seconds)))
    return ApiError(
        429, f"{what}; try again in {wait} s", code="rate_limit_exceeded", retry_after=wait
    )


def as_api_error(error: LongEmbedError) -> ApiError:
    """What is answered for an error of the package."""
    for kind, status, code in _STATUSES:
        if isinstance(error, kind):
            retry = 5 if status == 503 else None
            named = _VALUES.search(str(error)) if status == 400 else None
            param = named and named[0]
            return ApiError(status, str(error), code=code, param=param, retry_after=retry)
    return ApiError(500, str(error), code=type(error).__name__)


def printable(message: str) -> str:
    """A message as text that every encoding has, whatever it quotes, and not too long."""
    cut = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}..."
    return cut.encode("utf-8", "backslashreplace").decode("utf-8")


def install(app: FastAPI) -> None:
    """Have an app answer every error in one shape."""
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    def answer(error: ApiError) -> JSONResponse:
        return JSONResponse(error.body, status_code=error.status, headers=error.headers)

    async def refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ApiError)
        return answer(error)

    async def ours(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, LongEmbedError)
        return answer(as_api_error(error))

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return answer(_invalid(error.errors()))

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = _CODES.get(error.status_code)
        found = answer(ApiError(error.status_code, f"{error.detail}", code=code))
        found.headers.update(error.headers or {})
        return found

    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        # The text of an unknown error may quote a document or a key: only its kind is told.
        _LOG.error("unforeseen", exc_info=error, extra={"event": "error"})
        told = f"the server failed ({type(error).__name__}); its log says more"
        return answer(ApiError(500, told, code="internal_error"))

    app.add_exception_handler(ApiError, refused)
    app.add_exception_handler(LongEmbedError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unforeseen)


def _invalid(found: Any) -> ApiError:
    """The first thing that is wrong with a request; what was given is not repeated."""
    first = found[0]
    where = [str(each) for each in first["loc"][1:]]  # first comes "body", "query" or "path"
    kept = [each for each in where if not (each[:1].isupper() or "[" in each or each in _BRANCHES)]
    param: str | None = printable(".".join(kept)) or None
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "json_invalid":
        param, message = None, f"the body is no JSON: {first.get('ctx', {}).get('error', message)}"
    elif param is None and first["type"] in ("model_attributes_type", "missing"):
        message = "the body is no JSON object; send one, with 'Content-Type: application/json'"
    told = f"{param}: {message}" if param else message
    return ApiError(400, told, code="invalid_value", param=param)
