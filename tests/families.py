"""The families of models under test, with the quirks of the published ones.

Every model has a window of :data:`ORIGINAL_LENGTH` tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from tests.tokenizers_of_tests import Special

ORIGINAL_LENGTH = 32

BERT = Special(
    prefix="[CLS]", suffix="[SEP]", pad="[PAD]", unknown="[UNK]", eos=None, mask="[MASK]"
)
ROBERTA = Special(prefix="<s>", suffix="</s>", pad="<pad>", unknown="<unk>", eos="</s>")


@dataclass(frozen=True)
class Family:
    """How one family of models is built and read.

    Attributes:
        name: ``model_type`` of its config.
        positions: ``"learned"``, ``"rotary"`` or ``"alibi"``.
        causal: Whether tokens see only those before them; such models pool the last token.
        tokenizer: ``"wordpiece"``, ``"bytelevel"`` or ``"metaspace"``.
        special: Its special tokens.
        config: Arguments of its config class.
    """

    name: str
    positions: str
    causal: bool
    tokenizer: str
    special: Special
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def pooling(self) -> str:
        """The family's usual pooling."""
        return "last_token" if self.causal else "mean"


ENCODER = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
_OFFSET = {"max_position_embeddings": ORIGINAL_LENGTH + 2, "pad_token_id": 1}
WINDOW = {"max_position_embeddings": ORIGINAL_LENGTH}


def _rotary(theta: float) -> dict[str, Any]:
    return {**WINDOW, "rope_parameters": {"rope_type": "default", "rope_theta": theta}}


def _two_rotaries(full: float, sliding: float) -> dict[str, Any]:
    parameters = {
        "full_attention": {"rope_type": "default", "rope_theta": full},
        "sliding_attention": {"rope_type": "default", "rope_theta": sliding},
    }
    return {**WINDOW, "rope_parameters": parameters}


_LOCAL_AND_GLOBAL = ["full_attention", "sliding_attention", "sliding_attention", "full_attention"]

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family("bert", "learned", False, "wordpiece", BERT, {**ENCODER, **WINDOW}),
        Family(
            "roberta",
            "learned",
            False,
            "bytelevel",
            ROBERTA,
            {**ENCODER, **_OFFSET, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
        ),
        Family(
            "xlm-roberta",
            "learned",
            False,
            "metaspace",
            ROBERTA,
            {**ENCODER, **_OFFSET, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
        ),
        Family("mpnet", "learned", False, "wordpiece", ROBERTA, {**ENCODER, **_OFFSET}),
        Family(
            "modernbert",
            "rotary",
            False,
            "bytelevel",
            BERT,
            {
                **ENCODER,
                **_two_rotaries(5000.0, 300.0),
                "num_hidden_layers": 4,
                "layer_types": _LOCAL_AND_GLOBAL,
                "local_attention": 8,
                "norm_bias": True,
            },
        ),
        Family(
            "nomic_bert",
            "rotary",
            False,
            "wordpiece",
            BERT,
            {**ENCODER, **_rotary(1000.0), "type_vocab_size": 2},
        ),
        Family(
            "gte",
            "rotary",
            False,
            "wordpiece",
            BERT,
            {**ENCODER, **_rotary(500.0), "type_vocab_size": 1, "pad_token_id": 0},
        ),
        Family(
            "jina_embeddings_v3",
            "rotary",
            False,
            "metaspace",
            ROBERTA,
            {**ENCODER, **_rotary(20000.0), "num_attention_heads": 2},
        ),
        Family(
            "eurobert",
            "rotary",
            False,
            "bytelevel",
            Special(
                prefix="<|begin_of_text|>",
                suffix="<|end_of_text|>",
                pad="<|end_of_text|>",
                eos="<|end_of_text|>",
                mask="<|mask|>",
            ),
            {**ENCODER, **_rotary(2500.0), "num_key_value_heads": 2},
        ),
        Family(
            "gemma3_text",
            "rotary",
            False,
            "metaspace",
            Special(prefix="<bos>", suffix="<eos>", pad="<pad>", unknown="<unk>", eos="<eos>"),
            {
                **ENCODER,
                **_two_rotaries(10000.0, 200.0),
                "num_hidden_layers": 4,
                "num_key_value_heads": 2,
                "head_dim": 16,
                "query_pre_attn_scalar": 20,
                "sliding_window": 8,
                "layer_types": _LOCAL_AND_GLOBAL[1:] + _LOCAL_AND_GLOBAL[:1],
                "use_bidirectional_attention": True,
            },
        ),
        Family(
            "mistral",
            "rotary",
            True,
            "metaspace",
            Special(
                prefix="<s>",
                suffix="</s>",
                pad="</s>",
                unknown="<unk>",
                eos="</s>",
                suffix_in_template=False,
            ),
            {**ENCODER, **_rotary(1000.0), "num_key_value_heads": 2, "sliding_window": 32},
        ),
        Family(
            "llama",
            "rotary",
            True,
            "bytelevel",
            Special(
                prefix="<|begin_of_text|>",
                suffix="<|end_of_text|>",
                eos="<|end_of_text|>",
                suffix_in_template=False,
            ),
            {**ENCODER, **_rotary(5000.0), "num_key_value_heads": 1},
        ),
        Family(
            "qwen2",
            "rotary",
            True,
            "bytelevel",
            Special(
                suffix="<|endoftext|>",
                pad="<|endoftext|>",
                eos="<|endoftext|>",
                suffix_in_template=False,
            ),
            {**ENCODER, **_rotary(2000.0), "num_key_value_heads": 2},
        ),
        # Qwen3-Embedding's tokenizer ends every text with <|endoftext|>, which is its pad token;
        # its eos_token is another one, and must not be appended on top.
        Family(
            "qwen3",
            "rotary",
            True,
            "bytelevel",
            Special(suffix="<|endoftext|>", pad="<|endoftext|>", eos="<|im_end|>"),
            {**ENCODER, **_rotary(8000.0), "num_key_value_heads": 2, "head_dim": 16},
        ),
    )
}
#: BERT with rotation in place of its table, under the names of the published dwzhu/e5rope-base.
E5_ROPE = Family("e5rope", "rotary", False, "wordpiece", BERT, {**ENCODER, **WINDOW})
LEARNED = tuple(name for name, family in FAMILIES.items() if family.positions == "learned")
ROTARY = tuple(name for name, family in FAMILIES.items() if family.positions == "rotary")
CAUSAL = tuple(name for name, family in FAMILIES.items() if family.causal)

