"""Model folders with one value or one file that is not what it should be."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.models import Dense, TinyModels, open_encoder

#: Values of every type that JSON has, and numbers that no size can be.
VALUES: tuple[Any, ...] = (
    None,
    "x",
    "",
    -1,
    0,
    1_000_000_000,
    10**30,
    1.5,
    1e300,
    float("nan"),
    float("inf"),
    True,
    [],
    [1],
    {},
    {"a": []},
)
#: What a file can be in place of JSON of the right shape.
CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "list": b"[]",
    "list-of-numbers": b"[1, 2]",
    "number": b"3",
    "string": b'"model"',
    "null": b"null",
    "object": b"{}",
    "no-json": b"{",
    "nul": b"\x00" * 64,
    "not-utf8": b'{"a": "\xff\xfe"}',
    "utf16": '{"a": 1}'.encode("utf-16"),
    "deep": b"[" * 200_000,
    "huge-number": b'{"a": ' + b"9" * 100_000 + b"}",
}


def full_folder(tiny_models: TinyModels, family: str = "bert") -> Path:
    """A small model with every file that is read, made once: pooling, Dense, prompts, limits."""
    name = f"{family}-full"
    if (there := tiny_models.root / name).is_dir():
        return there
    return tiny_models.sentence_transformers(
        family,
        name,
        dense=(Dense(16), Dense(8, bias=False)),
        prompts={"query": "q: ", "document": "d: "},
        max_seq_length=30,
    )


def linked(folder: Path, target: Path) -> Path:
    """A copy of a model folder whose files are the same files, until one is put in its place."""
    return Path(shutil.copytree(folder, target, copy_function=os.link))


def put(path: Path, content: bytes) -> None:
    """Put a file in the place of a linked one, which stays as it is elsewhere."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def keys_of(value: Any, prefix: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value of a JSON file stands, objects and lists included."""
    if isinstance(value, dict):
        items: Any = value.items()
    else:
        items = enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*prefix, key)
        yield from keys_of(inner, (*prefix, key))


def changed(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    """A JSON value with another one at a place."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = new
    return copy


def outcome(folder: Path, read: Callable[[Path], Any] | None = None) -> str:
    """``"read"`` where a folder gives finite vectors, else the one sentence that refuses it."""
    from longembed_rag.errors import UnknownTokensWarning

    with warnings.catch_warnings():
        # A tokenizer that cuts otherwise finds words that the model does not know, and says so.
        warnings.simplefilter("ignore", UnknownTokensWarning)
        return _outcome(folder, read)


def _outcome(folder: Path, read: Callable[[Path], Any] | None) -> str:
    import numpy as np

    from longembed_rag.errors import LongEmbedError

    try:
        encoder = open_encoder(folder) if read is None else read(folder)
        vectors = [
            encoder.encode(["one note", "note card " * 40]).embeddings,
            encoder.encode_queries(["one note"]).embeddings,
        ]
    except LongEmbedError as error:
        return f"{type(error).__name__}: {error}"
    assert all(np.isfinite(each).all() for each in vectors)
    return "read"
