"""The files of a tokenizer: which of them is damaged, and how."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from longembed_rag.encoder.stated import Stated, told
from longembed_rag.errors import ModelLoadError

#: Of which a tokenizer has one.
TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
)
#: What may lie beside it.
TOKENIZER_EXTRAS = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
)

_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
_WHOLE = "tokenizer.json"
_TEMPLATE = re.compile(r'"post_processor"\s*:\s*')


def has_tokenizer(folder: Path) -> bool:
    """Whether a tokenizer lies in a folder."""
    return any((folder / name).is_file() for name in TOKENIZER_FILES)


def require_readable(folder: Path) -> None:
    """Require of a tokenizer's files what would make its libraries panic, or speak in riddles.

    Raises:
        ModelLoadError: One is damaged; names it.
    """
    for name in _SETTINGS:
        Stated(folder / name)
    file = folder / _WHOLE
    if not file.is_file():
        return
    with told(str(file)):
        text = file.read_text(encoding="utf-8")
        if (found := _TEMPLATE.search(text)) is not None:
            require_template(json.JSONDecoder().raw_decode(text, found.end())[0], file)


def require_parsed(folder: Path) -> None:
    """Have ``tokenizer.json`` parsed alone, which says whether what went wrong is its fault.

    Raises:
        ModelLoadError: It is; says what is wrong.
    """
    from tokenizers import Tokenizer

    file = folder / _WHOLE
    if file.is_file():
        with told(str(file)):
            Tokenizer.from_file(str(file))


def require_template(processor: Any, file: Path) -> None:
    """Require of a template that it describes the tokens that it puts in: else Rust panics.

    Args:
        processor: The ``post_processor`` of a ``tokenizer.json``.
        file: The file.

    Raises:
        ModelLoadError: It does not; names file and token.
    """
    if not isinstance(processor, dict):
        return
    known = processor.get("special_tokens")
    for place in ("single", "pair"):
        pieces = processor.get(place)
        for piece in pieces if isinstance(pieces, list) else ():
            special = piece.get("SpecialToken") if isinstance(piece, dict) else None
            token = special.get("id") if isinstance(special, dict) else None
            if isinstance(known, dict) and isinstance(token, str) and token not in known:
                raise ModelLoadError(
                    f"{file}: post_processor.{place} puts in {token!r}, which its special_tokens "
                    "do not hold; take a whole copy of the model"
                )
    for inner in processor.get("processors") or ():
        require_template(inner, file)
