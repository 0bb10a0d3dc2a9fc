"""What comes back from a device, in one copy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from longembed_rag.encoder import returning
from longembed_rag.encoder.returning import sent_home


class Copies:
    """Counts copies, and makes them."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, flat: torch.Tensor) -> torch.Tensor:
        self.made += 1
        return torch.zeros(flat.shape, dtype=flat.dtype)


def test_what_is_here_stays() -> None:
    """On a CPU nothing is copied, nor made anew."""
    tensor = torch.ones(3)
    results = [(tensor, "name", [tensor])]
    found = sent_home(results)()
    assert found == results
    assert found[0] is results[0]


def test_one_copy_for_each_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many results there are, and each has its shape again."""
    copies = Copies()
    monkeypatch.setattr(returning, "_fetch", copies)
    there = torch.device("meta")
    numbers = np.arange(3)
    shared = torch.empty((2, 3), device=there)
    results = [
        (torch.empty(4, device=there), ([1, 2], torch.empty((0, 5), device=there)), numbers),
        (shared, (shared, torch.empty((), dtype=torch.bool, device=there)), torch.ones(2)),
    ]
    found = sent_home(results)()
    assert copies.made == 2
    assert [tuple(each.shape) for each in returning._tensors(found)] == [
        (4,),
        (0, 5),
        (2, 3),
        (2, 3),
        (),
        (2,),
    ]
    assert all(each.device.type == "cpu" for each in returning._tensors(found))
    assert found[0][1][0] == [1, 2]
    assert found[0][2] is numbers


def test_pieces_are_cut_as_they_were_joined() -> None:
    """Values come back in their places."""
    tensors = [torch.arange(6.0).view(2, 3), torch.tensor(True), torch.arange(4.0)]
    found, wait = returning._fetched(tensors)
    wait()
    for each in tensors:
        assert torch.equal(found[id(each)], each)


@pytest.mark.gpu
def test_a_gpu_gives_back_what_it_has(gpu: str) -> None:
    """Values, shapes and dtypes."""
    tensors = [torch.arange(6.0).view(2, 3), torch.tensor([True, False]), torch.arange(4.0)]
    found = sent_home([(each.to(gpu), "name") for each in tensors])()
    for (each, name), expected in zip(found, tensors, strict=True):
        assert name == "name"
        assert each.device.type == "cpu"
        assert torch.equal(each, expected)
