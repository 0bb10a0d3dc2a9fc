"""Texts and settings that the tests share."""

from __future__ import annotations

from typing import Any

#: Windows of 128 tokens keep the tests quick; the texts have about 10, 170, 450 and 5. Vectors are
#: compared to 1e-6, which wants float32.
SMALL: dict[str, Any] = {"dtype": "float32", "original_length": 128}
TEXTS = [
    "The lease was signed by the tenant.",
    "Apples and pears grow in the garden behind the house. " * 15,
    "The meeting began late, and nobody had read the minutes of the last one. " * 30,
    "Who signed?",
]
