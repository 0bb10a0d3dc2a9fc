"""Small fast tokenizers of the three kinds that embedding models use, and texts made for them."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SOME_WORDS = (
    "able acid back ball band bank base bell bird blue boat body book cake call camp card care "
    "city coal cold cook dark data dawn deal deep desk door dust east edge face fact farm fish "
    "gate gold hand harm idea iron jazz king lake lamp land leaf mask milk moon note oath palm "
    "rain salt tale vast wind yard zero"
)
#: Each is one token in every tokenizer here.
WORDS = tuple(_SOME_WORDS.split())
_FIRST_WORD = "note"
_PROMPT_WORDS = ("query", "passage", "search", "document")
_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,:;!?_-"


@dataclass(frozen=True)
class Special:
    """The special tokens of a tokenizer.

    Attributes:
        prefix: Token before every text, None for none.
        suffix: Token after every text.
        pad: Padding token, None for a tokenizer without one.
        unknown: Token for what the tokenizer cannot read, None where it can read every byte.
        eos: The ``eos_token``, which need not be the suffix.
        mask: Mask token.
        suffix_in_template: Whether the tokenizer adds the suffix on its own.
    """

    prefix: str | None = None
    suffix: str | None = None
    pad: str | None = None
    unknown: str | None = None
    eos: str | None = None
    mask: str | None = None
    suffix_in_template: bool = True

    def tokens(self) -> list[str]:
        """Every special token once, in the order of their ids: pad is 0 for BERT, 1 for RoBERTa."""
        bert = self.pad == "[PAD]"
        first = (self.pad, self.prefix) if bert else (self.prefix, self.pad)
        every = (*first, self.suffix, self.unknown, self.eos, self.mask)
        return list(dict.fromkeys(token for token in every if token))


def write_tokenizer(folder: Path, kind: str, special: Special, max_length: int) -> dict[str, int]:
    """Write ``tokenizer.json`` and ``tokenizer_config.json``.

    Args:
        folder: Where to write.
        kind: ``"wordpiece"``, ``"bytelevel"`` or ``"metaspace"``.
        special: The special tokens.
        max_length: The ``model_max_length`` that the tokenizer states.

    Returns:
        Token to id.
    """
    builders = {"wordpiece": _wordpiece, "bytelevel": _bytelevel, "metaspace": _metaspace}
    tokenizer = builders[kind](special)
    tokenizer.add_special_tokens(special.tokens())
    _add_template(tokenizer, special)
    tokenizer.save(str(folder / "tokenizer.json"))
    values: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_length,
        "clean_up_tokenization_spaces": False,
    }
    names = {"pad": special.pad, "unk": special.unknown, "eos": special.eos, "mask": special.mask}
    names["cls" if special.pad == "[PAD]" else "bos"] = special.prefix
    if special.pad == "[PAD]":
        names["sep"] = special.suffix
    values |= {f"{name}_token": token for name, token in names.items() if token}
    (folder / "tokenizer_config.json").write_text(json.dumps(values))
    return tokenizer.get_vocab()


def _add_template(tokenizer: Tokenizer, special: Special) -> None:
    from tokenizers.processors import Sequence, TemplateProcessing

    suffix = special.suffix if special.suffix_in_template else None
    pieces = [token for token in (special.prefix, "$A", suffix) if token]
    if pieces == ["$A"]:
        return
    ids = [(token, tokenizer.token_to_id(token)) for token in pieces if token != "$A"]
    template = TemplateProcessing(single=" ".join(pieces), special_tokens=ids)
    own = tokenizer.post_processor
    tokenizer.post_processor = template if own is None else Sequence([own, template])


def _numbered(*groups: Any) -> dict[str, int]:
    pieces = dict.fromkeys(piece for group in groups for piece in group)
    return {piece: number for number, piece in enumerate(pieces)}


def _wordpiece(special: Special) -> Tokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    inner = [f"##{character}" for character in _CHARACTERS]
    vocabulary = _numbered(special.tokens(), _CHARACTERS, inner, _PROMPT_WORDS, WORDS)
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=special.unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def _bytelevel(special: Special) -> Tokenizer:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    merges: dict[tuple[str, str], None] = {}
    for word in (*(f"Ġ{word}" for word in (*WORDS, *_PROMPT_WORDS)), _FIRST_WORD, *_PROMPT_WORDS):
        for end in range(1, len(word)):
            merges[word[:end], word[end]] = None
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = _numbered(special.tokens(), alphabet, [left + right for left, right in merges])
    tokenizer = Tokenizer(models.BPE(vocabulary, list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    # Offsets with the leading space, as Qwen's and Llama 3's tokenizers give them.
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def _metaspace(special: Special) -> Tokenizer:
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = _numbered(
        special.tokens(), "▁" + _CHARACTERS, [f"▁{word}" for word in (*WORDS, *_PROMPT_WORDS)]
    )
    scored = [(piece, -1.0 if len(piece) > 1 else -9.0) for piece in pieces]
    unknown = pieces[special.unknown or ""]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=unknown, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    return tokenizer


def text_of(words: int, seed: int = 0) -> str:
    """A text of so many words, each one token in every tokenizer here."""
    return " ".join([_FIRST_WORD, *random.Random(seed).choices(WORDS, k=words - 1)][:words])
