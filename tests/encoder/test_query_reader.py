"""Queries read in numpy: the vectors that the encoder makes, or its work."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag import LongEncoder
from longembed_rag.encoder import plain_files, query_reader
from longembed_rag.encoder.folder import find_folder
from longembed_rag.encoder.plain_model import erf
from longembed_rag.encoder.query_reader import QueryReader
from longembed_rag.encoder.settings import EncoderSettings
from longembed_rag.encoder.sharing import SharedEncoder
from longembed_rag.encoder.tokens import Tokenizer
from longembed_rag.errors import ModelLoadError, SettingsError
from tests.families import BERT, FAMILIES
from tests.models import build_e5_rope, build_model, edit_json, open_encoder
from tests.tokenizers_of_tests import text_of

PLAIN = ("bert", "e5rope", "jina_embeddings_v3", "gte", "nomic_bert")
TOLERANCE = 2e-5  # random weights are wide: rounding errors grow in them as in no trained model

Build = Callable[..., Path]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """``build("gte", ...)``: a tiny model of a plain family with the tokenizer of a BERT."""

    def make(family: str, **changes: Any) -> Path:
        from transformers import BertTokenizer

        folder = tmp_path_factory.mktemp(family) / "model"
        if family == "e5rope":
            build_e5_rope(folder)
        else:
            with pytest.MonkeyPatch.context() as patch:
                spec = replace(FAMILIES[family], tokenizer="wordpiece", special=BERT)
                patch.setitem(FAMILIES, family, spec)
                build_model(family, folder, calm=True, **changes)
        vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
        BertTokenizer(vocab=vocabulary).save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="module")
def bert(build: Build) -> Path:
    return build("bert")


def reader_of(folder: Path | None, **options: Any) -> QueryReader:
    given = None if folder is None else str(folder)
    reader = QueryReader.from_settings(EncoderSettings(model=given, **options))
    assert reader is not None
    return reader


def assert_same(reader: QueryReader, encoder: LongEncoder, texts: list[str]) -> None:
    expected, found = encoder.encode_queries(texts), reader.encode_queries(texts)
    assert found is not None
    assert found.coverage == expected.coverage
    assert np.abs(found.embeddings - expected.embeddings).max() < TOLERANCE
    for ours, theirs in zip(found.tokens, expected.tokens, strict=True):
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < TOLERANCE
    assert found.embeddings.dtype == found.tokens[0].dtype == np.float32


@pytest.mark.parametrize("family", PLAIN)
def test_every_plain_family_is_read_as_by_the_encoder(build: Build, family: str) -> None:
    """At every length up to the window, alone and beside others; with the same fingerprint."""
    folder = build(family)
    reader, encoder = reader_of(folder), open_encoder(folder)
    assert reader.fingerprint == encoder.fingerprint
    described = encoder.describe()
    assert reader.describe() == {name: described[name] for name in reader.describe()}
    lengths = [1, 2, 3, 7, 12, 20, 29, 30]
    assert_same(reader, encoder, [text_of(length, length) for length in lengths])
    for length in lengths[::3]:
        assert_same(reader, encoder, [text_of(length, length)])


@pytest.mark.parametrize(
    "options",
    [
        {"pooling": "cls"},
        {"pooling": "last_token"},
        {"normalize": False, "truncate_dim": 12},
        {"query_prompt": "query: "},
        {"method": "pcw", "query_prompt": "query: "},
    ],
    ids=str,
)
def test_settings_count_as_for_the_encoder(bert: Path, options: dict[str, Any]) -> None:
    """Pooling, prompts, what vectors are cut to; longer texts, too, where windows are plain."""
    reader, encoder = reader_of(bert, **options), open_encoder(bert, **options)
    assert reader.fingerprint == encoder.fingerprint
    longer = [text_of(80, 3)] if options.get("method") == "pcw" else []
    assert_same(reader, encoder, [text_of(4), text_of(17), *longer])


def test_tokens_weigh_what_they_weigh(bert: Path, tmp_path: Path) -> None:
    """SIF pooling, by the folder's own table."""
    vocabulary = json.loads((bert / "tokenizer.json").read_text())["model"]["vocab"]
    folder = tmp_path / "model"
    folder.mkdir()
    for file in bert.iterdir():
        (folder / file.name).symlink_to(file)
    numbers = [each + 1 for each in range(len(vocabulary))]
    (folder / "token_frequencies.json").write_text(json.dumps(numbers))
    options: dict[str, Any] = {"pooling": "sif", "method": "pcw"}
    assert_same(
        reader_of(folder, **options), open_encoder(folder, **options), [text_of(9), text_of(70)]
    )


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_weights_of_other_precisions(bert: Path, tmp_path: Path, dtype: str) -> None:
    """They are float32 once they are read, as they are for an encoder in float32."""
    import torch
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "model"
    folder.mkdir()
    for file in bert.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = load_file(folder / "model.safetensors")
    stored = {name: each.to(getattr(torch, dtype)) for name, each in weights.items()}
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    assert_same(reader_of(folder), open_encoder(folder), [text_of(5), text_of(11)])


