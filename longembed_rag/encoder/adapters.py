"""Low-rank adapters put into a model: what a layer makes, and what its task adds to that.

A layer's weight ``W`` becomes ``W + s B A`` (LoRA, arXiv 2106.09685, section 4.1). The sum is never
made: ``s B A x`` is added to ``W x``, so that one set of weights serves both sides of a search.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from longembed_rag.encoder.checkpoints import jina_targets
from longembed_rag.encoder.peft_files import ADAPTER_WEIGHTS, scale_of
from longembed_rag.encoder.stated import Stated, told
from longembed_rag.encoder.tasks import Adapter
from longembed_rag.encoder.weights import read_headers
from longembed_rag.errors import ModelLoadError, UnsupportedModelError

_active: ContextVar[str | None] = ContextVar("longembed_rag_adapter", default=None)
# What no vector depends on.
_UNREAD = re.compile(r"(?:^|\.)(?:pooler|lm_head|cls)\.")
_PARTS = (".lora_A", ".lora_B", ".lora_embedding_A", ".lora_embedding_B")


@contextmanager
def adapted(name: str | None) -> Iterator[None]:
    """Let the running thread's passes go through an adapter; None through the model alone."""
    token = _active.set(name)
    try:
        yield
    finally:
        _active.reset(token)


class _LowRank(nn.Module):
    """The adapters of one layer, kept beside its weight.

    For a linear layer ``down`` is ``[rank, in]`` and ``up`` ``[out, rank]``; for a table of
    embeddings ``down`` is ``[rows, rank]`` and ``up`` ``[rank, hidden]``. ``up`` holds the scale.
    """

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.ParameterDict(), nn.ParameterDict()

    def put(self, key: str, down: Tensor, up: Tensor) -> None:
        """Keep the two parts of an adapter."""
        self.down[key] = nn.Parameter(down.contiguous(), requires_grad=False)
        self.up[key] = nn.Parameter(up.contiguous(), requires_grad=False)


def _key(name: str) -> str:
    # Names of parameters hold no dots.
    return name.replace(".", "_")


def _add_linear(layer: nn.Module, args: tuple[Any, ...], out: Tensor) -> Tensor:
    name, low = _active.get(), cast("_LowRank", layer.low_rank)
    if name is None or _key(name) not in low.down:
        return out
    inner = functional.linear(args[0], low.down[_key(name)])
    return out + functional.linear(inner, low.up[_key(name)])


def _add_rows(layer: nn.Module, args: tuple[Any, ...], out: Tensor) -> Tensor:
    name, low = _active.get(), cast("_LowRank", layer.low_rank)
    if name is None or _key(name) not in low.down:
        return out
    rows = functional.embedding(args[0], low.down[_key(name)])
    return cast(Tensor, out + rows @ low.up[_key(name)])


def install_adapters(
    model: nn.Module, adapters: Sequence[Adapter], *, config: Stated, files: Sequence[Path]
) -> None:
    """Put adapters into a model's layers; they read where :func:`adapted` says so.

    Args:
        model: A transformers model, changed in place.
        adapters: Which.
        config: The model's ``config.json``.
        files: The model's own weights, in which adapters may lie.

    Raises:
        UnsupportedModelError: An adapter is not a plain LoRA.
        ModelLoadError: An adapter is missing or damaged, or another model's.
    """
    for adapter in adapters:
        if adapter.place is None:
            _put_own(model, adapter, config, files)
        else:
            with told(f"the adapter in {adapter.place}"):
                _put_peft(model, adapter.name, adapter.place)


def add_adapters(model: nn.Module, places: Sequence[Path]) -> None:
    """Add adapters to a model's weights, which then read with them always: PEFT's merging.

    The sums are made in float32 and rounded once.

    Args:
        model: A transformers model, changed in place.
        places: Folders as PEFT writes them, in the order in which they are added.

    Raises:
        UnsupportedModelError: An adapter is not a plain LoRA.
        ModelLoadError: An adapter is missing or damaged, or another model's.
    """
    for place in places:
        with told(f"the adapter in {place}"), torch.no_grad():
            for layer, down, up in _peft_parts(place, alone=True):
                for module, part in _targets(model, layer, str(place), up):
                    found = _fitting(model, module, str(place), down, part)
                    first, second = down.float(), part.float()
                    rows = isinstance(found, nn.Embedding)
                    added = first @ second if rows else second @ first
                    weight = cast(Tensor, found.weight)
                    weight.copy_(weight.float() + added)


def _fitting(model: nn.Module, module: str, name: str, down: Tensor, up: Tensor) -> nn.Module:
    """The layer of an adapter, which has to be of its shape."""
    layer = model.get_submodule(module)
    weight = cast(Tensor, layer.weight)
    rows = isinstance(layer, nn.Embedding)
    shape = (down.shape[0], up.shape[1]) if rows else (up.shape[0], down.shape[1])
    if shape != tuple(weight.shape):
        raise ModelLoadError(
            f"the adapter {name!r} is for a layer {module!r} of {list(shape)}, and the model's is "
            f"of {list(weight.shape)}: it is another model's"
        )
    if not bool(down.isfinite().all() and up.isfinite().all()):
        raise ModelLoadError(f"the adapter {name!r} holds NaN or infinite numbers ({module})")
    return layer


