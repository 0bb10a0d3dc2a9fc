"""Small steps in one kernel: when they are compiled, and that nothing depends on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from longembed_rag.extension import fusing
from longembed_rag.extension.fusing import Fused, merge, merge_causal, rotate


class Compiler:
    """Stands in for ``torch.compile``: counts, and does as told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.made = 0
        self.ran = 0

    def __call__(self, function: Callable[..., torch.Tensor], **options: Any) -> Any:
        assert options == {"dynamic": True}, "lengths differ from pass to pass"
        self.made += 1

        def run(*arguments: Any) -> torch.Tensor:
            self.ran += 1
            if self.error is not None:
                raise self.error
            return function(*arguments)

        return run


def compiling(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None = None, worth: int = 10
) -> Compiler:
    """Let the CPU be a device on which compiling pays after ``worth`` numbers."""
    compiler = Compiler(error)
    monkeypatch.setattr(torch, "compile", compiler)
    monkeypatch.setattr(fusing, "_DEVICES", frozenset({"cpu"}))
    monkeypatch.setattr(fusing, "_WORTH", worth)
    return compiler


def double(states: torch.Tensor) -> torch.Tensor:
    return states * 2


def test_a_cpu_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """There eager code is what has been measured."""
    compiler = compiling(monkeypatch)
    monkeypatch.setattr(fusing, "_DEVICES", frozenset({"cuda"}))
    step = Fused(double)
    for _ in range(5):
        assert torch.equal(step(torch.ones(8)), torch.full((8,), 2.0))
    assert compiler.made == 0


def test_it_is_compiled_once_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for one query; after some work, once."""
    compiler = compiling(monkeypatch, worth=20)
    step = Fused(double)
    for _ in range(6):
        assert torch.equal(step(torch.ones(8)), torch.full((8,), 2.0))
    assert (compiler.made, compiler.ran) == (1, 4)


@pytest.mark.parametrize(
    "error", [RuntimeError("Cannot find a working triton installation"), OSError("no compiler")]
)
def test_what_cannot_be_compiled_runs_on(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a compiler is slower, and gives the same."""
    compiler = compiling(monkeypatch, error)
    step = Fused(double)
    for _ in range(5):
        assert torch.equal(step(torch.ones(8)), torch.full((8,), 2.0))
    assert (compiler.made, compiler.ran) == (1, 1)


def test_running_out_of_memory_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pass is halved then, and what was to be compiled is tried again."""
    compiler = compiling(monkeypatch, torch.OutOfMemoryError("CUDA out of memory"))
    step = Fused(double)
    step(torch.ones(8))
    with pytest.raises(torch.OutOfMemoryError):
        step(torch.ones(8))
    compiler.error = None
    assert torch.equal(step(torch.ones(8)), torch.full((8,), 2.0))
    assert compiler.made == 2


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("batch", [(), (3,)])
def test_merging(batch: tuple[int, ...]) -> None:
    """Parts of one attention, merged, are the whole, with both sides and with one."""
    rows, heads, width, window = 40, 2, 8, 12
    query, key, value = (
        random(*batch, rows, heads, width + each)[..., :width] for each in (0, 1, 2)
    )
    scores = torch.einsum("...qhd,...khd->...hqk", query, key).double()
    at = torch.arange(rows)
    offset = at[None, :] - at[:, None]

    def part(visible: torch.Tensor, kept: slice) -> tuple[torch.Tensor, torch.Tensor]:
        seen = scores.masked_fill(~visible, -torch.inf)[..., kept, :]
        out = torch.einsum("...hqk,...khd->...qhd", seen.softmax(-1), value.double())
        return out.float(), seen.logsumexp(-1).float()

    near = part(offset.abs() < window, slice(None))
    after = part(offset <= -window, slice(window, None))
    before = part(offset >= window, slice(None, rows - window))
    both = merge(*near, *after, *before, window)
    assert (both - part(offset < rows, slice(None))[0]).abs().max() < 1e-5
    one = merge_causal(*near, *after, window)
    assert (one - part(offset < window, slice(None))[0]).abs().max() < 1e-5
    half = merge(
        *(
            each.bfloat16() if each.shape[-1] == width else each
            for each in (*near, *after, *before)
        ),
        window,
    )
    assert half.dtype == torch.bfloat16
    assert (half.float() - both).abs().max() < 0.05


def test_rows_that_nobody_uses_count_for_nothing() -> None:
    """A far row with no keys has an infinitely small share, whatever stands in it."""
    near, near_lse = random(10, 2, 8), random(2, 10)
    far, far_lse = torch.full((6, 2, 8), 7.0), torch.full((2, 6), -torch.inf)
    assert torch.allclose(merge(near, near_lse, far, far_lse, far, far_lse, 4), near)
    assert torch.allclose(merge_causal(near, near_lse, far, far_lse, 4), near)


@pytest.mark.parametrize(
    "name",
    [
        "rotate",
        "merge",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("merge_causal", "offset_norm")),
    ],
)
def test_steps_can_be_compiled(name: str) -> None:
    """Each is one graph for all lengths, so that a compiler can make one kernel of it."""
    near, near_lse, far, far_lse = random(10, 2, 8), random(2, 10), random(6, 2, 8), random(2, 6)
    arguments = {
        "rotate": (near, random(10, 1, 8), random(10, 1, 8)),
        "merge": (near, near_lse, far, far_lse, far * 2, far_lse * 2, 4),
        "merge_causal": (near, near_lse, far, far_lse, 4),
        "offset_norm": (near, random(8), 1e-6),
    }[name]
    step = getattr(fusing, name)
    traced = torch.compile(step._function, backend="eager", fullgraph=True, dynamic=True)
    assert torch.allclose(traced(*arguments), step(*arguments))


@pytest.mark.gpu
def test_a_gpu_compiles_the_same(gpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled or not, rotation and merging give the same up to rounding."""
    if gpu == "cpu":
        pytest.skip("CPUs compile nothing")
    monkeypatch.setattr(fusing, "_WORTH", 0)
    near, near_lse, far, far_lse = (
        each.to(gpu)
        for each in (random(100, 2, 32), random(2, 100), random(60, 2, 32), random(2, 60))
    )
    arguments = (near, near_lse, far, far_lse, far * 2, far_lse * 2, 40)
    assert torch.allclose(
        Fused(merge._function)(*arguments), merge._function(*arguments), atol=1e-5
    )
    turn = (near, random(100, 1, 32).to(gpu), random(100, 1, 32).to(gpu))
    assert torch.allclose(Fused(rotate._function)(*turn), rotate._function(*turn), atol=1e-5)
