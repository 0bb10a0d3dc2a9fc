"""Needles by the tokens of passages, exact and as they are stored, against passages' vectors.

LongEmbed's needle task with this project's facts (``longembed_eval``): of fifty questions how many
find their document first, and how often that document's best passage holds the fact.

    python benchmarks/needle.py --model NAME --out FILE
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from longembed_eval.tasks.needle import load_facts, needle_task
from longembed_rag import LongEncoder, __version__
from longembed_rag.encoder.token_vectors import TokenOptions, keep_tokens, max_similarity

LENGTHS = (256, 512, 1024, 2048, 4096, 8192)
EVERY = TokenOptions(pool=1, bits=False)


def measure(encoder: LongEncoder, length: int) -> dict[str, dict[str, float]]:
    facts = {fact.question: fact.text for fact in load_facts()}
    task = needle_task(length)
    owners, spans, vectors, exact, stored = [], [], [], [], []
    for name, text in task.documents.items():
        encoding = encoder.encode_passages(text, tokens=EVERY)
        assert encoding.tokens is not None
        for index, passage in enumerate(encoding.passages):
            tokens = encoding.tokens.of(index)
            exact.append(tokens.astype(np.float16))
            stored.append(keep_tokens(tokens, TokenOptions(), encoder.token_centre))
            owners.append(name)
            spans.append((passage.start, passage.end))
        vectors.append(encoding.embeddings)
    passages, of = np.concatenate(vectors), np.array(owners)
    queries = encoder.encode_queries([query.text for query in task.queries])
    found: dict[str, list[bool]] = {}
    shown: dict[str, list[bool]] = {}
    asked = zip(task.queries, queries.embeddings, queries.tokens, strict=True)
    for query, vector, tokens in asked:
        (gold,) = task.gold[query.id]
        fact = facts[query.text]
        middle = task.documents[gold].find(fact) + len(fact) // 2
        for way, scores in (
            ("passages", passages @ vector),
            ("late", max_similarity(tokens, [each.astype(np.float32) for each in exact])),
            ("late as stored", max_similarity(tokens, stored)),
        ):
            own = np.flatnonzero(of == gold)
            start, end = spans[own[int(np.argmax(scores[own]))]]
            found.setdefault(way, []).append(of[int(np.argmax(scores))] == gold)
            shown.setdefault(way, []).append(start <= middle < end)
    return {
        "document first": {way: 100 * float(np.mean(each)) for way, each in found.items()},
        "its best passage holds the fact": {
            way: 100 * float(np.mean(each)) for way, each in shown.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    encoder = LongEncoder.from_pretrained(given.model, dtype="float32")
    rows = []
    for length in LENGTHS:
        rows.append({"length": length, **measure(encoder, length)})
        print(json.dumps(rows[-1]), flush=True)
    result = {
        "command": f"python benchmarks/needle.py --model {encoder.model_name} --out FILE",
        "version": __version__,
        "model": encoder.model_name,
        "lengths": rows,
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
