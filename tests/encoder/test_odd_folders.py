"""A model's folder that is damaged or odd is read, or refused in one sentence that names a file."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from longembed_rag import LongEncoder, Planner
from longembed_rag.errors import InputError, ModelLoadError
from tests.late_models import colbert_folder, native_folder, pylate_folder
from tests.models import TinyModels, open_encoder
from tests.odd_folders import CONTENTS, VALUES, changed, full_folder, keys_of, linked, outcome, put

#: Enough to meet every type, and every size that cannot be.
_FEW = (None, "x", -1, 0, 1_000_000_000, 1.5, [], {})
_JSON = (
    "config.json",
    "modules.json",
    "1_Pooling/config.json",
    "2_Dense/config.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
    "tokenizer_config.json",
)
#: What no model depends on.
_UNREAD = ("idx", "name", "transformers_version", "default_prompt_name")
_FILES = (*_JSON, "tokenizer.json", "model.safetensors", "2_Dense/model.safetensors")


@pytest.fixture(scope="module")
def whole(tiny_models: TinyModels) -> Path:
    """A folder with every file that is read."""
    return full_folder(tiny_models)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return linked(whole, tmp_path / "model")


@pytest.fixture
def retry(tmp_path: Path) -> Callable[[Path], Path]:
    """Copies of a folder, one after the other in one place."""
    place = tmp_path / "copy"

    def copied(folder: Path) -> Path:
        shutil.rmtree(place, ignore_errors=True)
        return linked(folder, place)

    return copied


def tell(folder: Path) -> str:
    """The outcome, which names the folder where it is a refusal."""
    told = outcome(folder)
    assert told == "read" or (str(folder) in told and "\n" not in told), told
    return told


def try_values(
    folder: Path, file: str, values: tuple[Any, ...], retry: Any, *, turns: int = 1
) -> int:
    """Put each value in the place of each of a file's; says how often that was refused.

    With several turns each place gets a share of the values: the first place the first share, the
    next the next, and so on.
    """
    stated = json.loads((folder / file).read_text(encoding="utf-8"))
    refused = 0
    places = [
        place
        for place in keys_of(stated)
        if not ({"vocab", "merges"} & {*place[:-1]} or place[-1] in _UNREAD)
    ]
    for number, place in enumerate(places):
        for value in values[number % turns :: turns]:
            copy = retry(folder)
            put(copy / file, json.dumps(changed(stated, place, value)).encode())
            refused += tell(copy) != "read"
    return refused


@pytest.mark.parametrize("file", _JSON)
def test_every_value_of_every_file(file: str, whole: Path, retry: Any) -> None:
    """Whatever stands at any key, the folder gives finite vectors or is refused by name."""
    assert try_values(whole, file, _FEW, retry, turns=2) > 0


@pytest.mark.slow
@pytest.mark.parametrize("file", [*_JSON, "tokenizer.json"])
@pytest.mark.parametrize(
    "family", ["bert", "xlm-roberta", "mpnet", "modernbert", "jina_embeddings_v3", "qwen3"]
)
def test_every_value_of_every_family(
    family: str, file: str, tiny_models: TinyModels, tmp_path: Path, retry: Any
) -> None:
    """The same for the families, with every value that JSON has, and for the tokenizer's file."""
    made = linked(full_folder(tiny_models, family), tmp_path / "whole")
    assert try_values(made, file, VALUES, retry) > 0


@pytest.mark.parametrize(
    ("content", "file"),
    [
        # Each file with every other content, and each content in every other file.
        pytest.param(content, file, marks=() if (place + number) % 2 == 0 else pytest.mark.slow)
        for place, content in enumerate(CONTENTS)
        for number, file in enumerate(_FILES)
    ],
)
def test_a_file_of_another_shape(file: str, content: str, folder: Path) -> None:
    """A file that holds something else is told, or holds nothing that matters."""
    put(folder / file, CONTENTS[content])
    told = tell(folder)
    harmless = content == "object" and ("config" in file or "Pooling" in file)
    assert told != "read" or harmless


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "device", "nowhere"])
@pytest.mark.parametrize("file", _FILES)
def test_a_file_that_is_none(file: str, kind: str, folder: Path) -> None:
    """A file that is gone, or in whose place stands what is no file, is told at once."""
    path = folder / file
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind in ("device", "nowhere"):
        path.symlink_to("/dev/zero" if kind == "device" else folder / "gone")
    told = tell(folder)
    silent = file in ("config_sentence_transformers.json", "sentence_bert_config.json")
    silent = silent or file in ("modules.json", "tokenizer_config.json")
    assert (told == "read") == (kind == "missing" and silent), told
    assert kind == "missing" or path.name in told


