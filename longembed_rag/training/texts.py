"""What a model is trained on: pairs of a query and the passage that answers it, and plain texts.

A pair may have passages that do not answer its query, though they look like it (hard negatives),
and what another model, such as a cross-encoder, makes of all of them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import math
import zlib
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
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
        negatives: Passages that do not answer it, though they look like it; may be none.
        scores: How well the passage, and then each negative, answers it, as logits of a
            cross-encoder; none where nobody said so.
    """

    query: str
    passage: str
    source: str
    negatives: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """A line of a file, ready for JSON."""
        if not self.query:
            return {"text": self.passage, "source": self.source}
        line: dict[str, object] = {"query": self.query, "pos": self.passage, "source": self.source}
        if self.negatives:
            line["neg"] = list(self.negatives)
        if self.scores:
            line["scores"] = list(self.scores)
        return line


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
        more = (
            text
            for number, pair in enumerate(self.pairs)
            if pair.negatives
            for text in (str(number), *pair.negatives, *map(repr, pair.scores))
        )
        for text in chain(everything, self.passages, more):
            digest.update(text.encode("utf-8", "replace") + b"\0")
        return digest.hexdigest()

    @property
    def has_negatives(self) -> bool:
        """Whether any pair to train on has some."""
        return any(pair.negatives for pair in self.pairs)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources that pairs are trained on."""
        return tuple(sorted({pair.source for pair in self.pairs}))


def read_texts(paths: Sequence[Path], *, hold_out: Sequence[str] = ()) -> TrainingTexts:
    """Read pairs and passages.

    Args:
        paths: Files of JSON lines, or folders of them: ``.jsonl``, ``.jsonl.gz``, ``.jsonl.xz``.
            A line is ``{"query": ..., "pos": ...}`` or ``{"text": ...}``, each perhaps with a
            ``"source"``, which is the file's name otherwise. A pair may have ``"neg"``, a list of
            passages, and then ``"scores"``, a number for ``pos`` and for each of them. They are
            kept of pairs to train on, and of them those that are not held out themselves.
        hold_out: Sources that are only measured on, never trained on.

    Raises:
        ReadError: A file is missing or a line is not what it should be; names file and line.
        SettingsError: A source that is to be held out is not there, or nothing is left to train on.
    """
    pairs: list[Pair] = []
    passages: list[str] = []
    for pair in read_lines(paths):
        if pair.query:
            pairs.append(pair)
        elif pair.source not in hold_out:
            passages.append(pair.passage)
    missing = sorted(set(hold_out) - {pair.source for pair in pairs})
    if missing:
        there = ", ".join(sorted({pair.source for pair in pairs}))
        raise SettingsError(f"no pairs of the source {', '.join(missing)}; there are: {there}")
    known = [pair for pair in pairs if pair.source not in hold_out]
    apart = {pair.passage for pair in pairs if pair.source in hold_out}
    texts = TrainingTexts(
        pairs=tuple(_seen(pair, apart) for pair in known if not is_held_out(pair.passage)),
        passages=tuple(text for text in passages if not is_held_out(text)),
        held_out=tuple(_bare(pair) for pair in known if is_held_out(pair.passage)),
        unseen=tuple(_bare(pair) for pair in pairs if pair.source in hold_out),
    )
    if not texts.pairs:
        raise SettingsError(f"no pairs to train on in {', '.join(map(str, paths))}")
    return texts


def read_lines(paths: Sequence[Path]) -> Iterator[Pair]:
    """Pairs, and passages as pairs with an empty query, as they come.

    Args:
        paths: As :func:`read_texts` takes them.

    Raises:
        ReadError: A file is missing or a line is not what it should be; names file and line.
    """
    for path in _files(paths):
        yield from _read_file(path)


def _seen(pair: Pair, apart: Container[str]) -> Pair:
    """A pair without those of its negatives that are held out, or in ``apart``."""
    kept = [
        at for at, text in enumerate(pair.negatives) if not is_held_out(text) and text not in apart
    ]
    if len(kept) == len(pair.negatives):
        return pair
    scores = pair.scores and (pair.scores[0], *(pair.scores[at + 1] for at in kept))
    negatives = tuple(pair.negatives[at] for at in kept)
    return replace(pair, negatives=negatives, scores=scores if kept else ())


def _bare(pair: Pair) -> Pair:
    """A pair without negatives: it is measured on, and these are learnt from."""
    return replace(pair, negatives=(), scores=()) if pair.negatives else pair


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
    pair = Pair(texts.get("query", ""), texts.get("pos") or texts["text"], source)
    return replace(pair, **_parse_negatives(values, pair)) if "neg" in values else pair


def _parse_negatives(values: dict[str, Any], pair: Pair) -> dict[str, Any]:
    """The negatives of a pair and all their scores."""
    negatives, scores = values["neg"], values.get("scores")
    if not pair.query:
        raise ValueError("'neg' belongs to a pair ('query' and 'pos'), not to a passage ('text')")
    if not isinstance(negatives, list) or not all(
        isinstance(text, str) and text.strip() for text in negatives
    ):
        raise ValueError("'neg' must be a list of texts, none of them empty")
    if pair.passage in negatives:
        raise ValueError("'neg' holds the text of 'pos', which answers the query")
    if scores is None:
        return {"negatives": tuple(negatives)}
    numbers = isinstance(scores, list) and all(
        isinstance(each, int | float) and not isinstance(each, bool) and math.isfinite(each)
        for each in scores
    )
    if not numbers or len(scores) != len(negatives) + 1:
        raise ValueError(
            "'scores' must be a list of numbers, one for 'pos' and then one for each of 'neg' "
            f"({len(negatives) + 1})"
        )
    if not negatives:
        return {}
    return {"negatives": tuple(negatives), "scores": tuple(map(float, scores))}
