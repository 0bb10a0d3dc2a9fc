"""Telling that what answers at an address is no Qdrant server, and what it is instead."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping

from longembed_rag.points.addresses import masked_url
from longembed_rag.points.client.retries import causes, hung_up
from longembed_rag.points.client.server import EndlessAnswerError

#: What the client raises, beside its own errors, where an answer is none of Qdrant's: no JSON,
#: JSON that is nested without end, or without a result.
UNREADABLE = (json.JSONDecodeError, UnicodeDecodeError, RecursionError, AssertionError)


def foreign(error: BaseException) -> str | None:
    """Why an answer cannot be Qdrant's; None where it can.

    Args:
        error: What the client raised, or what every try came to.
    """
    import httpx
    from pydantic import ValidationError
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

    cause = error.__cause__ or error
    if isinstance(cause, UNREADABLE):
        return "it answers with something else than Qdrant's JSON"
    if isinstance(cause, UnexpectedResponse):
        return _of_status(cause.status_code or 0, cause.content, cause.headers)
    if not isinstance(cause, ResponseHandlingException):
        return None
    source = cause.source
    if isinstance(source, ValidationError):
        return "it answers with JSON of another kind than Qdrant's"
    if isinstance(source, (httpx.DecodingError, EndlessAnswerError)):
        return f"it answers with something else than Qdrant's JSON ({source})"
    if isinstance(source, httpx.RemoteProtocolError) and not hung_up(source):
        return f"what it says is not HTTP ({source}); an address with TLS begins with https://"
    tls = next((each for each in causes(source) if isinstance(each, ssl.SSLError)), None)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return f"its certificate cannot be verified ({tls.verify_message})"
    if isinstance(tls, ssl.SSLError):
        return f"it does not speak TLS as it should ({tls.reason}); one without begins with http://"
    return None


def _of_status(status: int, content: bytes, headers: Mapping[str, str]) -> str | None:
    if 300 <= status < 400:
        to = masked_url(headers.get("location", "another place"))
        return f"it answers {status} and sends on to {to}"
    if status < 300:
        return f"it answers {status} and nothing that Qdrant would say"
    return (
        None if _is_ours(content) or status >= 500 else f"it answers {status}, not as Qdrant does"
    )


def _is_ours(content: bytes) -> bool:
    """Whether a refusal is written as Qdrant writes them."""
    try:
        return "status" in dict(json.loads(content))
    except (ValueError, TypeError, RecursionError):
        return False
