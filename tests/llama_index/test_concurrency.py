"""Many callers at once: the vectors of one caller, one model, a free event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from longembed_rag import LongEmbedding
from longembed_rag.encoder.settings import EncoderSettings
from tests.llama_index.fake import FakeEncoder

TEXTS = [f"text number {number} of many" for number in range(40)]


async def test_queries_and_documents_at_once(embedding: LongEmbedding) -> None:
    """Mixed concurrent calls give exactly the vectors of calls one after the other."""
    documents = [embedding.get_text_embedding(text) for text in TEXTS]
    queries = [embedding.get_query_embedding(text) for text in TEXTS]
    answers = await asyncio.gather(
        *(embedding.aget_text_embedding(text) for text in TEXTS),
        *(embedding.aget_query_embedding(text) for text in TEXTS),
        *(embedding.aget_text_embedding_batch(TEXTS) for _ in range(4)),
    )
    assert answers[:40] == documents
    assert answers[40:80] == queries
    assert answers[80:] == [documents] * 4


async def test_small_async_batches_at_once(fake_encoder: FakeEncoder) -> None:
    """A batch that LlamaIndex cuts up and gathers comes back in order."""
    embedding = LongEmbedding.from_encoder(fake_encoder, embed_batch_size=3, num_workers=4)
    expected = [embedding.get_text_embedding(text) for text in TEXTS]
    assert await embedding.aget_text_embedding_batch(TEXTS) == expected


async def test_the_event_loop_runs_on_while_a_text_is_embedded(
    embedding: LongEmbedding, fake_encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Embedding happens on another thread, so that other coroutines go on."""
    main, encode = threading.get_ident(), fake_encoder.encode
    inside, go_on = threading.Event(), threading.Event()
    threads: list[int] = []

    def slow(*args: object, **kwargs: object) -> object:
        threads.append(threading.get_ident())
        inside.set()
        assert go_on.wait(5)
        return encode(*args, **kwargs)

    monkeypatch.setattr(fake_encoder, "encode", slow)
    calls = (
        embedding.aget_query_embedding,
        embedding.aget_text_embedding,
        lambda text: embedding.aget_text_embedding_batch([text]),
    )
    for call in calls:
        inside.clear()
        go_on.clear()
        task = asyncio.ensure_future(call("slowly"))
        while not inside.is_set():
            await asyncio.sleep(0.001)
        go_on.set()
        await task
    assert main not in threads
    assert len(threads) == 3


def test_a_first_use_by_many_threads_loads_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that come while the model is loaded wait for it and do not load a second."""
    loaded: list[EncoderSettings] = []

    def load(settings: EncoderSettings) -> FakeEncoder:
        loaded.append(settings)
        time.sleep(0.05)
        return FakeEncoder(settings)

    monkeypatch.setattr("longembed_rag.encoder.sharing._load", load)
    embeddings = [LongEmbedding("loaded-once") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        encoders = list(pool.map(lambda embedding: embedding.encoder, embeddings))
    assert len(loaded) == 1
    assert len({id(encoder) for encoder in encoders}) == 1
