"""A row of texts in one call, as GPUs want it, and as many calls as there are texts elsewhere."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from longembed_rag.training import separate as module
from longembed_rag.training.separate import row_kernel, whole_row

HEADS, WIDTH = 3, 8


def states(lengths: list[int], seed: int = 0) -> list[Tensor]:
    """Queries, keys and values of texts in a row."""
    generator = torch.Generator().manual_seed(seed)
    shape = (1, HEADS, sum(lengths), WIDTH)
    return [torch.randn(shape, generator=generator) for _ in range(3)]


def one_by_one(three: list[Tensor], lengths: list[int], scale: float | None) -> Tensor:
    """Each text alone, ``[1, tokens, heads, d]``."""
    split = zip(*(each.split(lengths, dim=2) for each in three), strict=True)
    outs = [functional.scaled_dot_product_attention(*each, scale=scale) for each in split]
    return torch.cat(outs, dim=2).transpose(1, 2)


def stand_in(
    query: Tensor, key: Tensor, value: Tensor, bounds: Tensor, same: Tensor, most: int, also: int
) -> Tensor:
    """What torch's varlen_attn computes, ``[tokens, heads, d]`` each; there it needs CUDA."""
    assert bounds is same
    assert bounds.dtype == torch.int32
    lengths = bounds.diff().tolist()
    assert most == also == max(lengths)
    assert int(bounds[0]) == 0
    assert all(each.is_contiguous() for each in (query, key, value))
    three = [each.transpose(0, 1)[None] for each in (query, key, value)]
    return one_by_one(three, lengths, None)[0]


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.sampled_from([None, 0.7]))
def test_a_row_in_one_call(lengths: list[int], scale: float | None) -> None:
    """Every text attends to itself only, at any scale."""
    three = states(lengths)
    found = whole_row(stand_in, *three, lengths=lengths, scaling=scale)
    assert torch.allclose(found, one_by_one(three, lengths, scale), atol=1e-5)


@pytest.mark.parametrize(
    ("device", "dtype", "width", "there"),
    [
        ("cuda", torch.bfloat16, 32, True),
        ("cuda", torch.float16, 64, True),
        ("cuda", torch.float32, 32, False),
        ("cuda", torch.bfloat16, 20, False),
        ("cpu", torch.bfloat16, 32, False),
    ],
)
def test_where_there_is_such_a_call(
    device: str, dtype: torch.dtype, width: int, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On GPUs at half precision, for heads of the widths that it knows."""
    monkeypatch.setattr(module, "_varlen", lambda: stand_in)
    found = row_kernel(torch.device(device), dtype, width)
    assert (found is stand_in) == there


def test_an_older_torch_goes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """It came with torch 2.10."""
    module._varlen.cache_clear()
    monkeypatch.setitem(sys.modules, "torch.nn.attention.varlen", None)
    assert row_kernel(torch.device("cuda"), torch.bfloat16, 32) is None
    module._varlen.cache_clear()


def test_models_read_rows_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is one, the attention function calls it once for all texts of a row."""
    calls = 0

    def counted(*given: Any) -> Tensor:
        nonlocal calls
        calls += 1
        return stand_in(*given)

    lengths = [4, 1, 7]
    three = states(lengths)
    wanted = one_by_one(three, lengths, 0.3)
    with module.separate(lengths):
        usual, _ = module._attention(torch.nn.Module(), *three, None, scaling=0.3)
        assert calls == 0
        monkeypatch.setattr(module, "row_kernel", lambda *given: counted)
        found, _ = module._attention(torch.nn.Module(), *three, None, scaling=0.3)
        assert calls == 1
        module._attention(torch.nn.Module(), *three, None, scaling=0.3, sliding_window=2)
        module._attention(torch.nn.Module(), *three, None, scaling=0.3, is_causal=True)
        assert calls == 1, "windows and causal masks are not its business here"
    assert torch.allclose(usual, wanted, atol=1e-5)
    assert torch.allclose(found, wanted, atol=1e-5)


@pytest.mark.gpu
def test_cuda_reads_a_row_in_one_call(gpu: str) -> None:
    """Torch's kernel gives what texts alone give, and their gradients."""
    pytest.importorskip("torch.nn.attention.varlen", reason="it came with torch 2.10")
    if gpu != "cuda":
        pytest.skip("there is such a kernel for CUDA alone")
    lengths = [3, 700, 128, 1, 900]
    three = [each.cuda().bfloat16().requires_grad_() for each in states(lengths)]
    kernel = row_kernel(three[0].device, torch.bfloat16, WIDTH)
    assert kernel is not None
    found = whole_row(kernel, *three, lengths=lengths, scaling=0.4)
    exact = [each.detach().float().requires_grad_() for each in three]
    wanted = one_by_one(exact, lengths, 0.4)
    ours = torch.autograd.grad(found.float().square().sum(), three)
    theirs = torch.autograd.grad(wanted.square().sum(), exact)
    for one, other in zip((found, *ours), (wanted, *theirs), strict=True):
        assert float((one.float() - other).norm() / other.norm()) < 2e-2
