"""Vectors of a task's documents: made by one reading, kept, and shared by systems.

Several systems look at the same reading of the documents in different ways: the whole-document
vector, its passages, their tokens and the hybrid search all come from one forward pass, as in an
ingest; the best and the mean of chunks from one embedding of the chunks. A reading is done once,
and its cost is told for each system that uses it; what keeping tokens takes, for those alone that
compare them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from longembed_eval.meter import Meter, machine
from longembed_eval.systems.protocol import Progress
from longembed_eval.systems.tokens import KeptTokens, TokenWriter, remove_tokens, tokens_path
from longembed_rag import write_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag import QueryEncoding, TokenOptions, TokenVectors

    #: Is given the vectors of a document's tokens, all of them, and the model's mean token.
    TakeTokens = Callable[[TokenVectors, NDArray[np.float32]], None]

#: Raised when what a reading holds changes, so that those that were kept before are made anew.
_VERSION = 1
#: Characters of documents after which what was read of them is kept: a minute's on a slow machine.
_BLOCK = 2_000_000


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Vectors of ``n`` documents, of dimension ``d``, and of their ``m`` parts.

    Attributes:
        vectors: One of each document, float32, shape ``[n, d]``.
        parts: Those of passages or chunks, float32, shape ``[m, d]``, in the order of documents;
            ``m`` is 0 where there are none.
        owners: Which document each part belongs to, int64, ascending, shape ``[m]``.
        spans: First character of each part in its document and one past its last, shape ``[m, 2]``.
        part_tokens: Content tokens in each part, shape ``[m]``.
        tokens: Tokens in each document, int64, shape ``[n]``.
        tokens_read: Tokens of it that reached the model, shape ``[n]``; overlaps count each time.
        seconds: Wall-clock time of the reading.
        peak_memory_bytes: Most memory that the process held meanwhile.
    """

    vectors: NDArray[np.float32]
    parts: NDArray[np.float32]
    owners: NDArray[np.int64]
    spans: NDArray[np.int64]
    part_tokens: NDArray[np.int64]
    tokens: NDArray[np.int64]
    tokens_read: NDArray[np.int64]
    seconds: float = 0.0
    peak_memory_bytes: int = 0

    @classmethod
    def joined(cls, readings: Sequence[Reading]) -> Reading:
        """The reading of all documents, of which these are those of some, in order."""
        import numpy as np

        firsts = np.cumsum([0, *(len(each.vectors) for each in readings)])
        owners = [each.owners + first for each, first in zip(readings, firsts, strict=False)]
        names = ("vectors", "parts", "spans", "part_tokens", "tokens", "tokens_read")
        return cls(
            owners=np.concatenate(owners),
            seconds=sum(each.seconds for each in readings),
            peak_memory_bytes=max(each.peak_memory_bytes for each in readings),
            **{name: np.concatenate([getattr(each, name) for each in readings]) for name in names},
        )

    def save(self, path: Path) -> None:
        """Write it to a file, whole or not at all."""
        import numpy as np

        path.parent.mkdir(parents=True, exist_ok=True)
        file = BytesIO()
        np.savez(file, **{name: getattr(self, name) for name in self.__dataclass_fields__})
        write_whole(path, file.getbuffer())

    @classmethod
    def load(cls, path: Path) -> Reading | None:
        """From :meth:`save`'s file; None where there is none that can be read."""
        import zipfile
        import zlib

        import numpy as np

        damaged = (OSError, KeyError, ValueError, EOFError, TypeError, RuntimeError)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                values = {name: stored[name] for name in cls.__dataclass_fields__}
        except (*damaged, zipfile.BadZipFile, zlib.error):
            return None
        seconds, peak = float(values.pop("seconds")), int(values.pop("peak_memory_bytes"))
        return cls(**values, seconds=seconds, peak_memory_bytes=peak)


class Reader(Protocol):
    """Turns texts into vectors."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that its vectors depend on, ready for JSON."""

    def prepare(self) -> None:
        """Load what it needs, so that the time of reading is the time of reading."""

    def read(self, documents: Mapping[str, str], *, on_progress: Progress) -> Reading:
        """Embed documents, texts by id; time and memory are measured by who asks."""

    def embed_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of queries, shape ``[len(queries), d]``, of the kind the documents have."""


class TokenReader(Reader, Protocol):
    """A reader that also gives the vectors of tokens, from the same forward pass."""

    def read(
        self,
        documents: Mapping[str, str],
        *,
        on_progress: Progress,
        take_tokens: TakeTokens | None = None,
    ) -> Reading:
        """Embed documents; of each the vectors of its passages' tokens are handed on."""

    def encode_queries(self, queries: Sequence[str]) -> QueryEncoding:
        """Vectors of queries, as :meth:`embed_queries` gives them, and of their tokens."""


