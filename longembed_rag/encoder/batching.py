"""Which windows share a forward pass, and what happens when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from longembed_rag.encoder.loading import LoadedModel
from longembed_rag.encoder.reading import Reading
from longembed_rag.encoder.returning import sent_home
from longembed_rag.encoder.turns import Turns
from longembed_rag.errors import OutOfMemoryError
from longembed_rag.extension.plan import ExtensionPlan, PlanRules
from longembed_rag.extension.windows import Window

Item = TypeVar("Item")
Result = TypeVar("Result")

_MPS_TOKENS = 16_384
_CUDA_TOKENS = 131_072
#: Of the widest layer's output in float32: below what the C library keeps for the next one.
_CPU_BYTES = 24 * 1024 * 1024
_LEAST_TOKENS = 1024
#: Part of a pass that one takes while others have texts to read, too.
_SHARED = 4
#: How torch says it without an error of its own: on CPUs, and on Apple's MPS.
_MESSAGES = (
    "can't allocate memory",
    "not enough memory",
    "DefaultCPUAllocator",
    "MPS backend out of memory",
    "Invalid buffer size",
)


@dataclass(frozen=True)
class Job:
    """One window of one text, on its way through the model.

    Attributes:
        owner: Which text it belongs to.
        name: What that text is called.
        window: Which of its content tokens.
        ids: Their ids with head and tail, int64, ``[tokens]``.
        plan: How they are read.
        unseen: How many at the end see the others without being seen.
        sinks: Ids of what is read after the head and before the content, and then left out.
        head: Tokens of the head.
    """

    owner: int
    name: str
    window: Window
    ids: Tensor
    plan: ExtensionPlan
    unseen: int = 0
    sinks: Tensor | None = None
    head: int = 0

    @property
    def tokens(self) -> int:
        """Tokens that are read, specials and prompt included."""
        return self.plan.tokens

    @property
    def read(self) -> Tensor:
        """Ids of all that is read, int64."""
        if self.sinks is None:
            return self.ids
        return torch.cat((self.ids[: self.head], self.sinks, self.ids[self.head :]))

    def own(self, states: Tensor) -> Tensor:
        """States of its own tokens, among those of all that was read."""
        if self.sinks is None:
            return states
        return torch.cat((states[: self.head], states[self.head + len(self.sinks) :]))


def make_jobs(
    readings: Sequence[Reading], names: Sequence[str], rules: PlanRules, *, attend: bool = False
) -> list[Job]:
    """Every window of every text, longest first: what does not fit shows at once.

    Args:
        readings: The texts.
        names: What each is called.
        rules: What their plans depend on.
        attend: Whether a query's own tokens see those that fill it up.
    """
    jobs = []
    for owner, (reading, name) in enumerate(zip(readings, names, strict=True)):
        text = reading.text
        for window in reading.windows:
            content = text.content[window.start : window.stop]
            parts = [text.head, content, text.tail, text.filler]
            ids = torch.from_numpy(np.concatenate(parts))
            jobs.append(
                Job(
                    owner,
                    name,
                    window,
                    ids,
                    rules.plan(len(ids) + window.sinks),
                    unseen=0 if attend else len(text.filler),
                    sinks=torch.from_numpy(text.content[: window.sinks]) if window.sinks else None,
                    head=len(text.head),
                )
            )
    return sorted(jobs, key=lambda job: -job.tokens)


def run_jobs(
    jobs: Sequence[Job],
    loaded: LoadedModel,
    *,
    budget: int,
    pool: Callable[[Sequence[Job], list[Tensor]], list[Result]],
    turns: Turns,
) -> Iterator[tuple[Job, Result]]:
    """Read windows in batches of ``budget`` tokens.

    Args:
        jobs: The windows.
        loaded: The model.
        budget: Tokens per forward pass.
        pool: Makes a small result of each window's token states, ``[tokens, hidden]``; whatever
            tensors are in it come to the CPU. Runs again for the windows of a batch that ran out
            of memory.
        turns: Says when each pass may run.

    Yields:
        Every job, once, with what ``pool`` made of it.

    Raises:
        OutOfMemoryError: A window does not fit into memory even alone; names its text.
    """

    def forward(batch: Sequence[Job]) -> list[Callable[[], Result]]:
        with torch.inference_mode():
            ids, plans = [job.read for job in batch], [job.plan for job in batch]
            states = loaded.states(ids, plans, [job.unseen for job in batch])
            states = [job.own(each) for job, each in zip(batch, states, strict=True)]
            arrived = cache(sent_home(pool(batch, states)))
        return [partial(_nth, arrived, number) for number in range(len(batch))]

    # A device is given the next batch before it is waited for.
    ahead = loaded.device.type == "cuda"
    waiting: list[tuple[Job, Callable[[], Result]]] = []
    left = sum(job.tokens for job in jobs)

    def room() -> int:
        """Tokens of the next pass: fewer while others wait for it to end."""
        return max(budget // _SHARED, min(budget, _LEAST_TOKENS)) if turns.is_shared else budget

    for batch in pack_by_budget(jobs, tokens=lambda job: job.tokens, budget=room):
        with turns.turn(left):
            given = with_back_off(batch, forward, too_large=_too_large)
        left -= sum(job.tokens for job in batch)
        waiting += zip(batch, given, strict=True)
        kept = len(batch) if ahead else 0
        ready, waiting = waiting[: len(waiting) - kept], waiting[len(waiting) - kept :]
        yield from ((job, result()) for job, result in ready)
    yield from ((job, result()) for job, result in waiting)


def _nth(arrived: Callable[[], list[Result]], number: int) -> Result:
    return arrived()[number]


def _too_large(job: Job) -> OutOfMemoryError:
    return OutOfMemoryError(
        f"{job.name}: a window of {job.tokens:,} tokens does not fit into memory even alone; "
        "lower max_length (the rest is then read in further windows) or take a smaller dtype"
    )


def default_batch_tokens(device: torch.device, *, width: int) -> int:
    """Tokens per forward pass where the user names none.

    A single longer window is always read whole; the budget only bounds what is read beside it.
    On a CPU, more in one pass is slower: what is larger than 32 MiB, the C library asks the system
    for anew each time, page by page (benchmarks/reading.py has the numbers). Apple's MPS shares
    its memory with everything else, so it gets less than a GPU of its own.

    Args:
        device: Where the model runs.
        width: Numbers of a token in its widest layer.
    """
    if device.type == "cuda":
        return _CUDA_TOKENS
    if device.type != "cpu":
        return _MPS_TOKENS
    fitting = _CPU_BYTES // (4 * width)
    return min(max(_LEAST_TOKENS, fitting), _MPS_TOKENS)


def pack_by_budget(
    items: Sequence[Item], *, tokens: Callable[[Item], int], budget: Callable[[], int]
) -> Iterator[list[Item]]:
    """Cut a sequence into runs of at most so many tokens; a larger item goes alone.

    Args:
        items: The sequence.
        tokens: How many each has.
        budget: Says, at the beginning of each run, how many it may have.
    """
    batch: list[Item] = []
    used, limit = 0, budget()
    for item in items:
        size = tokens(item)
        if batch and used + size > limit:
            yield batch
            batch, used, limit = [], 0, budget()
        batch.append(item)
        used += size
    if batch:
        yield batch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is torch's, or Python's, way of saying that memory ran out."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _MESSAGES)


def with_back_off(
    batch: Sequence[Item],
    run: Callable[[Sequence[Item]], list[Result]],
    *,
    too_large: Callable[[Item], Exception],
) -> list[Result]:
    """Run a batch; when memory runs out, run its halves instead, down to single items.

    Args:
        batch: What to run.
        run: Does the work; one result per item. Leaves nothing behind when it fails.
        too_large: The error to raise for an item that does not fit even alone.
    """
    try:
        return run(batch)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        if len(batch) == 1:
            raise too_large(batch[0]) from error
    # Outside of the except block, so that the failed pass's tensors are free by now.
    _give_back()
    middle = len(batch) // 2
    first = with_back_off(batch[:middle], run, too_large=too_large)
    return first + with_back_off(batch[middle:], run, too_large=too_large)


def _give_back() -> None:
    """Let torch give back what it keeps of a device's memory for later."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
