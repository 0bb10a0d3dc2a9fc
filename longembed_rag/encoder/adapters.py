"""Low-rank adapters put into a model: what a layer makes, and what its task adds to that.

A layer's weight ``W`` becomes ``W + s B A`` (LoRA, arXiv 2106.09685, section 4.1). The sum is never
made: ``s B A x`` is added to ``W x``, so that one set of weights serves both sides of a search.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn
from torch.nn import functional

from longembed_rag.encoder.checkpoints import jina_targets
from longembed_rag.encoder.stated import Stated, require_files, told
from longembed_rag.encoder.tasks import ADAPTER_FILE, ADAPTER_WEIGHTS, Adapter
from longembed_rag.errors import ModelLoadError, UnsupportedModelError

_active: ContextVar[str | None] = ContextVar("longembed_rag_adapter", default=None)
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


def _put(model: nn.Module, module: str, name: str, down: Tensor, up: Tensor) -> None:
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
    if not hasattr(layer, "low_rank"):
        layer.low_rank = _LowRank()
        layer.register_forward_hook(_add_rows if rows else _add_linear)
    cast("_LowRank", layer.low_rank).put(_key(name), down.to(weight.dtype), up.to(weight.dtype))


def _put_parts(model: nn.Module, layer: str, name: str, down: Tensor, up: Tensor) -> None:
    """:func:`_put`, where a layer may have its published name and be several of the model's."""
    if layer in dict(model.named_modules()):
        _put(model, layer, name, down, up)
        return
    try:
        targets = jina_targets(f"{layer}.weight")
    except UnsupportedModelError as error:
        raise ModelLoadError(
            f"the adapter {name!r} is for {layer!r}, and there is no layer of that name"
        ) from error
    # What goes in is shared by the parts, and each has rows of its own of what comes out.
    for target, part in zip(targets, up.chunk(len(targets)), strict=True):
        _put(model, target.removesuffix(".weight"), name, down, part)


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
    config = Stated(place / ADAPTER_FILE)
    require_files(place, (ADAPTER_WEIGHTS,))
    if not (place / ADAPTER_WEIGHTS).is_file():
        raise ModelLoadError(f"{place} has no {ADAPTER_WEIGHTS}; download the model again")
    odd = [key for key in ("use_dora", "rank_pattern", "alpha_pattern") if config.get(key)]
    odd += [key for key in ("modules_to_save", "fan_in_fan_out") if config.get(key)]
    if config.text("peft_type") != "LORA" or odd or config.get("bias", "none") != "none":
        raise UnsupportedModelError(
            f"{config.file}: only plain LoRA is read, not {', '.join(odd) or 'this kind'}"
        )
    rank, alpha = config.count("r"), config.get("lora_alpha")
    if rank is None or not isinstance(alpha, (int, float)):
        config.refuse("r" if rank is None else "lora_alpha", "a number")
    scale = alpha / (math.sqrt(rank) if config.flag("use_rslora") else rank)
    for path, (down, up) in _pairs([place / ADAPTER_WEIGHTS]).items():
        layer = path.removeprefix("base_model.model.")
        if ".lora_embedding" in path:
            layer, down, up = layer.removesuffix(".lora_embedding"), down.T, up.T
        _put_parts(model, layer, name, down, up.float() * scale)


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
                if side is None or "pooler." in plain:
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
