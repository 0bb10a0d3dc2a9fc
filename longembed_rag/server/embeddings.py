"""``/v1/embeddings``, ``/v1/models``, ``/v1/rerank``: the model for everybody."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from fastapi import APIRouter, Request, Response

from longembed_rag.encoder.values import Coverage, PassageEncoding
from longembed_rag.server.failures import ApiError
from longembed_rag.server.highlights import EVERY_TOKEN, matching_words, nearest_words
from longembed_rag.server.schemas import (
    INPUT_TYPES,
    EmbeddingsAnswer,
    EmbeddingsRequest,
    HighlightsRequest,
    RerankRequest,
)
from longembed_rag.server.waiting import answered
from longembed_rag.words.analyzer import get_analyzer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.encoder.encoder import LongEncoder
    from longembed_rag.server.options import ServerOptions
    from longembed_rag.server.service import Service
    from longembed_rag.server.texts import Read

#: Vectors of an answer up to which it is written at once: a thread of its own takes longer.
_FEW = 16


def routes(service: Service) -> APIRouter:
    """The routes of the model."""
    router = APIRouter(prefix="/v1", tags=["model"])

    @router.post("/embeddings", response_model=EmbeddingsAnswer)
    async def embeddings(request: Request, asked: EmbeddingsRequest) -> Response:
        """Vectors of texts of any length, and what of each was read."""
        work = _embed(service, asked)
        values = await answered(request, work, timeout=service.options.timeout)
        few = len(values["data"]) <= _FEW
        body = json.dumps(values) if few else await asyncio.to_thread(json.dumps, values)
        return Response(body, media_type="application/json")

    @router.get("/models")
    async def models() -> dict[str, Any]:
        """The model that is served."""
        return {"object": "list", "data": [_model(service)]}

    @router.get("/models/{name:path}")
    async def model(name: str) -> dict[str, Any]:
        """The model that is served, if that is its name."""
        _require_model(service, name)
        return _model(service)

    @router.post("/rerank")
    async def rerank(request: Request, asked: RerankRequest) -> dict[str, Any]:
        """Texts in the order in which they fit a query, by late interaction."""
        return await answered(request, _rerank(service, asked), timeout=service.options.timeout)

    @router.post("/highlights")
    async def highlights(request: Request, asked: HighlightsRequest) -> dict[str, Any]:
        """Where words of a query stand in passages, and others that are near to it in meaning."""
        encoder = await service.model_loaded()
        analyzers = [get_analyzer(each) for each in asked.languages]
        work = partial(nearest_words, asked.query, asked.passages, analyzers=analyzers)
        texts = [asked.query, *asked.passages]
        found = service.texts.run(texts, work, find=lambda: encoder)
        spans = await answered(request, found, timeout=service.options.timeout)
        marks = matching_words(asked.query, asked.passages, analyzers=analyzers)
        return {"highlights": spans, "marks": marks}

    return router


def _model(service: Service) -> dict[str, Any]:
    planner = service.planner
    return {
        "id": planner.model_name,
        "object": "model",
        "created": 0,
        "owned_by": "longembed-rag",
        "max_length": planner.max_length,
        "method": planner.method,
        "methods": list(planner.methods),
        "ready": service.is_ready,
    }


def _require_model(service: Service, name: str | None) -> str:
    """The model's name, where none or that was asked for.

    Raises:
        ApiError: Another one was.
    """
    known = service.planner.model_name
    if name not in (None, known, known.rpartition("/")[2]):
        told = f"there is no model {name!r} here; {known!r} is the one that is served"
        raise ApiError(404, told, code="model_not_found", param="model")
    return known


async def _embed(service: Service, asked: EmbeddingsRequest) -> dict[str, Any]:
    name = _require_model(service, asked.model)
    if asked.late_chunking and asked.passage_tokens is not None:
        told = (
            "late_chunking takes the inputs for the passages, passage_tokens finds them: give one"
        )
        raise ApiError(400, told, code="invalid_value", param="passage_tokens")
    kind = INPUT_TYPES.get(asked.input_type)
    if kind is None:
        told = f"input_type={asked.input_type!r} is not one of: {', '.join(INPUT_TYPES)}"
        raise ApiError(400, told, code="invalid_value", param="input_type")
    await service.model_loaded()
    find = partial(service.encoder_for, asked.method, asked.max_length)
    is_another = asked.method is not None or asked.max_length is not None
    # Another way of reading has a tokenizer to load.
    encoder = await asyncio.to_thread(find) if is_another else find()
    _require_width(encoder, asked.dimensions)
    of_texts = partial(_texts, asked.input, encoder, service.options)
    is_text = isinstance(asked.input, str) or isinstance(next(iter(asked.input), ""), str)
    texts = of_texts() if is_text else await asyncio.to_thread(of_texts)  # ids are decoded
    shown = partial(_shown, as_base64=asked.encoding_format == "base64", width=asked.dimensions)
    if asked.late_chunking or asked.passage_tokens is not None:
        if kind == "query":
            told = "passages are those of documents: leave input_type out"
            raise ApiError(400, told, code="invalid_value", param="input_type")
        data = await _with_passages(service, asked, texts, find, shown)
    else:
        key = (asked.method, asked.max_length)
        read = await service.texts.read(texts, kind=kind, find=find, key=key)
        data = [_item(n, each, shown) for n, each in enumerate(read)]
    tokens = sum(each["coverage"]["tokens_read"] for each in data)
    if asked.late_chunking:
        tokens = data[0]["coverage"]["tokens_read"] if data else 0
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": name, "usage": usage}


async def _with_passages(
    service: Service,
    asked: EmbeddingsRequest,
    texts: list[str],
    find: Callable[[], LongEncoder],
    shown: Callable[[Any], Any],
) -> list[dict[str, Any]]:
    if asked.late_chunking:
        document, places = _joined(texts)
        work = partial(_passages, document, passages=places, name="input")
        encoding = await service.texts.run([document], work, find=find)
        return [
            {
                "object": "embedding",
                "index": n,
                "embedding": shown(vector),
                "coverage": _coverage(encoding.coverage),
            }
            for n, vector in enumerate(encoding.embeddings)
        ]
    data = []
    for n, text in enumerate(texts):
        work = partial(_passages, text, passage_tokens=asked.passage_tokens, name=f"input[{n}]")
        encoding = await service.texts.run([text], work, find=find)
        passages = [
            {**vars(passage), "embedding": shown(vector)}
            for passage, vector in zip(encoding.passages, encoding.embeddings, strict=True)
        ]
        item = {"object": "embedding", "index": n, "embedding": shown(encoding.embedding)}
        data.append({**item, "coverage": _coverage(encoding.coverage), "passages": passages})
    return data


def _passages(text: str, encoder: LongEncoder, **options: Any) -> PassageEncoding:
    return encoder.encode_passages(text, **options)


def _joined(passages: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Passages as one document, and where each stands in it."""
    document, places = "", []
    for passage in passages:
        if document and not (document[-1].isspace() or passage[:1].isspace()):
            document += " "
        places.append((len(document), len(document) + len(passage)))
        document += passage
    return document, places


