"""Properties of a document in a container of Office before 2007."""

from __future__ import annotations

from typing import Any

from longembed_rag.files.formats.properties import properties

_UTF_8 = 65001


def ole_properties(container: Any) -> dict[str, Any]:
    """Title, author and so on of an ``olefile.OleFileIO``.

    Args:
        container: The container, open.
    """
    summary = container.get_metadata()
    encoding = "utf-8" if summary.codepage == _UTF_8 else f"cp{summary.codepage or 1252}"
    pairs: list[tuple[str, object]] = []
    for key in ("title", "subject", "author", "keywords", "comments", "category"):
        value = getattr(summary, key)
        if isinstance(value, bytes):
            try:
                value = value.decode(encoding, "replace")
            except LookupError:
                value = value.decode("cp1252", "replace")
        pairs.append((key, value))
    for key, moment in (("created", summary.create_time), ("modified", summary.last_saved_time)):
        if moment is not None and moment.year > 1980:  # else it was never set
            pairs.append((key, moment.isoformat()))
    return properties(pairs)
