"""A trained model as a folder that transformers, sentence-transformers and this package read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from longembed_rag.encoder.planner import Planner
from longembed_rag.errors import SettingsError
from longembed_rag.whole_files import half_written, remove_halves

_POOLING_FLAGS = {
    "cls": "pooling_mode_cls_token",
    "mean": "pooling_mode_mean_tokens",
    "last_token": "pooling_mode_lasttoken",
}
#: What a tokenizer is made of, as far as a folder has it.
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)


def require_new(folder: Path) -> None:
    """Refuse to write a model where something else lies.

    Raises:
        SettingsError: The folder exists and is not empty, or is a file.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise SettingsError(f"{folder} is there already: take another folder, or remove it")


def save_model(
    folder: Path,
    *,
    like: Planner,
    config: Any,
    state: Mapping[str, Tensor],
    max_length: int,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write a model folder, whole or not at all.

    Args:
        folder: Where; must not be there yet, or be empty.
        like: The model it was made from: gives tokenizer, pooling and prompts.
        config: transformers' config.
        state: Weights under the names of transformers' model.
        max_length: Tokens that sentence-transformers shall read at most.
        dtype: Of the weights on disk; they are loaded in float32 all the same, since CPUs are slow
            at half precision.

    Raises:
        SettingsError: Something else lies there.
    """
    require_new(folder)
    remove_halves(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with half_written(folder) as half:
        half.mkdir()
        config.dtype = "float32"
        config.to_json_file(half / "config.json", use_diff=True)
        _write_weights(half, state, dtype)
        for name in _TOKENIZER_FILES:
            if (like.folder.tokenizer / name).is_file():
                shutil.copyfile(like.folder.tokenizer / name, half / name)
        _set(half / "tokenizer_config.json", model_max_length=max_length)
        _write_modules(half, like, max_length)


def _write_weights(folder: Path, state: Mapping[str, Tensor], dtype: torch.dtype) -> None:
    tensors = {
        name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in state.items()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    # Safetensors lets nobody else read it.
    shutil.copymode(folder / "config.json", folder / "model.safetensors")


def _write_modules(folder: Path, like: Planner, max_length: int) -> None:
    """What sentence-transformers asks a folder for."""
    pooling = {"word_embedding_dimension": like.config.hidden_size}
    pooling.update({flag: name == like.pooling for name, flag in _POOLING_FLAGS.items()})
    pooling["include_prompt"] = like.folder.include_prompt
    steps = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
    modules = [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for at, (path, kind) in enumerate(steps)
    ]
    (folder / "1_Pooling").mkdir()
    _write(folder / "1_Pooling" / "config.json", pooling)
    _write(folder / "modules.json", modules)
    _write(
        folder / "sentence_bert_config.json",
        {"max_seq_length": max_length, "do_lower_case": like.folder.lower_case},
    )
    prompts = {"query": like.query_prompt, "document": like.document_prompt}
    if any(prompts.values()):
        _write(folder / "config_sentence_transformers.json", {"prompts": prompts})


def _set(path: Path, **values: Any) -> None:
    if path.is_file():
        _write(path, {**json.loads(path.read_text(encoding="utf-8")), **values})


def _write(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
