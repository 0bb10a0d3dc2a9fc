"""The steps after a model: Dense layers and normalisations, as ``modules.json`` lists them."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from longembed_rag.encoder.folder import ModelFolder
from longembed_rag.encoder.modules import ChainModule
from longembed_rag.encoder.stated import Stated, require_files, told
from longembed_rag.encoder.weights import Header, read_headers, require_numbers, weight_files
from longembed_rag.errors import ModelLoadError

_WEIGHTS = "model.safetensors"


class Dense(nn.Module):
    """A sentence-transformers ``Dense`` step: linear, activation, perhaps a residual.

    Args:
        width: Numbers of a vector before it.
        out: Numbers of a vector after it.
        bias: Whether the linear layer has one.
        activation: Of ``torch.nn``.
        use_residual: Whether the vector before is added, through a layer where its size changes.
    """

    def __init__(
        self,
        width: int,
        out: int,
        *,
        bias: bool = True,
        activation: nn.Module | None = None,
        use_residual: bool = False,
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(width, out, bias=bias)
        self.activation = nn.Identity() if activation is None else activation
        self.use_residual = use_residual
        if self.use_residual and width != out:
            self.residual = nn.Linear(width, out, bias=False)

    def forward(self, vectors: Tensor) -> Tensor:
        """``[n, in_features]`` to ``[n, out_features]``."""
        out = cast(Tensor, self.activation(self.linear(vectors)))
        if not self.use_residual:
            return out
        return out + (self.residual(vectors) if hasattr(self, "residual") else vectors)


class Normalize(nn.Module):
    """A sentence-transformers ``Normalize`` step in the middle of a chain."""

    def forward(self, vectors: Tensor) -> Tensor:
        """Unit length, row by row."""
        return nn.functional.normalize(vectors, dim=-1)


def load_chain(
    folder: ModelFolder, *, hidden: int, device: torch.device
) -> tuple[nn.Sequential, int]:
    """The steps after pooling, in float32, and the size of the vectors that they make.

    Args:
        folder: The model.
        hidden: Numbers of the vectors before them.
        device: Where they shall run.

    Raises:
        ModelLoadError: The files of a step are missing, damaged, or do not fit.
    """
    steps: list[nn.Module] = []
    width = hidden
    for module in folder.chain:
        if module.kind == "Normalize":
            steps.append(Normalize())
            continue
        dense = _colbert_dense(folder) if module.kind == "ColBERT" else _dense(module)
        if dense.linear.in_features != width:
            raise ModelLoadError(
                f"the Dense step in {module.path} reads vectors of {dense.linear.in_features} "
                f"numbers (in_features), and what stands before it makes {width}: it is another "
                "model's"
            )
        require_numbers(dense, f"the weights of the Dense step in {module.path}")
        steps.append(dense)
        width = dense.linear.out_features
    return nn.Sequential(*steps).float().requires_grad_(False).eval().to(device), width


def _dense(module: ChainModule) -> Dense:
    from safetensors.torch import load_file

    file = module.path / _WEIGHTS
    if not file.is_file():
        raise ModelLoadError(f"the Dense step in {module.path} has no {_WEIGHTS}")
    require_files(module.path, (_WEIGHTS,))
    stated = Stated(module.path / "config.json")
    width, out = (_size(stated, key) for key in ("in_features", "out_features"))
    _require_shape(stated, read_headers([file]), (out, width))
    dense = Dense(
        width,
        out,
        bias=stated.flag("bias", True),
        activation=_activation(stated),
        use_residual=stated.flag("use_residual"),
    )
    with told(f"{file}, which has to fit its config.json,"):
        dense.load_state_dict(load_file(file))
    return dense


def _size(stated: Stated, key: str) -> int:
    size = stated.count(key)
    if size is None:
        stated.refuse(key, "a whole number of one or more")
    return size


def _activation(stated: Stated) -> nn.Module:
    name = stated.text("activation_function") or "torch.nn.Identity"
    found = getattr(nn, name.rsplit(".", 1)[-1], None)
    if not name.startswith("torch.nn.") or not isinstance(found, type):
        raise ModelLoadError(
            f"{stated.file}: activation {name!r} of a Dense step is not one of torch.nn's"
        )
    with told(f"{stated.file}: the activation {name!r}"):
        activation = found()
    return cast(nn.Module, activation)


def _require_shape(stated: Stated, headers: dict[str, Header], shape: tuple[int, int]) -> None:
    """Require of a step's weights the sizes that its config states, before they are made."""
    there = headers.get("linear.weight")
    if there is None or there.shape != shape:
        found = "none" if there is None else f"one of {list(there.shape)}"
        raise ModelLoadError(
            f"{stated.file} speaks of a linear.weight of {list(shape)} (out_features, "
            f"in_features), and {stated.file.parent / _WEIGHTS} has {found}"
        )


def _colbert_dense(folder: ModelFolder) -> Dense:
    """The Dense that ColBERT keeps among the model's own weights."""
    from safetensors import safe_open

    for file in weight_files(folder):
        with told(str(file)), safe_open(file, framework="pt") as weights:
            if "linear.weight" in weights.keys():  # noqa: SIM118  # it is no dict
                weight = weights.get_tensor("linear.weight")
                out, width = weight.shape
                dense = Dense(width, out, bias=False)
                dense.linear.weight = nn.Parameter(weight.float())
                return dense
    raise ModelLoadError(f"the weights in {folder.path} have no linear.weight for tokens")
