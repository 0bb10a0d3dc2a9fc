"""What folders of models that were made for late interaction say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from longembed_rag.encoder.folder import find_folder
from longembed_rag.encoder.hashing import hash_folder
from longembed_rag.encoder.late_interaction import LateInteraction
from longembed_rag.encoder.loading import load_model
from longembed_rag.encoder.planner import Planner
from longembed_rag.errors import ModelLoadError, UnsupportedModelError
from tests.late_models import SKIPPED, colbert_folder, native_folder, pylate_folder
from tests.models import TinyModels, edit_json

Change = Callable[[dict[str, Any]], dict[str, Any]]


def test_pylate(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Markers go before prompts; a length of documents is no limit here."""
    folder = find_folder(
        pylate_folder(tiny_models, "bert", tmp_path / "model", prompts={"query": "ask: "})
    )
    assert folder.late == LateInteraction(
        markers=("[Q] ", "[D] "), query_length=16, skip_words=tuple(SKIPPED)
    )
    assert (folder.query_prompt, folder.document_prompt) == ("[Q] ask: ", "[D] ")
    planner = Planner.from_pretrained(folder.root)
    assert planner.original_length == 32
    assert planner.inspect("note " * 100)[0].complete


def test_markers_are_one_token(tiny_models: TinyModels, tmp_path: Path) -> None:
    """The marker stands behind the first special token, in every window, and is one token."""
    planner = Planner.from_pretrained(pylate_folder(tiny_models, "bert", tmp_path / "model"))
    (text,) = planner.tokenize(["note able"])
    vocabulary = json.loads((tmp_path / "model" / "tokenizer.json").read_text(encoding="utf-8"))
    ids = {token["content"]: token["id"] for token in vocabulary["added_tokens"]}
    assert text.head.tolist() == [ids["[CLS]"], ids["[D] "]]
    assert text.spans.tolist() == [[0, 4], [5, 9]]


def test_colbert(tiny_models: TinyModels, tmp_path: Path) -> None:
    """ColBERT's own settings are read, and its defaults taken where it has none."""
    said = find_folder(colbert_folder(tiny_models, tmp_path / "said", mask_punctuation=False))
    silent = find_folder(colbert_folder(tiny_models, tmp_path / "silent"))
    assert said.late is not None
    assert silent.late is not None
    assert (said.late.query_length, said.late.skip_words) == (32, ())
    assert "," in silent.late.skip_words
    assert silent.query_prompt == "[unused0] "


def test_what_auto_does(tiny_models: TinyModels, tmp_path: Path) -> None:
    """It is on for models made for it and for the mean, off for others, and says why."""
    made = Planner.from_pretrained(native_folder(tiny_models, "bert", tmp_path / "model"))
    assert (made.late_interaction, made.late_interaction_reason) == (
        True,
        "the model was made for it",
    )
    for pooling, on in (("mean", True), ("cls", False), ("last_token", False)):
        planner = Planner.from_pretrained(tiny_models.folder("bert"), pooling=pooling)
        assert planner.late_interaction is on
        assert planner.describe()["late_interaction_reason"] == planner.late_interaction_reason
        assert ("not known" in planner.late_interaction_reason) is not on
        assert "late_interaction" not in planner.vector_settings()


