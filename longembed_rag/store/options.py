"""What a collection keeps of its documents, as it is chosen when it is made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

from longembed_rag.errors import SettingsError
from longembed_rag.store.tenants import require_tenant_field
from longembed_rag.store.tokens import LateChoice
from longembed_rag.words.languages import AUTO_LANGUAGE, require_choice
from longembed_rag.words.terms import K1, B

DEFAULT_PASSAGE_TOKENS = 256


@dataclass(frozen=True, kw_only=True)
class IndexOptions:
    """What a collection keeps of its documents, beside the settings of the encoder.

    Set when a collection is made, and kept with it: documents that are treated differently cannot
    be compared.

    Attributes:
        passages: Whether passages are kept, each with its vector and terms.
        passage_tokens: Most tokens in a passage.
        language: What words are stemmed as; ``"auto"`` tells the language of each document from its
            text, ``"none"`` leaves words as they are.
        late_interaction: Whether the vectors of passages' tokens are kept as bits, too;
            ``"auto"`` keeps them where that is known to help, with models that pool by the mean.
        k1: How fast a repeated word stops counting in BM25: of documents in mode ``"sparse"``, and
            of passages. How ``"hybrid"`` weighs the words of documents follows from their length.
        b: How much length counts in BM25, 0 to 1; likewise.
        tenant_field: The field of documents' metadata that names their tenant; None keeps none
            apart.

    Raises:
        SettingsError: A value is out of range.
    """

    passages: bool = True
    passage_tokens: int = DEFAULT_PASSAGE_TOKENS
    language: str = AUTO_LANGUAGE
    late_interaction: LateChoice = "auto"
    k1: float = K1
    b: float = B
    tenant_field: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.passage_tokens, bool) or not isinstance(self.passage_tokens, int):
            raise SettingsError(f"passage_tokens={self.passage_tokens!r} must be a whole number")
        if not 1 <= self.passage_tokens < 2**31:
            raise SettingsError(
                f"passage_tokens={self.passage_tokens} must be at least 1, and below {2**31:,}"
            )
        require_choice(self.language)
        if self.late_interaction not in get_args(LateChoice):
            raise SettingsError(
                f"late_interaction={self.late_interaction!r} is not one of: "
                f"{', '.join(get_args(LateChoice))}"
            )
        if self.late_interaction == "on" and not self.passages:
            raise SettingsError(
                "late_interaction='on' needs passages: it compares the tokens of each; keep "
                "passages, or leave it out"
            )
        for name in ("k1", "b"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise SettingsError(f"{name}={value!r} must be a number")
        if not (math.isfinite(self.k1) and self.k1 >= 0):
            raise SettingsError(f"k1={self.k1} must be 0 or more; 1.2 to 2 is usual")
        if self.tenant_field is not None:
            require_tenant_field(self.tenant_field)
        if not 0 <= self.b <= 1:
            raise SettingsError(f"b={self.b} must be from 0 (length does not count) to 1")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> IndexOptions:
        """From plain values; those that are not known here are passed over."""
        names = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in names})

    def to_dict(self) -> dict[str, Any]:
        """Every option by name, as plain values."""
        return asdict(self)
