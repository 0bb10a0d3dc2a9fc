"""The contrastive loss against a computation by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.training.contrast import contrastive_loss, label_loss, same


def cost(
    queries: torch.Tensor,
    documents: torch.Tensor,
    *,
    own: list[int],
    answering: torch.Tensor | None = None,
    temperature: float = 1.0,
) -> tuple[torch.Tensor, float]:
    """The loss; without ``answering`` each query has its own document and no other."""
    if answering is None:
        answering = torch.nn.functional.one_hot(torch.tensor(own), len(documents)).bool()
    return contrastive_loss(
        queries, documents, own=torch.tensor(own), answering=answering, temperature=temperature
    )


def test_by_hand() -> None:
    """Cosines 1 and 0 for the first query, 0.6 and 0.8 for the second; lengths do not matter."""
    queries = torch.tensor([[3.0, 0.0], [0.6, 0.8]])
    documents = torch.tensor([[2.0, 0.0], [0.0, 0.5]])
    loss, accuracy = cost(queries, documents, own=[0, 1], temperature=0.5)
    first = -math.log(math.exp(2) / (math.exp(2) + math.exp(0)))
    second = -math.log(math.exp(1.6) / (math.exp(1.2) + math.exp(1.6)))
    assert float(loss) == pytest.approx((first + second) / 2, abs=1e-6)
    assert accuracy == 1.0


def test_accuracy_counts_whose_best_document_answers() -> None:
    """A query nearer to the other's document is not found."""
    queries = torch.tensor([[1.0, 0.0], [0.9, 0.1]])
    documents = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert cost(queries, documents, own=[0, 1])[1] == 0.5


def test_equal_passages_are_no_negatives() -> None:
    """The loss of pairs that share a passage is that of each against the strangers alone."""
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(2, 5, generator=generator)
    passages = torch.randn(2, 5, generator=generator)
    answering = same(["a", "a"], ["a", "a", "b"])
    twins = passages[[0, 0, 1]]
    loss, _ = cost(queries, twins, own=[0, 1], answering=answering, temperature=0.1)
    alone, _ = cost(queries, passages, own=[0, 0], temperature=0.1)
    assert torch.allclose(loss, alone)


def test_any_of_several_answers_is_found() -> None:
    """The second of two equal passages counts as found as well."""
    queries = torch.tensor([[1.0, 0.0]])
    documents = torch.tensor([[0.9, 0.1], [1.0, 0.0]])
    loss, accuracy = cost(queries, documents, own=[0], answering=torch.tensor([[True, True]]))
    assert accuracy == 1.0
    assert float(loss) == 0.0


def test_gradients_are_numbers_and_pull_together() -> None:
    """What is masked sends no NaN back, and a step down the gradient raises the right cosine."""
    generator = torch.Generator().manual_seed(1)
    documents = torch.randn(3, 4, generator=generator, requires_grad=True)
    queries = torch.randn(2, 4, generator=generator)
    options = {"own": [0, 0], "answering": same(["a", "a"], ["a", "a", "b"]), "temperature": 0.05}
    loss, _ = cost(queries, documents, **options)
    loss.backward()
    assert documents.grad is not None
    assert bool(documents.grad.isfinite().all())
    assert float(documents.grad[1].norm()) == 0.0, "neither what is to be found nor a negative"
    moved = documents.detach() - 0.01 * documents.grad
    assert float(cost(queries, moved, **options)[0]) < float(loss.detach())


def test_each_query_pulls_its_own_of_two_equal_passages() -> None:
    """Passages that are equal, but stand elsewhere, both learn."""
    generator = torch.Generator().manual_seed(2)
    documents = torch.randn(3, 4, generator=generator, requires_grad=True)
    queries = torch.randn(2, 4, generator=generator)
    loss, _ = cost(queries, documents, own=[0, 1], answering=same(["a", "a"], ["a", "a", "b"]))
    loss.backward()
    assert documents.grad is not None
    assert all(float(row.norm()) > 0 for row in documents.grad)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=6))
def test_same_is_symmetric(texts: list[str]) -> None:
    """Everything equals itself, and what equals the other is equalled by it."""
    found = same(texts, texts)
    assert bool(found.diagonal().all())
    assert torch.equal(found, found.T)
    assert int(found.sum()) == sum(texts.count(text) for text in texts)


def test_queries_can_weigh_less() -> None:
    """Each query's loss times its weight; all ones are as if nobody said so."""
    generator = torch.Generator().manual_seed(1)
    queries, documents = (torch.randn(3, 5, generator=generator) for _ in range(2))
    whole, _ = cost(queries, documents, own=[0, 1, 2])
    alone = [float(cost(queries[[at]], documents, own=[at])[0]) for at in range(3)]
    options = {"own": torch.arange(3), "answering": torch.eye(3).bool(), "temperature": 1.0}
    for weights in ([1.0, 1.0, 1.0], [0.2, 1.0, 0.0]):
        found, _ = contrastive_loss(queries, documents, **options, weights=torch.tensor(weights))
        wanted = sum(each * weight for each, weight in zip(alone, weights, strict=True)) / 3
        assert float(found) == pytest.approx(wanted, abs=1e-6)
    assert float(whole) == pytest.approx(sum(alone) / 3, abs=1e-6)


def test_labels_by_hand() -> None:
    """The divergence from the softmax of the scores, over a query's own candidates only."""
    queries = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    documents = torch.tensor([[3.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    scores = [[2.0, -1.0], [0.0, 0.0, 0.0]]
    found = label_loss(
        queries, documents, candidates=[[0, 2], [1, 2, 0]], scores=scores, temperature=0.5
    )

    def softmax(values: list[float]) -> list[float]:
        powers = [math.exp(value) for value in values]
        return [power / sum(powers) for power in powers]

    wanted = 0.0
    for said, cosines in zip(scores, ([1.0, 0.0], [0.8, 1.0, 0.0]), strict=True):
        ours = softmax([cosine / 0.5 for cosine in cosines])
        wanted += sum(p * math.log(p / q) for p, q in zip(softmax(said), ours, strict=True)) / 2
    assert float(found) == pytest.approx(wanted, abs=1e-6)


@given(st.integers(0, 1000), st.floats(0.02, 2.0))
def test_who_agrees_with_the_labels_pays_nothing(seed: int, temperature: float) -> None:
    """Where the scores are the model's own logits; never less than nothing elsewhere."""
    generator = torch.Generator().manual_seed(seed)
    queries = torch.randn(2, 4, generator=generator).double()
    documents = torch.randn(5, 4, generator=generator).double()
    among = [[0, 1, 2], [4, 3]]
    unit = [torch.nn.functional.normalize(each, dim=-1) for each in (queries, documents)]
    logits = (unit[0] @ unit[1].T / temperature).tolist()
    own = [[row[at] for at in each] for row, each in zip(logits, among, strict=True)]
    options = {"candidates": among, "temperature": temperature}
    assert float(label_loss(queries, documents, scores=own, **options)) == pytest.approx(
        0, abs=1e-5
    )
    others = [[1.0, 2.0, 0.0], [0.0, 3.0]]
    assert float(label_loss(queries, documents, scores=others, **options)) >= -1e-9
