"""What is known of published models: data, not code.

A model folder in sentence-transformers form states its own pooling and prompts, and those win
over this table. Matched by the end of the hub name or by the folder's name.
"""

from __future__ import annotations

from fnmatch import fnmatch

from longembed_rag.encoder.long_models import LONG_MODELS
from longembed_rag.encoder.preset import Preset

_WEB_TASK = (
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: "
)
_BGE_TASK = "Represent this sentence for searching relevant passages: "
#: What to try where a model does not know a language: small, of a hundred languages.
MULTILINGUAL_MODEL = "intfloat/multilingual-e5-base"


PRESETS: tuple[Preset, ...] = (
    Preset(
        patterns=("long-minilm*",),
        names=("long-minilm",),
        family="jina_embeddings_v3",
        pooling="mean",
        english_only=True,
        # Trained to read 8,192 tokens, which it does in one go under the other methods.
        window=1024,
        best_method="pcw",
        best_reason="long-minilm in windows of 1,024 tokens finds needles by passages 62.3 of 100, "
        "all-MiniLM-L6-v2 46.7, at twice the speed of one reading of 4,096",
        note="the embedded default: all-MiniLM-L6-v2 made for length by train rotary",
        rope_theta=1e4,
        rotary_dim=32,
    ),
    Preset(
        patterns=("all-minilm-l6-*",),
        names=("sentence-transformers/all-MiniLM-L6-v2",),
        family="bert",
        pooling="mean",
        english_only=True,
        # Its table has 512 positions, but it is published for 256 tokens, and reads windows of
        # 256 better: benchmarks/results/fusion.json has both.
        original_length=256,
        note="comes with the package: the model that long-minilm was made from",
    ),
    Preset(
        patterns=("all-minilm-*",),
        names=("sentence-transformers/all-MiniLM-L12-v2",),
        family="bert",
        pooling="mean",
        english_only=True,
    ),
    Preset(
        patterns=("all-mpnet-base-v2", "multi-qa-mpnet-*"),
        names=("sentence-transformers/all-mpnet-base-v2",),
        family="mpnet",
        pooling="mean",
        english_only=True,
    ),
    # Made for instructions, and none before documents, as mteb (2.26) runs it.
    Preset(
        patterns=("multilingual-e5-*-instruct",),
        names=("intfloat/multilingual-e5-large-instruct",),
        family="xlm-roberta",
        pooling="mean",
        query_prompt=_WEB_TASK,
    ),
    Preset(
        patterns=("multilingual-e5-*",),
        names=(MULTILINGUAL_MODEL,),
        family="xlm-roberta",
        pooling="mean",
        query_prompt="query: ",
        document_prompt="passage: ",
    ),
    Preset(
        patterns=("e5rope-*", "e5-rope-*"),
        names=("dwzhu/e5rope-base",),
        family="e5rope",
        pooling="mean",
        english_only=True,
        query_prompt="query: ",
        document_prompt="passage: ",
        original_length=512,
        best_method="self_extend",
        note="BERT with rotation; loaded as a jina_embeddings_v3-shaped model",
        rope_theta=1e4,
        rotary_dim=64,
    ),
    Preset(
        patterns=("e5-mistral-7b-instruct*",),
        names=("intfloat/e5-mistral-7b-instruct",),
        family="mistral",
        pooling="last_token",
        query_prompt=_WEB_TASK,
        original_length=4096,
        best_method="ntk",
        rope_theta=1e4,
        rotary_dim=128,
    ),
    Preset(
        patterns=("e5-small*", "e5-base*", "e5-large*"),
        names=("intfloat/e5-base-v2", "dwzhu/e5-base-4k"),
        family="bert",
        pooling="mean",
        english_only=True,
        query_prompt="query: ",
        document_prompt="passage: ",
    ),
    Preset(
        patterns=("bge-m3*",),
        names=("BAAI/bge-m3",),
        family="xlm-roberta",
        pooling="cls",
    ),
    Preset(
        patterns=("bge-*-en-v1.5",),
        names=("BAAI/bge-base-en-v1.5",),
        family="bert",
        pooling="cls",
        english_only=True,
        query_prompt=_BGE_TASK,
    ),
    Preset(
        patterns=("gtr-t5-*", "sentence-t5-*"),
        names=("sentence-transformers/gtr-t5-base", "sentence-transformers/sentence-t5-base"),
        family="t5",
        pooling="mean",
        english_only=True,
        original_length=512,
        note="its Dense layer is read from the model folder",
    ),
    Preset(
        patterns=("gte-base", "gte-large", "gte-small", "contriever*"),
        names=("thenlper/gte-base", "facebook/contriever"),
        family="bert",
        pooling="mean",
        english_only=True,
    ),
    *LONG_MODELS,
    # Made for late interaction: their folders say what else is to be known, and one vector is the
    # mean of their tokens' vectors.
    Preset(
        patterns=("gte-moderncolbert*",),
        names=("lightonai/GTE-ModernColBERT-v1",),
        family="modernbert",
        pooling="mean",
        english_only=True,
        query_prompt="[Q] ",
        document_prompt="[D] ",
        note="made for late interaction, on texts of 300 tokens; its published 88.4 on LongEmbed "
        "is of reading on as method none does, not compared with other methods",
        rope_theta=160_000.0,
        rotary_dim=64,
    ),
    Preset(
        patterns=("answerai-colbert-small*",),
        names=("answerdotai/answerai-colbert-small-v1",),
        family="bert",
        pooling="mean",
        english_only=True,
        query_prompt="[unused0] ",
        document_prompt="[unused1] ",
        note="made for late interaction",
    ),
    Preset(
        patterns=("colbertv2*",),
        names=("lightonai/colbertv2.0", "colbert-ir/colbertv2.0"),
        family="bert",
        pooling="mean",
        english_only=True,
        query_prompt="[unused0] ",
        document_prompt="[unused1] ",
        note="made for late interaction",
    ),
)


def find_preset(model_name: str) -> Preset | None:
    """The preset for a hub name or folder name; None where nothing is known."""
    short = model_name.rstrip("/").replace("\\", "/").rsplit("/", 1)[-1].lower()
    for preset in PRESETS:
        if any(fnmatch(short, pattern) for pattern in preset.patterns):
            return preset
    return None
