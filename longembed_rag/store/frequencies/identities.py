"""Many ids of points as an array: which of them are in one set and not in another."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    #: Ids, uint64, ``[ids, 2]``: sixteen bytes each, where a set of texts takes two hundred.
    Identities = NDArray[np.uint64]


def identities(ids: Iterable[str]) -> Identities:
    """UUIDs as an array."""
    import numpy as np

    data = b"".join(UUID(each).bytes for each in ids)
    return np.frombuffer(data, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def spelled(ids: Identities) -> list[str]:
    """The UUIDs of an array, as they are spelled."""
    data = ids.astype(">u8").tobytes()
    return [str(UUID(bytes=data[at : at + 16])) for at in range(0, len(data), 16)]


def net(several: Sequence[tuple[int, Identities]]) -> tuple[Identities, Identities]:
    """What is left of ids that count for and against each other.

    Args:
        several: Ids, each with the sign that they count with.

    Returns:
        Those that count more often for than against, and the reverse; in order, each once.
    """
    import numpy as np

    ids = np.concatenate([np.zeros((0, 2), np.uint64), *(each for _, each in several)])
    signs = np.concatenate([np.zeros(0, np.int64), *(np.full(len(e), s) for s, e in several)])
    order = np.lexsort((ids[:, 1], ids[:, 0]))
    ids, signs = ids[order], signs[order]
    if not len(ids):
        return ids, ids
    starts = np.flatnonzero(np.r_[True, (ids[1:] != ids[:-1]).any(axis=1)])
    sums = np.add.reduceat(signs, starts)
    return ids[starts][sums > 0], ids[starts][sums < 0]


def packed(ids: Identities) -> str:
    """Ids as a text."""
    return base64.b64encode(ids.astype(">u8").tobytes()).decode()


def unpacked(text: str) -> Identities:
    """What :func:`packed` gave."""
    import numpy as np

    data = np.frombuffer(base64.b64decode(text), dtype=">u8")
    return data.astype(np.uint64).reshape(-1, 2)
