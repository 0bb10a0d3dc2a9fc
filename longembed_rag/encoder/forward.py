"""Texts through the model: windows, forward passes, and what is made of the token states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longembed_rag.encoder.batching import Job, Result, make_jobs, run_jobs
from longembed_rag.encoder.loading import LoadedModel
from longembed_rag.encoder.passages import given_passages, split_passages
from longembed_rag.encoder.planner import Planner
from longembed_rag.encoder.pooling import (
    PassageBounds,
    PassageSums,
    PassageTokens,
    finish,
    finite_tokens,
    pool_windows,
)
from longembed_rag.encoder.reading import DocumentReading, Reading
from longembed_rag.encoder.remarks import warn_of_gaps
from longembed_rag.encoder.settings import Kind
from longembed_rag.encoder.token_vectors import TokenOptions
from longembed_rag.encoder.turns import Turns
from longembed_rag.encoder.values import Encoding, Passage, PassageEncoding, QueryEncoding
from longembed_rag.errors import InputError
from longembed_rag.extension.packing import to_device

_GPU_PASSES = 4


class Forward:
    """A loaded model at work for :class:`~longembed_rag.encoder.encoder.LongEncoder`.

    Threads take turns, pass by pass. Arguments are those of the encoder's methods; ``budget`` is
    how many tokens a forward pass takes.

    Args:
        planner: Says how texts are read.
        loaded: The model.
        turns: Those of everybody who reads with the model.
    """

    def __init__(self, planner: Planner, loaded: LoadedModel, turns: Turns) -> None:
        self._planner = planner
        self._loaded = loaded
        self._turns = turns
        self._late = planner.folder.late

    @property
    def devices(self) -> int:
        """How many devices read at once."""
        return 1

    @property
    def passes(self) -> int:
        """Forward passes whose documents are best given together.

        A GPU is given the next before it is waited for, each device has passes of its own, and
        a CPU, which does one thing at a time, had better give away what it has read.
        """
        return self.devices * (_GPU_PASSES if self._loaded.device.type == "cuda" else 1)

    def close(self) -> None:
        """End what reads elsewhere, which is nothing here."""

    def encode(
        self, texts: Sequence[str], kind: Kind, names: Sequence[str] | None, *, budget: int
    ) -> Encoding:
        """One vector for each text."""
        readings, labels = self._read(texts, kind, names)
        sums = torch.zeros((len(readings), self._loaded.dimension), dtype=torch.float32)

        def pool(batch: Sequence[Job], states: list[Tensor]) -> list[Tensor]:
            return list(self._wholes(readings, batch, self._of_tokens(states)))

        for job, part in self._run(readings, labels, pool, budget, kind):
            sums[job.owner] += part
        return Encoding(self._finish(sums, labels), tuple(r.coverage for r in readings))

    def encode_queries(
        self, texts: Sequence[str], names: Sequence[str] | None, *, budget: int
    ) -> QueryEncoding:
        """One vector for each query, and those of its tokens."""
        readings, labels = self._read(texts, "query", names)
        sums = torch.zeros((len(readings), self._loaded.dimension), dtype=torch.float32)
        parts: list[list[tuple[int, NDArray[np.float32]]]] = [[] for _ in readings]

        def own(job: Job) -> Tensor:
            reading, window = readings[job.owner], job.window
            own = self._counts(job, "query")
            if not self._late:
                own[reading.text.in_prompt] = False
            head = len(reading.text.head)
            own[head : head + window.fresh - window.start] = False
            return torch.from_numpy(np.flatnonzero(own))

        def pool(batch: Sequence[Job], states: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
            states = self._of_tokens(states)
            pairs = zip(batch, states, strict=True)
            kept = [each[to_device(own(job), each.device)] for job, each in pairs]
            wholes = self._wholes(readings, batch, states)
            return list(zip(wholes, map(self._token_vectors, kept), strict=True))

        for job, (whole, tokens) in self._run(readings, labels, pool, budget, "query"):
            sums[job.owner] += whole
            parts[job.owner].append((job.window.start, tokens.numpy()))
        return QueryEncoding(
            embeddings=self._finish(sums, labels),
            tokens=tuple(
                np.concatenate([tokens for _, tokens in sorted(each, key=lambda part: part[0])])
                for each in parts
            ),
            coverage=tuple(reading.coverage for reading in readings),
        )

    def prepare_document(
        self,
        text: str,
        name: str | None,
        *,
        passage_tokens: int | None,
        passages: Sequence[tuple[int, int]] | None,
    ) -> DocumentReading:
        """Everything about reading a document that needs no weights; on any thread."""
        readings, labels = self._plan([text], "document", None if name is None else [name])
        reading = readings[0]
        read = reading.text.spans[: max(window.stop for window in reading.windows)]
        found: list[tuple[tuple[int, int], Passage]] = []
        if passages is not None:
            found = given_passages(passages, read, name=labels[0])
        elif passage_tokens is not None:
            found = split_passages(text, read, passage_tokens)
        return DocumentReading(labels[0], reading, found)

    def encode_documents(
        self,
        documents: Sequence[DocumentReading],
        *,
        tokens: TokenOptions | None,
        token_centre: NDArray[np.float32] | None,
        on_progress: Callable[[str, int, int], None] | None,
        budget: int,
    ) -> list[PassageEncoding]:
        """The vectors of documents, those of their passages, and those of the passages' tokens."""
        readings = [each.reading for each in documents]
        labels = [each.name for each in documents]
        sums = torch.zeros((len(documents), self._loaded.dimension), dtype=torch.float32)
        bounds = [PassageBounds([each for each, _ in one.passages]) for one in documents]
        parts = [self._passage_sums(*each) for each in zip(bounds, readings, strict=True)]
        by_token: list[PassageTokens] = []
        if tokens is not None and token_centre is not None:
            framed = self._late is not None
            by_token = [
                PassageTokens(each, options=tokens, centre=token_centre, framed=framed)
                for each in bounds
            ]

        def pool(batch: Sequence[Job], states: list[Tensor]) -> list[tuple[Tensor, Any, Any]]:
            states = self._of_tokens(states)
            wholes = self._wholes(readings, batch, states)
            pieces = [
                parts[job.owner].of(job.window, each[len(readings[job.owner].text.head) :])
                for job, each in zip(batch, states, strict=True)
            ]
            kept = map(self._token_vectors, states) if by_token else [None] * len(batch)
            return list(zip(wholes, pieces, kept, strict=True))

        done = [0] * len(documents)
        for job, (whole, pieces, vectors) in self._run(readings, labels, pool, budget, "document"):
            sums[job.owner] += whole
            parts[job.owner].add(pieces)
            if by_token:
                head = len(readings[job.owner].text.head)
                counts = self._counts(job, "document")
                kept = by_token[job.owner].of(job.window, vectors.numpy(), head=head, counts=counts)
                by_token[job.owner].add(kept)
            done[job.owner] += job.window.stop - job.window.fresh
            if on_progress is not None:
                on_progress(job.name, done[job.owner], readings[job.owner].coverage.tokens_read)
        embeddings = self._finish(sums, labels)
        return [
            PassageEncoding(
                embedding=embeddings[number],
                passages=tuple(passage for _, passage in each.passages),
                embeddings=self._finish(self._chain(parts[number].vectors()), [each.name]),
                coverage=each.reading.coverage,
                tokens=by_token[number].vectors() if by_token else None,
            )
            for number, each in enumerate(documents)
        ]

    def _passage_sums(self, bounds: PassageBounds, reading: Reading) -> PassageSums:
        return PassageSums(
            bounds,
            hidden=self._loaded.dimension if self._late else int(self._planner.config.hidden_size),
            last_token=self._planner.pooling == "last_token",
            weights=self._weights(reading.text.content),
        )

    def _plan(
        self,
        texts: Sequence[str],
        kind: Kind,
        names: Sequence[str] | None,
        *,
        spans: bool = True,
    ) -> tuple[list[Reading], list[str]]:
        """How texts will be read, and what each is called."""
        texts = texts if isinstance(texts, str) else list(texts)
        tokenized = self._planner.tokenize(texts, kind=kind, names=names, spans=spans)
        labels = list(names) if names is not None else [f"text {i}" for i in range(len(texts))]
        pairs = zip(tokenized, labels, strict=True)
        return [self._planner.read(text, name=label) for text, label in pairs], labels

    def _read(
        self, texts: Sequence[str], kind: Kind, names: Sequence[str] | None
    ) -> tuple[list[Reading], list[str]]:
        readings, labels = self._plan(texts, kind, names, spans=False)
        for reading, label in zip(readings, labels, strict=True):
            warn_of_gaps(reading.coverage, name=label, kind=kind, stacklevel=4)
        return readings, labels

    def _run(
        self,
        readings: Sequence[Reading],
        labels: Sequence[str],
        pool: Callable[[Sequence[Job], list[Tensor]], list[Result]],
        budget: int,
        kind: Kind,
    ) -> Iterator[tuple[Job, Result]]:
        attend = self._late is not None and self._late.attend
        jobs = make_jobs(readings, labels, self._planner.rules, attend=attend)

        def pool_numbers(batch: Sequence[Job], states: list[Tensor]) -> list[tuple[Tensor, Result]]:
            return list(zip(finite_tokens(states), pool(batch, states), strict=True))

        task = self._planner.task
        model = self._loaded.reading_by(None if task is None else task.adapter(kind).name)
        passes = run_jobs(jobs, model, budget=budget, pool=pool_numbers, turns=self._turns)
        for job, (finite, result) in passes:
            if not bool(finite.all()):
                raise self._no_numbers(job.name)
            yield job, result

    def _no_numbers(self, name: str) -> InputError:
        """What to say where a model makes no vector of a text."""
        dtype = str(self._loaded.dtype).removeprefix("torch.")
        return InputError(
            f"{name}: the model makes a vector of it that holds NaN or infinite numbers; its "
            f"weights are damaged, or dtype={dtype} is too small for it: try dtype float32"
        )

    def _of_tokens(self, states: list[Tensor]) -> list[Tensor]:
        """Token states; of a model made for late interaction, the vectors that it makes of them.

        Such a model has its steps on every token, and one vector is the mean of those.
        """
        if self._late is None:
            return states
        made = (self._loaded.chain(each.float()) for each in states)
        return [torch.nn.functional.normalize(vectors, dim=-1) for vectors in made]

    def _wholes(
        self, readings: Sequence[Reading], batch: Sequence[Job], states: list[Tensor]
    ) -> Tensor:
        """What each window adds to its text's vector, ``[windows, dimension]``."""
        heads = [len(readings[job.owner].text.head) for job in batch]
        table = self._planner.token_weights
        vectors = pool_windows(
            states,
            self._planner.pooling,
            skips=[0] * len(batch) if self._planner.folder.include_prompt else heads,
            weights=None if table is None else [table.weights[job.ids.numpy()] for job in batch],
        )
        weights = torch.tensor([[job.window.weight] for job in batch], dtype=torch.float32)
        return to_device(weights, vectors.device) * self._chain(vectors)

    def _weights(self, ids: NDArray[np.int64]) -> NDArray[np.float32] | None:
        """What tokens weigh in pooling, ``[tokens]``; None where all weigh alike."""
        table = self._planner.token_weights
        return None if table is None else table.weights[ids]

    def _chain(self, vectors: Tensor) -> Tensor:
        """Through the steps after pooling, where they are not on every token."""
        if self._late is not None or not len(self._loaded.chain):
            return vectors
        out: Tensor = self._loaded.chain(vectors.to(self._loaded.device))
        return out

    def _counts(self, job: Job, kind: Kind) -> NDArray[np.bool_]:
        """Which tokens of a window are compared: all but those of a model's skip list."""
        if self._late is None or kind not in self._late.skip_in:
            return np.ones(job.tokens, dtype=np.bool_)
        return ~np.isin(job.ids.numpy(), self._planner.tokenizer.skipped)

    def _token_vectors(self, states: Tensor) -> Tensor:
        """Token states as vectors of unit length, float32, ``[tokens, dimension]``."""
        vectors = self._chain(states.float())[:, : self._planner.settings.truncate_dim]
        return torch.nn.functional.normalize(vectors, dim=-1)

    def _finish(self, vectors: Tensor, labels: Sequence[str]) -> NDArray[np.float32]:
        """Vectors as they are given away, each a text's, or each of the one text."""
        wrong = (~vectors.isfinite().all(dim=1)).nonzero().flatten().tolist()
        if wrong:
            raise self._no_numbers(labels[min(wrong[0], len(labels) - 1)])
        settings = self._planner.settings
        return finish(vectors, truncate_dim=settings.truncate_dim, normalize=settings.normalize)
