"""What writing to a store imports, and reads once in a process: to be there before a fork."""

from __future__ import annotations

import bm25s.stopwords  # noqa: F401
import llama_index.core.vector_stores.utils  # noqa: F401
import qdrant_client  # noqa: F401
import qdrant_edge  # noqa: F401

import tests.stores  # noqa: F401
from longembed_rag.words.detecting import detect_language

detect_language("The tenant signs the lease of the house, and keeps the other copy of it.")
