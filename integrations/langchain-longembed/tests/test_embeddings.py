"""LongEmbeddings: settings at once, a model when it is needed, shared and never pickled."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from conftest import LONG_TEXT, Frees

from langchain_longembed import LongEmbeddings
from longembed_rag import EncoderSettings, Library, LongEncoder
from longembed_rag.errors import SettingsError, TextTooLongError


def test_fields_are_the_settings_of_the_encoder() -> None:
    """Every setting is a field with the encoder's own default, and there is no other."""
    assert LongEmbeddings().model_dump() == EncoderSettings().to_dict()
    assert list(LongEmbeddings.model_fields) == list(EncoderSettings().to_dict())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"modle": "x"}, "unknown setting modle; known are: .*model"),
        ({"method": "magic"}, "method='magic' is not one of"),
        ({"max_length": 0}, "max_length=0 must be greater"),
        ({"max_length": "long"}, "max_length='long'"),
    ],
)
def test_wrong_settings_fail_at_once(settings: dict[str, Any], message: str) -> None:
    """What is unknown or out of range is refused when embeddings are made, in words."""
    with pytest.raises(SettingsError, match=message):
        LongEmbeddings(**settings)
    with pytest.raises(ValueError, match=message):  # pydantic's own error, with ours in it
        LongEmbeddings.model_validate(settings)
    with pytest.raises(SettingsError, match=message):
        LongEmbeddings().model_copy(update=settings)


def test_settings_cannot_change_under_a_model() -> None:
    """Fields are frozen; a copy with others has those."""
    embeddings = LongEmbeddings()
    with pytest.raises(ValueError, match="frozen"):
        embeddings.method = "pcw"
    assert embeddings.model_copy(update={"method": "pcw"}).settings.method == "pcw"


def test_vectors_are_the_encoders(encoder: LongEncoder) -> None:
    """Documents and queries get the vectors that the encoder gives them, as plain floats."""
    embeddings, texts = LongEmbeddings.from_encoder(encoder), ["Apples are ripe.", "A ship."]
    assert embeddings.embed_documents(texts) == encoder.encode(texts).embeddings.tolist()
    expected = encoder.encode(["ships"], kind="query").embeddings[0].tolist()
    assert embeddings.embed_query("ships") == expected
    assert embeddings.embed_documents([]) == []


def test_a_text_that_cannot_be_embedded_is_named(strict: LongEmbeddings) -> None:
    """Texts have no names in LangChain: messages quote their first words."""
    with pytest.raises(TextTooLongError, match=r'^"The lease of the house .*\.\.\."'):
        strict.embed_documents(["Apples.", LONG_TEXT])


def test_equal_settings_share_one_model(tmp_path: Path, encoder: LongEncoder) -> None:
    """Embeddings and a library with equal settings read with the same encoder object."""
    assert LongEmbeddings().encoder is encoder
    assert LongEmbeddings().model_copy().encoder is encoder
    assert copy.deepcopy(LongEmbeddings()).encoder is encoder
    with Library.open(tmp_path / "store") as library:
        assert library.encoder is encoder
        assert LongEmbeddings.from_library(library).encoder is encoder


def test_a_pickle_carries_settings_only(library: Library, encoder: LongEncoder) -> None:
    """Neither weights nor an open library go into a pickle, and what comes out works."""
    loaded = LongEmbeddings()
    expected = loaded.embed_query("ships")
    of_library = LongEmbeddings.from_library(library)
    for each in (loaded, of_library, LongEmbeddings.from_encoder(encoder)):
        pickled = pickle.dumps(each)
        assert len(pickled) < 5000
        back = pickle.loads(pickled)
        assert back.settings == each.settings
        assert back.embed_query("ships") == expected


async def test_async_twins_do_not_block_the_loop(
    encoder: LongEncoder, leaves_the_loop_free: Frees
) -> None:
    """While texts are embedded on another thread, the loop runs on."""
    embeddings = LongEmbeddings.from_encoder(encoder)
    query = await leaves_the_loop_free(encoder, "encode", embeddings.aembed_query("ships"))
    assert query == embeddings.embed_query("ships")
    documents = await leaves_the_loop_free(
        encoder, "encode", embeddings.aembed_documents(["ships"])
    )
    assert documents == embeddings.embed_documents(["ships"])
