"""The files of a model's weights: which are read, and whether they belong to its config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longembed_rag.encoder.folder import ModelFolder
from longembed_rag.encoder.stated import Stated, require_files, told
from longembed_rag.errors import ModelLoadError, UnsafeWeightsError

_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_WHOLE, _INDEX = "model.safetensors", "model.safetensors.index.json"
_FLOATS = ("F64", "F32", "F16", "BF16")
_LAYER = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")
_EMBEDDINGS = re.compile(r"(?:^|\.)(?:word_embeddings|embed_tokens|tok_embeddings|wte)\.weight$")


@dataclass(frozen=True)
class Header:
    """What a safetensors file says of a tensor.

    Attributes:
        shape: Its shape.
        dtype: As safetensors calls it: ``"F32"``.
    """

    shape: tuple[int, ...]
    dtype: str


def weight_files(folder: ModelFolder) -> list[Path]:
    """The safetensors files that hold a model's weights.

    Raises:
        UnsafeWeightsError: Only pickled weights are there.
        ModelLoadError: No weights are there, or not all.
    """
    path = folder.path
    require_files(path, ("*.safetensors",))
    if (path / _WHOLE).is_file():
        return [path / _WHOLE]
    if (path / _INDEX).exists():
        index = Stated(path / _INDEX)
        files = [path / name for name in sorted(set(index.words("weight_map").values()))]
        missing = [file.name for file in files if not file.is_file() or file.parent != path]
        if missing or not files:
            named = f"{missing[0]}, which is not there" if missing else "no file"
            raise ModelLoadError(f"{path / _INDEX} names {named}; download the model again")
        return files
    pickled = sorted(file.name for pattern in _PICKLED for file in path.glob(pattern))
    if pickled:
        raise UnsafeWeightsError(
            f"model folder {path} has only pickled weights ({', '.join(pickled)}), and "
            "loading those can run code. Save the model as safetensors: "
            "model.save_pretrained(folder, safe_serialization=True)"
        )
    raise ModelLoadError(f"model folder {path} has no {_WHOLE}; download the model again")


def read_headers(files: list[Path]) -> dict[str, Header]:
    """What safetensors files say of their tensors, by name; no tensor is read.

    Raises:
        ModelLoadError: A file is cut, damaged, or no safetensors file; names it.
    """
    from safetensors import safe_open

    found = {}
    for file in files:
        with told(str(file)), safe_open(file, framework="numpy") as weights:
            for name in weights.keys():  # noqa: SIM118  # it is no dict
                tensor = weights.get_slice(name)
                found[name] = Header(tuple(tensor.get_shape()), str(tensor.get_dtype()))
    return found


def require_fitting(folder: ModelFolder) -> None:
    """Compare a config with its weights, before anything of the size that it states is made.

    Raises:
        UnsafeWeightsError: Only pickled weights are there.
        ModelLoadError: They are missing or damaged, or speak of another model.
    """
    files = weight_files(folder)
    headers = read_headers(files)
    stated = Stated(folder.path / "config.json")
    _require_floats(headers, folder)
    _require_layers(headers, stated)
    _require_sizes(headers, stated)


def _require_floats(headers: Mapping[str, Header], folder: ModelFolder) -> None:
    for name, header in headers.items():
        if name.endswith(("weight", "bias")) and header.dtype not in _FLOATS:
            raise ModelLoadError(
                f"the weights in {folder.path} are of type {header.dtype} ({name}); read are "
                f"{', '.join(_FLOATS)}: take the model as it was before it was quantised"
            )


def _require_layers(headers: Mapping[str, Header], stated: Stated) -> None:
    """Layers beyond the config's would be left out in silence; a config's beyond are many."""
    named = next((key for key in ("num_hidden_layers", "n_layer", "n_layers") if key in stated), "")
    layers = stated.count(named) if named else None
    there = {int(match[1]) for name in headers if (match := _LAYER.search(name))}
    if layers is None or (there and layers == max(there) + 1):
        return
    held = max(there) + 1 if there else len(headers)
    if there or layers > held:
        stated.refuse(named, f"the {held} layers that the weights beside it hold")


def _require_sizes(headers: Mapping[str, Header], stated: Stated) -> None:
    """A config's sizes are those of the largest tensors; embeddings are known by their names."""
    largest = max((max(header.shape, default=0) for header in headers.values()), default=0)
    for key in ("vocab_size", "hidden_size", "intermediate_size", "n_embd", "d_model"):
        size = stated.count(key)
        if size is not None and size > largest:
            stated.refuse(key, f"a size of the weights beside it, whose largest is {largest:,}")
    for name, header in headers.items():
        if not _EMBEDDINGS.search(name) or len(header.shape) != 2:
            continue
        for key, size in zip(("vocab_size", "hidden_size"), header.shape, strict=True):
            if stated.get(key) not in (None, size):
                stated.refuse(key, f"the {size:,} that {name} in the weights beside it has")


def require_numbers(model: Any, where: str) -> None:
    """Require that no weight of a model is NaN or infinite.

    Args:
        model: A torch module.
        where: Where its weights are from, for errors.

    Raises:
        ModelLoadError: One is; names it.
    """
    import torch

    for name, weight in model.named_parameters():
        if weight.numel() and not all(map(torch.isfinite, torch.aminmax(weight.detach()))):
            raise damaged_weights(where, name)


def damaged_weights(where: str, name: str) -> ModelLoadError:
    """What to say of weights that are NaN or infinite."""
    return ModelLoadError(
        f"{where} hold NaN or infinite numbers ({name}): the model is damaged, or was saved in a "
        "precision too small for it. Take another copy"
    )
