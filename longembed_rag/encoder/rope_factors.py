"""LongRoPE's rescale factors as a setting: a file, or what stands in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from longembed_rag.errors import SettingsError
from longembed_rag.extension.rescaling import RopeFactors
from longembed_rag.whole_files import read_plain

#: Bytes; a file of them has a few numbers.
_LARGEST = 1 << 20


def factors_as_text(value: Any) -> str:
    """What ``rope_factors`` is kept as: JSON, the same for the same factors.

    Args:
        value: A path, or JSON, which begins with a brace.

    Raises:
        SettingsError: There is no such file, or it holds no factors; names it.
    """
    if not isinstance(value, (str, Path)) or not str(value).strip():
        raise SettingsError(f"rope_factors={value!r} is neither a file nor JSON")
    if isinstance(value, str) and value.lstrip().startswith("{"):
        return RopeFactors.parse(value, name="rope_factors").to_json()
    try:
        text = read_plain(Path(value).expanduser(), most=_LARGEST).decode("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise SettingsError(
            f"rope_factors={str(value)!r} cannot be read: {reason}; 'tune --rope-factors FILE' "
            "makes such a file"
        ) from error
    return RopeFactors.parse(text, name=str(value)).to_json()


def require_fitting_factors(
    text: str, *, rotary_dim: int, original_length: int, model: str
) -> RopeFactors:
    """The factors of a setting, for a model that they fit.

    Args:
        text: As :func:`factors_as_text` gives them.
        rotary_dim: Rotated dimensions per head of the model.
        original_length: Its ``L0``, tokens.
        model: What it is called.

    Raises:
        SettingsError: They are another model's.
    """
    found = RopeFactors.parse(text, name="rope_factors")
    if len(found.factors) != rotary_dim // 2:
        raise SettingsError(
            f"rope_factors has {len(found.factors)} factors, but {model} rotates "
            f"{rotary_dim // 2} pairs of dimensions: they are another model's"
        )
    if found.original_length != original_length:
        raise SettingsError(
            f"rope_factors is for a model that was trained to read {found.original_length:,} "
            f"tokens, and {model} reads {original_length:,}: make it for this one with 'tune "
            "--rope-factors', or set original_length"
        )
    return found
