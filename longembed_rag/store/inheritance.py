"""Settings that a collection hands on: the same encoder again, made from its record."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longembed_rag.encoder.settings import RUNTIME_SETTINGS, EncoderSettings
from longembed_rag.errors import SettingsError
from longembed_rag.store.record import is_named

if TYPE_CHECKING:
    from longembed_rag.store.values import CollectionRecord


def build_settings(
    given: Mapping[str, Any], *, record: CollectionRecord | None = None
) -> EncoderSettings:
    """The settings to work with: what the user set, the rest as the collection has it.

    Settings that say how to run a model, not what its vectors are, are never taken from a
    collection: the machine may be another one, and whether a model's code may run is for the
    person at this machine to say.

    Args:
        given: Settings that the user set.
        record: What the collection says of itself, if there is one.

    Raises:
        SettingsError: A value is unknown or out of range, or the collection's model lies in a
            folder that has to be named.
    """
    values = dict(given)
    if values.get("model") is not None:
        values["model"] = _absolute_folder(values["model"])
    if record is not None:
        own = {"model": record.description.get("model"), **record.settings}
        if record.model_folder and values.get("model") is None:
            values["model"] = _folder_here(str(own["model"]))
        # Another model is refused a moment later; with the settings of this one it might fail
        # before that, for a reason that helps nobody.
        names = (own["model"], record.description.get("model"))
        model = values.get("model", own["model"])
        if model in names or any(is_named(model, name) for name in names):
            values = {**_inherited(own, record.description), **values}
    return EncoderSettings.from_dict(values)


def _inherited(settings: Mapping[str, Any], description: Mapping[str, Any]) -> dict[str, Any]:
    """A collection's settings, resolved: what ``"auto"`` was then, whatever it is now."""
    names = {field.name for field in fields(EncoderSettings)} - RUNTIME_SETTINGS
    resolved = {name: value for name, value in description.items() if name != "model"}
    return {name: value for name, value in {**settings, **resolved}.items() if name in names}


def _folder_here(name: str) -> str:
    """The folder that a collection's model lies in, where only its name is known.

    Raises:
        SettingsError: There is none of that name in the working directory.
    """
    if not Path(name).is_dir():
        raise SettingsError(
            f"the collection was made with a model from a folder called {name!r}, which may lie "
            "anywhere on this machine: name it (--model FOLDER, or model=...)"
        )
    return _absolute_folder(name)


def _absolute_folder(model: str) -> str:
    """A model folder by its absolute path, so that the collection can be used from anywhere."""
    with suppress(OSError, ValueError, RuntimeError):  # no name of a folder, as find_folder says
        folder = Path(model).expanduser()
        return str(folder.resolve()) if folder.is_dir() else model
    return model
