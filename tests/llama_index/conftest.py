"""What the tests of the LlamaIndex plugs share: a fake encoder, fresh Settings, embedded Qdrant."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from llama_index.core import Settings
from qdrant_client import QdrantClient

from longembed_rag import LongEmbedding
from tests.llama_index.fake import FakeEncoder


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """Give LlamaIndex's global Settings back as they were."""
    before = dict(vars(Settings))
    yield
    vars(Settings).clear()
    vars(Settings).update(before)


@pytest.fixture
def fake_encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def embedding(fake_encoder: FakeEncoder) -> LongEmbedding:
    return LongEmbedding.from_encoder(fake_encoder)


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    """An embedded Qdrant in memory."""
    with_nothing = QdrantClient(":memory:")
    yield with_nothing
    with_nothing.close()
