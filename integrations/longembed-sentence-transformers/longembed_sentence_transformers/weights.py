"""The files of a model folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from longembed_rag.errors import ModelLoadError

_SUFFIXES = (".json", ".safetensors", ".txt", ".model", ".jinja", ".md")
_NAMES = ("LICENSE", "NOTICE")


def copy_model(root: Path, to: Path, *, code: bool) -> None:
    """Copy config, tokenizer, safetensors weights, pooling, licences; not pickles, not exports.

    Args:
        root: The model folder; stays as it is.
        to: Where to; may be the folder itself, which has all of it then.
        code: Whether the model's own code comes along.

    Raises:
        ModelLoadError: ``modules.json`` names a place outside of the folder.
    """
    if to.resolve() == root.resolve():
        return
    suffixes = (*_SUFFIXES, ".py") if code else _SUFFIXES
    for place in _places(root):
        target = to / place.relative_to(root)
        target.mkdir(parents=True, exist_ok=True)
        for file in sorted(place.iterdir()):
            wanted = file.suffix in suffixes or file.name.split(".")[0] in _NAMES
            if wanted and file.is_file():
                shutil.copyfile(file, target / file.name)


def _places(root: Path) -> list[Path]:
    """The folder and those that its ``modules.json`` names."""
    modules = root / "modules.json"
    entries = read_json(modules) or []
    places = {root, *(root / entry.get("path", "") for entry in entries)}
    outside = [place for place in places if not place.resolve().is_relative_to(root.resolve())]
    if outside:
        raise ModelLoadError(f"{modules} names {outside[0]}, which is not in the folder")
    return sorted(place for place in places if place.is_dir())


def read_json(file: Path) -> Any:
    """What a file of a model folder holds; an empty dictionary where there is none.

    Raises:
        ModelLoadError: The file is broken; names it.
    """
    if not file.is_file():
        return {}
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelLoadError(f"{file} is not valid JSON: {error}") from error
