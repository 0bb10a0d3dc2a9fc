"""Whose passage a point is, told by its id.

A passage's id follows from its document, the hash of the text and its number, so that no payload
has to be read for it: that takes longer than everything else that is asked of a passage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: A document, by the id of its point, and the version of its text.
Key = tuple[str, str]

# Of a uuid5's first eight bytes, its version: four bits that are always the same.
_VERSION_BITS, _VERSION = 0xF000, 0x5000
_SPELLED = 36  # letters of a UUID


class Owners:
    """The documents of passages, by the first eight bytes of the passages' ids.

    Args:
        keys: Documents and versions.
        passages: How many passages each has.
    """

    def __init__(self, keys: Sequence[Key], passages: Sequence[int]) -> None:
        import numpy as np

        digests: list[bytes] = []
        owners: list[NDArray[np.int32]] = []
        numbers: list[NDArray[np.int32]] = []
        for number, ((document, version), count) in enumerate(zip(keys, passages, strict=True)):
            if len(document) == _SPELLED:  # others' may be numbers, and have no passages of ours
                digests += _digests(document, version, count)
                owners.append(np.full(count, number, dtype=np.int32))
                numbers.append(np.arange(count, dtype=np.int32))
        first = np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)
        ids = (first & ~np.uint64(_VERSION_BITS)) | np.uint64(_VERSION)
        order = np.argsort(ids)
        self._keys = keys
        self._ids = ids[order]
        none = np.zeros(0, dtype=np.int32)
        self._owners = np.concatenate([none, *owners])[order]
        self._numbers = np.concatenate([none, *numbers])[order]

    def of(self, passages: Sequence[str]) -> dict[str, Key]:
        """Whose each passage is, by its id; those of which nothing is known are left out."""
        return {
            passage: self._keys[owner]
            for passage, owner in zip(passages, self._find(self._owners, passages), strict=True)
            if owner >= 0
        }

    def numbers(self, passages: Sequence[str]) -> dict[str, int]:
        """Which of its document's passages each is, by its id; likewise."""
        numbers = zip(passages, self._find(self._numbers, passages), strict=True)
        return {passage: number for passage, number in numbers if number >= 0}

    def _find(self, values: NDArray[np.int32], passages: Sequence[str]) -> list[int]:
        import numpy as np

        if not passages or not len(self._ids):
            return [-1] * len(passages)
        spelled = (each if len(each) == _SPELLED else "0" * 32 for each in passages)
        given = bytes.fromhex("".join(spelled).replace("-", ""))
        first = np.frombuffer(given, dtype=">u8")[::2].astype(np.uint64)
        places = np.minimum(np.searchsorted(self._ids, first), len(self._ids) - 1)
        found: list[int] = np.where(self._ids[places] == first, values[places], -1).tolist()
        return found


def _digests(document: str, version: str, count: int) -> list[bytes]:
    """The first bytes of :func:`~longembed_rag.store.values.passage_id`, of all of them."""
    begun = hashlib.sha1(UUID(document).bytes + f"{version}/".encode(), usedforsecurity=False)
    digests = []
    for index in range(count):
        one = begun.copy()
        one.update(str(index).encode())
        digests.append(one.digest()[:8])
    return digests
