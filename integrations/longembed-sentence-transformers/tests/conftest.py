"""One extended folder, one model and one encoder for all tests; nothing asks the hub."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from long_texts import SMALL

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from longembed_rag import LongEncoder

# Read when the packages are imported, so none of them is imported above.
_CACHE = tempfile.TemporaryDirectory()
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["MTEB_CACHE"] = _CACHE.name
os.environ["TOKENIZERS_PARALLELISM"] = "false"


@pytest.fixture(scope="session")
def encoder() -> LongEncoder:
    from longembed_rag import LongEncoder

    return LongEncoder.from_pretrained(**SMALL)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from longembed_sentence_transformers import extend

    place = tmp_path_factory.mktemp("models") / "extended"
    extend(None, place, **SMALL)
    return place


@pytest.fixture(scope="session")
def model(folder: Path) -> SentenceTransformer:
    """One for all tests that leave it as it is."""
    from longembed_sentence_transformers import load

    return load(folder, dtype="float32")


@pytest.fixture
def own_model(folder: Path) -> SentenceTransformer:
    """One for a test that changes it."""
    from longembed_sentence_transformers import load

    return load(folder, dtype="float32")
