"""A model's config and tokenizer without transformers, where they are of the plainest kind.

Importing transformers takes longer than answering a query. What it makes of a BERT's config and
tokenizer is known; so these are read here, and only if every key says what is known. Whatever is
unfamiliar gives None, and is read by transformers as ever.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from longembed_rag.encoder.config_bounds import require_bounds
from longembed_rag.encoder.e5rope import E5_ROPE, e5_rope_values
from longembed_rag.encoder.families import TUNED_TABLE
from longembed_rag.encoder.folder import ModelFolder
from longembed_rag.encoder.stated import Stated, told
from longembed_rag.encoder.tokenizer_files import require_template
from longembed_rag.encoder.vocabulary import Vocabulary, lower

# What has to be said: where it is not, transformers has defaults of its own.
_SIZES = (
    *("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"),
    *("intermediate_size", "max_position_embeddings", "type_vocab_size", "pad_token_id"),
)
_NEEDED = (*_SIZES, "model_type", "hidden_act", "layer_norm_eps")
# What may be said besides, and changes no vector.
_WITHOUT_EFFECT = frozenset(
    (
        *("architectures", "_name_or_path", "transformers_version", "torch_dtype", "dtype"),
        *("attention_probs_dropout_prob", "hidden_dropout_prob", "classifier_dropout"),
        *("initializer_range", "gradient_checkpointing", "use_cache", "tie_word_embeddings"),
        "head_dim",  # of which the rest is compared
        *("bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id", "id2label", "label2id"),
    )
)
# What may be said besides, and has to be this.
_REQUIRED = {
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
    "chunk_size_feed_forward": (0,),
    "pruned_heads": ({},),
}
_ROTARY = ("jina_embeddings_v3", "gte", "nomic_bert", E5_ROPE)

_TOKEN_FILES = ("tokenizer_config.json", "special_tokens_map.json")
_BERT_CLASSES = ("BertTokenizer", "BertTokenizerFast")
_SPECIAL = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}


def plain_config(folder: ModelFolder) -> SimpleNamespace | None:
    """A BERT's config, or that of a BERT that rotates, with transformers' names.

    Args:
        folder: The model.

    Returns:
        The config; None where it says anything that is not known here.

    Raises:
        ModelLoadError: It is damaged, or holds what cannot be.
    """
    raw = Stated(folder.path / "config.json")
    with told(str(raw.file)):
        require_bounds(raw)
    values = dict(raw)
    if values.get("model_type") == E5_ROPE:
        values = {**e5_rope_values(raw), "model_type": "jina_embeddings_v3"}
    elif any(_is_unfamiliar(key, value, values["model_type"]) for key, value in raw.items()):
        return None
    if any(values.get(key) is None for key in _NEEDED):
        return None
    if values["model_type"] in _ROTARY and not _turns_plainly(values.get("rope_parameters")):
        return None
    width, rest = divmod(values["hidden_size"], values["num_attention_heads"])
    if rest or values.get("head_dim") not in (None, width):
        return None
    return SimpleNamespace(**values)


def _is_unfamiliar(key: str, value: Any, model_type: str | None) -> bool:
    if key in _REQUIRED:
        return value not in _REQUIRED[key]
    if key == "rope_parameters":
        return model_type not in _ROTARY
    if key == "model_type":
        return model_type != "bert" and model_type not in _ROTARY
    if key == TUNED_TABLE:
        return model_type != "bert"
    return key not in _WITHOUT_EFFECT and key not in _NEEDED


def _turns_plainly(parameters: Any) -> bool:
    """Whether rotary positions are as first published, over a head's whole width."""
    return (
        isinstance(parameters, dict)
        and set(parameters) <= {"rope_theta", "rope_type"}
        and parameters.get("rope_type", "default") == "default"
        and isinstance(parameters.get("rope_theta"), (int, float))
    )


