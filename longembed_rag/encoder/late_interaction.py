"""Models that were made for late interaction: what their folders say (nothing here reads files).

Three forms are known: sentence-transformers' multi-vector models (6.2), PyLate's, and the one that
ColBERT itself writes. Each says the same things in other words: a Dense on every token, a marker
before queries and documents, queries filled up with mask tokens (query expansion, arXiv 2004.12832
section 3.2), and words whose tokens take no part.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longembed_rag.errors import ModelLoadError, UnsupportedModelError

#: What ColBERT calls itself among a config's ``architectures``.
COLBERT = "HF_ColBERT"
#: Where ColBERT keeps its settings.
COLBERT_FILE = "artifact.metadata"

#: What sentence-transformers calls its own ``model_type``.
NATIVE = "MultiVectorEncoder"

_TYPES = (NATIVE, "ColBERT")
_PYLATE_KEYS = (
    "query_prefix",
    "document_prefix",
    "do_query_expansion",
    "attend_to_expansion_tokens",
    "attend_to_mask_tokens",
    "skiplist_words",
    "query_expansion",
)
_USUAL_LENGTH = 32
_PUNCTUATION = tuple(string.punctuation)

#: For which pooling late interaction is on where nobody says, and why (or why not).
_MEAN = (True, "states that are pooled by their mean compare well token by token")
_BY_POOLING = {
    "mean": _MEAN,
    "sif": _MEAN,
    "cls": (False, "not known to help a model whose vector is the state of its first token"),
    "last_token": (False, "not known to help a model whose vector is the state of its last token"),
}


@dataclass(frozen=True)
class LateInteraction:
    """How a model that was made for late interaction reads queries and documents.

    Attributes:
        markers: Texts before queries and documents that are one token each where the tokenizer
            knows them.
        query_length: Tokens to which shorter queries are filled up, specials and marker included;
            None where they are not.
        attend: Whether a query's own tokens see those that fill it up.
        filler: The token that fills queries up; None takes the mask token, else the one that ends
            a sequence.
        skip_words: Tokens whose vectors take no part.
        skip_in: In which kind of text: ``"document"``, ``"query"`` or both.
    """

    markers: tuple[str, ...] = ()
    query_length: int | None = None
    attend: bool = False
    filler: str | None = None
    skip_words: tuple[str, ...] = ()
    skip_in: tuple[str, ...] = ("document",)

    @property
    def has_unseen(self) -> bool:
        """Whether queries are filled up with tokens that no other token sees."""
        return self.query_length is not None and not self.attend


def auto_late_interaction(late: LateInteraction | None, pooling: str) -> tuple[bool, str]:
    """Whether late interaction is known to help a model, and why (or why not)."""
    if late is not None:
        return True, "the model was made for it"
    return _BY_POOLING[pooling]


def is_late(stated: Mapping[str, Any], module_types: list[str]) -> bool:
    """Whether a folder's ``config_sentence_transformers.json`` and modules speak of one."""
    return (
        stated.get("model_type") in _TYPES
        or any(key in stated for key in _PYLATE_KEYS)
        or any(name.startswith("pylate.") for name in module_types)
        or any(name.endswith(".MultiVectorMask") for name in module_types)
    )


def of_modules(
    stated: Mapping[str, Any],
    transformer: Mapping[str, Any],
    mask: Mapping[str, Any] | None,
    *,
    root: Path,
) -> tuple[LateInteraction, dict[str, str]]:
    """What sentence-transformers' and PyLate's folders say.

    Args:
        stated: ``config_sentence_transformers.json``.
        transformer: ``sentence_bert_config.json``.
        mask: The config of the step ``MultiVectorMask``; None where there is none, as in PyLate's.
        root: The folder, for errors.

    Returns:
        What it says, and the prompts, markers before them.

    Raises:
        ModelLoadError: A value makes no sense.
        UnsupportedModelError: It wants something that texts cannot have.
    """
    prompts = {key: value for key, value in (stated.get("prompts") or {}).items() if value}
    markers = []
    for key, name in (("query_prefix", "query"), ("document_prefix", "document")):
        if marker := stated.get(key):
            markers.append(str(marker))
            prompts[name] = marker + prompts.get(name, "").removeprefix(marker)
    native = stated.get("model_type") == NATIVE
    expansion = _expansion(stated, transformer, root=root)
    if mask is None and native:
        if expansion is not None:
            raise UnsupportedModelError(
                f"{root}: queries are to be filled up, but no MultiVectorMask in modules.json "
                "says that the tokens which do so count"
            )
        mask = {}
    words, kinds = _skipped(stated, mask, root=root)
    length, attend, filler = expansion or (None, False, None)
    return LateInteraction(tuple(markers), length, attend, filler, words, kinds), prompts


def of_colbert(
    artifact: Mapping[str, Any], *, root: Path
) -> tuple[LateInteraction, dict[str, str]]:
    """What ColBERT's own ``artifact.metadata`` says; its defaults where there is none.

    Returns:
        As :func:`of_modules`.
    """
    prompts = {
        "query": f"{artifact.get('query_token_id') or '[unused0]'} ",
        "document": f"{artifact.get('doc_token_id') or '[unused1]'} ",
    }
    said = LateInteraction(
        markers=tuple(prompts.values()),
        query_length=_positive(artifact.get("query_maxlen") or _USUAL_LENGTH, root / COLBERT_FILE),
        attend=bool(artifact.get("attend_to_mask_tokens")),
        skip_words=_PUNCTUATION if artifact.get("mask_punctuation", True) else (),
    )
    return said, prompts


def _expansion(
    stated: Mapping[str, Any], transformer: Mapping[str, Any], *, root: Path
) -> tuple[int, bool, str | None] | None:
    """Length, whether it is attended to, and the token; None where queries stay as they are."""
    file = root / "config_sentence_transformers.json"
    silent = not any(key in stated for key in _PYLATE_KEYS)
    if "query_expansion" in transformer:
        said, file = transformer["query_expansion"], root / "sentence_bert_config.json"
    elif "query_expansion" in stated:
        said = stated["query_expansion"]
    elif silent or stated.get("do_query_expansion") is False:
        return None
    else:
        said = {
            "length": stated.get("query_length") or _USUAL_LENGTH,
            "attend": stated.get("attend_to_expansion_tokens", stated.get("attend_to_mask_tokens")),
        }
    if said is None:
        return None
    if not isinstance(said, dict):
        raise ModelLoadError(f"{file}: query_expansion {said!r} is no object")
    return _positive(said.get("length"), file), bool(said.get("attend")), said.get("token")


def _positive(length: object, file: Path) -> int:
    if isinstance(length, bool) or not isinstance(length, int) or length < 1:
        raise ModelLoadError(f"{file}: a query's length of {length!r} is no number of tokens")
    return length


def _skipped(
    stated: Mapping[str, Any], mask: Mapping[str, Any] | None, *, root: Path
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words that take no part, and in which kind of text."""
    words = stated.get("skiplist_words") if mask is None else mask.get("skiplist_words") or []
    words = _PUNCTUATION if words is None else words
    if not all(isinstance(word, str) for word in words):
        raise ModelLoadError(f"{root}: skiplist_words {words!r} is no list of words")
    said = mask or {}
    if said.get("keep_only_token_ids"):
        raise UnsupportedModelError(
            f"{root}: its MultiVectorMask keeps nothing of a document but some token ids, which "
            "models for images do; take a model for texts"
        )
    kinds = said.get("skiplist_tasks") or ["document"]
    return tuple(words), tuple([kinds] if isinstance(kinds, str) else kinds)
