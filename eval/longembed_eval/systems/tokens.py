"""The vectors of passages' tokens, in files beside the readings that they came with.

Every token of a collection by itself takes hundreds of times what its passages' vectors take, so
they are written while documents are read and mapped into memory when they are compared.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from typing_extensions import Self

from longembed_rag import TokenOptions, TokenVectors, keep_tokens, write_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


#: Rows that are copied from one file into another at once.
_ROWS_AT_ONCE = 100_000


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptTokens:
    """The vectors of the tokens of ``m`` parts, ``n`` in all, as they are kept.

    Attributes:
        counts: How many each part has, int64, shape ``[m]``.
        vectors: float16 of unit length, shape ``[n, dimension]``, or bits, uint8,
            ``[n, ceil(dimension / 8)]``; mapped from a file. A dot product of unit vectors is off
            by no more than 0.0005 for being kept with 11 bits a number.
        dimension: Of the vectors.
        centre: The model's mean token, which was taken off before they became bits; float32,
            shape ``[dimension]``.
        seconds: What pooling, quantising and writing took, beside the reading itself.
    """

    counts: NDArray[np.int64]
    vectors: NDArray[np.float16] | NDArray[np.uint8]
    dimension: int
    centre: NDArray[np.float32]
    seconds: float = 0.0

    def of(self, first: int, last: int) -> TokenVectors:
        """Those of some parts, by numbers, as they are stored of a document; they are bits."""
        import numpy as np

        start = int(self.counts[:first].sum())
        counts = self.counts[first:last]
        rows = np.array(self.vectors[start : start + int(counts.sum())], dtype=np.uint8)
        return TokenVectors(counts, rows, self.dimension)

    def blocks(self, most: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Neighbouring parts with their vectors spelled out, so that few are in memory at once.

        Args:
            most: Vectors in a block; a part with more is one by itself.

        Yields:
            Numbers of parts that have vectors, and the vectors of all of them, float32; bits as
            signs, of unit length.
        """
        import numpy as np

        there = np.flatnonzero(self.counts)
        ends = np.cumsum(self.counts[there])
        first = row = 0
        while first < len(there):
            last = max(first + 1, int(np.searchsorted(ends, row + most, side="right")))
            stop = int(ends[last - 1])
            yield there[first:last], self._spelled(self.vectors[row:stop])
            first, row = last, stop

    def _spelled(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        import numpy as np

        if rows.dtype.kind != "u":
            return np.asarray(rows, dtype=np.float32)
        signs = 2 * np.unpackbits(rows, axis=1, count=self.dimension).astype(np.float32) - 1
        return np.asarray(signs / np.sqrt(np.float32(self.dimension)), dtype=np.float32)

    @classmethod
    def load(cls, path: Path) -> KeptTokens | None:
        """From :class:`TokenWriter`'s files; None where there are none that can be read."""
        import zipfile
        import zlib

        import numpy as np

        damaged = (OSError, KeyError, ValueError, EOFError, TypeError, RuntimeError)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                counts, centre, dtype, seconds = (
                    stored[name] for name in ("counts", "centre", "dtype", "seconds")
                )
            vectors = _mapped(_rows_of(path), np.dtype(str(dtype)), int(counts.sum()), len(centre))
        except (*damaged, zipfile.BadZipFile, zlib.error):
            return None
        if vectors is None:
            return None
        return cls(
            counts=counts,
            vectors=vectors,
            dimension=len(centre),
            centre=centre,
            seconds=float(seconds),
        )


def _mapped(path: Path, dtype: np.dtype[Any], rows: int, dimension: int) -> NDArray[Any] | None:
    """An array as it lies in a file; None where the file is not as long as it must be."""
    import numpy as np

    shape = (rows, -(-dimension // 8) if dtype.kind == "u" else dimension)
    if path.stat().st_size != rows * shape[1] * dtype.itemsize:
        return None
    return np.memmap(path, dtype=dtype, mode="r", shape=shape) if rows else np.empty(shape, dtype)


def tokens_path(reading: Path, options: TokenOptions) -> Path:
    """Where tokens are kept beside a reading; the file with their vectors ends in ``.rows``."""
    told = "-".join(f"{name}-{value}" for name, value in asdict(options).items())
    return reading.with_name(f"{reading.stem}-{told}.npz")


def _rows_of(path: Path) -> Path:
    return path.with_suffix(".rows")


def remove_tokens(path: Path) -> None:
    """Remove the files of :class:`TokenWriter`, what tells of the vectors first."""
    path.unlink(missing_ok=True)
    _rows_of(path).unlink(missing_ok=True)


class TokenWriter:
    """Context that writes the tokens of one reading, in each of the ways that are wanted.

    Args:
        reading: Where the reading will lie.
        wanted: The ways; those that are there already are left as they are.
    """

    def __init__(self, reading: Path, wanted: Iterable[TokenOptions]) -> None:
        paths = {options: tokens_path(reading, options) for options in wanted}
        self._files = [
            _File(path, options) for options, path in paths.items() if KeptTokens.load(path) is None
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        for file in self._files:
            file.discard()

    @property
    def seconds(self) -> float:
        """What keeping took so far, all ways together."""
        return sum(file.seconds for file in self._files)

    def take(self, tokens: TokenVectors, centre: NDArray[np.float32]) -> None:
        """Keep what a document has.

        Args:
            tokens: Every token's vector of each of its passages, float32.
            centre: The model's mean token.
        """
        for file in self._files:
            file.take(tokens, centre)

    def finish(self) -> None:
        """Put the files in their places, whole."""
        for file in self._files:
            file.finish()

    def join(self, parts: Iterable[Path]) -> None:
        """Take the tokens of readings that together are this one, in their order.

        Args:
            parts: Where these readings lie.
        """
        for part in parts:
            for file in self._files:
                kept = KeptTokens.load(tokens_path(part, file.options))
                assert kept is not None, "it has just been written"
                file.add(kept)


class _File:
    """One way of keeping tokens, on its way to the disk."""

    def __init__(self, path: Path, options: TokenOptions) -> None:
        self.seconds = 0.0
        self.options = options
        self._path = path
        self._counts: list[int] = []
        self._centre: NDArray[np.float32] | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=path.parent, prefix=".tokens-")
        self._unfinished = Path(name)
        self._rows: IO[bytes] = os.fdopen(number, "wb")

    @property
    def _dtype(self) -> str:
        return "uint8" if self.options.bits else "float16"

    def take(self, tokens: TokenVectors, centre: NDArray[np.float32]) -> None:
        import numpy as np

        began = time.perf_counter()
        self._centre = centre
        for number in range(len(tokens.counts)):
            every = np.asarray(tokens.of(number), dtype=np.float32)
            kept = keep_tokens(every, self.options, centre)
            self._rows.write(kept.astype(self._dtype).tobytes())
            self._counts.append(len(kept))
        self.seconds += time.perf_counter() - began

    def add(self, kept: KeptTokens) -> None:
        """Take what another file holds."""
        self._centre = kept.centre
        self._counts += kept.counts.tolist()
        self.seconds += kept.seconds
        for start in range(0, len(kept.vectors), _ROWS_AT_ONCE):
            self._rows.write(kept.vectors[start : start + _ROWS_AT_ONCE].tobytes())

    def finish(self) -> None:
        import numpy as np

        self._rows.close()
        # Vectors first: a file that tells of them finds them.
        self._path.unlink(missing_ok=True)
        self._unfinished.replace(_rows_of(self._path))
        told = BytesIO()
        np.savez(
            told,
            counts=np.array(self._counts, dtype=np.int64),
            centre=np.zeros(0, dtype=np.float32) if self._centre is None else self._centre,
            dtype=np.array(self._dtype),
            seconds=np.array(self.seconds),
        )
        write_whole(self._path, told.getbuffer())

    def discard(self) -> None:
        self._rows.close()
        self._unfinished.unlink(missing_ok=True)