@dataclass(frozen=True)
class Readings:
    """Keeps readings in a folder, and beside them tokens, where a system compares these.

    Attributes:
        folder: Where they are kept.
        circumstances: What else the time of a reading depends on, beside the machine.
    """

    folder: Path
    circumstances: Mapping[str, str] = field(default_factory=dict)
    _wanted: dict[str, tuple[TokenReader, set[TokenOptions]]] = field(
        default_factory=dict, init=False
    )

    def want(self, reader: TokenReader, options: TokenOptions) -> None:
        """Say that tokens will be asked for, so that whoever reads first keeps them for all."""
        _, wanted = self._wanted.setdefault(name_of(reader), (reader, set()))
        wanted.add(options)

    def get(
        self, reader: Reader, documents: Mapping[str, str], *, on_progress: Progress
    ) -> Reading:
        """The reading of documents, made now unless this machine has made it before."""
        path = self._path(reader, documents)
        if (kept := Reading.load(path)) is not None:
            return kept
        return self._read(reader, documents, path, on_progress=on_progress)

    def get_with_tokens(
        self,
        reader: TokenReader,
        documents: Mapping[str, str],
        options: TokenOptions,
        *,
        on_progress: Progress,
    ) -> tuple[Reading, KeptTokens]:
        """The reading of documents with their passages' tokens, made now unless both are there."""
        path = self._path(reader, documents)
        tokens = tokens_path(path, options)
        reading, kept = Reading.load(path), KeptTokens.load(tokens)
        if reading is None or kept is None:
            self.want(reader, options)
            reading = self._read(reader, documents, path, on_progress=on_progress)
            kept = KeptTokens.load(tokens)
            assert kept is not None, "it has just been written"
        return reading, kept

    def _read(
        self, reader: Reader, documents: Mapping[str, str], path: Path, *, on_progress: Progress
    ) -> Reading:
        """Read documents, a block at a time: one that was stopped goes on after the last block."""
        blocks = list(_blocks(documents))
        if len(blocks) <= 1:
            return self._read_block(reader, documents, path, on_progress=on_progress)
        found = self._wanted.get(name_of(reader))
        wanted = () if found is None else tuple(found[1])
        paths = [self._path(reader, block) for block in blocks]
        total, before = sum(map(len, documents.values())), 0
        readings = []
        for block, place in zip(blocks, paths, strict=True):
            reading = Reading.load(place)
            kept = [KeptTokens.load(tokens_path(place, options)) for options in wanted]
            if reading is None or None in kept:
                told = partial(_told, on_progress, before, total)
                reading = self._read_block(reader, block, place, on_progress=told)
            readings.append(reading)
            before += sum(map(len, block.values()))
            on_progress(before, total)
        with TokenWriter(path, wanted) as writer:
            writer.join(paths)
            writer.finish()
        joined = Reading.joined(readings)
        joined.save(path)
        for place in paths:
            for options in wanted:
                remove_tokens(tokens_path(place, options))
            place.unlink(missing_ok=True)
        return joined

    def _read_block(
        self, reader: Reader, documents: Mapping[str, str], path: Path, *, on_progress: Progress
    ) -> Reading:
        reader.prepare()
        if (found := self._wanted.get(name_of(reader))) is None:
            with Meter() as meter:
                reading = reader.read(documents, on_progress=on_progress)
            seconds = meter.seconds
        else:
            token_reader, wanted = found
            with TokenWriter(path, wanted) as writer:
                with Meter() as meter:
                    reading = token_reader.read(
                        documents, on_progress=on_progress, take_tokens=writer.take
                    )
                writer.finish()
            seconds = meter.seconds - writer.seconds
        reading = replace(reading, seconds=seconds, peak_memory_bytes=meter.peak_memory_bytes)
        reading.save(path)
        return reading

    def _path(self, reader: Reader, documents: Mapping[str, str]) -> Path:
        return self.folder / f"{self._key(reader, documents)}.npz"

    def _key(self, reader: Reader, documents: Mapping[str, str]) -> str:
        # The machine is part of it: what a reading took is told with its scores.
        made_on = {**machine(), **self.circumstances}
        content = [_VERSION, made_on, reader.settings, list(documents.items())]
        digest = hashlib.blake2b(digest_size=16)
        digest.update(json.dumps(content, sort_keys=True).encode())
        return digest.hexdigest()


def _blocks(documents: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Documents in runs, each of no more than it takes to reach the size of a block."""
    block: dict[str, str] = {}
    size = 0
    for name, text in documents.items():
        block[name] = text
        size += len(text)
        if size >= _BLOCK:
            yield block
            block, size = {}, 0
    if block:
        yield block


def _told(on_progress: Progress, before: int, total: int, done: int, _: int) -> None:
    on_progress(before + done, total)


def name_of(reader: Reader) -> str:
    """What readers that make the same vectors have in common."""
    return json.dumps(reader.settings, sort_keys=True)