def test_the_models_that_come_along() -> None:
    """Whatever people type: other scripts, marks, special tokens, nothing that is known."""
    texts = [
        "who signed the lease?",
        "[CLS] [MASK] [SEP]",
        "naïve Ærøskøbing ﬁnal 契約書 \u0000\u200b ",
        "a\ud800b",
        "x" * 150,
    ]
    for model in (None, "all-MiniLM-L6-v2"):
        reader = QueryReader.from_settings(EncoderSettings(model=model))
        assert reader is not None
        encoder = LongEncoder.from_pretrained(model, device="cpu", dtype="float32")
        assert reader.fingerprint == encoder.fingerprint
        expected, found = encoder.encode_queries(texts), reader.encode_queries(texts)
        assert found is not None
        assert np.abs(found.embeddings - expected.embeddings).max() < 1e-6
        for ours, theirs in zip(found.tokens, expected.tokens, strict=True):
            assert np.abs(ours - theirs).max() < 2e-6


@given(st.text(max_size=60))
def test_texts_have_the_tokens_that_transformers_gives_them(text: str) -> None:
    """The tokenizer that is read here is the one that transformers makes."""
    ours, theirs = _tokenizers()
    for one, other in zip(ours([f"a{text}"]), theirs([f"a{text}"]), strict=True):
        assert one.content.tolist() == other.content.tolist()
        assert one.spans.tolist() == other.spans.tolist()
        assert (one.head.tolist(), one.tail.tolist()) == (other.head.tolist(), other.tail.tolist())
        assert one.unknown == other.unknown


_MADE: list[tuple[Tokenizer, Tokenizer]] = []


