"""LongEncoder: texts of any length to vectors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Unpack

from longembed_rag.encoder.described import Described
from longembed_rag.encoder.documents import DocumentReader, NamedText
from longembed_rag.encoder.forward_crew import forward_on
from longembed_rag.encoder.loading import LoadedModel, load_model
from longembed_rag.encoder.planner import Planner
from longembed_rag.encoder.settings import EncoderOptions, EncoderSettings, Kind, ReadingOptions
from longembed_rag.encoder.token_vectors import REFERENCE_TEXT, TokenOptions
from longembed_rag.encoder.turns import Turns
from longembed_rag.encoder.values import (
    Coverage,
    Encoding,
    PassageEncoding,
    QueryEncoding,
    ReadDocument,
)
from longembed_rag.errors import LongEmbedWarning, SettingsError, TextTooLongError
from longembed_rag.extension.plan import ExtensionPlan


class LongEncoder(Described):
    """Reads texts several times longer than its model was trained to read.

    Use :meth:`from_pretrained`. An encoder may be used from several threads; forward passes take
    turns, and those of short texts come before those of long ones.

    Example:
        >>> encoder = LongEncoder.from_pretrained()
        >>> encoder.encode(["a whole book"]).embeddings.shape
        (1, 384)
    """

    def __init__(self, planner: Planner, loaded: LoadedModel, turns: Turns | None = None) -> None:
        super().__init__(planner, loaded)
        planner.settings.require_width(loaded.dimension, model=planner.model_name)
        self._turns = turns or Turns()
        self._forward = forward_on(planner, loaded, self._turns)

    @classmethod
    def from_pretrained(
        cls, model: str | Path | None = None, **options: Unpack[EncoderOptions]
    ) -> LongEncoder:
        """Load a model from a folder or the hub.

        Args:
            model: Folder, hub name, or None for the embedded default (long-minilm).
            **options: The fields of :class:`~longembed_rag.encoder.settings.EncoderSettings`.

        Raises:
            SettingsError: A setting is unknown, out of range or does not fit the model.
            ModelLoadError: The model cannot be loaded.
        """
        return cls._load(Planner.from_pretrained(model, **options))

    @classmethod
    def from_settings(cls, settings: EncoderSettings) -> LongEncoder:
        """:meth:`from_pretrained`, from settings made before."""
        return cls._load(Planner.from_settings(settings))

    @classmethod
    def _load(cls, planner: Planner) -> LongEncoder:
        return cls(planner, load_model(planner))

    def reading_otherwise(self, **changes: Unpack[ReadingOptions]) -> LongEncoder:
        """An encoder with the same weights, which are not loaded again, that reads otherwise.

        Args:
            **changes: Its ``method``, ``max_length``, ``overflow``, ``truncate_dim`` or
                ``rope_factors``.

        Raises:
            SettingsError: One is out of range, or does not fit the model.
        """
        settings = replace(self.settings, **changes)
        return type(self)(Planner.from_settings(settings), self._loaded, self._turns)

    def close(self) -> None:
        """End the processes of further devices, where there are any; reading starts them again.

        They end with the encoder, too.
        """
        self._forward.close()

    def plan(self, n_tokens: int) -> ExtensionPlan:
        """How a document of that many tokens (specials and prompt included) is read."""
        return self._planner.plan(n_tokens)

    def count_tokens(self, text: str, *, kind: Kind = "document") -> int:
        """Tokens of a text, with special tokens and prompt."""
        return self._planner.count_tokens(text, kind=kind)

    def coverage(self, text: str, *, kind: Kind = "document") -> Coverage:
        """What of a text would be read, without running the model."""
        return self._planner.coverage(text, kind=kind)

    def encode(
        self,
        texts: Sequence[str],
        *,
        kind: Kind = "document",
        names: Sequence[str] | None = None,
    ) -> Encoding:
        """Embed texts, in any number and of any length.

        Args:
            texts: The texts.
            kind: Whether they are documents or queries; decides which prompt is put before them.
            names: What to call each text in warnings and errors.

        Returns:
            One vector and one coverage per text, in the order given.

        Raises:
            InputError: A text cannot be embedded; names it.
            TextTooLongError: A text is over ``max_length`` under ``overflow="error"``.
            OutOfMemoryError: A text does not fit into memory even alone.
        """
        return self._forward.encode(texts, kind, names, budget=self.batch_tokens)

    def encode_queries(
        self, texts: Sequence[str], *, names: Sequence[str] | None = None
    ) -> QueryEncoding:
        """Embed queries and, from the same forward pass, each of their tokens.

        Args:
            texts: The queries.
            names: What to call each in warnings and errors.

        Returns:
            For each the vector that :meth:`encode` gives, and the vectors of its tokens, special
            ones included, those of the prompt left out.

        Raises:
            InputError: As :meth:`encode`.
        """
        return self._forward.encode_queries(texts, names, budget=self.batch_tokens)

    def encode_query_tokens(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], ...]:
        """The vectors of the tokens of queries, for late interaction; see :meth:`encode_queries`.

        Returns:
            For each query float32 of unit length, shape ``[tokens, dimension]``.
        """
        return self.encode_queries(texts).tokens

    @cached_property
    def token_centre(self) -> NDArray[np.float32]:
        """What the model's token vectors have in common, float32, shape ``[dimension]``.

        The mean over a fixed text, so that it is a constant of the model; sentence by sentence
        where longer texts are refused, and zero where sentences are.
        """
        nothing = np.zeros(self.dimension, dtype=np.float32)
        options = TokenOptions(pool=1, bits=False)
        refused = self.settings.overflow == "error"
        refused = refused and self.count_tokens(REFERENCE_TEXT) > self.max_length
        found = [nothing[None][:0]]
        for text in REFERENCE_TEXT.split(". ") if refused else [REFERENCE_TEXT]:
            # What is left unread, or not known, of this text is nobody's loss.
            with warnings.catch_warnings(), suppress(TextTooLongError):
                warnings.simplefilter("ignore", LongEmbedWarning)
                encoding = self.encode_passages(text, tokens=options, token_centre=nothing)
                assert encoding.tokens is not None
                found.append(np.asarray(encoding.tokens.vectors, dtype=np.float32))
        rows = np.concatenate(found).astype(np.float64)
        return rows.mean(axis=0).astype(np.float32) if len(rows) else nothing

    def encode_passages(
        self,
        text: str,
        *,
        passage_tokens: int = 256,
        passages: Sequence[tuple[int, int]] | None = None,
        tokens: TokenOptions | None = None,
        token_centre: NDArray[np.float32] | None = None,
        name: str | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> PassageEncoding:
        """Embed a document and, from the same forward pass, each of its passages.

        A passage's vector is pooled from token states that have seen the whole document (late
        chunking, arXiv 2409.04701): the mean of its tokens (weighed under SIF), or its last token
        for last-token models.

        Args:
            text: The document.
            passage_tokens: Most content tokens in a passage.
            passages: Where passages of your own lie, in characters; None cuts the text at the best
                places.
            tokens: How to keep the vectors of each passage's tokens (late interaction); None
                keeps none.
            token_centre: What is taken off before they become bits, shape ``[dimension]``; None
                takes :attr:`token_centre`.
            name: What to call the document in warnings and errors.
            on_progress: Is told, after each window, how many of how many tokens are read.

        Returns:
            The document's vector, equal to :meth:`encode`'s, and one vector per passage. Under
            truncation there are passages only for what was read.

        Raises:
            SettingsError: ``passage_tokens`` is not positive, or the centre another model's.
            InputError: As :meth:`encode`; or a passage of yours holds no token.
        """
        told = None if on_progress is None else lambda _, *counts: on_progress(*counts)
        given: list[NamedText] = [(name, text)]
        (read,) = self.encode_documents(
            given,
            passage_tokens=passage_tokens,
            passages=passages,
            tokens=tokens,
            token_centre=token_centre,
            on_progress=told,
        )
        return read.get()

    def encode_documents(
        self,
        documents: Iterable[NamedText | None],
        *,
        passage_tokens: int | None = 256,
        passages: Sequence[tuple[int, int]] | None = None,
        tokens: TokenOptions | None = None,
        token_centre: NDArray[np.float32] | None = None,
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> Iterator[ReadDocument]:
        """:meth:`encode_passages` of many documents, of which small ones share a forward pass.

        Documents are taken as they are needed, some ahead, whose tokens are found on another
        thread while a pass runs; how many is bounded by their characters.

        Args:
            documents: Name and text of each. A None among them says that the next is not there
                yet, and what is there need not wait for it.
            passage_tokens: As :meth:`encode_passages`; None makes no passages.
            passages: As :meth:`encode_passages`, of each document.
            tokens: As :meth:`encode_passages`.
            token_centre: As :meth:`encode_passages`.
            on_progress: Is told, after each window, of which document how many of how many tokens
                are read.

        Yields:
            Each document, in the order given, with its vectors or with what was wrong with it:
            an error of one is none of the others.

        Raises:
            SettingsError: As :meth:`encode_passages`.
        """
        if passage_tokens is not None and not (
            isinstance(passage_tokens, int) and passage_tokens >= 1
        ):
            raise SettingsError(f"passage_tokens={passage_tokens!r} must be a number above zero")
        if tokens is not None and token_centre is None:
            token_centre = self.token_centre
        if token_centre is not None and token_centre.shape != (self.dimension,):
            raise SettingsError(
                f"token_centre has shape {token_centre.shape}, the model's vectors have "
                f"{self.dimension} numbers: it is another model's"
            )

        read = partial(
            self._forward.encode_documents,
            tokens=tokens,
            token_centre=token_centre,
            on_progress=on_progress,
            budget=self.batch_tokens,
        )
        reader = DocumentReader(
            prepare=partial(
                self._forward.prepare_document, passage_tokens=passage_tokens, passages=passages
            ),
            read=read,
            budget=self.batch_tokens * self._forward.passes,
        )
        return reader.all(documents)
