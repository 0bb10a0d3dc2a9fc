"""Published models that were made for texts of 2,048 tokens and more: data, not code."""

from __future__ import annotations

from dataclasses import replace

from longembed_rag.encoder.preset import Preset

_QWEN3 = Preset(
    patterns=("qwen3-embedding-*",),
    rope_theta=1e6,
    rotary_dim=128,
    names=("Qwen/Qwen3-Embedding-0.6B",),
    family="qwen3",
    pooling="last_token",
    dimensions=(32, 64, 128, 256, 512, 768, 1024),
    note="any number of dimensions from 32 on can be kept",
    query_prompt="Instruct: Given a web search query, retrieve relevant passages that "
    "answer the query\nQuery:",
)

LONG_MODELS: tuple[Preset, ...] = (
    Preset(
        patterns=("gte-modernbert-base",),
        rope_theta=160_000.0,
        rotary_dim=64,
        names=("Alibaba-NLP/gte-modernbert-base",),
        family="modernbert",
        pooling="cls",
        english_only=True,
    ),
    # ModernBERT of 8,192 tokens, the first token's state, no prompts (arXiv 2508.21085).
    Preset(
        patterns=("granite-embedding-english-r2",),
        names=("ibm-granite/granite-embedding-english-r2",),
        rope_theta=80_000.0,
        rotary_dim=64,
        family="modernbert",
        pooling="cls",
        english_only=True,
        original_length=8192,
    ),
    Preset(
        patterns=("granite-embedding-small-english-r2",),
        names=("ibm-granite/granite-embedding-small-english-r2",),
        rope_theta=80_000.0,
        rotary_dim=32,
        family="modernbert",
        pooling="cls",
        english_only=True,
        original_length=8192,
    ),
    Preset(
        patterns=("granite-embedding-311m-multilingual-r2",),
        names=("ibm-granite/granite-embedding-311m-multilingual-r2",),
        family="modernbert",
        pooling="cls",
        original_length=8192,
        dimensions=(128, 256, 384, 512, 768),
    ),
    Preset(
        patterns=("granite-embedding-97m-multilingual-r2",),
        names=("ibm-granite/granite-embedding-97m-multilingual-r2",),
        family="modernbert",
        pooling="cls",
        original_length=8192,
    ),
    # Its single vector of long texts is the mean; its code, which knows other ways, is not run.
    Preset(
        patterns=("dewey_en_beta*",),
        names=("infgrad/dewey_en_beta",),
        family="modernbert",
        pooling="mean",
        english_only=True,
        query_prompt="<|START_INSTRUCTION|>Answer the question<|END_INSTRUCTION|>",
        document_prompt="<|START_INSTRUCTION|>Candidate document<|END_INSTRUCTION|>",
        original_length=131072,
        best_method="none",
        best_reason="dewey_en_beta was made to read 131,072 tokens in one go",
        width=2048,
        note="read only where its last layer is a Dense of the folder, since its own code is not "
        "run; passages stand for its vectors of chunks",
    ),
    Preset(
        patterns=("nomic-embed-text-v1*",),
        rope_theta=1e3,
        rotary_dim=64,
        names=("nomic-ai/nomic-embed-text-v1.5",),
        family="nomic_bert",
        pooling="mean",
        english_only=True,
        query_prompt="search_query: ",
        document_prompt="search_document: ",
        original_length=2048,
    ),
    # Trained on 512 tokens, published for 8,192: ALiBi reads on (arXiv 2310.19923).
    Preset(
        patterns=("jina-embeddings-v2-*-en",),
        names=("jinaai/jina-embeddings-v2-base-en", "jinaai/jina-embeddings-v2-small-en"),
        family="alibi_bert",
        pooling="mean",
        english_only=True,
        original_length=8192,
    ),
    Preset(
        patterns=("jina-embeddings-v2-base-*",),
        names=(
            "jinaai/jina-embeddings-v2-base-de",
            "jinaai/jina-embeddings-v2-base-es",
            "jinaai/jina-embeddings-v2-base-zh",
            "jinaai/jina-embeddings-v2-base-code",
        ),
        family="alibi_bert",
        pooling="mean",
        original_length=8192,
        note="of English and another language, or of English and code",
    ),
    Preset(
        patterns=("jina-embeddings-v3*",),
        rope_theta=2e4,
        rotary_dim=64,
        names=("jinaai/jina-embeddings-v3", "jinaai/jina-embeddings-v3-hf"),
        family="jina_embeddings_v3",
        pooling="mean",
        original_length=8192,
        dimensions=(32, 64, 128, 256, 512, 768, 1024),
        note="its adapters read under task, retrieval above all",
    ),
    # Qwen2 without its causal mask, mean pooling (arXiv 2506.20923); v1 keeps the mask.
    Preset(
        patterns=("kalm-embedding-multilingual-mini-instruct-v2*",),
        rope_theta=1e6,
        rotary_dim=64,
        names=(
            "KaLM-Embedding/KaLM-embedding-multilingual-mini-instruct-v2.5",
            "HIT-TMG/KaLM-embedding-multilingual-mini-instruct-v2",
        ),
        family="qwen2",
        pooling="mean",
        query_prompt="Instruct: Given a query, retrieve documents that answer the query \n Query: ",
        original_length=32768,
        bidirectional=True,
        dimensions=(64, 128, 256, 512, 896),
        note="tuned on texts of 512 tokens; its card says 32,768",
    ),
    replace(
        _QWEN3,
        patterns=("qwen3-embedding-4b*",),
        names=("Qwen/Qwen3-Embedding-4B",),
        dimensions=(*_QWEN3.dimensions, 2560),
    ),
    replace(
        _QWEN3,
        patterns=("qwen3-embedding-8b*",),
        names=("Qwen/Qwen3-Embedding-8B",),
        dimensions=(*_QWEN3.dimensions, 2560, 4096),
    ),
    _QWEN3,
    # An adapter of Qwen3-Embedding-8B: rank 128, on the projections of attention, at most 8,192
    # tokens (arXiv 2508.01959, table 1 and appendix A.2). v1, of bge-m3, adds up two models.
    Preset(
        patterns=("sitemb-v1.5-qwen3*",),
        rope_theta=1e6,
        rotary_dim=128,
        names=(
            "SituatedEmbedding/SitEmb-v1.5-Qwen3",
            "SituatedEmbedding/SitEmb-v1.5-Qwen3-note",
        ),
        family="qwen3",
        pooling="last_token",
        original_length=8192,
        query_prompt="Instruct: Given a search query, retrieve relevant chunks from fictions that "
        "answer the query\nQuery: ",
        note="an adapter of Qwen/Qwen3-Embedding-8B, trained to read a chunk, <|endoftext|>, then "
        "what stands around it, and to add up the scores of both ends; here a passage is read once "
        "within its document, after what stands before it, so its published scores are of another "
        "reading",
    ),
    Preset(
        patterns=("embeddinggemma-300m*",),
        rope_theta=1e6,
        rotary_dim=256,
        names=("google/embeddinggemma-300m",),
        family="gemma3_text",
        pooling="mean",
        dimensions=(128, 256, 512, 768),
        query_prompt="task: search result | query: ",
        document_prompt="title: none | text: ",
        note="its Dense layers are read from the model folder",
    ),
)
