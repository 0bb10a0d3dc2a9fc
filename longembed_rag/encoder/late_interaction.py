"""Models that were made for late interaction: what their folders say (nothing here reads files).

Three forms are known: sentence-transformers' multi-vector models (6.2), PyLate's, and the one that
ColBERT itself writes. Each says the same things in other words: a Dense on every token, a marker
before queries and documents, queries filled up with mask tokens (query expansion, arXiv 2004.12832
section 3.2), and words whose tokens take no part.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longembed_rag.encoder.stated import Stated
from longembed_rag.errors import UnsupportedModelError

if TYPE_CHECKING:
    from longembed_rag.encoder.families import Family

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
#: Longer queries would be filled up with more tokens than any model reads.
_MOST_LENGTH = 1 << 20
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


def require_seen(late: LateInteraction | None, *, model_name: str, family: Family) -> None:
    """Refuse tokens that fill queries up unseen where attention adds biases of its own.

    Raises:
        UnsupportedModelError: The model wants both.
    """
    if late is not None and late.has_unseen and family.own_attention:
        raise UnsupportedModelError(
            f"{model_name} fills queries up with tokens that its {family.name} is not to "
            "see, which is done for models with transformers' common attention only"
        )


def is_late(stated: Stated, module_types: list[str]) -> bool:
    """Whether a folder's ``config_sentence_transformers.json`` and modules speak of one."""
    return (
        stated.get("model_type") in _TYPES
        or any(key in stated for key in _PYLATE_KEYS)
        or any(name.startswith("pylate.") for name in module_types)
        or any(name.endswith(".MultiVectorMask") for name in module_types)
    )


def of_modules(
    stated: Stated, transformer: Stated, mask: Stated | None
) -> tuple[LateInteraction, dict[str, str]]:
    """What sentence-transformers' and PyLate's folders say.

    Args:
        stated: ``config_sentence_transformers.json``.
        transformer: ``sentence_bert_config.json``.
        mask: The config of the step ``MultiVectorMask``; None where there is none, as in PyLate's.

    Returns:
        What it says, and the prompts, markers before them.

    Raises:
        ModelLoadError: A value makes no sense.
        UnsupportedModelError: It wants something that texts cannot have.
    """
    prompts = {key: value for key, value in stated.words("prompts").items() if value}
    markers = []
    for key, name in (("query_prefix", "query"), ("document_prefix", "document")):
        if marker := stated.text(key):
            markers.append(marker)
            prompts[name] = marker + prompts.get(name, "").removeprefix(marker)
    native = stated.get("model_type") == NATIVE
    expansion = _expansion(stated, transformer)
    if mask is None and native and expansion is not None:
        raise UnsupportedModelError(
            f"{stated.file.parent}: queries are to be filled up, but no MultiVectorMask in "
            "modules.json says that the tokens which do so count"
        )
    words: tuple[str, ...] | None = ()
    if mask is not None or not native:
        words = (stated if mask is None else mask).texts("skiplist_words")
    if words is None:
        words = _PUNCTUATION if mask is None else ()
    kinds = ("document",) if mask is None else _skipped_in(mask)
    length, attend, filler = expansion or (None, False, None)
    return LateInteraction(tuple(markers), length, attend, filler, words, kinds), prompts


def of_colbert(artifact: Stated) -> tuple[LateInteraction, dict[str, str]]:
    """What ColBERT's own ``artifact.metadata`` says; its defaults where there is none.

    Returns:
        As :func:`of_modules`.

    Raises:
        ModelLoadError: A value makes no sense.
    """
    prompts = {
        "query": f"{artifact.text('query_token_id') or '[unused0]'} ",
        "document": f"{artifact.text('doc_token_id') or '[unused1]'} ",
    }
    said = LateInteraction(
        markers=tuple(prompts.values()),
        query_length=artifact.count("query_maxlen", most=_MOST_LENGTH) or _USUAL_LENGTH,
        attend=artifact.flag("attend_to_mask_tokens"),
        skip_words=_PUNCTUATION if artifact.flag("mask_punctuation", True) else (),
    )
    return said, prompts


def _expansion(stated: Stated, transformer: Stated) -> tuple[int, bool, str | None] | None:
    """Length, whether it is attended to, and the token; None where queries stay as they are."""
    silent = not any(key in stated for key in _PYLATE_KEYS)
    for place in (transformer, stated):
        if "query_expansion" in place:
            said = place.inner("query_expansion")
            if said is None:
                return None
            length = said.count("length", most=_MOST_LENGTH)
            if length is None:
                said.refuse("length", "a number of tokens")
            return length, said.flag("attend"), said.text("token")
    if silent or not stated.flag("do_query_expansion", True):
        return None
    older, newer = (
        stated.flag(key) for key in ("attend_to_mask_tokens", "attend_to_expansion_tokens")
    )
    length = stated.count("query_length", most=_MOST_LENGTH) or _USUAL_LENGTH
    return length, newer if "attend_to_expansion_tokens" in stated else older, None


def _skipped_in(mask: Stated) -> tuple[str, ...]:
    """In which kind of text words of a skip list take no part."""
    if mask.get("keep_only_token_ids"):
        raise UnsupportedModelError(
            f"{mask.file}: its MultiVectorMask keeps nothing of a document but some token ids, "
            "which models for images do; take a model for texts"
        )
    said = mask.get("skiplist_tasks")
    one = (said,) if isinstance(said, str) else None
    kinds = one or mask.texts("skiplist_tasks") or ("document",)
    if not set(kinds) <= {"document", "query"}:
        mask.refuse("skiplist_tasks", "made of document and query")
    return kinds
