"""What a collection holds, as values: documents going in, what is known of them and of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from longembed_rag.errors import InputError, SettingsError
from longembed_rag.layout import NO_LAYOUT, Layout
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.outdated import of_later_weighing, outdated
from longembed_rag.store.tokens import TokenRecord
from longembed_rag.words.analyzer import (
    Analyzer,
    get_analyzer,
)
from longembed_rag.words.detecting import language_of
from longembed_rag.words.languages import AUTO_LANGUAGE, stemming_language
from longembed_rag.words.lengths import Averages, TermCounts
from longembed_rag.words.query import QueryWords, query_words
from longembed_rag.words.terms import WEIGHING_VERSION

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.encoder.token_vectors import TokenVectors
    from longembed_rag.encoder.values import Passage, PassageEncoding

#: The vectors' names are those that LlamaIndex's ``QdrantVectorStore`` looks for by default, so
#: that it opens a collection of ours without any option.
DENSE_VECTOR = "text-dense"
TERMS_VECTOR = "text-sparse-new"
#: A document's word pairs, and its words as ``hybrid`` weighs them; a sparse vector as well. In
#: collections of earlier releases it holds pairs alone, hence its name: a vector can neither be
#: renamed nor be added to a collection that is there.
PAIRS_VECTOR = "word-pairs"
DEFAULT_COLLECTION = "documents"
#: How files are read: who changes what text a file has adds one. Collections note it down; a file
#: whose text is another one now is embedded anew by the next ingest of it.
READERS_VERSION = 2


def passages_collection(collection: str) -> str:
    """Name of the collection that holds the passages of another's documents."""
    return f"{collection}.passages"


def manifest_collection(collection: str) -> str:
    """Name of the collection that holds another's manifest."""
    return f"{collection}.manifest"


def words_collection(collection: str) -> str:
    """Name of the collection that holds how often the words of another's documents occur."""
    return f"{collection}.words"


def document_id(source: str) -> str:
    """The id of a document's point: the same source always gives the same id.

    Args:
        source: Where the document comes from, for a file its absolute path.

    Returns:
        A uuid5 in its usual spelling.
    """
    return str(uuid5(NAMESPACE_URL, source))


