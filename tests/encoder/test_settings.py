"""EncoderSettings: bad values are named, and what is not plain is made so."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from longembed_rag.encoder.settings import EncoderOptions, EncoderSettings, MethodChoice
from longembed_rag.errors import SettingsError
from longembed_rag.extension.methods import METHODS


@pytest.mark.parametrize(
    "values",
    [
        {"method": "magic"},
        {"overflow": "drop"},
        {"scaling": "elastic"},
        {"attention_scaling": "log"},
        {"pooling": "max"},
        {"max_length": 0},
        {"max_length": "4096"},
        {"max_length": 4096.0},
        {"group_size": True},
        {"ntk_lambda": -1.0},
        {"batch_tokens": -5},
        {"rope_theta": 0},
        {"attention_temperature": 0.0},
        {"attention_temperature": 1.5},
        {"resonance": 1},
        {"rope_factors": "nowhere.json"},
    ],
    ids=str,
)
def test_bad_values_are_named(values: dict[str, Any]) -> None:
    """The message holds the setting and the value that was given."""
    ((name, value),) = values.items()
    with pytest.raises(SettingsError, match=name) as caught:
        EncoderSettings(**values)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"{}", None])
def test_files_of_factors_that_are_none_are_named(content: bytes | None, tmp_path: Path) -> None:
    """Empty, of another form, no text, or a folder: the sentence holds the path."""
    path = tmp_path / "factors.json"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"factors\.json"):
        EncoderSettings(rope_factors=str(path))


def test_torch_values_become_names() -> None:
    """Devices, dtypes and paths are kept as plain strings, so that settings fit into JSON."""
    settings = EncoderSettings(
        model=Path("folder"),  # type: ignore[arg-type]
        dtype=torch.bfloat16,  # type: ignore[arg-type]
        device=torch.device("cpu"),  # type: ignore[arg-type]
    )
    assert (settings.model, settings.dtype, settings.device) == ("folder", "bfloat16", "cpu")


def test_there_and_back() -> None:
    """Settings survive a trip through a mapping."""
    settings = EncoderSettings(method="gp", max_length=100, query_prompt="ask: ")
    assert EncoderSettings.from_dict(settings.to_dict()) == settings


def test_one_list_of_names() -> None:
    """The keyword options and the settings are the same names; the methods the same methods."""
    assert set(EncoderOptions.__annotations__) | {"model"} == set(EncoderSettings().to_dict())
    assert get_args(MethodChoice) == ("auto", *METHODS)


@pytest.mark.parametrize(
    "values",
    [
        {"query_prompt": 5},
        {"document_prompt": b"note: "},
        {"normalize": "no"},
        {"trust_remote_code": 1},
        {"ntk_lambda": float("inf")},
    ],
    ids=str,
)
def test_wrong_types_are_named(values: dict[str, Any]) -> None:
    """What would fail later, or be taken for true, is refused with its name."""
    with pytest.raises(SettingsError, match=next(iter(values))):
        EncoderSettings(**values)


def test_equal_numbers_are_equal_settings() -> None:
    """A factor of 10 and one of 10.0 are the same setting, in every spelling."""
    whole, real = EncoderSettings(ntk_lambda=10), EncoderSettings(ntk_lambda=10.0)
    assert repr(whole.to_dict()) == repr(real.to_dict())
