"""Models of known sizes with random weights, and texts of known lengths, for ``gpu.py``."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

#: Context length that the models state, beyond which they are extended.
WINDOW = 512


@dataclass(frozen=True)
class Size:
    """How large everything is.

    Attributes:
        short: Texts, and tokens of each.
        documents: Documents, and tokens of each.
        long: Tokens of one long document.
        large: For the large model: tokens of one text, and of each of four.
        local: Texts of a model with local layers, and tokens of each.
        matrix: Edge of the matrices by whose product the device's rate is found.
        attention: Cases of attention alone: texts, tokens, heads, heads of keys, width of a
            head, SelfExtend's window, whether causal.
        models: What differs from the models' own config.
    """

    short: tuple[int, int] = (3000, 228)
    documents: tuple[int, int] = (40, 9800)
    long: int = 32_600
    large: tuple[int, int] = (31_786, 7_948)
    local: tuple[int, int] = (16, 8000)
    matrix: int = 8192
    attention: tuple[tuple[int, int, int, int, int, int, bool], ...] = (
        (40, 9800, 12, 12, 32, 256, False),
        (8, 32_768, 12, 12, 64, 256, False),
        (16, 8192, 12, 12, 64, 512, False),
        (4, 32_768, 16, 8, 128, 1024, True),
        (1, 31_786, 32, 8, 128, 2048, True),
        (4, 7948, 32, 8, 128, 2048, True),
    )
    models: tuple[tuple[str, int], ...] = ()


#: Small enough for a test on a CPU.
TINY = Size(
    short=(6, 20),
    documents=(2, 540),
    long=600,
    large=(300, 200),
    local=(2, 300),
    matrix=64,
    attention=((2, 300, 4, 4, 8, 64, False), (1, 300, 4, 2, 8, 64, True)),
    models=(
        ("hidden_size", 32),
        ("num_hidden_layers", 2),
        ("num_attention_heads", 4),
        ("intermediate_size", 64),
    ),
)

_MINILM = {
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "type_vocab_size": 2,
}
_ROTARY = {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}
_CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("bert", _MINILM),
    "rotary": ("jina_embeddings_v3", {**_MINILM, **_ROTARY}),
    "large": (
        "mistral",
        {
            "hidden_size": 4096,
            "num_hidden_layers": 4,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "intermediate_size": 14336,
            "sliding_window": None,
            **_ROTARY,
        },
    ),
    "local": (
        "modernbert",
        {
            "hidden_size": 768,
            "num_hidden_layers": 22,
            "num_attention_heads": 12,
            "intermediate_size": 1152,
        },
    ),
}
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@cache
def words() -> list[str]:
    """Some thousand words, each one token."""
    letters = random.Random(0)
    return sorted({"".join(letters.choices("etaoinshrdlucmfwypvbgk", k=6)) for _ in range(30_000)})


def text_of(tokens: int, seed: int) -> str:
    """A text of so many tokens, with the two specials."""
    return " ".join(random.Random(seed).choices(words(), k=tokens - 2))


def write_model(folder: Path, name: str, size: Size, device: torch.device) -> Path:
    """Write a model with random weights and its tokenizer.

    Args:
        folder: Where.
        name: ``"bert"``, ``"rotary"``, ``"large"`` or ``"local"``.
        size: How large.
        device: Where its weights are drawn.
    """
    from transformers import AutoConfig, AutoModel

    kind, values = _CONFIGS[name]
    values = {**values, **dict(size.models)}
    if size.models and "num_key_value_heads" in values:
        values["num_key_value_heads"] = 2
    if kind == "modernbert":
        length, ids = 8192, {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2}
    else:
        length, ids = WINDOW, {"bos_token_id": 2}
    vocabulary = [*_SPECIAL, *words()]
    config = AutoConfig.for_model(
        kind,
        vocab_size=len(vocabulary),
        max_position_embeddings=length,
        pad_token_id=0,
        eos_token_id=3,
        **ids,
        **values,
    )
    torch.manual_seed(0)
    options = {"add_pooling_layer": False} if kind in ("bert", "jina_embeddings_v3") else {}
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    with torch.device(device):
        model = AutoModel.from_config(config, dtype=dtype, **options)
    path = folder / name
    model.save_pretrained(path)
    _write_tokenizer(path, vocabulary)
    return path


def _write_tokenizer(folder: Path, vocabulary: list[str]) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = {token: at for at, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(list(_SPECIAL))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "bos_token": "[CLS]",
        "sep_token": "[SEP]",
        "eos_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