def _tokenizers() -> tuple[Tokenizer, Tokenizer]:
    if not _MADE:
        folder = find_folder(None)
        vocabulary = plain_files.plain_vocabulary(folder)
        assert vocabulary is not None
        _MADE.append((Tokenizer(folder, vocabulary=vocabulary), Tokenizer(folder)))
    return _MADE[0]


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("config.json", {"model_type": "roberta"}),
        ("config.json", {"hidden_act": "gelu_new"}),
        ("config.json", {"is_decoder": True}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("config.json", {"something_new": 1}),
        ("config.json", {"layer_norm_eps": None}),
        ("tokenizer_config.json", {"do_lower_case": False}),
        ("tokenizer_config.json", {"strip_accents": False}),
        ("tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"}),
        ("tokenizer_config.json", {"mask_token": "<mask>"}),
        ("tokenizer_config.json", {"extra_special_tokens": ["<x>"]}),
        ("tokenizer.json", {"normalizer": None}),
        ("tokenizer.json", {"added_tokens": []}),
        ("special_tokens_map.json", {"additional_special_tokens": ["<x>"]}),
        ("added_tokens.json", {"<x>": 3}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_unfamiliar_is_left_to_the_encoder(
    bert: Path, tmp_path: Path, file: str, changes: dict[str, Any]
) -> None:
    """A key or value that this does not know could mean anything."""
    folder = tmp_path / "model"
    folder.mkdir()
    for each in bert.iterdir():
        (folder / each.name).write_bytes(each.read_bytes())
    path = folder / file
    if not path.exists():
        path.write_text("{}")
    edit_json(path, lambda values: values | changes)
    assert QueryReader.from_settings(EncoderSettings(model=str(folder))) is None


@pytest.mark.parametrize(
    "options",
    [{"dtype": "bfloat16"}, {"device": "cuda"}, {"trust_remote_code": True}],
    ids=str,
)
def test_what_was_asked_for_is_done_by_the_encoder(bert: Path, options: dict[str, Any]) -> None:
    """Another precision or device than numpy's."""
    assert QueryReader.from_settings(EncoderSettings(model=str(bert), **options)) is None


def test_texts_that_are_extended_are_left_to_the_encoder(
    bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So are many at once, which torch reads faster than it takes to load it."""
    reader = reader_of(bert, method="gp", max_length=64)
    assert reader.encode_queries([text_of(30)]) is not None
    assert reader.encode_queries([text_of(30), text_of(31)]) is None
    monkeypatch.setattr(query_reader, "MOST_TOKENS", 40)
    assert reader.encode_queries([text_of(10)] * 3) is not None
    assert reader.encode_queries([text_of(10)] * 4) is None


def test_many_are_read_in_parts(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read with them changes no vector."""
    reader = reader_of(bert)
    texts = [text_of(length, length) for length in (3, 20, 1, 11, 8, 30, 2)]
    whole = reader.encode_queries(texts)
    monkeypatch.setattr(query_reader, "_TOKENS_AT_ONCE", 16)
    parts = reader.encode_queries(texts)
    assert whole is not None
    assert parts is not None
    assert np.abs(whole.embeddings - parts.embeddings).max() < 1e-6


def test_faults_are_told_as_by_the_encoder(bert: Path, tmp_path: Path) -> None:
    """Damaged weights by name, settings that do not fit, weights that are not there."""
    from safetensors.numpy import load_file, save_file

    with pytest.raises(SettingsError, match="truncate_dim=64 is more than the 32"):
        reader_of(bert, truncate_dim=64)
    folder = tmp_path / "model"
    folder.mkdir()
    for each in bert.iterdir():
        (folder / each.name).write_bytes(each.read_bytes())
    weights = load_file(folder / "model.safetensors")
    name = "encoder.layer.1.output.dense.weight"
    damaged = weights | {name: np.full_like(weights[name], np.nan)}
    save_file(damaged, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelLoadError, match=rf"NaN or infinite numbers \({name}\)"):
        reader_of(folder)
    del weights[name]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelLoadError, match="do not belong to its config"):
        reader_of(folder)


@given(st.floats(-40, 40, width=32))
def test_erf_is_exact_enough(x: float) -> None:
    """To a hundredth of a unit of float32."""
    assert erf(np.array([x], dtype=np.float32))[0] == pytest.approx(math.erf(x), abs=1e-9)


def test_who_was_there_first_reads(bert: Path) -> None:
    """The reader stays when the model is loaded, and a model that is there needs no reader."""
    settings = EncoderSettings(model=str(bert), device="cpu", dtype="float32")
    shared = SharedEncoder(settings)
    (first,) = shared.encode([text_of(6)], "query")
    reader = shared.query_reader
    assert reader is not None
    assert not shared.is_loaded
    shared.encode([text_of(6)], "document")
    assert shared.is_loaded
    assert shared.query_reader is reader
    loaded = SharedEncoder(settings, shared.encoder)
    assert loaded.query_reader is None
    assert loaded.encode([text_of(6)], "query")[0] == pytest.approx(first, abs=TOLERANCE)


def test_a_query_does_not_wait_for_the_encoder(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read while the encoder is being loaded on another thread."""
    shared = SharedEncoder(EncoderSettings(model=str(bert), device="cpu", dtype="float32"))
    is_loading, may_end = threading.Event(), threading.Event()

    def load(settings: EncoderSettings) -> None:
        is_loading.set()
        assert may_end.wait(30)

    monkeypatch.setattr("longembed_rag.encoder.sharing._load", load)
    thread = threading.Thread(target=lambda: shared.encoder)
    thread.start()
    assert is_loading.wait(30)
    assert len(shared.encode([text_of(6)], "query")) == 1
    may_end.set()
    thread.join()


def test_it_loads_no_framework() -> None:
    """Neither torch nor transformers, in a process of its own."""
    code = (
        "import sys\n"
        "from longembed_rag.encoder.query_reader import QueryReader\n"
        "from longembed_rag.encoder.settings import EncoderSettings\n"
        "QueryReader.from_settings(EncoderSettings()).encode_queries(['who signed it?'])\n"
        "print([name for name in ('torch', 'transformers', 'scipy') if name in sys.modules])\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
