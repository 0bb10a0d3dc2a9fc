"""Passages by themselves: which are read, how they are opened, and where they stand."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch

from longembed_rag.training.alone import read_alone
from longembed_rag.training.document_batch import DocumentBatch, DocumentOptions
from longembed_rag.training.documents import Documents
from longembed_rag.training.opening import TextTokens, open_reader
from longembed_rag.training.reading import TrainingModel
from tests.models import TinyModels
from tests.training.material import planner_of, some_pairs


@pytest.fixture(scope="module")
def tokens(tiny_models: TinyModels) -> TextTokens:
    return TextTokens(planner_of(tiny_models.folder("bert")))


@pytest.fixture(scope="module")
def teacher(tiny_models: TinyModels) -> TrainingModel:
    return open_reader(planner_of(tiny_models.folder("bert")))


def batch_of(tokens: TextTokens, words: int = 7) -> DocumentBatch:
    options = DocumentOptions(lengths=(32,), batch_tokens=128, alike=0.0)
    documents = Documents(some_pairs(24, words=words), (), tokens=tokens, options=options, seed=0)
    return next(islice(documents, 1, None))


def test_each_passage_is_read_as_a_text(teacher: TrainingModel, tokens: TextTokens) -> None:
    """Vectors and states are those of the passage alone, of its own tokens only."""
    batch = batch_of(tokens)
    alone = read_alone(batch, teacher, tokens=tokens, longest=32)
    assert alone is not None
    assert alone.numbers == list(range(len(batch.spans)))
    assert alone.spans == batch.spans
    at = 0
    for span, vector in zip(alone.spans, alone.vectors, strict=True):
        document = batch.documents[span.document]
        content = document[span.start : span.stop]
        text = np.concatenate([document[:1], content, document[-1:]])
        with torch.no_grad():
            states = teacher.read([text])
        count = len(content)
        pooled = states.layers[-1].mean(dim=0)
        assert torch.allclose(vector, pooled / pooled.norm(), atol=1e-5)
        for layer, found in zip(states.layers, alone.layers, strict=True):
            assert torch.allclose(layer[1:-1], found[at : at + count], atol=1e-5)
        ids = batch.documents.reshape(-1)[alone.rows[at : at + count].numpy()]
        assert np.array_equal(ids, content)
        at += count
    assert at == len(alone.rows) == len(alone.layers[0])
    assert not alone.vectors.requires_grad


def test_longer_passages_are_left_out(teacher: TrainingModel, tokens: TextTokens) -> None:
    """Special tokens counted; and where none is short enough, there is nothing."""
    batch = batch_of(tokens)
    sizes = [span.stop - span.start + 2 for span in batch.spans]
    assert len(set(sizes)) > 1
    for longest in range(min(sizes), max(sizes) + 1):
        alone = read_alone(batch, teacher, tokens=tokens, longest=longest)
        assert alone is not None
        assert alone.numbers == [at for at, size in enumerate(sizes) if size <= longest]
        assert len(alone.vectors) == len(alone.spans) == len(alone.numbers)
    assert read_alone(batch, teacher, tokens=tokens, longest=min(sizes) - 1) is None