def plain_vocabulary(folder: ModelFolder) -> Vocabulary | None:
    """The tokenizer of a BERT, as transformers would make it.

    transformers makes a ``BertTokenizer`` of the vocabulary and of ``tokenizer_config.json`` and
    passes over most of ``tokenizer.json``; so that is taken where both say the same.

    Args:
        folder: The model.

    Returns:
        The tokenizer; None where the files say anything that is not known here.

    Raises:
        ModelLoadError: They are damaged.
    """
    from tokenizers import Tokenizer

    file = folder.path / "tokenizer.json"
    stated = Stated(folder.path / "tokenizer_config.json")
    if folder.late is not None or not file.is_file() or not _is_bert(stated):
        return None
    if any(not _names_the_usual(Stated(folder.path / name)) for name in _TOKEN_FILES):
        return None
    if len(Stated(folder.path / "added_tokens.json")):
        return None
    with told(str(file)):
        text = file.read_text(encoding="utf-8")
        whole = json.loads(text)
        if not isinstance(whole, dict):
            return None
        require_template(whole.get("post_processor"), file)
        if not _is_wordpiece(whole, stated):
            return None
        backend = Tokenizer.from_str(text)
        mask, unknown = map(backend.token_to_id, (_SPECIAL["mask_token"], _SPECIAL["unk_token"]))
        if folder.lower_case:
            lower(backend)
    return Vocabulary(backend, unknown=unknown, mask=mask)


def _is_bert(stated: Stated) -> bool:
    return (
        stated.get("tokenizer_class") in _BERT_CLASSES
        and stated.get("auto_map") is None
        and stated.get("split_special_tokens", False) is False
        and _known_tokens(stated.get("added_tokens_decoder") or {})
        and not any(stated.get(name) for name in ("bos_token", "eos_token", "add_bos_token"))
        and not stated.get("add_eos_token")
    )


def _names_the_usual(stated: Stated) -> bool:
    """Whether special tokens, where a file names them, are BERT's own and no others."""
    for key, value in stated.items():
        if key.endswith("special_tokens") and key != "split_special_tokens" and value:
            return False
        if not key.endswith("_token"):
            continue
        name = value.get("content") if isinstance(value, dict) else value
        if value is not None and name != _SPECIAL.get(key):
            return False
    return True


def _known_tokens(added: Any) -> bool:
    """Whether tokens that are described apart are BERT's special ones."""
    described = added.values() if isinstance(added, dict) else [added]
    return all(
        isinstance(each, dict) and each.get("content") in _SPECIAL.values() for each in described
    )


def _is_wordpiece(whole: dict[str, Any], stated: Stated) -> bool:
    """Whether a ``tokenizer.json`` is what transformers makes of the rest."""
    model = whole.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(model, dict) or not isinstance(vocabulary, dict):
        return False
    expected = {
        "type": "WordPiece",
        "unk_token": _SPECIAL["unk_token"],
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
    }
    normalizer = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": stated.get("tokenize_chinese_chars", True),
        "strip_accents": stated.get("strip_accents"),
        "lowercase": stated.get("do_lower_case", True),
    }
    special = {
        (each.get("content"), each.get("id"), each.get("special"), each.get("normalized"))
        for each in whole.get("added_tokens") or ()
    }
    return (
        {key: value for key, value in model.items() if key != "vocab"} == expected
        and whole.get("normalizer") == normalizer
        and whole.get("pre_tokenizer") == {"type": "BertPreTokenizer"}
        and special == {(name, vocabulary.get(name), True, False) for name in _SPECIAL.values()}
        and _closes_with(whole.get("post_processor"), vocabulary)
    )


def _closes_with(processor: Any, vocabulary: dict[str, Any]) -> bool:
    """Whether a text is put between the two tokens that BERT puts it between."""
    opening, closing = _SPECIAL["cls_token"], _SPECIAL["sep_token"]
    if not isinstance(processor, dict):
        return False
    if processor.get("type") == "BertProcessing":
        pairs = {"cls": opening, "sep": closing}
        return all(processor.get(key) == [name, vocabulary[name]] for key, name in pairs.items())
    between = [
        {"SpecialToken": {"id": opening, "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": closing, "type_id": 0}},
    ]
    known = processor.get("special_tokens") or {}
    return (
        processor.get("type") == "TemplateProcessing"
        and processor.get("single") == between
        and all(
            isinstance(known.get(name), dict) and known[name].get("ids") == [vocabulary[name]]
            for name in (opening, closing)
        )
    )
