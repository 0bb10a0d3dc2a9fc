"""What a text is called in warnings and errors: frameworks hand over texts without names."""

from __future__ import annotations

_LENGTH = 60


def text_names(texts: list[str]) -> list[str]:
    """Each text's first words; what is not a text is called by its place."""
    return [
        _excerpt(text) if isinstance(text, str) else f"text {place}"
        for place, text in enumerate(texts)
    ]


def _excerpt(text: str) -> str:
    words = " ".join(text[: 4 * _LENGTH].split())
    return f'"{words}"' if len(words) <= _LENGTH else f'"{words[:_LENGTH]}..."'
