"""What a model is trained on: pairs of a query and the passage that answers it, and plain texts."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any

from longembed_rag.errors import ReadError, SettingsError

_OPENERS: dict[str, Callable[..., IO[Any]]] = {".jsonl": open, ".xz": lzma.open, ".gz": gzip.open}
_ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.xz")

#: One text in this many is never trained on: what is measured during training is measured on these.
HELD_OUT_SHARE = 64


@dataclass(frozen=True)
class Pair:
    """A query and the passage that answers it.

    Attributes:
        query: The query.
        passage: The passage.
        source: Where the two come from.
    """

    query: str
    passage: str
    source: str


@dataclass(frozen=True)
class TrainingTexts:
    """Everything a model is trained and measured on.

    Attributes:
        pairs: To train on.
        passages: Texts without a query, to train on.
        held_out: Pairs of the same sources, to measure on.
        unseen: Pairs of sources that are held out whole, to measure on.
    """

    pairs: tuple[Pair, ...]
    passages: tuple[str, ...]
    held_out: tuple[Pair, ...]
    unseen: tuple[Pair, ...]

    @property
    def fingerprint(self) -> str:
        """Hash of everything that is trained on (hex)."""
        digest = hashlib.blake2b(digest_size=12)
        everything = chain.from_iterable((p.query, p.passage, p.source) for p in self.pairs)
        for text in chain(everything, self.passages):
            digest.update(text.encode("utf-8", "replace") + b"\0")
        return digest.hexdigest()

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources that pairs are trained on."""
        return tuple(sorted({pair.source for pair in self.pairs}))


def read_texts(paths: Sequence[Path], *, hold_out: Sequence[str] = ()) -> TrainingTexts:
    """Read pairs and passages.

    Args:
        paths: Files of JSON lines, or folders of them: ``.jsonl``, ``.jsonl.gz``, ``.jsonl.xz``.
            A line is ``{"query": ..., "pos": ...}`` or ``{"text": ...}``, each perhaps with a
            ``"source"``, which is the file's name otherwise.
        hold_out: Sources that are only measured on, never trained on.

    Raises:
        ReadError: A file is missing or a line is not what it should be; names file and line.
        SettingsError: A source that is to be held out is not there, or nothing is left to train on.
    """
    pairs: list[Pair] = []
    passages: list[str] = []
    for path in _files(paths):
        for pair in _read_file(path):
            if pair.query:
                pairs.append(pair)
            elif pair.source not in hold_out:
                passages.append(pair.passage)
    missing = sorted(set(hold_out) - {pair.source for pair in pairs})
    if missing:
        there = ", ".join(sorted({pair.source for pair in pairs}))
        raise SettingsError(f"no pairs of the source {', '.join(missing)}; there are: {there}")
    known = [pair for pair in pairs if pair.source not in hold_out]
    texts = TrainingTexts(
        pairs=tuple(pair for pair in known if not is_held_out(pair.passage)),
        passages=tuple(text for text in passages if not is_held_out(text)),
        held_out=tuple(pair for pair in known if is_held_out(pair.passage)),
        unseen=tuple(pair for pair in pairs if pair.source in hold_out),
    )
    if not texts.pairs:
        raise SettingsError(f"no pairs to train on in {', '.join(map(str, paths))}")
    return texts


def is_held_out(text: str) -> bool:
    """Whether a passage is kept for measuring; depends on nothing but the text."""
    return text_number(text) % HELD_OUT_SHARE == 0


def text_number(text: str) -> int:
    """A number of 64 bits that stands for a text, the same everywhere and always."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_file():
            yield path
            continue
        if not path.is_dir():
            raise ReadError(f"{path}: no such file or folder of pairs")
        found = sorted(file for file in path.iterdir() if file.name.endswith(_ENDINGS))
        if not found:
            raise ReadError(f"{path} holds no file of pairs ({', '.join(_ENDINGS)})")
        yield from found


def _read_file(path: Path) -> Iterator[Pair]:
    """Pairs of a file; a text without a query comes as a pair with an empty one."""
    opener = _OPENERS.get(path.suffix)
    if opener is None:
        raise ReadError(f"{path} is not a file of pairs; those end in {', '.join(_ENDINGS)}")
    number = 1
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    yield _parse(line, default_source=path.name.partition(".jsonl")[0])
                number += 1
    except (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
        raise ReadError(f"{path}, line {number}: {error}") from error


def _parse(line: str, *, default_source: str) -> Pair:
    values = json.loads(line)
    if not isinstance(values, dict):
        raise ValueError("not a JSON object")
    source = values.get("source", default_source)
    texts = {name: values[name] for name in ("query", "pos", "text") if name in values}
    if not isinstance(source, str) or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("'query', 'pos', 'text' and 'source' must be texts")
    if set(texts) not in ({"query", "pos"}, {"text"}):
        raise ValueError("neither a pair ('query' and 'pos') nor a passage ('text')")
    if not all(text.strip() for text in texts.values()):
        raise ValueError(f"{' or '.join(repr(name) for name in texts)} is empty")
    return Pair(texts.get("query", ""), texts.get("pos") or texts["text"], source)
