"""A folder's vocabulary, as transformers reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longembed_rag.encoder.folder import ModelFolder
from longembed_rag.encoder.tokenizer_files import require_readable
from longembed_rag.errors import ModelLoadError

if TYPE_CHECKING:
    import tokenizers


@dataclass(frozen=True)
class Vocabulary:
    """What turns text into token ids, and which of its tokens mean something special.

    Attributes:
        backend: The ``tokenizers`` library's, which neither cuts nor pads.
        unknown: The token for what it does not know; None where it spells out every byte.
        end: The token that ends a sequence; None where there is none.
        mask: The token that stands for one that is left out.
    """

    backend: tokenizers.Tokenizer
    unknown: int | None = None
    end: int | None = None
    mask: int | None = None

    def __post_init__(self) -> None:
        # Texts here have no limit before they are cut into windows.
        self.backend.no_truncation()
        self.backend.no_padding()

    def ids(self, text: str, *, specials: bool = False) -> list[int]:
        """The tokens of a text, with those that open and close it where they are asked for."""
        found: list[int] = self.backend.encode(text, add_special_tokens=specials).ids
        return found


def load_vocabulary(folder: ModelFolder, *, trust_remote_code: bool) -> Vocabulary:
    """What transformers makes of a folder's tokenizer: lower-casing, with its markers whole.

    Raises:
        ModelLoadError: It has no fast form.
    """
    from transformers import AutoTokenizer

    require_readable(folder.tokenizer)
    tokenizer = AutoTokenizer.from_pretrained(
        str(folder.tokenizer), use_fast=True, trust_remote_code=trust_remote_code
    )
    if not tokenizer.is_fast:
        raise ModelLoadError(
            f"the tokenizer in {folder.tokenizer} has no fast form, which is needed to know where "
            "tokens stand in the text; save a tokenizer.json beside the model"
        )
    if folder.lower_case:
        lower(tokenizer.backend_tokenizer)
    if folder.late is not None:
        _take_whole(tokenizer, folder.late.markers)
    return Vocabulary(
        tokenizer.backend_tokenizer,
        unknown=tokenizer.unk_token_id,
        end=tokenizer.eos_token_id,
        mask=tokenizer.mask_token_id,
    )


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


def lower(backend: tokenizers.Tokenizer) -> None:
    """Lower-case inside the tokenizer, so that spans still point into the text as it was."""
    from tokenizers.normalizers import Lowercase, Sequence

    steps = [Lowercase()] + ([backend.normalizer] if backend.normalizer is not None else [])
    backend.normalizer = Sequence(steps)
