"""What is known of published models: data, not code.

A model folder in sentence-transformers form states its own pooling and prompts, and those win
over this table. Matched by the end of the hub name or by the folder's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch

from longembed_rag.extension.methods import Method

_MISTRAL_TASK = (
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: "
)
_BGE_TASK = "Represent this sentence for searching relevant passages: "
#: What to try where a model does not know a language: small, of a hundred languages.
MULTILINGUAL_MODEL = "intfloat/multilingual-e5-base"


@dataclass(frozen=True)
class Preset:
    """A published model, or several that are used alike.

    Attributes:
        patterns: Shell patterns that the model's lower-case name must match, without its owner.
        names: Hub names, for people.
        family: transformers' ``model_type``.
        pooling: ``"mean"``, ``"cls"`` or ``"last_token"``.
        query_prompt: Text put before queries.
        document_prompt: Text put before documents.
        original_length: Tokens that it was trained to read, where its config says otherwise.
        window: Tokens of a window of PCW, where shorter ones than the model can read find more or
            are much faster.
        best_method: The method with the best published or measured score; None takes ``auto``'s.
        best_reason: Why, where it is not its published score.
        english_only: Whether it was made for English and no other language.
        note: Anything a user should know.
        rope_theta: The rotary base of its full layers, where it rotates and its config is known.
        rotary_dim: Rotated dimensions per head then.
    """

    patterns: tuple[str, ...]
    names: tuple[str, ...]
    family: str
    pooling: str
    query_prompt: str = ""
    document_prompt: str = ""
    original_length: int | None = None
    window: int | None = None
    best_method: Method | None = None
    best_reason: str = ""
    english_only: bool = False
    note: str = ""
    rope_theta: float | None = None
    rotary_dim: int = 0


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
        query_prompt=_MISTRAL_TASK,
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
        patterns=("gte-modernbert-base",),
        names=("Alibaba-NLP/gte-modernbert-base",),
        family="modernbert",
        pooling="cls",
        english_only=True,
        rope_theta=160_000.0,
        rotary_dim=64,
    ),
    Preset(
        patterns=("gte-base", "gte-large", "gte-small", "contriever*"),
        names=("thenlper/gte-base", "facebook/contriever"),
        family="bert",
        pooling="mean",
        english_only=True,
    ),
    Preset(
        patterns=("nomic-embed-text-v1*",),
        names=("nomic-ai/nomic-embed-text-v1.5",),
        family="nomic_bert",
        pooling="mean",
        english_only=True,
        query_prompt="search_query: ",
        document_prompt="search_document: ",
        original_length=2048,
        rope_theta=1e3,
        rotary_dim=64,
    ),
    Preset(
        patterns=("jina-embeddings-v3*",),
        names=("jinaai/jina-embeddings-v3",),
        family="jina_embeddings_v3",
        pooling="mean",
        original_length=8192,
        rope_theta=2e4,
        rotary_dim=64,
    ),
    Preset(
        patterns=("qwen3-embedding-*",),
        names=("Qwen/Qwen3-Embedding-0.6B",),
        family="qwen3",
        pooling="last_token",
        query_prompt="Instruct: Given a web search query, retrieve relevant passages that "
        "answer the query\nQuery:",
        rope_theta=1e6,
        rotary_dim=128,
    ),
    Preset(
        patterns=("embeddinggemma-*",),
        names=("google/embeddinggemma-300m",),
        family="gemma3_text",
        pooling="mean",
        query_prompt="task: search result | query: ",
        document_prompt="title: none | text: ",
        note="its Dense layers are read from the model folder",
        rope_theta=1e6,
        rotary_dim=256,
    ),
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
