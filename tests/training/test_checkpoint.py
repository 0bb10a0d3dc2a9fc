"""A run's state in one file: whole or not at all, and never another run's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from longembed_rag.errors import SettingsError
from longembed_rag.training import checkpoint
from longembed_rag.training.checkpoint import load_checkpoint, read_state, save_checkpoint


def learner(seed: int, *, steps: int = 0) -> tuple[dict[str, nn.Parameter], torch.optim.AdamW]:
    """Two parameters, one with a slash in its name, and an optimizer that has made some steps."""
    torch.manual_seed(seed)
    parameters = {"a/b.weight": nn.Parameter(torch.randn(3, 2)), "c": nn.Parameter(torch.randn(4))}
    optimizer = torch.optim.AdamW(parameters.values(), lr=0.1)
    for _ in range(steps):
        sum(parameter.square().sum() for parameter in parameters.values()).backward()
        optimizer.step()
    return parameters, optimizer


def test_everything_comes_back(tmp_path: Path) -> None:
    """Parameters, both moments, the step count and the plain values; the folder is made."""
    path = tmp_path / "new" / "run.safetensors"
    parameters, optimizer = learner(0, steps=3)
    save_checkpoint(
        path,
        parameters,
        optimizer,
        {"step": 3, "identity": {"name": "grün"}},
        memory={"m": torch.ones(2)},
    )
    others, other_optimizer = learner(1)
    memory = load_checkpoint(path, others, other_optimizer)
    assert torch.equal(memory.pop("m"), torch.ones(2))
    assert not memory
    assert read_state(path) == {"step": 3, "identity": {"name": "grün"}}
    for name, parameter in parameters.items():
        assert torch.equal(parameter, others[name])
        before, after = optimizer.state[parameter], other_optimizer.state[others[name]]
        assert set(before) == set(after) == {"step", "exp_avg", "exp_avg_sq"}
        assert all(torch.equal(before[key], after[key]) for key in before)


def test_the_last_one_stays_until_the_next_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up in the middle takes nothing away."""
    path = tmp_path / "run.safetensors"
    parameters, optimizer = learner(0)
    save_checkpoint(path, parameters, optimizer, {"step": 1}, memory={})
    before = path.read_bytes()

    def half_way(tensors: object, place: Path, **options: object) -> None:
        Path(place).write_bytes(before[:50])
        raise OSError("no space left on device")

    monkeypatch.setattr(checkpoint, "save_file", half_way)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(path, parameters, optimizer, {"step": 2}, memory={})
    assert path.read_bytes() == before
    assert read_state(path) == {"step": 1}


@pytest.mark.parametrize("kind", ["garbage", "cut", "empty", "without state", "state is no JSON"])
def test_broken_files_are_named(kind: str, tmp_path: Path) -> None:
    """What is not a checkpoint is refused with its path and the way out."""
    path = tmp_path / "run.safetensors"
    if kind == "garbage":
        path.write_bytes(b"certainly no tensors at all")
    elif kind == "cut":
        save_checkpoint(path, *learner(0), {"step": 1}, memory={})
        path.write_bytes(path.read_bytes()[:-8])
    elif kind == "empty":
        path.write_bytes(b"")
    else:
        told = {"state": "{"} if kind == "state is no JSON" else None
        save_file({"parameter/c": torch.zeros(2)}, path, metadata=told)
    with pytest.raises(SettingsError, match=r"is not a checkpoint .* remove it to start anew"):
        read_state(path)


def test_other_parameters_are_named(tmp_path: Path) -> None:
    """A checkpoint of another model is not put into this one, not even in part."""
    path = tmp_path / "run.safetensors"
    save_checkpoint(path, *learner(0), {"step": 1}, memory={})
    parameters, optimizer = learner(1)
    kept = parameters["c"].detach().clone()
    parameters["d"] = parameters.pop("a/b.weight")
    with pytest.raises(SettingsError, match=r"other parameters \(parameter/a/b\.weight"):
        load_checkpoint(path, parameters, optimizer)
    assert torch.equal(parameters["c"], kept)
