"""What is new in a text, compared with what the collection holds of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from longembed_rag.files.values import FileText
from longembed_rag.store.payload import metadata_hash, reading_hash
from longembed_rag.store.values import IndexedDocument, StoredSource


def content_hash(text: str) -> str:
    """Hash of a document's text (SHA-256, hex); nothing but the text goes into it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Incoming:
    """A text that comes in, and its hashes.

    Attributes:
        text: The text.
        content_hash: Hash of it.
        reading_hash: Hash of what the file's reader found beside it; empty for a text that a
            program gave, whose metadata are to be as given.
    """

    text: FileText
    content_hash: str
    reading_hash: str

    @classmethod
    def of(cls, text: FileText, *, is_file: bool) -> Incoming:
        """A text of a file, or of a program."""
        found = reading_hash(text.metadata, text.layout) if is_file else ""
        return cls(text, content_hash(text.text), found)

    def is_known(self, earlier: StoredSource) -> bool:
        """Whether the collection says of the document what is known of it now.

        Of a file that is what its reader found: what somebody has added since is left alone.
        """
        if self.reading_hash:
            return earlier.reading_hash == self.reading_hash
        return earlier.metadata_hash == metadata_hash(self.text.metadata)

    def known_anew(self, there: IndexedDocument) -> IndexedDocument:
        """A document of the same text, with what is known of it now."""
        if not self.reading_hash:
            return replace(there, metadata=self.text.metadata)
        return replace(
            there,
            metadata={**there.metadata, **self.text.metadata},
            layout=self.text.layout,
            reading_hash=self.reading_hash,
        )
