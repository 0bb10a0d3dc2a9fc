"""The steps of a model, as ``modules.json`` lists them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longembed_rag.errors import ModelLoadError, UnsupportedModelError

_POOLING_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last_token",
    "cls": "cls",
    "mean": "mean",
    "lasttoken": "last_token",
}


@dataclass(frozen=True)
class ChainModule:
    """A step after pooling, as ``modules.json`` lists it: ``Dense`` or ``Normalize``.

    ``ColBERT`` is a ``Dense`` whose weights lie among the model's own.
    """

    kind: str
    path: Path


def read_json(path: Path) -> Any:
    """Parse a JSON file of a model folder; an empty dict where there is none.

    Raises:
        ModelLoadError: The file is broken; names it.
    """
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelLoadError(f"{path} is not valid JSON: {error}") from error


class Steps:
    """What ``modules.json`` lists.

    Attributes:
        types: The class of each step, as it is written.
        path: Where config, tokenizer and weights lie.
        pooling: ``"mean"``, ``"cls"`` or ``"last_token"``; None where there is no such step.
        include_prompt: Whether prompt tokens take part in pooling.
        chain: The other steps, without the closing normalisation.
        mask: The config of the step ``MultiVectorMask``; None where there is none.

    Args:
        root: The folder that holds it; without one, everything lies in the folder itself.

    Raises:
        UnsupportedModelError: A step is not known.
    """

    def __init__(self, root: Path) -> None:
        self.path, self._root = root, root
        self.pooling: str | None = None
        self.include_prompt = True
        self.chain: list[ChainModule] = []
        self.mask: dict[str, Any] | None = None
        self.types: list[str] = []
        for module in read_json(root / "modules.json") or []:
            self.types.append(str(module["type"]))
            self._add(self.types[-1].rsplit(".", 1)[-1], root / module.get("path", ""))
        self._every = tuple(self.chain)
        while self.chain and self.chain[-1].kind == "Normalize":
            self.chain.pop()

    def _add(self, kind: str, place: Path) -> None:
        if kind == "Transformer":
            self.path = place
        elif kind == "Pooling":
            self.pooling, self.include_prompt = _read_pooling(place)
        elif kind in ("Dense", "Normalize"):
            self.chain.append(ChainModule(kind, place))
        elif kind == "MultiVectorMask":
            self.mask = read_json(place / "config.json")
        elif kind != "Dropout":
            raise UnsupportedModelError(
                f"{self._root / 'modules.json'}: module {kind!r} is not supported; supported are "
                "Transformer, Pooling, Dense, Normalize, MultiVectorMask and Dropout"
            )

    def require_tokens(self, *, normalized: bool) -> None:
        """Refuse what a model made for late interaction would do to anything but tokens.

        Args:
            normalized: Whether tokens' vectors get unit length without a step that says so.
        """
        file = self._root / "modules.json"
        if self.pooling is not None:
            raise UnsupportedModelError(
                f"{file}: a model made for late interaction has no Pooling; take this step out, "
                "or MultiVectorMask"
            )
        for module in self._every:
            config = module.path / "config.json"
            silent = "token_embeddings" if module.kind == "Dense" else "sentence_embedding"
            read = read_json(config).get("module_input_name") or silent
            if read != "token_embeddings":
                raise UnsupportedModelError(f"{config}: this step reads {read!r}, not the tokens")
        closed = len(self._every) > len(self.chain)
        if not closed and (self.mask is not None or not normalized):
            raise UnsupportedModelError(
                f"{file}: its tokens' vectors are not brought to unit length, and others cannot "
                "be kept; add a Normalize of token_embeddings at its end"
            )


def _read_pooling(place: Path) -> tuple[str, bool]:
    config = read_json(place / "config.json")
    stated = config.get("pooling_mode")
    if stated is None:
        modes = [key for key, on in config.items() if key.startswith("pooling_mode_") and on]
    else:
        modes = [stated] if isinstance(stated, str) else list(stated)
    modes = modes or ["mean"]
    known = [_POOLING_MODES[mode] for mode in modes if mode in _POOLING_MODES]
    if len(modes) != 1 or not known:
        raise UnsupportedModelError(
            f"{place / 'config.json'}: pooling {', '.join(modes)} is not "
            "supported; supported are mean, cls and lasttoken, one at a time"
        )
    return known[0], bool(config.get("include_prompt", True))
