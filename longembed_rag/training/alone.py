"""Passages of long documents by themselves, as the teacher reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from longembed_rag.training.document_batch import DocumentBatch, Span
from longembed_rag.training.opening import TextTokens
from longembed_rag.training.reading import TrainingModel


@dataclass(frozen=True)
class Alone:
    """What the teacher makes of passages.

    Attributes:
        numbers: Which of the batch's spans they are.
        spans: These spans.
        rows: Where their tokens stand among those of all documents, int64 ``[tokens]``.
        layers: The teacher's states of these tokens after each layer, the embeddings' first,
            ``[tokens, hidden]`` each.
        vectors: The teacher's vectors of the passages, of unit length, ``[passages, hidden]``.
    """

    numbers: list[int]
    spans: list[Span]
    rows: Tensor
    layers: tuple[Tensor, ...]
    vectors: Tensor


@torch.no_grad()
def read_alone(
    batch: DocumentBatch, teacher: TrainingModel, *, tokens: TextTokens, longest: int
) -> Alone | None:
    """Read each passage by itself, opened and closed as texts are.

    Args:
        batch: Documents with passages.
        teacher: Reads them.
        tokens: Says what opens and closes texts.
        longest: Most tokens of a text that the teacher reads, specials included.

    Returns:
        None where no passage is that short.
    """
    head, tail = tokens.head, tokens.tail
    numbers = [
        number
        for number, span in enumerate(batch.spans)
        if span.stop - span.start + head + tail <= longest
    ]
    if not numbers:
        return None
    spans = [batch.spans[number] for number in numbers]
    texts = []
    for span in spans:
        document = batch.documents[span.document]
        content = document[span.start : span.stop]
        texts.append(np.concatenate([document[:head], content, document[len(document) - tail :]]))
    with teacher.precision():
        states = teacher.read(texts)
        vectors = teacher.pool(states.layers[-1], states.lengths)
    ends = np.cumsum(states.lengths)
    theirs = [
        (int(end) - len(text) + head, int(end) - tail)
        for end, text in zip(ends, texts, strict=True)
    ]
    content_rows = _rows(theirs).to(vectors.device)
    return Alone(
        numbers=numbers,
        spans=spans,
        rows=_rows(batch.bounds(spans)).to(vectors.device),
        layers=tuple(layer[content_rows] for layer in states.layers),
        vectors=functional.normalize(vectors, dim=-1),
    )


def _rows(stretches: list[tuple[int, int]]) -> Tensor:
    """Rows of stretches, each a first row and one past its last."""
    return torch.from_numpy(np.concatenate([np.arange(*stretch) for stretch in stretches]))
