"""The contrastive loss: a query's own passage against those of all the others."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import torch
from torch import Tensor
from torch.nn import functional


def contrastive_loss(
    queries: Tensor,
    documents: Tensor,
    *,
    own: Tensor,
    answering: Tensor,
    temperature: float,
    weights: Tensor | None = None,
) -> tuple[Tensor, float]:
    """InfoNCE with in-batch negatives.

    Args:
        queries: ``[queries, hidden]``, of any length.
        documents: ``[documents, hidden]``.
        own: Which document is to be found by each query, int64 ``[queries]``.
        answering: Which documents answer a query, bool ``[queries, documents]``: they are no
            negatives, and finding one of them is right.
        temperature: Cosines are divided by it.
        weights: What each query's loss is multiplied by, ``[queries]``; None leaves all as they
            are.

    Returns:
        The mean loss, and the share of queries whose best document answers them.
    """
    cosines = functional.normalize(queries, dim=-1) @ functional.normalize(documents, dim=-1).T
    own, answering = own.to(cosines.device), answering.to(cosines.device)
    wanted = functional.one_hot(own, len(documents)).bool()
    logits = (cosines / temperature).masked_fill(answering & ~wanted, -math.inf)
    found = (answering | wanted).gather(1, cosines.argmax(dim=1, keepdim=True))
    accuracy = float(found.float().mean())
    if weights is None:
        return functional.cross_entropy(logits, own), accuracy
    losses = functional.cross_entropy(logits, own, reduction="none")
    return (losses * weights.to(losses.device)).mean(), accuracy


def label_loss(
    queries: Tensor,
    documents: Tensor,
    *,
    candidates: Sequence[Sequence[int]],
    scores: Sequence[Sequence[float]],
    temperature: float,
) -> Tensor:
    """How far a model is from what another makes of the same candidates, a scalar.

    The mean of ``KL(softmax(scores) || softmax(cosines / temperature))`` over queries, as E5 is
    fine-tuned by a cross-encoder (arXiv 2212.03533, section 4.2; there with the contrastive loss
    besides, times .2).

    Args:
        queries: ``[queries, hidden]``, of any length.
        documents: ``[documents, hidden]``.
        candidates: Documents that are compared for each query.
        scores: The other model's logits of them.
        temperature: Cosines are divided by it.
    """
    ours = functional.normalize(queries, dim=-1)
    theirs = functional.normalize(documents, dim=-1)
    losses = []
    for row, (among, said) in enumerate(zip(candidates, scores, strict=True)):
        cosines = theirs[list(among)] @ ours[row] / temperature
        wanted = torch.tensor(said, dtype=cosines.dtype, device=cosines.device).log_softmax(dim=0)
        found = cosines.log_softmax(dim=0)
        losses.append(functional.kl_div(found, wanted, reduction="sum", log_target=True))
    return torch.stack(losses).mean()


def same(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> Tensor:
    """Which of theirs equal which of ours, bool ``[ours, theirs]``."""
    numbers: dict[Hashable, int] = {}
    mine, others = (
        torch.tensor([numbers.setdefault(each, len(numbers)) for each in side])
        for side in (ours, theirs)
    )
    return mine[:, None] == others[None]