def passage_id(document: str, version: str, index: int) -> str:
    """The id of a passage's point: the same passage of the same text always has the same one.

    Args:
        document: Id of its document's point.
        version: Hash of the document's text.
        index: Which of the document's passages it is, from 0.
    """
    return str(uuid5(UUID(document), f"{version}/{index}"))


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
        token_vectors: Those of each passage's tokens, as bits; None where they are not kept.
        layout: Where its pages and headings begin in the text.
        reading_hash: Hash of what its file's reader found beside the text; empty without a file.

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
    token_vectors: TokenVectors | None = None
    layout: Layout = NO_LAYOUT
    reading_hash: str = ""

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
        kept = self.token_vectors
        if kept is not None and (
            len(kept.counts) != len(self.passages)
            or not kept.as_bits
            or kept.dimension != dimension
        ):
            raise InputError(f"{self.source}: the bits of its tokens do not fit its passages")

    @classmethod
    def of_encoding(
        cls,
        encoding: PassageEncoding,
        *,
        source: str,
        text: str,
        metadata: dict[str, Any],
        content_hash: str,
        layout: Layout = NO_LAYOUT,
        reading_hash: str = "",
    ) -> IndexedDocument:
        """Put a document together with what an encoder made of its text."""
        return cls(
            source=source,
            text=text,
            metadata=metadata,
            content_hash=content_hash,
            tokens=encoding.coverage.tokens,
            tokens_read=encoding.coverage.tokens_read,
            windows=encoding.coverage.windows,
            embedding=encoding.embedding,
            passages=encoding.passages,
            passage_embeddings=encoding.embeddings,
            token_vectors=encoding.tokens,
            layout=layout,
            reading_hash=reading_hash,
        )

    @property
    def dimension(self) -> int:
        """Length of its vectors."""
        return int(self.embedding.shape[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredSource:
    """What a collection knows of a document that it holds, without its text and vectors.

    Attributes:
        source: Where the document comes from.
        content_hash: Hash of the text that was embedded.
        tokens: Tokens in the text.
        tokens_read: Tokens that reached the model.
        windows: Forward windows that the text was read in.
        passages: Passages that it was stored with.
        counts: Its terms.
        metadata_hash: Hash of what is known of it; empty where a release before wrote it.
        reading_hash: Hash of what its file's reader found beside the text; empty where it came
            without a file, or a release before wrote it.
        late_interaction: Whether the vectors of its passages' tokens are kept.
        language: What it is written in, ``"german"``; None where the collection has one language
            for all, or it is not known.
    """

    source: str
    content_hash: str
    tokens: int
    tokens_read: int
    windows: int
    passages: int
    counts: TermCounts
    metadata_hash: str = ""
    reading_hash: str = ""
    late_interaction: bool = False
    language: str | None = None

    @property
    def document_id(self) -> str:
        """Id of its point."""
        return document_id(self.source)

    def to_dict(self) -> dict[str, Any]:
        """Every field but the counts by name, and the id, ready for JSON."""
        values = asdict(self)
        del values["counts"]
        return {**values, "document_id": self.document_id}


@dataclass(frozen=True, kw_only=True)
class CollectionRecord:
    """What a collection says about how its vectors were made.

    Attributes:
        fingerprint: Hash of the model's files and of every setting that changes a vector.
        dimension: Length of the vectors.
        description: The model and its settings, resolved, as the encoder describes itself.
        settings: The settings as they were given, enough to make the same encoder again.
        options: What it keeps of its documents.
        version: Version of this package that made the collection.
        analyzer: Version of the analyzer that found its words.
        readers: Version of the readers that its files were read by.
        model_folder: Whether the model lay in a folder of which only the name is told, as on a
            server: who goes on names the folder.
        analyzer_next: Version of the analyzer that the collection is being brought to; None while
            it is not.
        tokens: How the vectors of passages' tokens are kept; None where they are not.
        weighing: Version of how all of its documents' words are weighed for ``hybrid``; some may
            be by a later one.
        languages: What words of documents were ever stemmed as, where each has its own language.
        frequencies: Whether how rare words are is kept beside the documents, and put into queries;
            else the store puts it in.
        averages: Average lengths that words are weighed by; None before they were settled.
    """

    fingerprint: str
    dimension: int
    description: dict[str, Any]
    settings: dict[str, Any]
    options: IndexOptions
    version: str
    analyzer: int = 1
    readers: int = 1
    model_folder: bool = False
    analyzer_next: int | None = None
    tokens: TokenRecord | None = None
    weighing: int = 1
    languages: tuple[str, ...] = ()
    frequencies: bool = False
    averages: Averages | None = None

    @property
    def outdated(self) -> str | None:
        """What this release does otherwise, and how the collection comes to it; None if nothing."""
        return outdated(analyzer=self.analyzer, weighing=self.weighing)

    def stemmed_as(self, language: str | None) -> str:
        """What words of documents in a language are stemmed as; None where it is not known."""
        own = self.options.language
        return stemming_language(language) if own == AUTO_LANGUAGE else own

    def language_of(self, text: str, metadata: Mapping[str, Any]) -> str | None:
        """What a text is written in; None where one language is for all, or it cannot be told."""
        if self.options.language != AUTO_LANGUAGE:
            return None
        return language_of(text, metadata)

    def get_analyzer(self, language: str | None = None) -> Analyzer:
        """What cuts texts into the words that the collection was made with.

        Args:
            language: What the text is written in, where each has its own language.

        Raises:
            SettingsError: A later release has made it, or weighs its words otherwise.
        """
        if self.weighing > WEIGHING_VERSION:
            raise SettingsError(of_later_weighing(self.weighing))
        return get_analyzer(self.stemmed_as(language), version=self.analyzer)

    @property
    def words_vector(self) -> str:
        """Name of the vector that ``hybrid`` asks for the words of documents."""
        return TERMS_VECTOR if self.weighing < 2 else PAIRS_VECTOR

    def query_words(self, text: str) -> QueryWords:
        """The words of a query, as they may be stored.

        That is in each language that documents are in, and by either analyzer while both are at
        work.

        Raises:
            SettingsError: A later release has made the collection.
        """
        return query_words(text, self.get_analyzers())

    def get_analyzers(self) -> list[Analyzer]:
        """What found the stored words: for each language, and by two versions while both work.

        Raises:
            SettingsError: A later release has made the collection.
        """
        self.get_analyzer()
        versions = [self.analyzer, *([self.analyzer_next] if self.analyzer_next else [])]
        stemmed = self.languages or (self.stemmed_as(None),)
        return [get_analyzer(each, version=version) for version in versions for each in stemmed]