@pytest.mark.parametrize("length", [0, 4, 8, 100, 5_000, -1])
def test_cut_weights(length: int, folder: Path) -> None:
    """Weights that end too early are told with their file."""
    path = folder / "model.safetensors"
    put(path, path.read_bytes()[:length])
    assert "model.safetensors" in tell(folder)


def with_weights(folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """A folder whose tensors went through a function."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    change(tensors)
    path.unlink()
    save_file(tensors, path, metadata={"format": "pt"})
    return folder


WORDS = "embeddings.word_embeddings.weight"
LAST = "encoder.layer.2.output.dense.weight"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w[WORDS][3].fill_(float("nan")), f"NaN.*{WORDS}"),
        (lambda w: w[LAST].fill_(float("inf")), f"infinite.*{LAST}"),
        (lambda w: [each.zero_() for each in w.values()], "nothing but zeros"),
        (lambda w: w.pop(LAST), f"missing, {LAST}"),
        (lambda w: w.update({LAST: w[LAST].T.contiguous()}), "cannot be loaded"),
        (lambda w: w.update({WORDS: w[WORDS][:50].clone()}), "vocab_size is 158"),
        (lambda w: w.update({WORDS: w[WORDS].to(int)}), f"type I64.*{WORDS}"),
        (lambda w: [w.pop(name) for name in list(w) if ".2." in name], "num_hidden_layers is 3"),
        (lambda w: w.update({"encoder.layer.7.x.weight": w[LAST].clone()}), "the 8 layers"),
    ],
)
def test_weights_that_are_wrong(change: Any, words: str, folder: Path) -> None:
    """Tensors that are missing, too many, of another shape, or no numbers are told by name."""
    assert re.search(words, told := tell(with_weights(folder, change))), told


def test_missing_shards_are_named(folder: Path) -> None:
    """An index that names files which are not there is told with both."""
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": shards}))
    assert "index.json names model-00002-of-00002.safetensors" in tell(folder)
    index.write_text(json.dumps({"weight_map": {"a": "../model.safetensors"}}))
    assert "index.json names" in tell(folder)
    index.write_text('{"weight_map": 3}')
    assert "weight_map is 3" in tell(folder)


def test_a_tokenizer_of_another_model(folder: Path) -> None:
    """Tokens beyond the model's table are told before any text is read; dry runs say so, too."""
    file = folder / "tokenizer.json"
    values = json.loads(file.read_text(encoding="utf-8"))
    values["model"]["vocab"]["beyond"] = 70_000
    put(file, json.dumps(values).encode())
    assert "70,000" in tell(folder)
    with pytest.raises(ModelLoadError, match=r"another model's.*tokenizer files"):
        Planner.from_pretrained(folder)


def test_a_token_that_the_model_has_no_vector_for(folder: Path) -> None:
    """A text that spells out an added token beyond the table is refused by name."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<image>"])
    for path in folder.glob("token*"):
        path.unlink()
    tokenizer.save_pretrained(folder)
    encoder = open_encoder(folder)
    with pytest.raises(InputError, match=r"photo\.txt holds '<image>'"):
        encoder.encode(["a note <image>"], names=["photo.txt"])


def test_vectors_that_are_no_numbers_are_refused(folder: Path) -> None:
    """A model that makes NaN of a text says which text, in every way of reading it."""
    encoder: LongEncoder = open_encoder(folder)
    with_nan = encoder.model.embeddings.word_embeddings.weight
    with_nan.data[:] = float("nan")
    for read in (encoder.encode, encoder.encode_queries):
        with pytest.raises(InputError, match=r"a\.txt.*NaN"):
            read(["one note"], names=["a.txt"])
    with pytest.raises(InputError, match=r"a\.txt.*NaN"):
        encoder.encode_passages("one note", name="a.txt")


@pytest.mark.parametrize(
    ("file", "changes", "words"),
    [
        ("1_Pooling/config.json", {"word_embedding_dimension": 33}, "33.*hidden_size .* 32"),
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False}, "every pooling_mode is off"),
        ("2_Dense/config.json", {"in_features": 31}, r"\[16, 31\].*\[16, 32\]"),
        ("2_Dense/config.json", {"out_features": 10**9}, "out_features"),
        ("config.json", {"num_attention_heads": 5}, "attention heads"),
        ("config.json", {"pad_token_id": 10**6}, "pad_token_id"),
        ("config.json", {"hidden_act": "x"}, 'hidden_act is "x"'),
        ("config.json", {"max_position_embeddings": 16}, "cannot be loaded"),
    ],
)
def test_contradictory_sizes(file: str, changes: dict[str, Any], words: str, folder: Path) -> None:
    """Sizes that two files state differently are told with both."""
    path = folder / file
    values = json.loads(path.read_text(encoding="utf-8"))
    put(path, json.dumps(values | changes).encode())
    assert re.search(words, told := tell(folder)), told


def test_dense_steps_that_do_not_follow_each_other(folder: Path) -> None:
    """A Dense that reads vectors of another size than those before it are is told."""
    shutil.rmtree(folder / "3_Dense")
    shutil.copytree(folder / "2_Dense", folder / "3_Dense")
    assert "3_Dense reads vectors of 32" in tell(folder)


@pytest.mark.parametrize("path", ["../elsewhere", "/etc", "a\0b"])
def test_steps_outside_the_folder(path: str, folder: Path) -> None:
    """What a folder names lies in it."""
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    modules[1]["path"] = path
    put(folder / "modules.json", json.dumps(modules).encode())
    assert "leads out of the model's folder" in tell(folder)


@pytest.mark.parametrize("make", [pylate_folder, native_folder, colbert_folder])
def test_every_value_of_models_for_late_interaction(
    make: Any, tiny_models: TinyModels, tmp_path: Path, retry: Any
) -> None:
    """The same for the settings of models that were made for late interaction."""
    options: dict[str, Any] = {"expansion": {"length": 12, "attend": True}, "skipped": (",",)}
    if make is colbert_folder:
        made = make(tiny_models, tmp_path / "made", query_maxlen=16, mask_punctuation=True)
        files = ["artifact.metadata"]
    elif make is native_folder:
        made = make(tiny_models, "bert", tmp_path / "made", **options)
        files = ["sentence_bert_config.json", "2_MultiVectorMask/config.json"]
    else:
        made = make(tiny_models, "bert", tmp_path / "made")
        files = ["config_sentence_transformers.json"]
    for file in files:
        assert try_values(made, file, ("x", -1, 10**9, []), retry) > 0


@pytest.mark.parametrize("make", ["e5rope", pytest.param("bloom", marks=pytest.mark.slow)])
def test_every_size_of_other_forms(
    make: str, tiny_models: TinyModels, tmp_path: Path, retry: Any
) -> None:
    """The same for E5-RoPE, whose config is ours to read, and for a model with ALiBi."""
    made = tiny_models.folder(make)
    assert try_values(made, "config.json", (None, "x", -1, 10**9), retry) > 0


def test_a_tuned_table_of_nonsense(folder: Path) -> None:
    """What our own training writes into a config is checked like the rest."""
    for said in (3, [], {"method": "pi"}, {"method": 3, "original_length": "x", "scale": None}):
        path = folder / "config.json"
        values = json.loads(path.read_text(encoding="utf-8"))
        put(path, json.dumps(values | {"longembed_rag_table": said}).encode())
        assert "longembed_rag_table" in outcome(folder)


def test_training_reads_folders_the_same_way(folder: Path) -> None:
    """What training opens goes through the same checks."""
    from longembed_rag.training.opening import open_reader

    for path in [*folder.glob("?_Dense"), *folder.glob("?_Normalize")]:
        shutil.rmtree(path)
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    put(folder / "modules.json", json.dumps(modules[:2]).encode())
    with_weights(folder, lambda tensors: tensors[LAST].fill_(float("nan")))
    with pytest.raises(ModelLoadError, match=LAST):
        open_reader(Planner.from_pretrained(folder, device="cpu", dtype="float32"))


def test_a_published_models_odd_values_are_read(folder: Path) -> None:
    """Null, what nobody reads, and -1 for no padding are in published folders."""
    path = folder / "config.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    odd = {"pad_token_id": -1, "classifier_dropout": None, "id2label": {"0": "x"}, "_x": [1]}
    put(path, json.dumps(values | odd).encode())
    put(folder / "2_Dense" / "extra.json", b"not read")
    assert tell(folder) == "read"
