"""Training for length: a long document must be found by what any of its passages answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from longembed_rag.training.alone import read_alone
from longembed_rag.training.contrast import contrastive_loss, label_loss, same
from longembed_rag.training.distil import (
    Distillation,
    DistilOptions,
    distance,
    learning_parameters,
)
from longembed_rag.training.document_batch import DocumentBatch, Ints, Span
from longembed_rag.training.loop import Loss
from longembed_rag.training.opening import TextTokens
from longembed_rag.training.reading import TrainingModel, mean_states


@dataclass(frozen=True, kw_only=True)
class LengthOptions:
    """What is asked of the model.

    Attributes:
        temperature: Of the contrastive losses.
        memory: Vectors of earlier documents that are negatives too (cross-batch memory, arXiv
            1912.06798): a batch of long documents is small.
        passages: What finding passages inside of documents weighs against finding documents.
        agreement: What the states and vectors of passages inside of documents being like the
            teacher's of them alone weighs.
        whole: What a document being like the mean of the teacher's vectors of its passages weighs.
        distillation: What staying close to the teacher on short texts weighs.
        teacher_tokens: Longest passage that the teacher reads.
        batch_tokens: Tokens of a pass over queries, or over passages alone.
        contrast: What the contrastive loss of passages weighs where a query's candidates have
            scores, beside being like these (E5's ``alpha``).
    """

    temperature: float = 0.03
    memory: int = 512
    passages: float = 0.5
    agreement: float = 1.0
    whole: float = 2.0
    distillation: float = 30.0
    teacher_tokens: int = 512
    batch_tokens: int = 8192
    contrast: float = 0.2

    def identity(self, *, negatives: bool) -> dict[str, Any]:
        """What a run depends on.

        Args:
            negatives: Whether any pair has some: without, nothing else depends on them.
        """
        values = asdict(self)
        if not negatives:
            del values["contrast"]
        return values


@dataclass(frozen=True)
class _Remembered:
    """A document of an earlier batch: its vector then, and the passages that stand in it."""

    vector: Tensor
    contents: frozenset[int]


@dataclass(frozen=True)
class _Read:
    """A batch as the model reads it.

    Attributes:
        layers: Token states of all documents after each layer, one document after the other.
        documents: Vectors of the documents.
        passages: Vectors of the passages in them; None where the model does not pool so.
        queries: Vectors of the queries.
    """

    layers: tuple[Tensor, ...]
    documents: Tensor
    passages: Tensor | None
    queries: Tensor


class LengthTraining:
    """Long documents and their passages: to be found, and to stay like the teacher's.

    Each document is read once. Its vector must be found by the queries of its passages, among the
    other documents of the batch and of those before; and each passage's, pooled from the same
    states (late chunking, arXiv 2409.04701), among all passages of the batch. What the teacher
    makes of the passages alone holds both in place, and short texts beside them the rest. Only
    documents with one passage unlike all others are not held: they shall tell of it more than its
    share of their tokens.

    Args:
        reader: The model; all of it but the word embeddings learns.
        teacher: What it is kept close to.
        documents: Long documents and their queries; endless, and the same at each call.
        short: Keeps short texts where they are; None leaves them free.
        tokens: Says what opens and closes texts.
        measured: Documents to measure on, by what they are called.
        options: What is asked of the model.
    """

    def __init__(
        self,
        reader: TrainingModel,
        teacher: TrainingModel,
        documents: Iterable[DocumentBatch],
        short: Distillation | None,
        *,
        tokens: TextTokens,
        measured: Mapping[str, DocumentBatch] | None = None,
        options: LengthOptions,
    ) -> None:
        self._reader = reader
        self._teacher = teacher
        self._documents = documents
        self._short = short
        self._tokens = tokens
        self._measured = measured or {}
        self._options = options
        self._memory: deque[_Remembered] = deque(maxlen=options.memory)
        self._read_last: list[_Remembered] = []

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """Everything but the word embeddings."""
        return learning_parameters(self._reader.model)

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

    def keep(self) -> None:
        """Remember the documents of the last batch."""
        self._memory.extend(self._read_last)
        self._read_last = []

    def batches(self) -> Iterator[tuple[DocumentBatch, list[Ints] | None]]:
        """Long documents, each batch with one of short texts."""
        short = None if self._short is None else self._short.batches()
        for batch in self._documents:
            yield batch, None if short is None else next(short)

    def loss(self, batch: tuple[DocumentBatch, list[Ints] | None]) -> Loss:
        """What it costs that documents and passages are not found, or have moved."""
        long, short = batch
        read = self._read(long)
        contents = [*long.contents, *(each.contents for each in self._memory)]
        found, accuracy = contrastive_loss(
            read.queries,
            torch.cat([read.documents, *(each.vector[None] for each in self._memory)]),
            own=torch.tensor(long.asked_of),
            answering=torch.from_numpy(long.answering(contents)),
            temperature=self._options.temperature,
        )
        remembered = zip(read.documents.detach(), long.contents, strict=True)
        self._read_last = [_Remembered(*each) for each in remembered]
        parts = {"contrast": (1.0, found)}
        tokens = long.documents.size + sum(len(ids) for ids in long.queries)
        if read.passages is not None:
            parts.update(self._of_passages(long, read))
        values = {name: float(part.detach()) for name, (_, part) in parts.items()}
        values["accuracy"] = accuracy
        total = torch.stack([weight * part for weight, part in parts.values()]).sum()
        if self._short is not None and short is not None:
            kept = self._short.loss(short)
            total = total + self._options.distillation * kept.total
            tokens += kept.tokens
            values.update(kept.values)
        return Loss(total, tokens, values)

    def _read(self, batch: DocumentBatch) -> _Read:
        with self._reader.precision():
            placed = None if batch.positions is None else list(batch.positions)
            states = self._reader.read(list(batch.documents), placed=placed)
            queries = self._reader.embed(batch.queries, budget=self._options.batch_tokens)
        last = states.layers[-1]
        passages = None
        # Only where texts are means of their tokens are passages means of theirs.
        if batch.spans and self._reader.pooling == "mean":
            passages = mean_states(last, batch.bounds(batch.spans))
        documents = self._reader.pool(last, states.lengths)
        return _Read(states.layers, documents, passages, queries)

    def _of_passages(self, batch: DocumentBatch, read: _Read) -> dict[str, tuple[float, Tensor]]:
        """The parts of the loss that passages have, each with its weight."""
        assert read.passages is not None
        options = self._options
        parts: dict[str, tuple[float, Tensor]] = {}
        ids = [span.passage for span in batch.spans]
        known = set(ids)
        rows = [row for row, answer in enumerate(batch.answers) if answer in known]
        if rows and options.passages:
            own = self._spans_of(batch, rows)
            scored = self._scored(batch, rows, own)
            weights = torch.ones(len(rows))
            weights[list(scored)] = options.contrast
            found, _ = contrastive_loss(
                read.queries[rows],
                read.passages,
                own=torch.tensor(own),
                answering=same([batch.answers[row] for row in rows], ids),
                temperature=options.temperature,
                weights=weights if scored else None,
            )
            parts["passages"] = (options.passages, found)
            if scored:
                labels = label_loss(
                    read.queries[[rows[at] for at in scored]],
                    read.passages,
                    candidates=[list(said) for said in scored.values()],
                    scores=[list(said.values()) for said in scored.values()],
                    temperature=options.temperature,
                )
                parts["labels"] = (options.passages * len(scored) / len(rows), labels)
        alone = None
        if (options.agreement or options.whole) and not batch.odd:
            longest = options.teacher_tokens
            alone = read_alone(batch, self._teacher, tokens=self._tokens, longest=longest)
        if alone is not None:
            layers = [layer[alone.rows] for layer in read.layers[1:]]
            ours = read.passages[alone.numbers]
            taught = DistilOptions()
            apart, _ = distance(layers, alone.layers[1:], ours, alone.vectors, options=taught)
            parts["agreement"] = (options.agreement, apart)
            whole = _means(alone.vectors, alone.spans, len(batch.documents))
            cosines = functional.cosine_similarity(read.documents, whole)
            held = whole.norm(dim=-1) > 0
            parts["whole"] = (options.whole, 1.0 - cosines[held].mean())
        return parts

    @staticmethod
    def _scored(
        batch: DocumentBatch, rows: Sequence[int], own: Sequence[int]
    ) -> dict[int, dict[int, float]]:
        """Which of some queries have scores of two spans at least, each span with its score."""
        spans = {span.passage: at for at, span in enumerate(batch.spans)}
        found: dict[int, dict[int, float]] = {}
        for at, row in enumerate(rows):
            labels = batch.labels[row] if batch.labels else {}
            places = {**spans, batch.answers[row]: own[at]}
            said = {places[each]: score for each, score in labels.items() if each in places}
            if len(said) > 1:
                found[at] = said
        return found

    @staticmethod
    def _spans_of(batch: DocumentBatch, rows: Sequence[int]) -> list[int]:
        """The span that answers each query: the one in its own document, if it stands there."""
        places = {(span.document, span.passage): at for at, span in enumerate(batch.spans)}
        anywhere = {span.passage: at for at, span in enumerate(batch.spans)}
        return [
            places.get((batch.asked_of[row], batch.answers[row]), anywhere[batch.answers[row]])
            for row in rows
        ]

    @torch.no_grad()
    def measure(self) -> Mapping[str, float]:
        """Accuracy, and mean cosine between documents; and how close short texts are."""
        found: dict[str, float] = {}
        for name, batch in self._measured.items():
            read = self._read(batch)
            _, accuracy = contrastive_loss(
                read.queries,
                read.documents,
                own=torch.tensor(batch.asked_of),
                answering=torch.from_numpy(batch.answering(batch.contents)),
                temperature=self._options.temperature,
            )
            found[f"accuracy@{name}"] = accuracy
            found[f"collapse@{name}"] = mean_cosine(read.documents)
        if self._short is not None:
            found.update(self._short.measure())
        return found


def _means(vectors: Tensor, spans: Sequence[Span], documents: int) -> Tensor:
    """Means of each document's vectors by their tokens, ``[documents, hidden]``."""
    owners = torch.tensor([span.document for span in spans], device=vectors.device)
    tokens = torch.tensor([span.stop - span.start for span in spans], device=vectors.device)
    sums = vectors.new_zeros((documents, vectors.shape[-1]))
    return sums.index_add(0, owners, vectors * tokens[:, None])


def mean_cosine(vectors: Tensor) -> float:
    """Mean cosine between different rows: near 1 where vectors collapse (arXiv 2410.24200).

    Args:
        vectors: ``[n, hidden]``, ``n >= 2``.
    """
    unit = functional.normalize(vectors.cpu().double(), dim=-1)
    total = unit.sum(dim=0).square().sum() - len(unit)
    return float(total / (len(unit) * (len(unit) - 1)))
