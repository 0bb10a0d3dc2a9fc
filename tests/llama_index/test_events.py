"""What callbacks and instrumentation are told: one start and one end per call."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core import Settings
from llama_index.core.callbacks import CallbackManager
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.callbacks.schema import CBEventType, EventPayload
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.events.embedding import (
    EmbeddingEndEvent,
    EmbeddingStartEvent,
)

from longembed_rag import LongEmbedding
from longembed_rag.encoder.folder import DEFAULT_MODEL
from tests.llama_index.fake import FakeEncoder


class Recorder(BaseCallbackHandler):
    """Writes down every callback."""

    def __init__(self) -> None:
        super().__init__([], [])
        self.starts: list[tuple[CBEventType, dict[str, Any]]] = []
        self.ends: list[tuple[CBEventType, dict[str, Any]]] = []

    def on_event_start(self, event_type: CBEventType, payload: Any = None, **_: Any) -> str:
        self.starts.append((event_type, payload))
        return ""

    def on_event_end(self, event_type: CBEventType, payload: Any = None, **_: Any) -> None:
        self.ends.append((event_type, payload))

    def start_trace(self, trace_id: str | None = None) -> None: ...

    def end_trace(self, trace_id: str | None = None, trace_map: Any = None) -> None: ...


class EventRecorder(BaseEventHandler):
    """Writes down every instrumentation event."""

    events: list[BaseEvent] = []  # noqa: RUF012  pydantic copies the default

    @classmethod
    def class_name(cls) -> str:
        return "EventRecorder"

    def handle(self, event: BaseEvent, **_: Any) -> None:
        self.events.append(event)


@pytest.fixture
def callbacks() -> Recorder:
    return Recorder()


@pytest.fixture
def recorded(fake_encoder: FakeEncoder, callbacks: Recorder) -> LongEmbedding:
    manager = CallbackManager([callbacks])
    return LongEmbedding.from_encoder(fake_encoder, embed_batch_size=2, callback_manager=manager)


async def call(embedding: LongEmbedding, name: str, *args: Any) -> Any:
    result = getattr(embedding, name)(*args)
    return await result if name.startswith("a") else result


CALLS = [
    ("get_query_embedding", "a", [["a"]]),
    ("aget_query_embedding", "a", [["a"]]),
    ("get_text_embedding", "a", [["a"]]),
    ("aget_text_embedding", "a", [["a"]]),
    ("get_text_embedding_batch", ["a", "b", "c"], [["a", "b"], ["c"]]),
    ("aget_text_embedding_batch", ["a", "b", "c"], [["a", "b"], ["c"]]),
]


@pytest.mark.parametrize(("name", "argument", "chunks"), CALLS)
async def test_callbacks(
    recorded: LongEmbedding, callbacks: Recorder, name: str, argument: Any, chunks: list[list[str]]
) -> None:
    """Every batch starts and ends one EMBEDDING event that carries its texts and vectors."""
    answer = await call(recorded, name, argument)
    vectors = [answer] if isinstance(argument, str) else answer
    assert [kind for kind, _ in callbacks.starts] == [CBEventType.EMBEDDING] * len(chunks)
    assert [kind for kind, _ in callbacks.ends] == [CBEventType.EMBEDDING] * len(chunks)
    assert [payload[EventPayload.CHUNKS] for _, payload in callbacks.ends] == chunks
    ended = [vector for _, payload in callbacks.ends for vector in payload[EventPayload.EMBEDDINGS]]
    assert ended == vectors
    told = callbacks.starts[0][1][EventPayload.SERIALIZED]
    assert told["class_name"] == "LongEmbedding"
    assert told["model_name"] == "fake"
    assert told["max_length"] == 32768


@pytest.mark.parametrize(("name", "argument", "chunks"), CALLS)
async def test_instrumentation(
    recorded: LongEmbedding, name: str, argument: Any, chunks: list[list[str]]
) -> None:
    """Every batch emits one start and one end event with its texts and vectors."""
    handler, dispatcher = EventRecorder(), get_dispatcher()
    dispatcher.add_event_handler(handler)
    try:
        answer = await call(recorded, name, argument)
    finally:
        dispatcher.event_handlers.remove(handler)
    vectors = [answer] if isinstance(argument, str) else answer
    starts = [event for event in handler.events if isinstance(event, EmbeddingStartEvent)]
    ends = [event for event in handler.events if isinstance(event, EmbeddingEndEvent)]
    assert len(starts) == len(ends) == len(chunks)
    assert [event.chunks for event in ends] == chunks
    assert [vector for event in ends for vector in event.embeddings] == vectors
    assert starts[0].model_dict["class_name"] == "LongEmbedding"


def test_the_global_callback_manager_reaches_it(fake_encoder: FakeEncoder) -> None:
    """An embedding in Settings reports to the callbacks in Settings."""
    recorder = Recorder()
    Settings.callback_manager = CallbackManager([recorder])
    Settings.embed_model = LongEmbedding.from_encoder(fake_encoder)
    Settings.embed_model.get_text_embedding("a")
    assert len(recorder.starts) == len(recorder.ends) == 1


def test_the_default_model_has_a_name_in_payloads() -> None:
    """Observers are told which model the empty name stands for."""
    assert LongEmbedding().to_payload()["model_name"] == DEFAULT_MODEL
