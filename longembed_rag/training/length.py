"""Training for length: a long document must be found by what any of its passages answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from longembed_rag.training.contrast import contrastive_loss
from longembed_rag.training.distil import Distillation, Ints
from longembed_rag.training.documents import DocumentBatch, Documents
from longembed_rag.training.loop import Loss
from longembed_rag.training.reading import TrainingModel


@dataclass(frozen=True, kw_only=True)
class LengthOptions:
    """What is asked of the model.

    Attributes:
        temperature: Of the contrastive loss.
        memory: Vectors of earlier documents that are negatives too (cross-batch memory, arXiv
            1912.06798): a batch of long documents is small.
        distillation: What staying close to the teacher on short texts weighs.
        batch_tokens: Tokens of a forward pass over queries.
    """

    temperature: float = 0.05
    memory: int = 256
    distillation: float = 1.0
    batch_tokens: int = 4096


@dataclass(frozen=True)
class _Remembered:
    """A document of an earlier batch: its vector then, and the passages that stand in it."""

    vector: Tensor
    contents: frozenset[int]


class LengthTraining:
    """Contrastive loss over long documents, and distillation over short texts beside it.

    Args:
        reader: The model; all of it but the word embeddings learns.
        documents: Long documents and their queries.
        short: Keeps short texts where they are; None leaves them free.
        measured: Documents to measure on.
        options: What is asked of the model.
    """

    def __init__(
        self,
        reader: TrainingModel,
        documents: Documents,
        short: Distillation | None,
        *,
        measured: Sequence[DocumentBatch] = (),
        options: LengthOptions,
    ) -> None:
        self._reader = reader
        self._documents = documents
        self._short = short
        self._measured = measured
        self._options = options
        self._memory: deque[_Remembered] = deque(maxlen=options.memory)

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """Everything but the word embeddings."""
        named = self._reader.model.named_parameters()
        return {name: value for name, value in named if "word_embeddings" not in name}

    def memory(self) -> Mapping[str, Tensor]:
        """Vectors of earlier documents and their passages, a row each, filled up with -1."""
        if not self._memory:
            return {}
        widest = max(len(each.contents) for each in self._memory)
        contents = torch.full((len(self._memory), widest), -1)
        for row, each in zip(contents, self._memory, strict=True):
            row[: len(each.contents)] = torch.tensor(sorted(each.contents))
        vectors = torch.stack([each.vector for each in self._memory])
        return {"vectors": vectors, "contents": contents}

    def remember(self, memory: Mapping[str, Tensor]) -> None:
        """Take up the memory of a run that was stopped."""
        self._memory.clear()
        if memory:
            rows = zip(memory["vectors"], memory["contents"].tolist(), strict=True)
            for vector, contents in rows:
                known = frozenset(each for each in contents if each >= 0)
                self._memory.append(_Remembered(vector.to(self._reader.device), known))

    def batches(self) -> Iterator[tuple[DocumentBatch, Ints | None]]:
        """Long documents, each batch with one of short texts."""
        short = None if self._short is None else self._short.batches()
        for batch in self._documents:
            yield batch, None if short is None else next(short)

    def loss(self, batch: tuple[DocumentBatch, Ints | None]) -> Loss:
        """What it costs that documents are not found, and that short texts have moved."""
        long, short = batch
        documents, queries = self._embed(long)
        contents = [*long.contents, *(each.contents for each in self._memory)]
        total, accuracy = contrastive_loss(
            queries,
            torch.cat([documents, *(each.vector[None] for each in self._memory)]),
            own=torch.tensor(long.asked_of),
            answering=torch.from_numpy(long.answering(contents)),
            temperature=self._options.temperature,
        )
        values = {"contrast": float(total.detach()), "accuracy": accuracy}
        tokens = long.documents.size + sum(len(ids) for ids in long.queries)
        remembered = zip(documents.detach(), long.contents, strict=True)
        self._memory.extend(_Remembered(*each) for each in remembered)
        if self._short is not None and short is not None:
            kept = self._short.loss(short)
            total = total + self._options.distillation * kept.total
            tokens += kept.tokens
            values.update(kept.values)
        return Loss(total, tokens, values)

    def _embed(self, batch: DocumentBatch) -> tuple[Tensor, Tensor]:
        """Vectors of documents and of queries."""
        with self._reader.precision():
            states = self._reader.states(torch.from_numpy(batch.documents))[-1]
            queries = self._reader.embed(batch.queries, budget=self._options.batch_tokens)
            return self._reader.pool(states), queries

    @torch.no_grad()
    def measure(self) -> Mapping[str, float]:
        """By length: accuracy, and mean cosine between unrelated documents; and the teacher's."""
        found: dict[str, float] = {}
        for batch in self._measured:
            documents, queries = self._embed(batch)
            length = batch.documents.shape[1]
            _, accuracy = contrastive_loss(
                queries,
                documents,
                own=torch.tensor(batch.asked_of),
                answering=torch.from_numpy(batch.answering(batch.contents)),
                temperature=self._options.temperature,
            )
            found[f"accuracy@{length}"] = accuracy
            found[f"collapse@{length}"] = mean_cosine(documents)
        if self._short is not None:
            found.update(self._short.measure())
        return found


def mean_cosine(vectors: Tensor) -> float:
    """Mean cosine between different rows: near 1 where vectors collapse (arXiv 2410.24200).

    Args:
        vectors: ``[n, hidden]``, ``n >= 2``.
    """
    unit = functional.normalize(vectors.double(), dim=-1)
    total = unit.sum(dim=0).square().sum() - len(unit)
    return float(total / (len(unit) * (len(unit) - 1)))
