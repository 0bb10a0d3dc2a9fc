"""Model folder to a model that reads packs (torch and transformers are imported here)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from longembed_rag.encoder.adapters import adapted, add_adapters, install_adapters
from longembed_rag.encoder.chain import load_chain
from longembed_rag.encoder.checkpoints import is_alibi_bert, is_jina_v3, load_converted
from longembed_rag.encoder.devices import pick_device, pick_dtype
from longembed_rag.encoder.e5rope import E5_ROPE, E5_ROPE_KEYS
from longembed_rag.encoder.families import ALIBI, ALIBI_BERT, table_offset
from longembed_rag.encoder.folder import ModelFolder
from longembed_rag.encoder.planner import Planner
from longembed_rag.encoder.stated import Stated, told
from longembed_rag.encoder.weights import require_fitting, require_numbers, weight_files
from longembed_rag.errors import (
    ModelLoadError,
    SettingsError,
    UnsupportedMethodError,
    UnsupportedModelError,
)
from longembed_rag.extension.absolute import install_table
from longembed_rag.extension.alibi_decoders import install_alibi_decoder
from longembed_rag.extension.biased import BIASED, alibi_slopes, install_biased, register_biased
from longembed_rag.extension.blocks import fuse_blocks
from longembed_rag.extension.frequencies import RotaryFrequencies
from longembed_rag.extension.packing import Pack, activate, to_device
from longembed_rag.extension.plan import ExtensionPlan
from longembed_rag.extension.relative import install_relative
from longembed_rag.extension.rotary import ATTENTION, install_rotary, register

_HAS_POOLER = ("bert", "roberta", "xlm-roberta", "mpnet", "gte", "jina_embeddings_v3", E5_ROPE)
_HAS_TOKEN_TYPES = ("bert", "roberta", "xlm-roberta", "nomic_bert", "gte", "jina_embeddings_v3")


@dataclass
class LoadedModel:
    """A model whose forward passes read packs.

    Attributes:
        model: transformers' model, its positions replaced.
        chain: The steps after pooling, in float32.
        device: Where it runs.
        dtype: Of its weights.
        dimension: Of the vectors after the chain.
        frequencies: How each kind of layer rotates; empty for models that do not.
        packs: Whether several texts fit into one pass (a model that runs code of its own reads one
            at a time).
        token_types: Whether it wants to be told which of two texts a token belongs to.
        position_ids: Whether it wants to be told where tokens stand.
        cached: Whether it has to be told to keep nothing for tokens to come.
        adapter: Of which task the adapter is that it reads with; None where it reads alone.
    """

    model: nn.Module
    chain: nn.Sequential
    device: torch.device
    dtype: torch.dtype
    dimension: int
    frequencies: dict[str, RotaryFrequencies] = field(default_factory=dict)
    packs: bool = True
    token_types: bool = False
    position_ids: bool = True
    cached: bool = False
    adapter: str | None = None

    def reading_by(self, adapter: str | None) -> LoadedModel:
        """The same model, read with an adapter that was put into it."""
        return self if adapter == self.adapter else replace(self, adapter=adapter)

    def states(
        self, ids: list[Tensor], plans: list[ExtensionPlan], unseen: Sequence[int] = ()
    ) -> list[Tensor]:
        """Last hidden states of several windows, ``[tokens, hidden]`` each.

        Args:
            ids: Token ids, one int64 tensor a window.
            plans: The plan of each window.
            unseen: How many tokens at the end of each see the others without being seen; none
                where nothing is said.
        """
        if not self.packs:
            return [self._forward(window) for window in ids]
        pack = Pack(
            plans=plans, device=self.device, frequencies=self.frequencies, unseen=tuple(unseen)
        )
        with activate(pack):
            states = self._forward(torch.cat(ids), positions=pack.positions)
        return list(torch.split(states, [len(window) for window in ids]))

    def _forward(self, ids: Tensor, *, positions: Tensor | None = None) -> Tensor:
        row = to_device(ids, self.device).unsqueeze(0)
        inputs: dict[str, Tensor | bool] = {"input_ids": row}
        if positions is not None and self.position_ids:
            # The packed modules read the pack; the model only wants to see ids of the right shape.
            inputs["position_ids"] = torch.zeros_like(row)
        if self.token_types:
            inputs["token_type_ids"] = torch.zeros_like(row)
        if self.cached:
            inputs["use_cache"] = False
        with adapted(self.adapter):
            return cast(Tensor, self.model(**inputs).last_hidden_state[0])


def load_model(planner: Planner) -> LoadedModel:
    """Load the weights that belong to a planner's config.

    Raises:
        UnsafeWeightsError: Only pickled weights are there.
        ModelLoadError: They are missing or do not fit the config.
    """
    register()
    register_biased()
    settings, config, family = planner.settings, planner.config, planner.family
    device = pick_device(settings.device)
    dtype = pick_dtype(settings.dtype, device)
    packs = family.positions != "alibi" or family.name in (*ALIBI, ALIBI_BERT)
    if not packs and planner.method == "pi":
        raise UnsupportedMethodError(
            f"method='pi' does not fit {planner.folder.name}: its ALiBi attention is code of its "
            "own, whose slopes are out of reach. It can do: none, truncate, pcw (or 'auto')"
        )
    model = load_weights(planner, dtype=dtype, attention=_attention(planner))
    with told(f"the model in {planner.folder.path}"):
        model.requires_grad_(False).eval()
        frequencies = _install(planner, model)
        if planner.task is not None:
            install_adapters(
                model,
                planner.task.adapters,
                config=Stated(planner.folder.path / "config.json"),
                files=weight_files(planner.folder),
            )
        model.to(device)
        if device.type == "cuda":
            fuse_blocks(model)
        hidden = int(config.hidden_size)
        chain, dimension = load_chain(planner.folder, hidden=hidden, device=device)
        _require_known_width(planner.folder, dimension)
        loaded = LoadedModel(
            model=model,
            chain=chain,
            device=device,
            dtype=dtype,
            dimension=dimension,
            frequencies=frequencies,
            packs=packs,
            token_types=has_token_types(planner),
            position_ids=family.positions in ("learned", "rotary"),
            cached=family.causal and packs,
        )
        _require_reading(planner, loaded)
    return loaded


def _attention(planner: Planner) -> str | None:
    """Name of the attention function with which a model reads packs; None where it is a module."""
    family = planner.family
    if family.biased:
        return BIASED
    return None if family.own_attention else ATTENTION


def _install(planner: Planner, model: nn.Module) -> dict[str, RotaryFrequencies]:
    """Put our reading of positions into a model; says how each kind of its layers rotates."""
    family = planner.family
    if family.positions == "rotary":
        return install_rotary(model)
    if family.positions == "learned":
        padding = getattr(planner.config, "pad_token_id", None)
        install_table(model, offset=table_offset(family.name, padding))
        if family.name == "mpnet":
            install_relative(model)
    elif family.positions == "relative":
        install_biased(model)
    elif family.name in ALIBI:
        install_alibi_decoder(model)
    return {}


def _require_known_width(folder: ModelFolder, dimension: int) -> None:
    """Refuse a model whose last step was not found where it is known to have one.

    Raises:
        UnsupportedModelError: Its vectors would be others than its own.
    """
    preset = folder.preset
    if preset is not None and preset.width not in (None, dimension):
        raise UnsupportedModelError(
            f"{folder.name} makes vectors of {preset.width:,} numbers, and what its folder says "
            f"makes {dimension:,}: the step between is code of its own, which is not run. Save "
            "that layer as a Dense of sentence-transformers"
        )


def _require_reading(planner: Planner, loaded: LoadedModel) -> None:
    """Require that a model reads a few tokens: what contradicts itself shows here, not later.

    Raises:
        ModelLoadError: Its vectors are not numbers.
    """
    ids = torch.from_numpy(planner.tokenizer.probe)
    with torch.inference_mode():
        states = loaded.states([ids], [planner.rules.plan(len(ids))])[0]
        vectors = loaded.chain(states.float())
    if not (bool(states.any()) and bool(vectors.any())):
        raise ModelLoadError(
            f"the model in {planner.folder.path} makes vectors of nothing but zeros: its weights "
            "are not all there; download it again"
        )
    if not bool(vectors.isfinite().all()):
        raise ModelLoadError(
            f"the model in {planner.folder.path} makes vectors that hold NaN or infinite numbers: "
            "its weights do not belong to its config.json, or dtype "
            f"{str(loaded.dtype).removeprefix('torch.')} is too small for it (--dtype float32)"
        )


def load_weights(planner: Planner, *, dtype: torch.dtype, attention: str | None) -> nn.Module:
    """Transformers' model as it comes, with the weights that belong to a planner's config.

    Where the folder holds an adapter, it is added to them.

    Args:
        planner: Says which model.
        dtype: Of its weights.
        attention: Name of the attention function; None takes transformers' choice.

    Raises:
        UnsafeWeightsError: Only pickled weights are there.
        ModelLoadError: They are missing or do not fit the config.
    """
    model = _stock_model(planner, dtype=dtype, attention=attention)
    add_adapters(model, planner.folder.adapters)
    return model


def _stock_model(planner: Planner, *, dtype: torch.dtype, attention: str | None) -> nn.Module:
    from transformers import AutoModel, T5EncoderModel

    folder, config = planner.folder, planner.config
    require_fitting(folder)
    raw = Stated(folder.path / "config.json")
    if is_alibi_bert(raw) or is_jina_v3(raw):
        name = BIASED if planner.family.biased else attention or "sdpa"
        files = weight_files(folder)
        converted = load_converted(folder, config, dtype=dtype, attention=name, weights=files)
        if planner.family.biased:
            register_biased()
            install_biased(converted, slopes=alibi_slopes(int(config.num_attention_heads)))
        require_numbers(converted, f"the weights in {folder.path}")
        return cast(nn.Module, converted)
    options: dict[str, Any] = {"dtype": dtype, "use_safetensors": True, "config": config}
    raw_type = raw.get("model_type")
    if raw_type == "t5" and dtype == torch.float16:
        raise SettingsError(
            f"dtype=float16 is too small for {folder.name}: the states of T5 exceed it; take "
            "bfloat16 or float32"
        )
    if raw_type == E5_ROPE:
        options["key_mapping"] = E5_ROPE_KEYS
    if planner.family.name == "mistral":
        # One window for all layers is a limit of its first release, not of what it can read.
        config.sliding_window = None
    if raw_type in _HAS_POOLER:
        options["add_pooling_layer"] = False
    if attention is not None:
        options["attn_implementation"] = attention
    with told(where := f"the weights in {folder.path}"), _quiet():
        loader = T5EncoderModel if raw_type == "t5" else AutoModel
        model, report = loader.from_pretrained(
            str(folder.path),
            trust_remote_code=planner.settings.trust_remote_code,
            output_loading_info=True,
            **options,
        )
    # transformers fills in at random what a file lacks; only an unused pooler may be missing.
    missing = sorted(key for key in report["missing_keys"] if "pooler." not in key)
    if missing:
        raise ModelLoadError(
            f"{where} do not belong to its config.json: {len(missing)} "
            f"parameters are missing, {missing[0]} among them"
        )
    require_numbers(model, where)
    if planner.family.unmasked:
        _unmask(model)
    return cast(nn.Module, model)


def _unmask(model: nn.Module) -> None:
    """Let a causal architecture see both ways, in our passes and in transformers' own."""
    cast("Any", model).config.is_causal = False
    for module in model.modules():
        if hasattr(module, "is_causal"):
            cast("Any", module).is_causal = False


def has_token_types(planner: Planner) -> bool:
    """Whether the model wants to be told which of two texts a token belongs to."""
    return planner.family.name in _HAS_TOKEN_TYPES


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' loading report and progress bar off a user's terminal."""
    from transformers.utils import logging as transformers_logging

    before = transformers_logging.get_verbosity()
    bar = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)
        if bar:
            transformers_logging.enable_progress_bar()
