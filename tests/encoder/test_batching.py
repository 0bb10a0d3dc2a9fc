"""Batches by token budget, and what happens when memory runs out."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.encoder.batching import (
    Job,
    default_batch_tokens,
    is_out_of_memory,
    pack_by_budget,
    run_jobs,
    with_back_off,
)
from longembed_rag.encoder.turns import Turns
from longembed_rag.extension.plan import PlanRules
from longembed_rag.extension.windows import Window

CPU_FAILURE = "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"


@given(st.lists(st.integers(1, 50)), st.integers(1, 60))
def test_budgets_hold_and_nothing_is_lost(sizes: list[int], budget: int) -> None:
    """A batch exceeds the budget only as a single item; order and items stay."""
    batches = list(pack_by_budget(sizes, tokens=lambda size: size, budget=lambda: budget))
    assert [size for batch in batches for size in batch] == sizes
    assert all(sum(batch) <= budget or len(batch) == 1 for batch in batches)


@given(st.lists(st.integers(), min_size=1), st.integers(1, 5))
def test_halves_until_it_fits(items: list[int], fits: int) -> None:
    """Whatever fits at once, every item is done once and in order."""

    def run(batch: object) -> list[int]:
        assert isinstance(batch, list)
        if len(batch) > fits:
            raise RuntimeError(CPU_FAILURE)
        return [2 * item for item in batch]

    assert with_back_off(items, run, too_large=lambda _: ValueError()) == [2 * i for i in items]


def test_a_single_item_that_does_not_fit_is_named() -> None:
    """The caller's own error, with torch's as its cause."""

    def run(batch: object) -> list[int]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ValueError, match="item 7") as caught:
        with_back_off([7], run, too_large=lambda item: ValueError(f"item {item}"))
    assert isinstance(caught.value.__cause__, torch.OutOfMemoryError)


def test_other_errors_pass_through() -> None:
    """Only a lack of memory is a reason to try again."""

    def run(batch: object) -> list[int]:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        with_back_off([1, 2], run, too_large=lambda _: ValueError())


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError(CPU_FAILURE), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5.56 GB, other"), True),
        (RuntimeError("Invalid buffer size: 19.38 GiB"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("not enough memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error: Exception, expected: bool) -> None:
    """The ways in which torch says it, and nothing else."""
    assert is_out_of_memory(error) is expected


def test_a_gpu_takes_more_at_once() -> None:
    """The default budget depends on the device; CPUs get less of models with wide layers."""

    def budget(name: str, width: int) -> int:
        return default_batch_tokens(torch.device(name), width=width)

    assert budget("cuda", 1536) > budget("mps", 1536) > budget("cpu", 1536)
    assert budget("cpu", 1536) == 4096
    assert budget("cpu", 3072) == 2048
    assert budget("cpu", 10**6) == budget("cpu", 10**7) == 1024
    assert budget("cpu", 1) == budget("mps", 1)


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_memory_is_given_back_before_another_try(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What torch keeps for later would be missing in the halves; only what is there is asked."""
    emptied: list[str] = []
    for name, place in (("cuda", torch.cuda), ("mps", torch.backends.mps)):
        monkeypatch.setattr(place, "is_available", lambda name=name: name == kind)
    for name, module in (("cuda", torch.cuda), ("mps", torch.mps)):
        monkeypatch.setattr(module, "empty_cache", lambda name=name: emptied.append(name))

    def run(batch: object) -> list[int]:
        assert isinstance(batch, list)
        if len(batch) > 1:
            raise RuntimeError("MPS backend out of memory (MPS allocated: 5.56 GB)")
        return batch

    assert with_back_off([1, 2], run, too_large=lambda _: ValueError()) == [1, 2]
    assert emptied == [kind]


@pytest.mark.parametrize(("kind", "given_first"), [("cpu", 1), ("cuda", 2)])
def test_a_gpu_is_given_the_next_pass_before_it_is_waited_for(kind: str, given_first: int) -> None:
    """On CPUs, which do one thing at a time, results come at once; all come once and in order."""
    rules = PlanRules(method="none", positions="rotary", original_length=64, max_length=64)
    window = Window(start=0, stop=4, fresh=0, weight=1.0)
    jobs = [
        Job(owner, f"text {owner}", window, torch.full((4,), owner), rules.plan(4))
        for owner in range(5)
    ]
    given: list[int] = []

    class Loaded:
        device = torch.device(kind)

        def states(self, ids: list[torch.Tensor], *_: object) -> list[torch.Tensor]:
            given.append(len(ids))
            return [each[:, None].float() for each in ids]

    read = run_jobs(
        jobs,
        Loaded(),  # type: ignore[arg-type]
        budget=8,
        pool=lambda batch, states: [float(each.mean()) for each in states],
        turns=Turns(),
    )
    first = next(read)
    assert len(given) == given_first
    found = [first, *read]
    assert given == [2, 2, 1]
    assert [(job.owner, mean) for job, mean in found] == [(each, float(each)) for each in range(5)]


def test_a_run_may_be_shorter_than_the_one_before() -> None:
    """How much one takes is asked for at its beginning."""
    allowed = iter([4, 2, 1, 1])
    batches = pack_by_budget([1] * 8, tokens=lambda size: size, budget=lambda: next(allowed))
    assert [len(batch) for batch in batches] == [4, 2, 1, 1]