LEARNED_METHODS = ("truncate", "pcw", "gp", "rp", "pi")
#: Those that go through the same pieces of attention as SelfExtend.
BY_PIECES = ("dca", "string", "dpe")
ROTARY_METHODS = ("none", "truncate", "pcw", "gp", "pi", "ntk", "self_extend", "yarn", *BY_PIECES)


def spec_of(family: str) -> Family:
    """A family by name."""
    return E5_ROPE if family == E5_ROPE.name else FAMILIES[family]


def methods_of(family: str) -> tuple[str, ...]:
    """The extension methods that make sense for a family.

    Those that turn it by other frequencies alone have tests of their own.
    """
    return LEARNED_METHODS if spec_of(family).positions == "learned" else ROTARY_METHODS


#: Every family with every method that it can do.
PAIRS = [(family, method) for family in FAMILIES for method in methods_of(family)]
#: One family for each mechanism: table, table with relative bias, rotation, local layers, causal.
MECHANISMS: tuple[str, ...] = ("bert", "mpnet", "gte", "modernbert", "gemma3_text", "mistral")


def mostly(families: Sequence[str], pairs: Sequence[tuple[str, str]] = PAIRS) -> list[ParameterSet]:
    """Pairs to try what no single family does otherwise: all but those of some are slow tests."""
    return [
        pytest.param(*pair, marks=() if pair[0] in families else pytest.mark.slow) for pair in pairs
    ]


def covering(
    families: Sequence[str], each: int, pairs: Sequence[tuple[str, str]] = PAIRS
) -> list[ParameterSet]:
    """Pairs that try every family and every method: all of some families, a few of each other.

    Args:
        families: Those of which every method is tried.
        each: How many methods of every other family are; which, goes round from one to the next.
        pairs: Families and methods. The rest of them are slow tests.
    """
    methods: dict[str, list[str]] = {}
    for family, method in pairs:
        methods.setdefault(family, []).append(method)
    kept = {(family, method) for family, method in pairs if family in families}
    for number, (family, own) in enumerate(methods.items()):
        kept |= {(family, own[(number * each + i) % len(own)]) for i in range(each)}
    return [pytest.param(*pair, marks=() if pair in kept else pytest.mark.slow) for pair in pairs]


def sparing(
    cases: Sequence[tuple[str, ...]], families: Sequence[str] = ("gte",)
) -> list[ParameterSet]:
    """Cases of family, method and more: those by pieces are slow tests on all but some families."""
    return [
        pytest.param(
            *case,
            marks=pytest.mark.slow if case[1] in BY_PIECES and case[0] not in families else (),
        )
        for case in cases
    ]
