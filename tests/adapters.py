"""Adapters that lie by themselves, as PEFT writes them, and the models that they come to."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.models import seed_of

if TYPE_CHECKING:
    from torch import Tensor

RANK, ALPHA = 2, 3
_LAYERS = ("_proj", "query", "value", "dense", "word_embeddings")


@dataclass
class Bare:
    """A LoRA of a tiny model, in a folder of its own.

    Attributes:
        place: Its folder.
        base: The model's folder.
        name: What its config calls the model.
        head: What stands before the names of layers: ``"model."`` where a head was trained along.
        config: Values of its config that differ.
        parts: ``A`` and ``B`` of each layer, by the model's own name of it.
    """

    place: Path
    base: Path
    name: str = ""
    head: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        import torch
        from safetensors.torch import load_file

        generator = torch.Generator().manual_seed(seed_of(self.place.name))
        for name, weight in load_file(self.base / "model.safetensors").items():
            if weight.dim() == 2 and any(part in name for part in _LAYERS) and "pooler" not in name:
                outer, inner = weight.shape
                if "embeddings" in name:  # a table is looked up the other way round
                    outer, inner = inner, outer
                self.parts[name.removesuffix(".weight")] = (
                    torch.randn(RANK, inner, generator=generator) / inner**0.5,
                    torch.randn(outer, RANK, generator=generator) / 2,
                )
        self.write()

    def write(self) -> None:
        """Write the folder."""
        from safetensors.torch import save_file

        self.place.mkdir(parents=True, exist_ok=True)
        config = {
            "base_model_name_or_path": self.name or str(self.base),
            "bias": "none",
            "init_lora_weights": True,
            "lora_alpha": ALPHA,
            "peft_type": "LORA",
            "r": RANK,
            "revision": None,
            "task_type": "FEATURE_EXTRACTION",
        }
        (self.place / "adapter_config.json").write_text(json.dumps(config | self.config))
        found = {}
        for name, pair in self.parts.items():
            for side, part in zip("AB", pair, strict=True):
                end = f"lora_embedding_{side}" if "embeddings" in name else f"lora_{side}.weight"
                found[f"base_model.model.{self.head}{name}.{end}"] = part.contiguous()
        save_file(found, self.place / "adapter_model.safetensors")

    def merged(self, folder: Path, scale: float = ALPHA / RANK) -> Path:
        """The model with all of it added to its weights, in float64, as one folder."""
        from safetensors.torch import load_file, save_file

        shutil.copytree(self.base, folder)
        file = folder / "model.safetensors"
        weights = {name: each.double() for name, each in load_file(file).items()}
        for name, (down, up) in self.parts.items():
            added = scale * up.double() @ down.double()
            weights[f"{name}.weight"] += added.T if "embeddings" in name else added
        save_file(weights, file, metadata={"format": "pt"})
        return folder
