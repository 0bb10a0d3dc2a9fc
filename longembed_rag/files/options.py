"""How files are read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from longembed_rag.errors import SettingsError

GIB = 1 << 30
DEFAULT_TIMEOUT = 60.0
DEFAULT_MEMORY = 2 * GIB
DEFAULT_OCR_LANGUAGE = "eng"
#: Less is not enough for any reader.
_LEAST_MEMORY = 256 << 20
_MOST_MEMORY = 1 << 50
_LONGEST = 86_400.0


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How files are read.

    Attributes:
        timeout: Seconds that a file may take; with text recognition, that each of its pages may.
        memory: Bytes that reading a file may take.
        ocr_language: Language of pages that are recognised, as Tesseract calls it: ``"eng"``,
            several as ``"deu+eng"``; ``"none"`` recognises nothing.

    Raises:
        SettingsError: One of them cannot be.
    """

    timeout: float = DEFAULT_TIMEOUT
    memory: int = DEFAULT_MEMORY
    ocr_language: str = DEFAULT_OCR_LANGUAGE

    def __post_init__(self) -> None:
        if not 0 < self.timeout <= _LONGEST:
            raise SettingsError(
                f"timeout={self.timeout!r} is not a number of seconds above 0, and up to "
                f"{_LONGEST:,.0f} (a day)"
            )
        if self.memory > _MOST_MEMORY:
            raise SettingsError(
                f"memory={self.memory!r} bytes are more than any machine has; give "
                f"{_MOST_MEMORY:,} or fewer"
            )
        if self.memory < _LEAST_MEMORY:
            raise SettingsError(
                f"memory={self.memory!r} bytes are too few to read a file with; give "
                f"{_LEAST_MEMORY:,} or more"
            )
        languages = self.ocr_language.split("+")
        if not all(each.replace("_", "").isalnum() and each.isascii() for each in languages):
            raise SettingsError(
                f"ocr_language={self.ocr_language!r} is not a language as Tesseract calls it; "
                "give for instance 'eng', 'deu+eng', or 'none'"
            )

    def to_dict(self) -> dict[str, Any]:
        """Every option by name."""
        return asdict(self)