def _put(model: nn.Module, module: str, name: str, down: Tensor, up: Tensor) -> None:
    layer = _fitting(model, module, name, down, up)
    dtype = cast(Tensor, layer.weight).dtype
    if not hasattr(layer, "low_rank"):
        layer.low_rank = _LowRank()
        rows = isinstance(layer, nn.Embedding)
        layer.register_forward_hook(_add_rows if rows else _add_linear)
    cast("_LowRank", layer.low_rank).put(_key(name), down.to(dtype), up.to(dtype))


def _targets(model: nn.Module, layer: str, name: str, up: Tensor) -> list[tuple[str, Tensor]]:
    """The layers of a model that an adapter's is, and what each has of ``up``.

    A layer may have the name that it has below a head (``model.layers.0...``), or its published
    name, and be several of the model's.
    """
    there = {each for each, _ in model.named_modules()}
    below = layer.removeprefix(f"{getattr(model, 'base_model_prefix', '')}.")
    for own in (layer, below):
        if own in there:
            return [(own, up)]
    with suppress(UnsupportedModelError):
        targets = [each.removesuffix(".weight") for each in jina_targets(f"{layer}.weight")]
        if there.issuperset(targets):
            # What goes in is shared by the parts, each with rows of its own of what comes out.
            return list(zip(targets, up.chunk(len(targets)), strict=True))
    raise ModelLoadError(
        f"the adapter {name!r} is for {layer!r}, and there is no layer of that name"
    )


def _put_own(model: nn.Module, adapter: Adapter, config: Stated, files: Sequence[Path]) -> None:
    """An adapter out of the model's own weights, which hold those of all tasks in one tensor."""
    rank = config.count("lora_rank")
    alpha = config.get("lora_alpha", 1)
    if rank is None or not isinstance(alpha, (int, float)):
        config.refuse("lora_rank" if rank is None else "lora_alpha", "a number")
    found = 0
    for name, (down, up) in _pairs(files, part=adapter.number).items():
        layer = name.partition(".parametrizations.")[0]
        targets = jina_targets(f"{layer}.weight")
        up = up.float() * (alpha / rank)  # the scale goes with it
        across = "embeddings" in layer
        pieces = (up,) if across else up.chunk(len(targets))
        for target, piece in zip(targets, pieces, strict=True):
            _put(model, target.removesuffix(".weight"), adapter.name, down, piece)
            found += 1
    if not found:
        raise ModelLoadError(
            f"{config.file} names the adapter {adapter.name!r}, and the weights beside it hold "
            "none; download the model again"
        )


def _put_peft(model: nn.Module, name: str, place: Path) -> None:
    """An adapter out of a folder as PEFT writes it."""
    for layer, down, up in _peft_parts(place):
        for module, part in _targets(model, layer, name, up):
            _put(model, module, name, down, part)


def _peft_parts(place: Path, *, alone: bool = False) -> Iterator[tuple[str, Tensor, Tensor]]:
    """What PEFT wrote into a folder: layer, ``down``, and ``up`` with the scale in it.

    Args:
        place: The folder.
        alone: Whether nothing but low-rank parts may lie in it.
    """
    scale, file = scale_of(place), place / ADAPTER_WEIGHTS
    if alone:
        _require_low_rank(file)
    pairs = _pairs([file])
    if not pairs:
        raise ModelLoadError(f"{file} holds no adapter; download the model again")
    for path, (down, up) in pairs.items():
        layer = path.removeprefix("base_model.model.")
        if ".lora_embedding" in path:
            layer, down, up = layer.removesuffix(".lora_embedding"), down.T, up.T
        yield layer, down, up.float() * scale


def _require_low_rank(file: Path) -> None:
    """Refuse whole weights, which would be left out in silence."""
    for name in read_headers([file]):
        plain = name.removesuffix(".weight")
        if not plain.endswith(_PARTS) and _UNREAD.search(name) is None:
            raise UnsupportedModelError(
                f"{file} holds {name}, which is no part of a plain LoRA. Add the adapter to its "
                "model (merge_and_unload of PEFT), save that, and name its folder"
            )


def _pairs(files: Sequence[Path], part: int | None = None) -> dict[str, tuple[Tensor, Tensor]]:
    """Both parts of each layer's adapter by the layer's name.

    Args:
        files: Safetensors files.
        part: Which of the adapters that a tensor holds; None where it holds one.
    """
    from safetensors import safe_open

    halves: dict[str, dict[str, Tensor]] = {}
    for file in files:
        with told(str(file)), safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118  # it is no dict
                plain = name.removesuffix(".weight")
                side = next((each for each in _PARTS if plain.endswith(each)), None)
                if side is None or _UNREAD.search(plain) is not None:
                    continue
                piece = weights.get_slice(name)
                tensor = piece[:] if part is None else piece[part]
                layer = plain.removesuffix(side)
                if side.startswith(".lora_embedding"):
                    layer += ".lora_embedding"
                halves.setdefault(layer, {})[side[-1]] = tensor
    incomplete = [layer for layer, found in halves.items() if len(found) < 2]
    if incomplete:
        raise ModelLoadError(f"{files[0]} holds half an adapter only of {incomplete[0]}")
    return {layer: (found["A"], found["B"]) for layer, found in halves.items()}
