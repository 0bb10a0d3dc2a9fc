"""The architectures this package knows how to read, by transformers' ``model_type``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from longembed_rag.encoder.config_bounds import require_positive_length
from longembed_rag.encoder.preset import Preset
from longembed_rag.errors import ModelLoadError, SettingsError, UnsupportedModelError
from longembed_rag.extension.methods import Method, PositionKind

LEARNED = ("bert", "roberta", "xlm-roberta", "mpnet")
ROTARY_BIDIRECTIONAL = (
    "modernbert",
    "nomic_bert",
    "gte",
    "jina_embeddings_v3",
    "eurobert",
    "gemma3_text",
    "e5rope",
)
ROTARY_CAUSAL = ("mistral", "llama", "qwen2", "qwen3")
ALIBI = ("bloom", "mpt")
#: BERT with ALiBi and gated blocks: jina-embeddings-v2, MosaicBERT.
ALIBI_BERT = "alibi_bert"
RELATIVE = ("t5",)
SUPPORTED = (
    *(*LEARNED, *ROTARY_BIDIRECTIONAL, *ROTARY_CAUSAL, *RELATIVE, *ALIBI),
    f"{ALIBI_BERT} (jina-embeddings-v2, MosaicBERT)",
)

_AUTO: dict[tuple[PositionKind, bool], tuple[Method, str]] = {
    ("learned", False): (
        "pcw",
        "for learned positions PCW measured best: all-MiniLM-L6-v2 on 2WikiMQA-like documents, "
        "nDCG@10 28.5, against 24.2 for PI, 23.6 for GP, 20.1 for RP and 8.8 truncated",
    ),
    ("rotary", False): (
        "self_extend",
        "for rotary bidirectional models SelfExtend has the best published average "
        "(E5-RoPE at 4k: 60.8, against 56.1 for NTK and 52.9 for PCW)",
    ),
    ("rotary", True): (
        "ntk",
        "for rotary causal models NTK has the best published average (E5-Mistral at 32k: 75.3, "
        "against 72.4 for SelfExtend and 68.7 for PCW)",
    ),
    ("alibi", False): ("none", "ALiBi biases reach beyond the trained length by themselves"),
    ("alibi", True): ("none", "ALiBi biases reach beyond the trained length by themselves"),
    ("relative", False): (
        "pcw",
        "windows never leave the distances that training showed; of T5 nothing is measured yet",
    ),
}


@dataclass(frozen=True)
class Family:
    """What an architecture is, as far as reading past its window is concerned.

    Attributes:
        name: transformers' ``model_type``.
        positions: How it knows where a token stands.
        causal: Whether tokens see only what stands before them.
    """

    name: str
    positions: PositionKind
    causal: bool

    @property
    def own_attention(self) -> bool:
        """Whether its attention adds biases, which transformers' common one and its row does not.

        Such models fill no queries up unseen, and are trained one text at a time.
        """
        return self.name == "mpnet" or self.positions in ("alibi", "relative")

    @property
    def unmasked(self) -> bool:
        """Whether it sees both ways, though its architecture was made to see only backwards."""
        return self.name in ROTARY_CAUSAL and not self.causal

    @property
    def biased(self) -> bool:
        """Whether it calls an attention function that ours can replace, with a bias by distance."""
        return self.name == ALIBI_BERT or self.positions == "relative"

    def auto_method(self) -> tuple[Method, str]:
        """What ``method="auto"`` picks, and why."""
        return _AUTO[self.positions, self.causal]


def pick_method(family: Family, preset: Preset | None, *, model_name: str) -> tuple[Method, str]:
    """What ``method="auto"`` picks for a model, and why: its own best method, else its family's."""
    if preset is not None and preset.best_method is not None:
        return preset.best_method, preset.best_reason or f"best published score of {model_name}"
    return family.auto_method()


def family_of(config: Any, *, model_name: str, preset: Preset | None = None) -> Family:
    """The family of a model's config.

    Args:
        config: transformers' config.
        model_name: What the model is called, for errors.
        preset: What is known of it.

    Raises:
        UnsupportedModelError: The architecture is not one of :data:`SUPPORTED`.
    """
    name = str(config.model_type)
    kind = getattr(config, "position_embedding_type", None) or "absolute"
    if name == "gte" and kind == "alibi":
        return Family(ALIBI_BERT, "alibi", False)
    if name == ALIBI_BERT:  # as the table of published models calls it
        return Family(name, "alibi", False)
    if kind == "alibi" or getattr(config, "alibi", False) is True or name in ALIBI:
        return Family(name, "alibi", name in ALIBI)
    if name in RELATIVE:
        return Family(name, "relative", False)
    if name in LEARNED:
        if kind != "absolute":
            raise UnsupportedModelError(
                f"{model_name}: its config asks for position_embedding_type={kind!r}, which "
                f"transformers no longer builds for {name}; use a model with absolute positions"
            )
        return Family(name, "learned", False)
    if name in ROTARY_BIDIRECTIONAL:
        causal = name == "gemma3_text" and not getattr(config, "use_bidirectional_attention", False)
        return Family(name, "rotary", causal)
    if name in ROTARY_CAUSAL:
        both = preset is not None and preset.bidirectional
        # Models whose mask was taken off in training say so here, as transformers understands it.
        return Family(name, "rotary", not both and getattr(config, "is_causal", True) is not False)
    raise UnsupportedModelError(
        f"{model_name}: its architecture {name!r} is not supported. Supported are: "
        f"{', '.join(SUPPORTED)}"
    )


