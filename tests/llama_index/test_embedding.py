"""LongEmbedding as LlamaIndex sees it: fields, sides, round trips, refusals."""

from __future__ import annotations

import copy
import pickle
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama_index.core import Settings
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.storage.kvstore import SimpleKVStore
from pydantic import ValidationError

from longembed_rag import LongEmbedding
from longembed_rag.encoder.settings import EncoderSettings
from longembed_rag.encoder.sharing import SharedEncoder
from longembed_rag.errors import LongEmbedError, SettingsError, TruncationWarning
from tests.llama_index.fake import FakeEncoder

FACTORS = '{"long_factor": [1, 2], "original_max_position_embeddings": 256, "factor": 4}'
CHANGED: dict[str, Any] = {
    "method": "self_extend",
    "max_length": 8192,
    "overflow": "truncate",
    "scaling": "static",
    "attention_scaling": "none",
    "group_size": 9,
    "neighbor_window": 100,
    "chunk_size": 300,
    "ntk_lambda": 3.5,
    "original_length": 256,
    "device": "cpu",
    "dtype": "float32",
    "batch_tokens": 4096,
    "query_prompt": "query: ",
    "document_prompt": "passage: ",
    "pooling": "cls",
    "normalize": False,
    "truncate_dim": 128,
    "revision": "v1",
    "trust_remote_code": True,
    "rope_theta": 20_000.0,
    "rope_factors": EncoderSettings(rope_factors=FACTORS).rope_factors,
    "resonance": True,
    "attention_temperature": 0.8,
}


def no_loading(settings: EncoderSettings) -> FakeEncoder:
    raise AssertionError("a model was loaded")


def test_every_setting_of_the_encoder_is_a_field_with_its_default() -> None:
    """The fields are the encoder's settings, and the defaults are its defaults."""
    assert LongEmbedding().settings == EncoderSettings()
    names = {field.name for field in fields(EncoderSettings)} - {"model"}
    assert names | {"model_name"} == set(LongEmbedding.model_fields) - (
        set(BaseEmbedding.model_fields) - {"model_name"}
    )
    assert set(CHANGED) == names


@pytest.mark.parametrize(("name", "value"), CHANGED.items())
def test_every_setting_reaches_the_encoder_and_to_dict(name: str, value: Any) -> None:
    """A setting is handed to the encoder, and caches that hash to_dict() notice it."""
    changed = LongEmbedding(**{name: value})
    assert getattr(changed.settings, name) == value != getattr(EncoderSettings(), name)
    assert changed.to_dict() != LongEmbedding().to_dict()
    assert changed.to_payload()[name] == value


@pytest.mark.parametrize("name", ["model", "model_name"])
def test_the_model_goes_by_either_name(name: str, tmp_path: Path) -> None:
    """LlamaIndex says model_name, this package says model; paths are fine too."""
    assert LongEmbedding(**{name: tmp_path}).settings.model == str(tmp_path)
    assert LongEmbedding(str(tmp_path)).model_name == str(tmp_path)


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_model_is_the_embedded_default(nothing: str | None) -> None:
    """None and the empty string both stand for the model that comes with the package."""
    assert LongEmbedding(model_name=nothing).settings.model is None
    assert LongEmbedding(nothing).to_dict() == LongEmbedding().to_dict()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_length": 0}, "max_length=0 must be greater than zero"),
        ({"max_length": "long"}, "max_length='long': Input should be a valid integer"),
        ({"method": "magic"}, "method='magic': Input should be 'auto', 'none', 'truncate'"),
        ({"max_lenght": 512}, "unknown setting max_lenght; known are: .*max_length"),
        ({"model": "a", "model_name": "b"}, "model='a' and model_name='b' differ"),
        ({"embed_batch_size": 0}, "embed_batch_size=0: Input should be greater than 0"),
    ],
)
def test_bad_settings_fail_at_construction(settings: dict[str, Any], message: str) -> None:
    """What is wrong is said at once, by one error of ours that is a ValueError too."""
    with pytest.raises(SettingsError, match=message) as raised:
        LongEmbedding(**settings)
    assert isinstance(raised.value, (LongEmbedError, ValueError))


def test_settings_cannot_change_under_a_loaded_model(embedding: LongEmbedding) -> None:
    """Assigning to a setting is refused; LlamaIndex's own fields stay assignable."""
    with pytest.raises(ValidationError, match="frozen"):
        embedding.max_length = 512
    embedding.embed_batch_size = 3
    assert embedding.embed_batch_size == 3


