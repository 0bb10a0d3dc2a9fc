"""What is known of published models, against what others state of them: mteb and transformers."""

from __future__ import annotations

import socket
from typing import Any, NoReturn

import pytest

from longembed_rag.encoder.families import rotary_dim, rotary_parameters
from longembed_rag.encoder.planner import Planner
from longembed_rag.encoder.preset import Preset
from longembed_rag.encoder.presets import PRESETS, find_preset

#: Read further than mteb runs them, and why.
LONGER = {
    "KaLM-Embedding/KaLM-embedding-multilingual-mini-instruct-v2.5": "its card says 32,768",
    "HIT-TMG/KaLM-embedding-multilingual-mini-instruct-v2": "its card says 32,768",
}
_OWNERS = {name.partition("/")[0] for preset in PRESETS for name in preset.names}
Stated = dict[str, tuple[Preset, Any]]


@pytest.fixture(scope="module")
def stated() -> Stated:
    """What mteb states of every model that the table names, and of their makers' others in it.

    Importing mteb takes some seconds, and asks nobody.
    """

    def refuse(*_: Any) -> NoReturn:
        raise AssertionError("mteb asks the network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        pytest.importorskip("mteb")
        from mteb.models.model_implementations import MODEL_REGISTRY
    found = {}
    for name, meta in MODEL_REGISTRY.items():
        preset = find_preset(name)
        if preset is not None and name.partition("/")[0] in _OWNERS:
            found[name] = (preset, meta)
    assert len(set(found) & {name for preset in PRESETS for name in preset.names}) >= 25
    return found


@pytest.mark.slow
def test_no_model_is_said_to_read_further(stated: Stated) -> None:
    """Beyond what mteb runs it with; what is, says why."""
    beyond = {
        name
        for name, (preset, meta) in stated.items()
        if preset.original_length is not None and preset.original_length > meta.max_tokens
    }
    assert beyond == set(LONGER)


@pytest.mark.slow
def test_dimensions_end_with_all(stated: Stated) -> None:
    """A list of mteb's is the row's, one number its last, and the width is the whole vector."""
    compared = 0
    for name, (preset, meta) in stated.items():
        sizes = meta.embed_dim if isinstance(meta.embed_dim, list) else [meta.embed_dim]
        if preset.dimensions:
            short = preset.dimensions[-len(sizes) :]
            assert sorted(sizes) == list(short), name
            assert len(sizes) in (1, len(preset.dimensions)), name
            compared += 1
        assert preset.width in (None, max(each or 0 for each in sizes)), name
    assert compared >= 8


@pytest.mark.slow
def test_prompts_are_those_of_the_benchmark(stated: Stated) -> None:
    """None where mteb says so, and each template with an instruction in it."""
    from mteb.models.model_implementations.qwen3_models import instruction_template
    from mteb.types import PromptType

    kinds = dict.fromkeys(("none", "prompts", "template"), 0)
    for name, (preset, meta) in stated.items():
        options = meta.loader_kwargs
        prompts, template = options.get("model_prompts"), options.get("instruction_template")
        if name.startswith("Qwen/"):
            template = instruction_template("{instruction}", PromptType.query)
        own = (preset.query_prompt, preset.document_prompt)
        if meta.use_instructions is False and "late-interaction" not in meta.model_type:
            kinds["none"] += 1
            assert own == ("", ""), name
        elif prompts and "query" in prompts:
            kinds["prompts"] += 1
            assert own == (prompts["query"], prompts.get("document", "")), name
        elif template:
            kinds["template"] += 1
            before, after = template.split("{instruction}")
            assert own[0].startswith(before), name
            assert own[0].endswith(after), name
            assert len(own[0]) > len(before + after) + 20
            assert own[1] == "", name
    assert all(count >= 5 for count in kinds.values()), kinds


@pytest.mark.slow
def test_english_is_said_of_english_models_alone(stated: Stated) -> None:
    """As far as mteb says which languages a model was made for."""
    wrong = {
        name
        for name, (preset, meta) in stated.items()
        if meta.languages and preset.english_only != (list(meta.languages) == ["eng-Latn"])
    }
    assert not wrong


#: Whose makers' own configs are the defaults of transformers' classes.
OWN_DEFAULTS = {
    "jinaai/jina-embeddings-v3": "JinaEmbeddingsV3Config",
    "nomic-ai/nomic-embed-text-v1.5": "NomicBertConfig",
    "Alibaba-NLP/gte-modernbert-base": "ModernBertConfig",
    "lightonai/GTE-ModernColBERT-v1": "ModernBertConfig",
    "intfloat/e5-mistral-7b-instruct": "MistralConfig",
    "google/embeddinggemma-300m": "Gemma3TextConfig",
}


@pytest.mark.parametrize("name", OWN_DEFAULTS)
def test_rotary_bases_are_transformers_own(name: str) -> None:
    """Base and rotated dimensions of a head, where transformers has the published ones."""
    import transformers

    preset = find_preset(name)
    config = getattr(transformers, OWN_DEFAULTS[name])()
    assert preset is not None
    assert preset.rope_theta == rotary_parameters(config)["rope_theta"]
    assert preset.rotary_dim == rotary_dim(config)


def test_our_own_model_turns_as_the_table_says() -> None:
    """long-minilm lies in the package."""
    preset, config = find_preset("long-minilm"), Planner.from_pretrained("long-minilm").config
    assert preset is not None
    assert preset.rope_theta == rotary_parameters(config)["rope_theta"]
    assert preset.rotary_dim == rotary_dim(config)
