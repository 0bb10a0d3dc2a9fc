"""How close a rotary student is to its teacher, and whether its vectors collapse with length.

Three things, for models named as ``NAME=MODEL:METHOD`` (a folder or a name):

* the mean cosine to the first model's vectors on held-out texts cut to 20, 50, 150 and 350 words,
  which that model reads ``--at-once`` tokens at a time;
* nDCG@10 and accuracy@1 of short retrieval, over the pairs of each source that was held out;
* the mean cosine between unrelated documents by length, tokens (arXiv 2410.24200).

    python benchmarks/student.py --pairs DIR --hold-out SOURCE --hold-out SOURCE \
        --model teacher=all-MiniLM-L6-v2:pcw --model student=FOLDER:none \
        --out benchmarks/results/student.json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

WORDS = (20, 50, 150, 350)
LENGTHS = (256, 512, 1024, 2048, 4096, 8192)
TEXTS = 200
QUERIES = 1000
UNRELATED = 16
#: Of the longest documents there are fewer: attention over them takes minutes.
TOKENS_AT_A_LENGTH = 2**17


def parse_model(text: str) -> tuple[str, str | None, str]:
    """``NAME=FOLDER:METHOD`` to its parts."""
    name, _, rest = text.partition("=")
    folder, _, method = rest.rpartition(":")
    return name, folder or None, method


def cut_texts(passages: Sequence[str], words: int) -> list[str]:
    """The first so many words of texts that have as many."""
    split = (passage.split() for passage in passages)
    return [" ".join(each[:words]) for each in split if len(each) >= words][:TEXTS]


def retrieval(encoder: Any, pairs: Sequence[Any]) -> dict[str, float]:
    """Queries of one source against all of its passages."""
    passages = list(dict.fromkeys(pair.passage for pair in pairs))
    asked = pairs[:QUERIES]
    found = encoder.encode(passages).embeddings
    queries = encoder.encode([pair.query for pair in asked], kind="query").embeddings
    scores = queries @ found.T
    row_of = {passage: row for row, passage in enumerate(passages)}
    gold = np.array([row_of[pair.passage] for pair in asked])
    own = scores[np.arange(len(asked)), gold]
    rank = (scores > own[:, None]).sum(axis=1)
    gains = np.where(rank < 10, 1 / np.log2(rank + 2), 0.0)
    return {
        "ndcg@10": round(100 * float(gains.mean()), 2),
        "accuracy@1": round(100 * float((rank == 0).mean()), 2),
        "queries": len(asked),
        "passages": len(passages),
    }


def unrelated_documents(passages: Sequence[str], words: int, count: int) -> list[str]:
    """Documents of other passages each, about so many words long."""
    documents, at = [], 0
    for _ in range(count):
        parts: list[str] = []
        while len(parts) < words:
            parts += passages[at % len(passages)].split()
            at += 1
        documents.append(" ".join(parts[:words]))
    return documents


def mean_cosine(vectors: Any) -> float:
    """Between different rows."""
    products = vectors @ vectors.T
    count = len(vectors)
    return float((products.sum() - np.trace(products)) / (count * (count - 1)))


def mean_product(ours: Any, theirs: Any) -> float:
    """Mean inner product of rows."""
    return float((ours * theirs).sum(axis=1).mean())


def measure(
    encoder: Any, texts: Any, passages: Sequence[str], lengths: Sequence[int]
) -> dict[str, Any]:
    """Everything about one model but its distance to the first."""
    sources = sorted({pair.source for pair in texts.unseen})
    result: dict[str, Any] = {
        "model": encoder.describe(),
        "retrieval": {
            source: retrieval(encoder, [pair for pair in texts.unseen if pair.source == source])
            for source in sources
        },
        "mean_cosine_of_unrelated": {},
    }
    for length in lengths:
        count = max(4, min(UNRELATED, TOKENS_AT_A_LENGTH // length))
        documents = unrelated_documents(passages, int(length * 0.75), count)
        vectors = encoder.encode(documents).embeddings
        result["mean_cosine_of_unrelated"][length] = round(mean_cosine(vectors), 4)
        print(f"  {length} tokens: {mean_cosine(vectors):.4f}", file=sys.stderr)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=Path, action="append", required=True)
    parser.add_argument("--hold-out", action="append", default=[])
    parser.add_argument("--model", action="append", required=True, metavar="NAME=FOLDER:METHOD")
    parser.add_argument("--at-once", type=int, default=512, metavar="TOKENS")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS, metavar="TOKENS")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()

    from longembed_rag import LongEncoder
    from longembed_rag.training.texts import read_texts

    texts = read_texts(given.pairs, hold_out=given.hold_out)
    held_out = list(dict.fromkeys(pair.passage for pair in (*texts.unseen, *texts.held_out)))
    order = np.random.default_rng(0).permutation(len(held_out))
    passages = [held_out[at] for at in order]
    cut = {words: cut_texts(passages, words) for words in WORDS}
    first: dict[int, Any] = {}
    results: dict[str, Any] = {}
    for name, folder, method in map(parse_model, given.model):
        print(name, file=sys.stderr)
        settings = {"method": method, "dtype": given.dtype}
        encoder = LongEncoder.from_pretrained(folder, **settings)
        if not first:
            whole = LongEncoder.from_pretrained(folder, original_length=given.at_once, **settings)
            first = {words: whole.encode(each).embeddings for words, each in cut.items() if each}
        results[name] = measure(encoder, texts, passages, given.lengths)
        results[name]["cosine_to_first"] = {
            words: round(mean_product(theirs, encoder.encode(cut[words]).embeddings), 4)
            for words, theirs in first.items()
        }
        results[name]["model"].pop("model_path")
    report = {
        "texts": {str(words): len(each) for words, each in cut.items()},
        "held_out_sources": sorted(given.hold_out),
        "models": results,
    }
    given.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
