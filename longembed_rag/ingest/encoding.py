"""What is needed of an encoder, and the collection that its vectors go into."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from longembed_rag.encoder.token_vectors import TokenOptions
from longembed_rag.encoder.values import PassageEncoding, ReadDocument
from longembed_rag.errors import InputError, SettingsError
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.tokens import TokenRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.encoder.settings import Kind
    from longembed_rag.encoder.values import Encoding
    from longembed_rag.points.values import StorageOptions
    from longembed_rag.store.store import DocumentStore
    from longembed_rag.store.values import CollectionRecord


class _Settings(Protocol):
    def to_dict(self) -> dict[str, Any]: ...


class DocumentEncoder(Protocol):
    """What a library and an ingest need of an encoder; :class:`LongEncoder` has it."""

    @property
    def fingerprint(self) -> str:
        """Hash of everything that changes a vector."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def settings(self) -> _Settings:
        """The settings as given."""

    def describe(self) -> dict[str, Any]:
        """The model and its settings, ready for JSON."""

    def encode(
        self, texts: Sequence[str], *, kind: Kind = ..., names: Sequence[str] | None = ...
    ) -> Encoding:
        """Vectors of documents or queries."""

    def encode_passages(
        self,
        text: str,
        *,
        passage_tokens: int = ...,
        tokens: TokenOptions | None = ...,
        token_centre: NDArray[np.float32] | None = ...,
        name: str | None = ...,
        on_progress: Callable[[int, int], None] | None = ...,
    ) -> PassageEncoding:
        """A document's vector, its passages' and, where they are asked for, their tokens'.

        An encoder that has ``encode_documents``, too, as LongEncoder does, is given many at once.
        """


def read_documents(
    encoder: DocumentEncoder,
    documents: Iterable[tuple[str, str] | None],
    *,
    record: CollectionRecord,
    on_progress: Callable[[str, int, int], None],
) -> Generator[ReadDocument, None, None]:
    """The vectors of documents as a collection keeps them, in the order in which they come.

    Args:
        encoder: Makes them. One that has ``encode_documents``, as :class:`LongEncoder`, reads small
            documents together; any other reads one after the other.
        documents: Name and text of each; a None among them says not to wait for the next.
        record: What the collection says of itself.
        on_progress: Is told of which document how many of how many tokens are read.
    """
    options: dict[str, Any] = {"passage_tokens": None}
    if record.options.passages:
        options = {"passage_tokens": record.options.passage_tokens}
        if record.tokens is not None:
            options |= {"tokens": record.tokens.options, "token_centre": record.tokens.centre}
    together: Any = getattr(encoder, "encode_documents", None)
    if together is None:
        yield from _one_by_one(encoder, documents, on_progress, options)
    else:
        yield from together(documents, on_progress=on_progress, **options)


def _one_by_one(
    encoder: DocumentEncoder,
    documents: Iterable[tuple[str, str] | None],
    on_progress: Callable[[str, int, int], None],
    options: Mapping[str, Any],
) -> Iterator[ReadDocument]:
    for name, text in (each for each in documents if each is not None):
        began = time.monotonic()
        try:
            if options["passage_tokens"] is None:
                encoding = _without_passages(encoder.encode([text], names=[name]))
            else:
                told = partial(on_progress, name)
                encoding = encoder.encode_passages(text, name=name, on_progress=told, **options)
        except (InputError, MemoryError) as error:
            yield ReadDocument(name, time.monotonic() - began, error=error)
        else:
            yield ReadDocument(name, time.monotonic() - began, encoding)


def _without_passages(encoding: Encoding) -> PassageEncoding:
    return PassageEncoding(
        embedding=encoding.embeddings[0],
        passages=(),
        embeddings=encoding.embeddings[:0],
        coverage=encoding.coverage[0],
    )


def ensure_for(
    store: DocumentStore,
    encoder: DocumentEncoder,
    *,
    options: IndexOptions | None,
    storage: StorageOptions | None,
) -> None:
    """Have a collection for an encoder's vectors; see :meth:`DocumentStore.ensure`.

    Raises:
        SettingsError: Late interaction is asked for, and the encoder gives no vectors of tokens.
    """
    record, wanted = store.record(), options or IndexOptions()
    # A collection that keeps none is only made to where that is said.
    gains = record is not None and record.tokens is None and wanted.late_interaction == "on"
    tokens = token_record(encoder, wanted) if record is None or gains else None
    store.ensure(
        fingerprint=encoder.fingerprint,
        dimension=encoder.dimension,
        description=encoder.describe(),
        settings=encoder.settings.to_dict(),
        options=options,
        storage=storage,
        tokens=tokens,
    )


def token_record(encoder: DocumentEncoder, options: IndexOptions) -> TokenRecord | None:
    """How the vectors of an encoder's tokens are to be kept; None where they are not.

    ``"auto"`` keeps them where the encoder says that they are known to help.

    Raises:
        SettingsError: They are asked for, and the encoder gives none.
    """
    if options.late_interaction == "off" or not options.passages:
        return None
    if not hasattr(encoder, "token_centre"):
        if options.late_interaction == "auto":
            return None
        raise SettingsError(
            f"late_interaction='on': an encoder of type {type(encoder).__name__} gives no vectors "
            "of tokens; leave it out, or take a LongEncoder"
        )
    if options.late_interaction == "auto" and not encoder.describe().get("late_interaction"):
        return None
    return TokenRecord.of(TokenOptions(), encoder.token_centre)
