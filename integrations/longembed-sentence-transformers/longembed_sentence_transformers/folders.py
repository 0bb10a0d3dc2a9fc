"""Model folders that sentence-transformers reads long texts with: making and opening them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer

from longembed_rag import EncoderSettings, LongEncoder
from longembed_rag.errors import ModelLoadError, SettingsError
from longembed_sentence_transformers.module import LongTransformer
from longembed_sentence_transformers.weights import read_json

_MODEL_CONFIG = "config_sentence_transformers.json"
_CARD = """---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
tags: [sentence-transformers, long-context]
---
# {name}, read past its window

Texts of up to {max_length:,} tokens in one go, by the method `{method}` of longembed-rag.
The model itself lies in `{path}`, as it came.

```sh
pip install longembed-sentence-transformers
```

```python
from longembed_sentence_transformers import load

model = load("path/or/name/of/this/model")
vectors = model.encode(["a whole book"])
```

`SentenceTransformer(..., trust_remote_code=True)` opens it, too; sentence-transformers 6 asks for
that before it imports any module that is not its own.
"""


def extend(
    model: str | Path | LongEncoder | None, to: str | Path, **settings: Any
) -> SentenceTransformer:
    """Make a folder by which ``SentenceTransformer`` reads long texts with a model.

    Args:
        model: Folder or hub name, an encoder (whose settings are taken), or None for the model
            that comes with longembed-rag. It stays as it is.
        to: A new or empty folder.
        **settings: The fields of :class:`~longembed_rag.EncoderSettings`, such as ``method`` and
            ``max_length``; they win over an encoder's. Those of the machine (``device``,
            ``dtype``, ``batch_tokens``) hold for what is returned, and are not saved.

    Returns:
        The model that was saved.

    Raises:
        SettingsError: A setting is unknown or does not fit the model, or the folder is not empty.
        ModelLoadError: The model cannot be loaded.
    """
    folder = Path(to)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(f"{folder} is not empty; name a new folder")
    if isinstance(model, LongEncoder):
        values = {**model.settings.to_dict(), **settings}
    else:
        values = {"model": None if model is None else str(model), **settings}
    module = LongTransformer(EncoderSettings.from_dict(values))
    extended = _assemble(module, _original_config(module), device=None)
    extended.save_pretrained(str(folder), create_model_card=False)
    card = _CARD.format(
        name=Path(module.encoder.model_name).name,
        max_length=module.settings.max_length,
        method=module.settings.method,
        path=f"0_{LongTransformer.__name__}",
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    return extended


def load(
    model: str | Path,
    *,
    device: str | None = None,
    revision: str | None = None,
    token: bool | str | None = None,
    cache_folder: str | None = None,
    local_files_only: bool = False,
    **settings: Any,
) -> SentenceTransformer:
    """Open what :func:`extend` made; no ``trust_remote_code`` is needed, as its code is not run.

    Args:
        model: Folder or hub name.
        device: Torch device; None is sentence-transformers' choice.
        revision: Branch, tag or commit of a hub model.
        token: For the hub.
        cache_folder: For the hub.
        local_files_only: Do not ask the hub.
        **settings: What :meth:`LongTransformer.load` takes as ``model_kwargs``: ``dtype``,
            ``batch_tokens``, ``max_length``, ...

    Raises:
        SettingsError: A setting is unknown or does not fit the model.
        ModelLoadError: There is no such model, or :func:`extend` did not make it.
    """
    hub: dict[str, Any] = {
        "revision": revision,
        "token": token,
        "cache_folder": cache_folder,
        "local_files_only": local_files_only,
    }
    path = str(model)
    modules = _read(path, "modules.json", hub)
    kinds = [entry["type"] for entry in modules or ()]
    ours = f"{LongTransformer.__module__}.{LongTransformer.__name__}"
    if kinds != [ours]:
        raise ModelLoadError(
            f"{path} is not a model that extend() made (its modules: {', '.join(kinds) or 'none'});"
            " open it by SentenceTransformer, or extend it"
        )
    if device is not None:
        settings["device"] = device
    module = LongTransformer.load(path, subfolder=modules[0]["path"], model_kwargs=settings, **hub)
    return _assemble(module, _read(path, _MODEL_CONFIG, hub), device=device)


def _read(model: str, name: str, hub: dict[str, Any]) -> Any:
    """A JSON file of a folder or of a hub model; an empty dictionary where there is none."""
    if Path(model).is_dir():
        return read_json(Path(model) / name)
    return LongTransformer.load_config(model, config_filename=name, **hub)


def _assemble(
    module: LongTransformer, config: dict[str, Any], *, device: str | None
) -> SentenceTransformer:
    """The module as a SentenceTransformer with prompts and defaults from a saved config."""
    place = str(next(module.parameters()).device) if device is None else device
    return SentenceTransformer(
        modules=[module],
        device=place,
        prompts=config.get("prompts") or None,
        default_prompt_name=config.get("default_prompt_name"),
        similarity_fn_name=config.get("similarity_fn_name"),
        truncate_dim=config.get("truncate_dim"),
    )


def _original_config(module: LongTransformer) -> dict[str, Any]:
    """What sentence-transformers knows of the model, with the prompts that are in force."""
    root = module.encoder.planner.folder.root
    config = read_json(root / _MODEL_CONFIG)
    prompts = {
        **(config.get("prompts") or {}),
        "query": module.settings.query_prompt,
        "document": module.settings.document_prompt,
    }
    return {**config, "prompts": prompts}
