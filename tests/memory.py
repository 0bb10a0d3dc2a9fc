"""Counting the memory that tensors take, operator by operator."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


@dataclass(eq=False)
class TensorMemory(TorchDispatchMode):
    """Context in which every tensor that torch makes is counted, kernels' inner buffers aside.

    Attributes:
        peak: Most bytes that were alive at one moment.
        largest: Most bytes of one tensor.
    """

    peak: int = 0
    largest: int = 0
    _alive: int = 0
    _seen: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._seen:
            return
        size = storage.nbytes()
        self._seen[key] = size
        self._alive += size
        self.peak = max(self.peak, self._alive)
        self.largest = max(self.largest, size)
        weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self._alive -= self._seen.pop(key)