def test_a_changed_copy_does_not_use_the_old_model(
    embedding: LongEmbedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """model_copy(update=...) leads to an encoder with the updated settings."""
    monkeypatch.setattr("longembed_rag.encoder.sharing._load", FakeEncoder)
    changed = embedding.model_copy(update={"max_length": 512})
    assert changed.encoder.settings.max_length == 512
    assert changed.encoder is not embedding.encoder


def test_making_one_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Construction, serialisation and Settings are cheap: the model comes with the first text."""
    monkeypatch.setattr("longembed_rag.encoder.sharing._load", no_loading)
    Settings.embed_model = LongEmbedding()
    LongEmbedding.from_dict(Settings.embed_model.to_dict())
    with pytest.raises(AssertionError, match="a model was loaded"):
        Settings.embed_model.get_text_embedding("now")


def test_sides(embedding: LongEmbedding, fake_encoder: FakeEncoder) -> None:
    """Queries go in as queries and texts as documents, one call for a batch."""
    query = embedding.get_query_embedding("the whale")
    document = embedding.get_text_embedding("the whale")
    batch = embedding.get_text_embedding_batch(["the whale", "a sea"])
    assert [(kind, texts) for kind, texts, _ in fake_encoder.calls] == [
        ("query", ["the whale"]),
        ("document", ["the whale"]),
        ("document", ["the whale", "a sea"]),
    ]
    assert query != document
    assert document == batch[0]
    assert all(type(number) is float for number in query)


def test_no_texts(embedding: LongEmbedding, fake_encoder: FakeEncoder) -> None:
    """An empty batch is an empty answer and no call."""
    assert embedding.get_text_embedding_batch([]) == []
    assert embedding._get_text_embeddings([]) == []
    assert fake_encoder.calls == []


def test_a_batch_is_cut_only_at_embed_batch_size(fake_encoder: FakeEncoder) -> None:
    """The encoder gets as many texts at once as embed_batch_size says."""
    texts = [f"text {number}" for number in range(300)]
    LongEmbedding.from_encoder(fake_encoder).get_text_embedding_batch(texts)
    assert [len(texts) for _, texts, _ in fake_encoder.calls] == [256, 44]
    embedding = LongEmbedding.from_encoder(fake_encoder, embed_batch_size=150)
    embedding.get_text_embedding_batch(texts)
    assert [len(texts) for _, texts, _ in fake_encoder.calls[2:]] == [150, 150]


async def test_aggregated_queries(embedding: LongEmbedding) -> None:
    """Several queries become the mean of their vectors, on the query's side."""
    queries = ["the whale", "a sea"]
    mean = np.mean([embedding.get_query_embedding(query) for query in queries], axis=0)
    np.testing.assert_allclose(embedding.get_agg_embedding_from_queries(queries), mean)
    np.testing.assert_allclose(await embedding.aget_agg_embedding_from_queries(queries), mean)


def test_truncation_is_heard_and_names_the_text() -> None:
    """The encoder's warning comes through and quotes the text's first words."""
    encoder = FakeEncoder(EncoderSettings(model="fake", max_length=4, overflow="truncate"))
    embedding = LongEmbedding.from_encoder(encoder)
    with pytest.warns(TruncationWarning, match='"Call me Ishmael. Some years ago": 4 of 6'):
        embedding.get_text_embedding("Call me Ishmael.\nSome years ago")


async def test_truncation_is_heard_from_async_calls() -> None:
    """A warning in a worker thread is still a warning."""
    encoder = FakeEncoder(EncoderSettings(model="fake", max_length=4, overflow="truncate"))
    embedding = LongEmbedding.from_encoder(encoder)
    with pytest.warns(TruncationWarning, match="4 of 6"):
        await embedding.aget_text_embedding_batch(["Call me Ishmael. Some years ago"])


@pytest.mark.parametrize("settings", [{}, CHANGED, {"model": "some/model"}])
def test_round_trips(settings: dict[str, Any]) -> None:
    """Dictionaries, JSON, pickles and copies give an equal embedding."""
    embedding = LongEmbedding(**settings)
    for twin in (
        LongEmbedding.from_dict(embedding.to_dict()),
        LongEmbedding.from_json(embedding.to_json()),
        LongEmbedding(**embedding.model_dump()),
        LongEmbedding.model_validate(embedding.model_dump()),
        pickle.loads(pickle.dumps(embedding)),
        copy.copy(embedding),
        copy.deepcopy(embedding),
        embedding.model_copy(deep=True),
    ):
        assert twin.settings == embedding.settings
        assert twin.to_dict() == embedding.to_dict()


def test_copies_share_the_model_and_pickles_leave_it_out(
    embedding: LongEmbedding, fake_encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights are neither copied nor written; an unpickled embedding loads by its settings."""
    pickled: list[object] = []
    monkeypatch.setattr(
        FakeEncoder, "__getstate__", lambda encoder: pickled.append(encoder), raising=False
    )
    assert copy.copy(embedding).encoder is fake_encoder
    assert copy.deepcopy(embedding).encoder is fake_encoder
    unpickled = pickle.loads(pickle.dumps(embedding))
    assert pickled == []
    monkeypatch.setattr("longembed_rag.encoder.sharing._load", FakeEncoder)
    assert unpickled.settings == fake_encoder.settings
    assert unpickled.encoder is not fake_encoder
    assert unpickled.get_text_embedding("a sea") == embedding.get_text_embedding("a sea")


def test_equal_settings_share_one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two embeddings with the same settings load once; other settings load their own."""
    monkeypatch.setattr("longembed_rag.encoder.sharing._load", FakeEncoder)
    first, second = LongEmbedding("one"), LongEmbedding(model_name="one")
    other = LongEmbedding("one", max_length=512)
    assert first.encoder is second.encoder
    assert other.encoder is not first.encoder


def test_a_model_is_freed_with_its_last_embedding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sharing keeps nothing alive: after the last user a model is loaded anew."""
    loaded: list[EncoderSettings] = []

    def load(settings: EncoderSettings) -> FakeEncoder:
        loaded.append(settings)
        return FakeEncoder(settings)

    monkeypatch.setattr("longembed_rag.encoder.sharing._load", load)
    embedding = LongEmbedding("freed")
    embedding.get_text_embedding("a")
    LongEmbedding("freed").get_text_embedding("b")
    assert len(loaded) == 1
    del embedding
    LongEmbedding("freed").get_text_embedding("c")
    assert len(loaded) == 2


def test_an_encoder_that_is_handed_in_is_not_given_to_others(embedding: LongEmbedding) -> None:
    """Only models that were loaded from settings are found by settings."""
    assert SharedEncoder.of_settings(embedding.settings) is not embedding._share()


def test_an_encoder_loaded_by_path_is_used_as_it_is(tmp_path: Path) -> None:
    """A path in the encoder's settings does not make the embedding load another."""
    encoder = FakeEncoder(EncoderSettings(model=tmp_path))  # type: ignore[arg-type]
    assert LongEmbedding.from_encoder(encoder).encoder is encoder


def test_settings_of_an_encoder_that_is_handed_in_cannot_be_given_again(
    fake_encoder: FakeEncoder,
) -> None:
    """The encoder was loaded with its settings; others would be untrue."""
    with pytest.raises(SettingsError, match="max_length belongs to the encoder"):
        LongEmbedding.from_encoder(fake_encoder, max_length=512)


@pytest.mark.parametrize(
    "prompts",
    [
        {},
        {"query_prompt": "query: ", "document_prompt": "passage: "},
        {"query_prompt": ""},
        {"document_prompt": ""},
    ],
)
def test_a_cache_that_would_mix_queries_and_documents_is_refused(prompts: dict[str, str]) -> None:
    """LlamaIndex's cache knows no sides, so it is refused and the way out is named."""
    with pytest.raises(SettingsError, match=r"Cache documents with IngestionPipeline"):
        LongEmbedding(embeddings_cache=SimpleKVStore(), **prompts)


def test_a_cache_is_taken_when_both_prompts_are_given_and_equal() -> None:
    """Without a difference between the sides there is nothing to mix."""
    encoder = FakeEncoder(EncoderSettings(model="fake", query_prompt="", document_prompt=""))
    embedding = LongEmbedding.from_encoder(encoder, embeddings_cache=SimpleKVStore())
    first = embedding.get_text_embedding("the whale")
    assert embedding.get_text_embedding("the whale") == first
    assert len(encoder.calls) == 1
    with pytest.raises(ValidationError, match="frozen"):
        embedding.embeddings_cache = None


def test_a_cache_cannot_be_slipped_in_later(embedding: LongEmbedding) -> None:
    """Assigning the cache after construction is refused as well."""
    with pytest.raises(ValidationError, match="frozen"):
        embedding.embeddings_cache = SimpleKVStore()
