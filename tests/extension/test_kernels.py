"""Which of torch's private operators are taken, and what they are asked."""

from __future__ import annotations

import math

import pytest
import torch

from longembed_rag.extension import kernels
from longembed_rag.extension.kernels import CUDNN, FLASH, Segments, works
from tests import kernels_of_tests
from tests.kernels_of_tests import interpreted

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", [FLASH, CUDNN])
def test_operators_are_taken_where_they_are_there(name: str) -> None:
    """A CPU has none of its own; with an interpreter it has, for what that one takes."""
    assert not works(name, CPU, torch.float32, 32, 1)
    with interpreted(name):
        for dtype in (torch.float64, torch.float32, torch.bfloat16):
            for width in (32, 64, 128):
                for groups in (1, 4):
                    assert works(name, CPU, dtype, width, groups)
        assert not works(name, CPU, torch.float32, 12, 1)
    assert not works(name, CPU, torch.float32, 32, 1)


def test_an_operator_of_other_arguments_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be asked for a window is no windowed attention."""
    with interpreted(FLASH):
        monkeypatch.setitem(kernels._ARGUMENTS, FLASH, {"window_left_and_right"})
        assert not works(FLASH, CPU, torch.float32, 32, 1)


def test_an_operator_that_torch_lacks_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another release may have dropped it."""
    monkeypatch.setattr(kernels, "FLASH", "_no_such_attention")
    monkeypatch.setitem(kernels._CASES, "_no_such_attention", kernels._CASES[FLASH])
    assert not works("_no_such_attention", CPU, torch.float32, 32, 1)


@pytest.mark.parametrize("shift", [-1, 1])
def test_an_operator_that_does_something_else_is_left_alone(
    shift: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window that counts otherwise is noticed before a text is read by it."""
    true = kernels_of_tests.flash

    def shifted(*args: object, window_size_left: int, **kwargs: object) -> object:
        left = window_size_left + shift if window_size_left > 0 else window_size_left
        return true(*args, window_size_left=left, **kwargs)  # type: ignore[arg-type]

    with interpreted(FLASH):
        assert works(FLASH, CPU, torch.float32, 32, 1)
    monkeypatch.setattr(kernels_of_tests, "flash", shifted)
    # Half the distance counts for little in one case, so that the trial must look at all.
    monkeypatch.setattr(kernels, "_TOLERANCE", 0.05)
    with interpreted(FLASH):
        assert not works(FLASH, CPU, torch.float32, 32, 1)


def test_running_out_of_memory_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, so that the pass is halved, and the operator tried again."""

    def full(*args: object, **kwargs: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with interpreted(FLASH):
        with monkeypatch.context() as patch:
            patch.setattr(kernels, "windowed", full)
            with pytest.raises(torch.OutOfMemoryError):
                works(FLASH, CPU, torch.float32, 32, 1)
        assert works(FLASH, CPU, torch.float32, 32, 1)


@pytest.mark.parametrize(("left", "right"), [(None, None), (None, 0), (0, None), (4, 0), (3, 3)])
def test_windows_of_segments(left: int | None, right: int | None) -> None:
    """Each query sees its own segment's keys within the window, and none beside."""
    generator = torch.Generator().manual_seed(0)
    lengths = [1, 9, 30, 2]
    query = torch.randn(42, 4, 16, generator=generator, dtype=torch.float64)
    key, value = torch.randn(2, 42, 2, 16, generator=generator, dtype=torch.float64)
    with interpreted(FLASH):
        out, lse = kernels.windowed(
            query, key, value, Segments.of(lengths, CPU), left=left, right=right, scale=0.3
        )
    start = 0
    for length in lengths:
        for i in range(start, start + length):
            first = start if left is None else max(start, i - left)
            last = start + length if right is None else min(start + length, i + right + 1)
            for head in range(4):
                scores = key[first:last, head // 2] @ query[i, head] * 0.3
                expected = scores.softmax(0) @ value[first:last, head // 2]
                assert torch.allclose(out[i, head], expected)
                assert math.isclose(lse[head, i], scores.logsumexp(0), abs_tol=1e-5)
        start += length


@pytest.mark.gpu
@pytest.mark.parametrize("width", [32, 64, 128])
@pytest.mark.parametrize("groups", [1, 4])
def test_a_gpu_has_both_kernels(width: int, groups: int, gpu: str) -> None:
    """CUDA since Ampere has them at half precision; where torch lacks one, this says so."""
    device = torch.device(gpu)
    if device.type != "cuda":
        pytest.skip("only CUDA has these kernels")
    assert works(FLASH, device, torch.bfloat16, width, groups)
    assert works(CUDNN, device, torch.bfloat16, width, groups)
    assert not works(FLASH, device, torch.float32, width, groups)
