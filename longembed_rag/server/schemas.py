"""What requests hold, and embeddings look like; OpenAPI tells it to clients."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StrictInt, StrictStr

from longembed_rag.search.options import DEFAULT_MODE, Mode
from longembed_rag.server.options import MOST_TEXTS

Ids = list[Annotated[StrictInt, Field(ge=0)]]
#: Most conditions of a filter: more are not looked at at all.
_CONDITIONS = 256
#: What ``input_type`` may be called: our own names, and those of other services.
INPUT_TYPES: dict[str, Literal["query", "document"]] = {
    "query": "query",
    "search_query": "query",
    "retrieval.query": "query",
    "document": "document",
    "passage": "document",
    "search_document": "document",
    "retrieval.passage": "document",
}


def _inputs(given: Any) -> Any:
    """What can be read, looked at as a whole: a union's branches would be tried on each of it."""
    kinds = set(map(type, given)) if isinstance(given, list) else {type(given)}
    inner = kinds
    if kinds == {list}:  # of too many, which is told later, the first will do
        inner = {each for one in given[: MOST_TEXTS + 1] for each in set(map(type, one))}
    is_list = isinstance(given, list)
    if isinstance(given, str) or (is_list and (inner <= {int} or kinds <= {str})):
        return given
    raise ValueError("give a text, a list of texts, token ids, or a list of those")


Inputs = Annotated[
    Any,
    PlainValidator(_inputs, json_schema_input_type=StrictStr | list[StrictStr] | Ids | list[Ids]),
]


class Request(BaseModel):
    """A request's body: nothing in it is passed over in silence."""

    model_config = ConfigDict(extra="forbid")


class EmbeddingsRequest(Request):
    """OpenAI's, with what long documents need beside it."""

    input: Inputs = Field(
        description="A text, several, or their token ids by this model's tokenizer."
    )
    model: str | None = Field(None, description="The model's name; the only one there is.")
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(
        None, ge=1, description="Keep so many leading dimensions (Matryoshka models)."
    )
    user: str | None = None
    input_type: str = Field(
        "document", description=f"What the texts are: {', '.join(INPUT_TYPES)}."
    )
    method: str | None = Field(None, description="How texts past the model's window are read.")
    max_length: int | None = Field(None, ge=1, description="Longest text read in one go, tokens.")
    late_chunking: bool = Field(
        False,
        description="The inputs are the passages of one document, in order: it is read as one, and "
        "each passage's vector knows all of it.",
    )
    passage_tokens: int | None = Field(
        None, ge=1, description="Also a vector for each passage of up to so many tokens."
    )


class CoverageOut(BaseModel):
    """What of a text was read."""

    tokens: int
    tokens_read: int
    tokens_unknown: int
    windows: int
    method: str


class PassageOut(BaseModel):
    """A passage of a text."""

    start: int
    end: int
    tokens: int
    embedding: list[float] | str


class EmbeddingOut(BaseModel):
    """A text's vector."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str
    coverage: CoverageOut
    passages: list[PassageOut] | None = None


class Usage(BaseModel):
    """Tokens that were read."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsAnswer(BaseModel):
    """OpenAI's, with the coverage of every text."""

    object: Literal["list"] = "list"
    data: list[EmbeddingOut]
    model: str
    usage: Usage


class RerankRequest(Request):
    """A query and texts to put in order."""

    query: StrictStr = Field(min_length=1)
    documents: list[StrictStr | dict[str, Any]] = Field(
        description="Texts, or objects with a text.", min_length=1, max_length=MOST_TEXTS
    )
    model: str | None = None
    top_n: int | None = Field(None, ge=1)
    return_documents: bool = False


class HighlightsRequest(Request):
    """A query and passages to find its meaning in."""

    query: StrictStr = Field(min_length=1)
    passages: list[StrictStr] = Field(min_length=1, max_length=64)
    languages: list[StrictStr] = Field(
        default=["english"],
        max_length=32,
        description="What the passages are written in: its stopwords mean nothing, and other forms "
        "of a word are that word.",
    )


class SearchRequest(Request):
    """A query, or several, and how they are answered."""

    query: StrictStr | None = None
    queries: list[StrictStr] | None = Field(None, min_length=1, max_length=256)
    mode: Mode = DEFAULT_MODE
    limit: int | None = Field(None, ge=1, le=1000)
    adaptive: bool = False
    passages: int | None = Field(None, ge=0, le=100, description="Most passages of a document.")
    filter: (
        StrictStr
        | Annotated[list[StrictStr], Field(max_length=_CONDITIONS)]
        | Annotated[dict[str, Any], Field(max_length=_CONDITIONS)]
        | None
    ) = None
    operators: bool = True
    snippets: bool = True
    text: bool = Field(False, description="Whether the whole texts come, too.")


class DocumentIn(Request):
    """A text to be kept."""

    id: StrictStr = Field(min_length=1, max_length=2048)
    text: StrictStr
    metadata: dict[str, Any] = Field(default_factory=dict)


class DocumentsRequest(Request):
    """Texts to be kept."""

    documents: list[DocumentIn] = Field(min_length=1, max_length=MOST_TEXTS)
