"""A folder's tokenizer, as transformers loads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from longembed_rag.encoder.folder import ModelFolder
from longembed_rag.encoder.tokenizer_files import require_readable
from longembed_rag.errors import ModelLoadError

#: transformers asks for a limit; texts here have none before they are cut into windows.
_NO_LIMIT = 10**12


def is_plain(tokenizer: Any) -> bool:
    """Whether a tokenizer is no more than its backend, which is then asked itself.

    The backend cuts nothing off and fills nothing up from then on.
    """
    from transformers import PreTrainedTokenizerFast

    own = type(tokenizer)
    plain = all(
        getattr(own, name) is getattr(PreTrainedTokenizerFast, name)
        for name in ("__call__", "_encode_plus")
    )
    if plain:
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
    return plain


def load_tokenizer(folder: ModelFolder, *, trust_remote_code: bool) -> Any:
    """A model's fast tokenizer, as the folder wants it: lower-casing, with its markers whole.

    Raises:
        ModelLoadError: It has no fast form.
    """
    from transformers import AutoTokenizer

    require_readable(folder.path)
    tokenizer = AutoTokenizer.from_pretrained(
        str(folder.path), use_fast=True, trust_remote_code=trust_remote_code
    )
    if not tokenizer.is_fast:
        raise ModelLoadError(
            f"the tokenizer in {folder.path} has no fast form, which is needed to know where "
            "tokens stand in the text; save a tokenizer.json beside the model"
        )
    tokenizer.model_max_length = _NO_LIMIT
    if folder.lower_case:
        _lower(tokenizer)
    if folder.late is not None:
        _take_whole(tokenizer, folder.late.markers)
    return tokenizer


def _take_whole(tokenizer: Any, markers: Sequence[str]) -> None:
    """Make one token of each marker that the tokenizer knows: ``[unused0]``, or ``[Q] ``.

    So marked, a text has the tokens that it has where the marker's id is put behind the first
    special token, as ColBERT and PyLate do. A marker that the tokenizer does not know is text.
    """
    from transformers import AddedToken

    known = tokenizer.get_vocab()
    for marker in markers:
        for spelled in (marker, *marker.split(None, 1)[:1]):
            if spelled in known:
                if tokenizer.tokenize(spelled) != [spelled]:
                    whole = AddedToken(spelled, normalized=False, special=True)
                    tokenizer.add_tokens([whole], special_tokens=True)
                break


def _lower(tokenizer: Any) -> None:
    """Lower-case inside the tokenizer, so that spans still point into the text as it was."""
    from tokenizers.normalizers import Lowercase, Sequence

    backend = tokenizer.backend_tokenizer
    steps = [Lowercase()] + ([backend.normalizer] if backend.normalizer is not None else [])
    backend.normalizer = Sequence(steps)
