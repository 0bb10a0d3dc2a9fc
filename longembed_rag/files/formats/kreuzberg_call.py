"""kreuzberg, asked so that it writes nothing, recognises no pictures and fails in our words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.archives import damaged

if TYPE_CHECKING:
    from kreuzberg import ExtractionResult

# Not all of them are in its type hints.
_SETTINGS: dict[str, Any] = {
    "use_cache": False,
    "enable_quality_processing": False,
    "disable_ocr": True,
}
_PASSWORD = ("password", "encrypt")


def extract(data: bytes, name: str, *, mime: str, kind: str) -> ExtractionResult:
    """What kreuzberg finds in a file.

    Args:
        data: The file.
        name: Its name, for messages.
        mime: Its type.
        kind: The same in words, for messages: ``"the workbook"``.

    Raises:
        ReadError: It wants a password, or kreuzberg cannot make sense of it.
    """
    from kreuzberg import ExtractionConfig, extract_bytes_sync
    from kreuzberg.exceptions import KreuzbergError

    config = ExtractionConfig(**_SETTINGS)
    config.max_archive_depth = 0  # files inside of the file are read by our own readers
    try:
        return extract_bytes_sync(data, mime, config)
    except (KreuzbergError, OSError, RuntimeError, ValueError) as error:
        if any(word in str(error).lower() for word in _PASSWORD):
            raise ReadError(f"{name}: it wants a password; save a copy without one") from error
        raise damaged(name, kind, error) from error
    except BaseException as error:
        # A panic of its Rust code is no Exception, and may not end the whole run.
        if type(error).__name__ != "PanicException":
            raise
        raise damaged(name, kind, error) from error
