"""longembed-rag for sentence-transformers and mteb.

:func:`extend` turns a model folder into one by which ``SentenceTransformer`` reads long texts,
:func:`load` opens it. :class:`LongMtebEncoder` and :func:`folder_task` are for mteb, which is an
extra and is imported when one of them is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from longembed_sentence_transformers.folders import extend, load
from longembed_sentence_transformers.module import LongTransformer

if TYPE_CHECKING:
    from longembed_sentence_transformers.mteb_encoder import LongMtebEncoder
    from longembed_sentence_transformers.mteb_tasks import folder_task

__all__ = ["LongMtebEncoder", "LongTransformer", "extend", "folder_task", "load"]

_NEED_MTEB = {
    "LongMtebEncoder": "longembed_sentence_transformers.mteb_encoder",
    "folder_task": "longembed_sentence_transformers.mteb_tasks",
}


def __getattr__(name: str) -> Any:
    """Import what needs mteb on first use (PEP 562)."""
    home = _NEED_MTEB.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
