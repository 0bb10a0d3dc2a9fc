"""A model folder's config, as transformers reads it."""

from __future__ import annotations

from typing import Any

from longembed_rag.encoder.checkpoints import converted_config
from longembed_rag.encoder.config_bounds import require_activations, require_bounds
from longembed_rag.encoder.e5rope import E5_ROPE, e5_rope_config
from longembed_rag.encoder.folder import ModelFolder
from longembed_rag.encoder.settings import EncoderSettings
from longembed_rag.encoder.stated import Stated, told
from longembed_rag.errors import ModelLoadError


def load_config(folder: ModelFolder, settings: EncoderSettings) -> Any:
    """The model's config.

    Raises:
        ModelLoadError: It cannot be parsed, holds what cannot be, or its architecture is unknown
            to transformers.
    """
    raw = Stated(folder.path / "config.json")
    with told(str(raw.file)):
        require_bounds(raw)
        require_activations(raw)
        config = _parsed(raw, folder, settings)
    hidden = getattr(config, "hidden_size", None)
    if folder.width not in (None, hidden):
        raise ModelLoadError(
            f"{folder.root}: word_embedding_dimension of its pooling is {folder.width}, and "
            f"hidden_size in {raw.file} {hidden}: they are of two models"
        )
    return config


def _parsed(raw: Stated, folder: ModelFolder, settings: EncoderSettings) -> Any:
    """What transformers makes of a config."""
    from transformers import AutoConfig

    if raw.get("model_type") == E5_ROPE:
        return e5_rope_config(raw)
    converted = converted_config(raw, model_name=folder.name)
    if converted is not None:
        return converted
    if raw.get("position_embedding_type") == "alibi" and not settings.trust_remote_code:
        # transformers' own classes would silently build a table in place of the biases.
        raise ModelLoadError(
            f"{folder.name} is an ALiBi model ({raw.get('model_type')}) whose code is not part of "
            "transformers; trust_remote_code=True would let it run its own"
        )
    return AutoConfig.from_pretrained(
        str(folder.path), trust_remote_code=settings.trust_remote_code
    )