def test_everything_it_says_is_part_of_the_hash(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Length, attention, filler and skip list each make another model."""
    folder = native_folder(tiny_models, "bert", tmp_path / "model")
    marks = [hash_folder(find_folder(folder))]
    for expansion in (
        {"strategy": "min", "length": 12},
        {"strategy": "min", "length": 13},
        {"strategy": "min", "length": 13, "attend": True},
        {"strategy": "min", "length": 13, "attend": True, "token": "?"},
    ):
        (folder / "sentence_bert_config.json").write_text(
            json.dumps({"query_expansion": expansion})
        )
        marks.append(hash_folder(find_folder(folder)))
    config = folder / "2_MultiVectorMask" / "config.json"
    edit_json(config, lambda values: values | {"skiplist_words": [","]})
    marks.append(hash_folder(find_folder(folder)))
    edit_json(config, lambda values: values | {"skiplist_tasks": ["query"]})
    marks.append(hash_folder(find_folder(folder)))
    assert len(set(marks)) == len(marks)


@pytest.mark.parametrize(
    ("file", "change", "error", "words"),
    [
        (
            "modules.json",
            lambda steps: steps[:3],
            UnsupportedModelError,
            "add a Normalize of token_embeddings",
        ),
        (
            "modules.json",
            lambda steps: [steps[0], *steps[3:]],
            UnsupportedModelError,
            "no MultiVectorMask",
        ),
        (
            "modules.json",
            lambda steps: [*steps, {**steps[2], "type": "x.HierarchicalTokenPooling"}],
            UnsupportedModelError,
            "HierarchicalTokenPooling",
        ),
        (
            "modules.json",
            lambda steps: [*steps, {**steps[0], "path": "1_Dense", "type": "x.Pooling"}],
            UnsupportedModelError,
            "no Pooling",
        ),
        (
            "1_Dense/config.json",
            lambda values: values | {"module_input_name": "sentence_embedding"},
            UnsupportedModelError,
            "1_Dense.*'sentence_embedding', not the tokens",
        ),
        (
            "2_MultiVectorMask/config.json",
            lambda values: values | {"keep_only_token_ids": [3]},
            UnsupportedModelError,
            "models for images",
        ),
        (
            "2_MultiVectorMask/config.json",
            lambda values: values | {"skiplist_words": [3]},
            ModelLoadError,
            "skiplist_words.*not a list of texts",
        ),
        (
            "sentence_bert_config.json",
            lambda values: {"query_expansion": {"strategy": "fixed"}},
            ModelLoadError,
            "sentence_bert_config.json.*length is null and not a number",
        ),
        (
            "sentence_bert_config.json",
            lambda values: {"query_expansion": 12},
            ModelLoadError,
            "query_expansion is 12 and not an object",
        ),
    ],
)
def test_refusals(
    file: str,
    change: Change,
    error: type[Exception],
    words: str,
    tiny_models: TinyModels,
    tmp_path: Path,
) -> None:
    """What would give other vectors than the original's is refused by name."""
    folder = native_folder(
        tiny_models, "bert", tmp_path / "model", expansion={"strategy": "min", "length": 12}
    )
    edit_json(folder / file, change)
    with pytest.raises(error, match=words):
        find_folder(folder)


def test_a_filler_that_is_no_token(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Queries cannot be filled up with what the tokenizer does not know."""
    expansion = {"strategy": "min", "length": 12, "token": "[NOTHING]"}
    folder = native_folder(tiny_models, "bert", tmp_path / "model", expansion=expansion)
    with pytest.raises(ModelLoadError, match=r"'\[NOTHING\]', which its tokenizer has not"):
        Planner.from_pretrained(folder)


def test_attention_of_its_own(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Where attention is not transformers' common one, tokens cannot be hidden from others."""
    expansion = {"strategy": "min", "length": 12}
    folder = native_folder(tiny_models, "mpnet", tmp_path / "hidden", expansion=expansion)
    with pytest.raises(UnsupportedModelError, match=r"mpnet is not to\s+see"):
        Planner.from_pretrained(folder)
    seen = native_folder(
        tiny_models, "mpnet", tmp_path / "seen", expansion=expansion | {"attend": True}
    )
    assert Planner.from_pretrained(seen).late_interaction


def test_colbert_without_its_dense(tiny_models: TinyModels, tmp_path: Path) -> None:
    """A folder that calls itself ColBERT but has no projection is refused."""
    folder = tiny_models.copy("bert", f"{tmp_path.name}-no-dense")
    edit_json(folder / "config.json", lambda values: values | {"architectures": ["HF_ColBERT"]})
    with pytest.raises(ModelLoadError, match=r"no linear\.weight"):
        load_model(Planner.from_pretrained(folder, device="cpu"))
