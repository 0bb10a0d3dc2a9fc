"""The steps of a model, as ``modules.json`` lists them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from longembed_rag.encoder.stated import Stated, read_json, shown
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


class Steps:
    """What ``modules.json`` lists.

    Attributes:
        types: The class of each step, as it is written.
        path: Where config, tokenizer and weights lie.
        pooling: ``"mean"``, ``"cls"`` or ``"last_token"``; None where there is no such step.
        include_prompt: Whether prompt tokens take part in pooling.
        width: Numbers of a token's state, as pooling states them; None where it does not.
        chain: The other steps, without the closing normalisation.
        mask: The config of the step ``MultiVectorMask``; None where there is none.

    Args:
        root: The folder that holds it; without one, everything lies in the folder itself.

    Raises:
        UnsupportedModelError: A step is not known.
        ModelLoadError: The file, or one of a step, is broken or missing.
    """

    def __init__(self, root: Path) -> None:
        self.path, self._root = root, root
        self.pooling: str | None = None
        self.include_prompt = True
        self.chain: list[ChainModule] = []
        self.mask: Stated | None = None
        self.width: int | None = None
        self.types: list[str] = []
        for kind, place in _listed(root / "modules.json"):
            self.types.append(kind)
            self._add(kind.rsplit(".", 1)[-1], place)
        self._every = tuple(self.chain)
        while self.chain and self.chain[-1].kind == "Normalize":
            self.chain.pop()

    def _add(self, kind: str, place: Path) -> None:
        if kind == "Transformer":
            self.path = place
        elif kind == "Pooling":
            stated = _stated(place)
            self.pooling, self.include_prompt = _read_pooling(stated)
            self.width = stated.count("word_embedding_dimension")
        elif kind in ("Dense", "Normalize"):
            self.chain.append(ChainModule(kind, place))
        elif kind == "MultiVectorMask":
            self.mask = Stated(place / "config.json")
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
            read = Stated(config).text("module_input_name") or silent
            if read != "token_embeddings":
                raise UnsupportedModelError(f"{config}: this step reads {read!r}, not the tokens")
        closed = len(self._every) > len(self.chain)
        if not closed and (self.mask is not None or not normalized):
            raise UnsupportedModelError(
                f"{file}: its tokens' vectors are not brought to unit length, and others cannot "
                "be kept; add a Normalize of token_embeddings at its end"
            )


def _listed(file: Path) -> list[tuple[str, Path]]:
    """The class and the folder of every step."""
    if not file.exists():
        return []
    modules = read_json(file)
    if not isinstance(modules, list) or not modules:
        raise ModelLoadError(
            f"{file} holds {shown(modules)} and no list of modules; take a whole copy of the model"
        )
    found = []
    for module in modules:
        kind = module.get("type") if isinstance(module, dict) else None
        path = module.get("path", "") if isinstance(module, dict) else None
        if not isinstance(kind, str) or not isinstance(path, str):
            raise ModelLoadError(f"{file}: {shown(module)} is no module with a type and a path")
        if Path(path).is_absolute() or ".." in Path(path).parts or "\0" in path:
            raise ModelLoadError(
                f"{file}: the path {shown(path)} of a module leads out of the model's folder"
            )
        found.append((kind, file.parent / path))
    return found


def _stated(place: Path) -> Stated:
    """The config of a step that cannot be without one."""
    file = place / "config.json"
    if not file.exists():
        raise ModelLoadError(f"{file} is missing; take a whole copy of the model")
    return Stated(file)


def _read_pooling(config: Stated) -> tuple[str, bool]:
    stated = config.get("pooling_mode")
    if stated is None:
        keys = [key for key in config if key.startswith("pooling_mode_")]
        modes = [key for key in keys if config.flag(key)]
        if keys and not modes:
            raise UnsupportedModelError(
                f"{config.file}: every pooling_mode is off; turn the model's own one on"
            )
    else:
        modes = [stated] if isinstance(stated, str) else list(config.texts("pooling_mode") or ())
    modes = modes or ["mean"]
    known = [_POOLING_MODES[mode] for mode in modes if mode in _POOLING_MODES]
    if len(modes) != 1 or not known:
        raise UnsupportedModelError(
            f"{config.file}: pooling {', '.join(modes)} is not "
            "supported; supported are mean, cls and lasttoken, one at a time"
        )
    return known[0], config.flag("include_prompt", True)
