"""A run's state in one file: it is there whole, or the one before it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from longembed_rag.errors import SettingsError
from longembed_rag.whole_files import half_written

_PARAMETER, _OPTIMIZER, _MEMORY = "parameter/", "optimizer/", "memory/"


def save_checkpoint(
    path: Path,
    parameters: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    state: Mapping[str, Any],
    *,
    memory: Mapping[str, Tensor],
) -> None:
    """Write parameters, the optimizer's state and a few plain values, whole or not at all.

    Args:
        path: The file.
        parameters: What learns, by name.
        optimizer: Its state is kept, parameter by parameter.
        state: JSON values.
        memory: Other tensors.
    """
    tensors: dict[str, Tensor] = {_MEMORY + name: tensor for name, tensor in memory.items()}
    for name, parameter in parameters.items():
        tensors[_PARAMETER + name] = parameter.detach()
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{_OPTIMIZER}{key}/{name}"] = torch.as_tensor(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    ready = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    with half_written(path) as half:
        save_file(ready, half, metadata={"state": json.dumps(dict(state))})


def read_state(path: Path) -> dict[str, Any]:
    """The plain values of a checkpoint.

    Raises:
        SettingsError: The file is not a checkpoint.
    """
    try:
        with safe_open(path, "pt") as file:
            return dict(json.loads(file.metadata()["state"]))
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise SettingsError(
            f"{path} is not a checkpoint ({error}); remove it to start anew"
        ) from error


def load_checkpoint(
    path: Path, parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> dict[str, Tensor]:
    """Put a checkpoint's tensors into parameters and their optimizer.

    Returns:
        The other tensors that were saved with them.

    Raises:
        SettingsError: It holds other parameters.
    """
    memory: dict[str, Tensor] = {}
    with safe_open(path, "pt") as file:
        names = {key for key in file.keys() if key.startswith(_PARAMETER)}  # noqa: SIM118
        wanted = {_PARAMETER + name for name in parameters}
        if names != wanted:
            different = sorted(names ^ wanted)
            raise SettingsError(
                f"{path} holds other parameters ({different[0]} among them); remove it to start "
                "anew"
            )
        for name, parameter in parameters.items():
            parameter.data.copy_(file.get_tensor(_PARAMETER + name))
        for key in file.keys():  # noqa: SIM118
            if key.startswith(_MEMORY):
                memory[key.removeprefix(_MEMORY)] = file.get_tensor(key)
            if not key.startswith(_OPTIMIZER):
                continue
            kind, _, name = key.removeprefix(_OPTIMIZER).partition("/")
            tensor = file.get_tensor(key)
            parameter = parameters[name]
            # AdamW counts its steps on the CPU.
            place = tensor if kind == "step" else tensor.to(parameter.device)
            optimizer.state[parameter][kind] = place
    return memory
