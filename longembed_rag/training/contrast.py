"""The contrastive loss: a query's own passage against those of all the others."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import torch
from torch import Tensor
from torch.nn import functional


def contrastive_loss(
    queries: Tensor, documents: Tensor, *, own: Tensor, answering: Tensor, temperature: float
) -> tuple[Tensor, float]:
    """InfoNCE with in-batch negatives.

    Args:
        queries: ``[queries, hidden]``, of any length.
        documents: ``[documents, hidden]``.
        own: Which document is to be found by each query, int64 ``[queries]``.
        answering: Which documents answer a query, bool ``[queries, documents]``: they are no
            negatives, and finding one of them is right.
        temperature: Cosines are divided by it.

    Returns:
        The mean loss, and the share of queries whose best document answers them.
    """
    cosines = functional.normalize(queries, dim=-1) @ functional.normalize(documents, dim=-1).T
    own, answering = own.to(cosines.device), answering.to(cosines.device)
    wanted = functional.one_hot(own, len(documents)).bool()
    logits = (cosines / temperature).masked_fill(answering & ~wanted, -math.inf)
    found = (answering | wanted).gather(1, cosines.argmax(dim=1, keepdim=True))
    return functional.cross_entropy(logits, own), float(found.float().mean())


def same(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> Tensor:
    """Which of theirs equal which of ours, bool ``[ours, theirs]``."""
    numbers: dict[Hashable, int] = {}
    mine, others = (
        torch.tensor([numbers.setdefault(each, len(numbers)) for each in side])
        for side in (ours, theirs)
    )
    return mine[:, None] == others[None]
