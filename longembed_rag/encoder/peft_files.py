"""An adapter's folder as PEFT writes it: what it is of, and how much it weighs (no tensor is read).

An adapter that was published by itself is such a folder without a model: ``adapter_config.json``
names the model that it belongs to.
"""

from __future__ import annotations

import math
from pathlib import Path

from longembed_rag.encoder.stated import Stated, require_files
from longembed_rag.errors import ModelLoadError, UnsafeWeightsError, UnsupportedModelError

#: The file by which an adapter's folder is known.
ADAPTER_FILE = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"

_PICKLED = "adapter_model.bin"
_MODELS = ("*.safetensors", "*.safetensors.index.json", "pytorch_model*.bin")
# What makes a layer something else than ``W + s B A``.
_OTHER_KINDS = (
    *("use_dora", "use_qalora", "lora_bias", "fan_in_fan_out", "rank_pattern", "alpha_pattern"),
    *("modules_to_save", "layer_replication", "trainable_token_indices", "target_parameters"),
    *("alora_invocation_tokens", "use_bdlora", "arrow_config", "kasa_config", "monteclora_config"),
)
# What an adapter may start from without changing the model that it is put on; PiSSA, OLoRA and
# their like take something off the model's weights first.
_STARTS = (None, True, False, "gaussian", "eva", "orthogonal")


def is_bare_adapter(place: Path) -> bool:
    """Whether a folder holds an adapter and no model that it could be put on.

    A ``config.json`` beside it makes no model, as long as its weights are not there.
    """
    if not (place / ADAPTER_FILE).is_file():
        return False
    if not (place / "config.json").is_file():
        return True
    found = {path.name for pattern in _MODELS for path in place.glob(pattern)}
    return found <= {ADAPTER_WEIGHTS}


def base_of(place: Path) -> tuple[str, str | None]:
    """The model that an adapter says it belongs to: its name, and which revision of it.

    Raises:
        ModelLoadError: It names none.
    """
    config = Stated(place / ADAPTER_FILE)
    name = config.text("base_model_name_or_path")
    if not name or not name.strip():
        config.refuse("base_model_name_or_path", "a model's folder or hub name")
    return name, config.text("revision")


def scale_of(place: Path) -> float:
    """By how much an adapter's product is multiplied before it is added, and that it is one.

    Raises:
        UnsupportedModelError: It is no plain LoRA.
        UnsafeWeightsError: Its weights are pickled.
        ModelLoadError: Its config is broken, or its weights are missing.
    """
    config = Stated(place / ADAPTER_FILE)
    require_files(place, (ADAPTER_WEIGHTS,))
    if not (place / ADAPTER_WEIGHTS).is_file():
        if (place / _PICKLED).is_file():
            raise UnsafeWeightsError(
                f"{place / _PICKLED} is pickled, and loading that can run code. Save the adapter "
                "as safetensors: model.save_pretrained(folder, safe_serialization=True)"
            )
        raise ModelLoadError(f"{place} has no {ADAPTER_WEIGHTS}; download the model again")
    odd = [key for key in _OTHER_KINDS if config.get(key)]
    start = config.get("init_lora_weights")
    odd += [f"init_lora_weights={start!r}"] if start not in _STARTS else []
    if config.text("peft_type") != "LORA" or odd or config.get("bias", "none") != "none":
        raise UnsupportedModelError(
            f"{config.file}: only plain LoRA is read, not {', '.join(odd) or 'this kind'}. Add the "
            "adapter to its model (merge_and_unload of PEFT), save that, and name its folder"
        )
    rank, alpha = config.count("r"), config.get("lora_alpha")
    if rank is None or isinstance(alpha, bool) or not isinstance(alpha, (int, float)):
        config.refuse("r" if rank is None else "lora_alpha", "a number")
    return float(alpha) / (math.sqrt(rank) if config.flag("use_rslora") else rank)
