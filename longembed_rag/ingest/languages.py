"""What to say of documents in languages that the model was not made for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longembed_rag.encoder.presets import MULTILINGUAL_MODEL, find_preset
from longembed_rag.words.languages import AUTO_LANGUAGE, NO_LANGUAGE

if TYPE_CHECKING:
    from longembed_rag.store.values import CollectionRecord

_ENGLISH = "english"


@dataclass
class OtherLanguages:
    """Counts the documents of a run that an English model does not know the language of.

    How much it makes of a language in the same script cannot be seen in its tokens, which are
    pieces of words in any; only what is known of published models says so.

    Attributes:
        record: What the collection says of itself.
        counts: Documents by language.
    """

    record: CollectionRecord
    counts: Counter[str] = field(default_factory=Counter)

    def count(self, text: str, metadata: Mapping[str, Any]) -> None:
        """Count a document, where it is known to be in another language."""
        language = self.language_of(text, metadata)
        if language is not None:
            self.counts[language] += 1

    def language_of(self, text: str, metadata: Mapping[str, Any]) -> str | None:
        """What a document is written in; None for English, and where it is not known."""
        own = self.record.options.language
        language = self.record.language_of(text, metadata) if own == AUTO_LANGUAGE else own
        return None if language in (NO_LANGUAGE, _ENGLISH) else language

    def remark(self) -> str | None:
        """What to say, once for all; None where the model knows more, or nothing is known of it."""
        model = str(self.record.description.get("model") or "")
        preset = find_preset(model)
        if not self.counts or preset is None or not preset.english_only:
            return None
        total = self.counts.total()
        told = ", ".join(f"{name} {number:,}" for name, number in self.counts.most_common())
        are = "document is" if total == 1 else "documents are"
        return (
            f"{total:,} {are} not in English ({told}), and {preset.names[0]} was made for English: "
            "it can hardly tell what they mean, words still find them; a model of many languages, "
            f"{MULTILINGUAL_MODEL}, in a collection of its own could"
        )
