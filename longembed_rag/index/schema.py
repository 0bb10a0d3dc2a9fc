"""What a collection holds, as values: documents going in, results and records coming out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from longembed_rag.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.encoder.values import Passage

#: Name of the vector of a whole document. It is the name that LlamaIndex's ``QdrantVectorStore``
#: looks for by default, so that it opens a collection of ours without any option.
DENSE_VECTOR = "text-dense"
#: Name of the multivector that holds one vector per passage.
PASSAGE_VECTOR = "passages"
DEFAULT_COLLECTION = "documents"


def document_id(source: str) -> str:
    """The id of a document's point: the same source always gives the same id.

    Args:
        source: Where the document comes from, for a file its absolute path.

    Returns:
        A uuid5 in its usual spelling.
    """
    return str(uuid5(NAMESPACE_URL, source))


@dataclass(frozen=True, kw_only=True)
class IndexedDocument:
    """A document with its vectors, ready to be written.

    Attributes:
        source: Where it comes from; decides its id.
        text: The whole text, which is stored once.
        metadata: What is known of it; values must fit into JSON.
        content_hash: Hash of the text, to tell whether the document has changed.
        tokens: Tokens in the text.
        tokens_read: Tokens that reached the model.
        windows: Forward windows that the text was read in.
        embedding: The whole text, shape ``[dimension]``.
        passages: Where each passage lies in the text, in order.
        passage_embeddings: One vector per passage, shape ``[len(passages), dimension]``.

    Raises:
        InputError: The vectors do not fit the passages or each other, or are not finite.
    """

    source: str
    text: str
    metadata: dict[str, Any]
    content_hash: str
    tokens: int
    tokens_read: int
    windows: int
    embedding: NDArray[np.float32]
    passages: tuple[Passage, ...]
    passage_embeddings: NDArray[np.float32]

    def __post_init__(self) -> None:
        import numpy as np

        dimension = self.embedding.shape[-1]
        if self.embedding.shape != (dimension,):
            raise InputError(f"{self.source}: its embedding is not one vector")
        expected = (len(self.passages), dimension)
        if self.passages and self.passage_embeddings.shape != expected:
            raise InputError(
                f"{self.source}: its passages need vectors of shape {expected}, not "
                f"{self.passage_embeddings.shape}"
            )
        if not (np.isfinite(self.embedding).all() and np.isfinite(self.passage_embeddings).all()):
            raise InputError(f"{self.source}: its vectors hold values that are not finite")

    @property
    def dimension(self) -> int:
        """Length of its vectors."""
        return int(self.embedding.shape[0])


@dataclass(frozen=True, kw_only=True)
class StoredSource:
    """What a collection knows of a document that it holds, without its text and vectors.

    Attributes:
        source: Where the document comes from.
        content_hash: Hash of the text that was embedded.
        tokens: Tokens in the text.
        tokens_read: Tokens that reached the model.
        windows: Forward windows that the text was read in.
    """

    source: str
    content_hash: str
    tokens: int
    tokens_read: int
    windows: int


@dataclass(frozen=True, kw_only=True)
class CollectionRecord:
    """What a collection says about how its vectors were made.

    Attributes:
        fingerprint: Hash of the model's files and of every setting that changes a vector.
        dimension: Length of the vectors.
        description: The model and its settings, resolved, as the encoder describes itself.
        settings: The settings as they were given, enough to make the same encoder again.
        version: Version of this package that made the collection.
    """

    fingerprint: str
    dimension: int
    description: dict[str, Any]
    settings: dict[str, Any]
    version: str


@dataclass(frozen=True, kw_only=True)
class CollectionInfo:
    """A collection at a glance.

    Attributes:
        collection: Its name.
        location: Folder or address of its store.
        documents: Documents in it.
        tokens: Tokens in their texts, together.
        tokens_read: Tokens that reached the model, together.
        model: Name of the model that made its vectors.
        settings: The settings as they were given.
        description: The model and its settings, resolved.
        fingerprint: Hash of the model's files and of every setting that changes a vector.
        dimension: Length of the vectors.
        dense_vector: Name of the vector of a whole document.
        passage_vector: Name of the multivector of its passages.
        version: Version of this package that made the collection.
    """

    collection: str
    location: str
    documents: int
    tokens: int
    tokens_read: int
    model: str | None
    settings: dict[str, Any]
    description: dict[str, Any]
    fingerprint: str
    dimension: int
    dense_vector: str
    passage_vector: str
    version: str

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """A document that was found, with its passage that fits the query best.

    Attributes:
        source: Where the document comes from.
        score: Cosine of the query and the whole document.
        text: The whole text; None when the point holds none.
        passage: The best passage, ``text[span[0]:span[1]]``; None when there are no passages.
        span: First character of the passage in the text and one past its last.
        passage_score: Cosine of the query and the passage.
        metadata: What is known of the document.
        document_id: Id of its point.
    """

    source: str
    score: float
    text: str | None
    passage: str | None
    span: tuple[int, int] | None
    passage_score: float | None
    metadata: dict[str, Any]
    document_id: str

    def to_dict(self, *, with_text: bool = False) -> dict[str, Any]:
        """Every field by name, ready for JSON.

        Args:
            with_text: Also the whole text, which can be as long as a book.
        """
        values = asdict(self)
        if not with_text:
            del values["text"]
        return values
