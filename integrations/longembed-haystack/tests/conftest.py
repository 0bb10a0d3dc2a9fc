"""What all tests share: the default model, loaded once, and stores in folders of their own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

import pytest

from haystack_integrations.document_stores.longembed import LongDocumentStore
from longembed_rag import LongEmbedding, PassageEncoding

# Scratch folders lie in memory where there is room: a store waits for its disk at every write.
_MEMORY, _ROOM = Path("/dev/shm"), 1024**3
if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM:
    os.environ.setdefault("TMPDIR", str(_MEMORY))
    tempfile.tempdir = None  # asked for anew


@pytest.fixture(scope="session", autouse=True)
def model() -> LongEmbedding:
    """The default model; whoever has its settings shares it for as long as this lives.

    Haystack's tests write the same few texts again and again; each is read once.
    """
    embedding = LongEmbedding()
    encoder = embedding.encoder
    read = encoder.encode_passages

    known: dict[Any, PassageEncoding] = {}

    def encode_passages(text: str, *, passage_tokens: int = 256, **given: Any) -> PassageEncoding:
        tokens, centre = given.get("tokens"), given.get("token_centre")
        key = text, passage_tokens, tokens, None if centre is None else centre.tobytes()
        if key not in known:
            known[key] = read(
                text, passage_tokens=passage_tokens, tokens=tokens, token_centre=centre
            )
        return known[key]

    encoder.encode_passages = encode_passages  # type: ignore[method-assign, assignment]
    return embedding


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LongDocumentStore]:
    """An empty store in a folder of its own."""
    made = LongDocumentStore(tmp_path / "store")
    yield made
    made.close()
