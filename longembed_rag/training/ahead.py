"""Making batches while the one before is learnt from."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterator[Item], *, depth: int = 2) -> Iterator[Item]:
    """The same items in the same order, so many of them made ahead in another thread.

    What goes wrong there is raised where the item would have come.

    Args:
        items: Nobody else draws from them.
        depth: How many are made ahead.
    """
    end = object()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as pool:
        coming = deque(pool.submit(next, items, end) for _ in range(depth))
        while (item := coming.popleft().result()) is not end:
            coming.append(pool.submit(next, items, end))
            yield item  # type: ignore[misc]
