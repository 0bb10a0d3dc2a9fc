"""Smooth inverse frequency (SIF): how much each token weighs in a text's vector.

Arora, Liang and Ma, "A simple but tough-to-beat baseline for sentence embeddings" (ICLR 2017),
algorithm 1, without the removal of a principal component, which would be a collection's own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longembed_rag.encoder.folder import ModelFolder
from longembed_rag.encoder.stated import read_json
from longembed_rag.encoder.tokens import TokenizedText, Tokenizer
from longembed_rag.errors import SettingsError
from longembed_rag.extension.windows import Window

#: The paper's ``a``: a token of this probability weighs half.
SMOOTHING = 1e-3
#: What a model folder's own table is called: a JSON list with a number for each token id.
FILE = "token_frequencies.json"

_TABLES = Path(__file__).parent / "tables"
#: Which table that comes with the package belongs to which vocabulary.
_OWN = {"0f052197aac305fe42f378b5c61554b7": "bert_uncased.json"}


@dataclass(frozen=True)
class TokenWeights:
    """What each token of a vocabulary weighs, ``a / (a + p)``.

    Attributes:
        frequencies: How often each token occurs in general text, in any unit, by token id.
    """

    frequencies: tuple[float, ...]

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """By token id, over 0 and at most 1; what never occurs, special tokens too, weighs 1."""
        counts = np.asarray(self.frequencies, dtype=np.float64)
        weights = SMOOTHING / (SMOOTHING + counts / counts.sum())
        return np.asarray(weights, dtype=np.float32)

    @cached_property
    def table_hash(self) -> str:
        """Hash of the frequencies (hex)."""
        counts = np.asarray(self.frequencies, dtype="<f8")
        return hashlib.sha256(counts.tobytes()).hexdigest()[:32]

    def share(self, text: TokenizedText, windows: Sequence[Window], *, head: bool) -> list[Window]:
        """The windows of a text, each with the share of the text's weight that lies in it.

        With them the text's vector is the weighted mean over all its tokens: each counts as in
        mean pooling, times its weight.

        Args:
            text: The text.
            windows: Its windows, each with its share in mean pooling.
            head: Whether opening special tokens and prompt take part in pooling.
        """
        if len(windows) == 1:
            return list(windows)
        frame = np.concatenate([text.head, text.tail]) if head else text.tail
        framing = float(self.weights[frame].sum(dtype=np.float64))
        before = np.concatenate([[0.0], np.cumsum(self.weights[text.content], dtype=np.float64)])
        parts = [
            window.weight
            * (framing + float(before[window.stop] - before[window.start]))
            / (len(frame) + window.stop - window.start)
            for window in windows
        ]
        total = sum(parts)
        pairs = zip(windows, parts, strict=True)
        return [replace(window, weight=part / total) for window, part in pairs]


def weights_for(folder: ModelFolder, tokenizer: Tokenizer, *, pooling: str) -> TokenWeights | None:
    """:func:`find_weights` where a model's tokens are weighed; None for any other pooling."""
    return find_weights(folder, tokenizer.vocabulary) if pooling == "sif" else None


def find_weights(folder: ModelFolder, vocabulary: Sequence[str]) -> TokenWeights:
    """The weights of a model's tokens, from its folder's own table or from one that comes with us.

    Args:
        folder: Where the model lies.
        vocabulary: Its tokenizer's tokens, in the order of their ids.

    Raises:
        SettingsError: There is no table for it, or the folder's own does not fit.
    """
    tables = (root / FILE for root in folder.roots)
    path = next((table for table in tables if table.is_file()), folder.root / FILE)
    if path.is_file():
        return TokenWeights(_checked(read_json(path), path, len(vocabulary)))
    name = _OWN.get(vocabulary_hash(vocabulary))
    if name is None:
        raise SettingsError(
            f"pooling='sif' weighs tokens by how common they are, and of {folder.name}'s "
            f"vocabulary that is not known: put a {FILE} into {folder.root} (a JSON list with a "
            "number for each token id, how often it occurs in general text; "
            "benchmarks/token_frequencies.py makes it from text files), or take another pooling"
        )
    return TokenWeights(tuple(json.loads((_TABLES / name).read_text(encoding="utf-8"))))


def vocabulary_hash(vocabulary: Sequence[str]) -> str:
    """Hash of a tokenizer's tokens in the order of their ids (hex)."""
    return hashlib.sha256("\n".join(vocabulary).encode()).hexdigest()[:32]


def _checked(table: Any, path: Path, tokens: int) -> tuple[float, ...]:
    if not isinstance(table, list) or len(table) < tokens:
        found = f"a list of {len(table):,}" if isinstance(table, list) else "something else"
        raise SettingsError(
            f"{path} must be a JSON list with a number for each of the {tokens:,} tokens of the "
            f"model's tokenizer, and is {found}; benchmarks/token_frequencies.py makes it"
        )
    for value in table:
        if not _is_count(value):
            raise SettingsError(f"{path} holds {value!r}; it must hold numbers of zero or more")
    if not any(table):
        raise SettingsError(f"{path} holds only zeros; it must tell how often tokens occur")
    return tuple(float(value) for value in table)


def _is_count(value: object) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 0 <= value < float("inf")  # type: ignore[operator]
