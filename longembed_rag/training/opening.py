"""A model folder to a model that can learn, and its texts to token ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from longembed_rag.encoder.devices import pick_device, pick_dtype
from longembed_rag.encoder.families import table_offset
from longembed_rag.encoder.loading import has_token_types, load_weights
from longembed_rag.encoder.planner import Planner
from longembed_rag.encoder.settings import Kind
from longembed_rag.errors import UnsupportedModelError
from longembed_rag.training.reading import TrainingModel
from longembed_rag.training.separate import ATTENTION, register

Ints = NDArray[np.int64]


def open_reader(planner: Planner) -> TrainingModel:
    """Load a model to train: weights in float32, frozen until someone says what learns.

    Raises:
        UnsupportedModelError: It has steps after pooling, leaves prompts out of it, or was made
            for late interaction.
        ModelLoadError: It cannot be loaded.
    """
    if planner.folder.late is not None:
        raise UnsupportedModelError(
            f"{planner.model_name} was made for late interaction; only models whose vectors are "
            "pooled token states can be trained here"
        )
    if planner.folder.chain:
        raise UnsupportedModelError(
            f"{planner.model_name} has a {planner.folder.chain[0].kind} step after pooling; only "
            "models whose vectors are pooled token states can be trained here"
        )
    if not planner.folder.include_prompt and (planner.query_prompt or planner.document_prompt):
        raise UnsupportedModelError(
            f"{planner.model_name} leaves its prompts out of pooling, which cannot be trained here"
        )
    register()
    device = learning_device(planner.settings.device)
    packs = not planner.family.own_attention
    model = load_weights(planner, dtype=torch.float32, attention=ATTENTION if packs else None)
    learned = planner.family.positions == "learned"
    padding = getattr(planner.config, "pad_token_id", None)
    return TrainingModel(
        model=model.requires_grad_(False).eval().to(device),
        device=device,
        dtype=pick_dtype(planner.settings.dtype, device),
        pooling=planner.pooling,
        token_types=has_token_types(planner),
        packs=packs,
        rules=planner.rules if learned else None,
        offset=table_offset(planner.family.name, padding) if learned else 0,
    )


def learning_device(device: str | None) -> torch.device:
    """The device asked for; else CUDA where there is one, else the CPU.

    Apple's MPS has to be asked for: its attention keeps all scores of a text, and torch ends the
    process where those of a long one take more than 4 GiB.
    """
    picked = pick_device(device)
    return torch.device("cpu") if device is None and picked.type == "mps" else picked


class TextTokens:
    """Texts to token ids as a model reads them: specials, prompt, content.

    Args:
        planner: Whose tokenizer and prompts.
    """

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._edges: dict[Kind, tuple[NDArray[Any], NDArray[Any]]] = {}
        for kind in get_args(Kind):
            sample = planner.tokenize(["a"], kind=kind)[0]
            self._edges[kind] = np.asarray(sample.head), np.asarray(sample.tail)
        self.head, self.tail = map(len, self._edges["document"])
        self._known: dict[str, NDArray[np.int32]] = {}

    def __call__(self, texts: Sequence[str], kind: Kind = "document") -> list[Ints]:
        """Token ids of each text."""
        read = self._planner.tokenize(list(texts), kind=kind)
        return [np.concatenate([text.head, text.content, text.tail]) for text in read]

    def contents(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Token ids of documents without what opens and closes them.

        They are kept: training draws the same passages over and over.
        """
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        for text, read in zip(new, self._planner.tokenize(new), strict=True):
            self._known[text] = read.content.astype(np.int32)
        return [self._known[text] for text in texts]

    def closed(self, parts: Sequence[NDArray[Any]], kind: Kind = "document") -> Ints:
        """One text out of parts without specials, between what opens and closes it."""
        opening, closing = self._edges[kind]
        return np.concatenate([opening, *parts, closing], dtype=np.int64)


def shorten(ids: Ints, length: int, *, tail: int) -> Ints:
    """The head of a text, closed by its special tokens as before."""
    if len(ids) <= length:
        return ids
    return np.concatenate([ids[: length - tail], ids[len(ids) - tail :]])