def table_offset(model_type: str, padding_idx: int | None) -> int:
    """The row of position 0 in a learned table: RoBERTa and its kin count from padding_idx + 1."""
    if model_type == "bert":
        return 0
    # transformers' MPNet has its padding row at 1 whatever the config says.
    return 2 if model_type == "mpnet" or padding_idx is None else int(padding_idx) + 1


@dataclass(frozen=True)
class TunedTable:
    """What a config says of a position table that was tuned to be longer.

    Attributes:
        method: What its new rows started from: ``"pi"`` or ``"rp"``.
        original_length: Rows of the table before (``L0``).
        scale: Rows of the new table for each of them.
    """

    method: str
    original_length: int
    scale: int

    @property
    def step(self) -> int:
        """From one original row to the next: PI spread them, RP left them in front."""
        return self.scale if self.method == "pi" else 1

    def to_dict(self) -> dict[str, Any]:
        """As a config holds it under :data:`TUNED_TABLE`."""
        return asdict(self)


#: The name under which a config holds its :class:`TunedTable`.
TUNED_TABLE = "longembed_rag_table"


def tuned_table(config: Any, *, model_name: str) -> TunedTable | None:
    """The tuned table that a config speaks of; None where it speaks of none.

    Raises:
        ModelLoadError: What it says makes no sense.
    """
    said = getattr(config, TUNED_TABLE, None)
    if said is None:
        return None
    try:
        table = TunedTable(str(said["method"]), int(said["original_length"]), int(said["scale"]))
    except (TypeError, KeyError, ValueError) as error:
        raise ModelLoadError(f"{model_name}: {TUNED_TABLE} in its config.json: {error}") from error
    reach = table.original_length * table.scale
    if table.method not in ("pi", "rp") or table.original_length < 1 or table.scale < 1:
        raise ModelLoadError(f"{model_name}: {TUNED_TABLE} in its config.json makes no sense")
    length = native_length(config, family_of(config, model_name=model_name), model_name=model_name)
    if reach > length:
        raise ModelLoadError(
            f"{model_name}: {TUNED_TABLE} in its config.json speaks of {reach} positions, but its "
            f"table has {length}"
        )
    return table


def native_length(config: Any, family: Family, *, model_name: str) -> int:
    """The context length that a model's config states, in tokens.

    RoBERTa, XLM-R and MPNet number positions from ``padding_idx + 1``, so their tables hold that
    many rows less than ``max_position_embeddings``.

    Raises:
        SettingsError: The config states none.
    """
    names = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
    stated = next((getattr(config, n) for n in names if getattr(config, n, None)), None)
    if stated is None and family.name == "bloom":
        stated = 2048  # what the published Bloom models were trained on; their config leaves it out
    if stated is None and family.positions == "relative":
        stated = 512  # what T5 was trained on, where a config leaves it out
    if stated is None:
        raise SettingsError(
            f"{model_name}: its config states no context length; set original_length"
        )
    length = int(stated)
    if family.name == "mistral" and getattr(config, "sliding_window", None):
        # Trained with this window in every layer, it has seen no pair of tokens further apart.
        length = min(length, int(config.sliding_window))
    if family.positions == "learned":
        length -= table_offset(family.name, getattr(config, "pad_token_id", None))
    return require_positive_length(length, model_name=model_name)


def rotary_parameters(config: Any) -> dict[str, Any]:
    """What a rotary model's config says of its rotation: that of its full layers, if it has any."""
    parameters = getattr(config, "rope_parameters", None) or {}
    kinds = (parameters.get(kind) for kind in ("full_attention", "sliding_attention"))
    return next((each for each in kinds if each), parameters)


def rotary_dim(config: Any) -> int:
    """Dimensions of a head that a rotary model's config lets be rotated."""
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    share = rotary_parameters(config).get("partial_rotary_factor") or 1.0
    return int(head * share)
