"""Settings that a collection hands on: the same encoder again, made from its record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from longembed_rag.encoder.settings import RUNTIME_SETTINGS, EncoderSettings
from longembed_rag.errors import CollectionMismatchError, SettingsError
from longembed_rag.store.inheritance import build_settings
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.record import read_record, require_match, write_record
from longembed_rag.store.values import CollectionRecord


def record(
    *, settings: dict[str, Any], description: dict[str, Any], model_folder: bool = False
) -> CollectionRecord:
    return CollectionRecord(
        fingerprint="f",
        dimension=3,
        description=description,
        settings=settings,
        options=IndexOptions(),
        version="0",
        model_folder=model_folder,
    )


def test_settings_of_a_collection_fill_what_was_not_given() -> None:
    """The user's values stand, the collection's fill the rest, in that order."""
    stored = record(settings={"method": "gp", "max_length": 4096, "revision": "v2"}, description={})
    settings = build_settings({"max_length": 8192}, record=stored)
    assert (settings.method, settings.max_length, settings.revision) == ("gp", 8192, "v2")


def test_what_auto_was_is_kept() -> None:
    """A collection made with auto goes on with what auto picked then, whatever it picks now."""
    description = {"model": "m", "method": "rp", "pooling": "cls", "family": "bert"}
    stored = record(
        settings={"model": "/m", "method": "auto", "pooling": None}, description=description
    )
    settings = build_settings({}, record=stored)
    assert (settings.model, settings.method, settings.pooling) == ("/m", "rp", "cls")


def test_rescale_factors_go_on_without_their_file(tmp_path: Path) -> None:
    """The collection holds what stood in it; nothing says where it lay."""
    file = tmp_path / "factors.json"
    stated = {"long_factor": [1, 2], "original_max_position_embeddings": 8, "factor": 4}
    file.write_text(json.dumps(stated))
    given = EncoderSettings(model="m", method="longrope", rope_factors=str(file))
    file.unlink()
    stored = record(settings=given.to_dict(), description={"model": "m", **given.of_vectors()})
    assert build_settings({}, record=stored) == given
    assert str(tmp_path) not in repr(stored)


def test_settings_of_newer_versions_are_left_aside() -> None:
    """A setting that this version does not know leaves the fingerprint to speak."""
    stored = record(settings={"sharpness": 3, "method": "gp"}, description={"flavour": "x"})
    assert build_settings({}, record=stored).method == "gp"


def test_another_model_does_not_get_the_settings_of_the_collections_model() -> None:
    """They may not even fit it; the collection will refuse the model itself."""
    stored = record(settings={"model": "a", "method": "rp"}, description={"model": "a"})
    assert build_settings({"model": "b"}, record=stored) == EncoderSettings(model="b")
    assert build_settings({"model": "a"}, record=stored).method == "rp"


def test_how_to_run_a_model_is_never_taken_from_a_collection() -> None:
    """A collection cannot switch on remote code or a device on somebody else's machine."""
    values = {"device": "cuda:7", "dtype": "float16", "batch_tokens": 1, "trust_remote_code": True}
    assert set(values) == RUNTIME_SETTINGS
    stored = record(settings=values, description=values)
    assert build_settings({}, record=stored) == EncoderSettings()


def test_model_folder_is_kept_by_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collection made with a relative model folder can be searched from anywhere."""
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    assert build_settings({"model": "model"}).model == str(Path("model").resolve())
    assert build_settings({"model": "intfloat/e5-base-v2"}).model == "intfloat/e5-base-v2"


def test_value_out_of_range_is_refused_by_the_encoder_itself() -> None:
    """Ranges are checked in one place, by EncoderSettings."""
    with pytest.raises(SettingsError, match="max_length=0 must be greater than zero"):
        build_settings({"max_length": 0})


@pytest.fixture
def remote(tmp_path: Path) -> CollectionRecord:
    """The record on a server of a collection that a model from a folder has made."""
    folder = str(tmp_path / "elsewhere" / "my-model")
    metadata = write_record(
        fingerprint="f",
        dimension=3,
        description={"model": folder, "model_path": folder, "model_hash": "h", "method": "gp"},
        settings={"model": folder, "max_length": 4096},
        options=IndexOptions(),
        embedded=False,
    )
    assert str(tmp_path) not in str(metadata)
    stored = read_record(metadata)
    assert stored is not None
    return stored


def test_a_model_that_only_its_name_is_known_of_has_to_be_named(
    remote: CollectionRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server tells no paths; a folder of that name here, or one that is named, gets the rest."""
    monkeypatch.chdir(tmp_path)
    assert (remote.description["model"], remote.description["model_hash"]) == ("my-model", "h")
    with pytest.raises(SettingsError, match=r"folder called 'my-model'.*--model FOLDER"):
        build_settings({}, record=remote)
    named = tmp_path / "models" / "my-model"
    named.mkdir(parents=True)
    settings = build_settings({"model": str(named)}, record=remote)
    assert (settings.model, settings.method, settings.max_length) == (str(named), "gp", 4096)
    (tmp_path / "my-model").mkdir()
    assert build_settings({}, record=remote).model == str(tmp_path / "my-model")
    assert build_settings({"model": "other"}, record=remote) == EncoderSettings(model="other")


def test_a_path_is_no_difference_to_the_name_of_its_folder(
    remote: CollectionRecord, tmp_path: Path
) -> None:
    """What is told where settings differ is what differs."""
    described = {"model": str(tmp_path / "my-model"), "method": "rp"}
    with pytest.raises(CollectionMismatchError) as caught:
        require_match(
            remote, fingerprint="g", description=described, collection="c", location="there"
        )
    assert "method is 'gp' in the collection and 'rp' now" in str(caught.value)
    assert "model is" not in str(caught.value)