def _texts(given: Any, encoder: LongEncoder, options: ServerOptions) -> list[str]:
    """The texts of a request, from whatever shape they came in.

    Raises:
        ApiError: There are none, or too many, or ids that the model does not have.
    """
    is_one = isinstance(given, str) or (given and isinstance(given[0], int))
    several = [given] if is_one else given
    if not several:
        raise ApiError(400, "input is empty", code="invalid_value", param="input")
    if len(several) > options.max_texts:
        told = f"input holds {len(several):,} texts; send at most {options.max_texts:,} at once"
        raise ApiError(400, told, code="too_many_texts", param="input")
    if isinstance(several[0], str):
        return cast("list[str]", several)
    if sum(map(len, several)) > options.max_waiting:
        told = f"input holds more than {options.max_waiting:,} token ids; send less at once"
        raise ApiError(400, told, code="text_too_large", param="input")
    try:
        return [encoder.planner.tokenizer.text_of(ids) for ids in several]
    except ValueError as error:
        raise ApiError(400, f"input: {error}", code="invalid_value", param="input") from error


def _require_width(encoder: LongEncoder, width: int | None) -> None:
    if width is not None and width > encoder.dimension:
        told = f"dimensions={width} is more than the model's {encoder.dimension}"
        raise ApiError(400, told, code="invalid_value", param="dimensions")


def _shown(vector: NDArray[np.float32], *, as_base64: bool, width: int | None) -> str | list[float]:
    """A vector as it is answered, with as many dimensions as were asked for."""
    import numpy as np

    if width is not None and width < len(vector):
        vector = vector[:width]
        vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
    if as_base64:
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    numbers: list[float] = vector.tolist()
    return numbers


def _item(number: int, read: Read, shown: Callable[[Any], Any]) -> dict[str, Any]:
    vector, coverage = shown(read.vector), _coverage(read.coverage)
    return {"object": "embedding", "index": number, "embedding": vector, "coverage": coverage}


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return vars(coverage)


async def _rerank(service: Service, asked: RerankRequest) -> dict[str, Any]:
    name = _require_model(service, asked.model)
    texts = [_text_of(n, each) for n, each in enumerate(asked.documents)]
    if len(texts) > service.options.max_texts:
        told = f"send at most {service.options.max_texts:,} documents at once"
        raise ApiError(400, told, code="too_many_texts", param="documents")
    encoder = await service.model_loaded()
    work = partial(_scores, asked.query, texts)
    scores, tokens = await service.texts.run([asked.query, *texts], work, find=lambda: encoder)
    order = sorted(range(len(texts)), key=lambda n: (-scores[n], n))[: asked.top_n]
    results = [
        {"index": n, "relevance_score": scores[n]}
        | ({"document": {"text": texts[n]}} if asked.return_documents else {})
        for n in order
    ]
    return {"model": name, "results": results, "usage": {"total_tokens": tokens}}


def _text_of(number: int, given: str | dict[str, Any]) -> str:
    text = given if isinstance(given, str) else given.get("text")
    if not isinstance(text, str):
        raise ApiError(
            400, f"documents[{number}] has no text", code="invalid_value", param="documents"
        )
    return text


def _scores(query: str, texts: Sequence[str], encoder: LongEncoder) -> tuple[list[float], int]:
    """The mean over a query's tokens of each text's best match (MaxSim), and tokens read."""
    asked = encoder.encode_queries([query], names=["query"])
    named: list[tuple[str | None, str]] = [(f"documents[{n}]", t) for n, t in enumerate(texts)]
    scores, tokens = [], asked.coverage[0].tokens_read
    for read in encoder.encode_documents(named, tokens=EVERY_TOKEN):
        found = read.get()
        assert found.tokens is not None
        similar = asked.tokens[0] @ found.tokens.vectors.T
        # A text without a token that counts fits nothing.
        scores.append(float(similar.max(axis=1).mean()) if similar.size else -1.0)
        tokens += found.coverage.tokens_read
    return scores, tokens
