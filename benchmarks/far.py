"""Needles and pass keys in long texts, by every method that a model can be read with.

Each document hides a fact and a pass key, at depths of their own, and is read once: its vector and
those of its passages come from the same reading. Of so many documents how many are found first by
their fact, how many by their key; and how alike the documents' vectors are (mean cosine of pairs,
centred and not), which says whether documents of such a length are still told apart.

    python -m benchmarks.far --lengths 16384,32768 --documents 6 --out FILE

A method is left out where it changes nothing: texts within a model's own window. What is in FILE
already is not done again, so that it can be stopped at any time.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine
from longembed_eval.tasks.needle import needle_task
from longembed_eval.tasks.passkey import passkey_task
from longembed_rag import LongEncoder, __version__
from longembed_rag.whole_files import write_whole

#: Tokens that a text of so many may have: tasks count words, and some words are several tokens.
ROOM = 1.25
PASSKEY_TOKENS = 64


def documents(length: int, count: int) -> tuple[list[str], list[str], list[str]]:
    """Texts, and what asks for the fact and for the key of each, in the same order."""
    needles = needle_task(length, documents=count, queries=count)
    keys = passkey_task(PASSKEY_TOKENS, documents=count, queries=count)
    fact_of = {next(iter(needles.gold[each.id])): each.text for each in needles.queries}
    key_of = {next(iter(keys.gold[each.id])): each.text for each in keys.queries}
    texts, facts, asked = [], [], []
    drawn = Random(length)
    for needle, key in zip(sorted(fact_of), sorted(key_of), strict=True):
        text = needles.documents[needle]
        # At a sentence's end, so that nothing is cut.
        at = text.find(". ", int(len(text) * drawn.uniform(0.05, 0.9))) + 2
        texts.append(f"{text[:at]}{keys.documents[key]} {text[at:]}")
        facts.append(fact_of[needle])
        asked.append(key_of[key])
    return texts, facts, asked


def found(queries: NDArray[np.float32], vectors: NDArray[np.float32], of: NDArray[Any]) -> float:
    """Of 100 queries how many have the highest score with their own document's vectors."""
    best = of[(queries @ vectors.T).argmax(axis=1)]
    return 100 * float(np.mean(best == np.arange(len(queries))))


def alike(vectors: NDArray[np.float32]) -> float:
    """Mean cosine of two of them."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return float(np.mean([unit[i] @ unit[j] for i, j in combinations(range(len(unit)), 2)]))


def measure(encoder: LongEncoder, length: int, count: int) -> dict[str, Any]:
    """One method at one length."""
    texts, facts, keys = documents(length, count)
    began, spent = time.monotonic(), time.process_time()
    read = [encoder.encode_passages(text, name=f"text {n}") for n, text in enumerate(texts)]
    seconds, cpu = time.monotonic() - began, time.process_time() - spent
    wholes = np.stack([each.embedding for each in read])
    passages = np.concatenate([each.embeddings for each in read])
    owners = np.concatenate([np.full(len(e.embeddings), n) for n, e in enumerate(read)])
    row: dict[str, Any] = {
        "tokens": round(float(np.mean([each.coverage.tokens for each in read]))),
        "plan": encoder.planner.inspect(texts[0])[1].describe(),
        "cpu_seconds_a_document": round(cpu / count, 1),
        "seconds_a_document": round(seconds / count, 1),
        "cosine_of_documents": round(alike(wholes), 4),
        "cosine_of_documents_centred": round(alike(wholes - wholes.mean(axis=0)), 4),
    }
    for name, asked in (("needle", facts), ("passkey", keys)):
        queries = encoder.encode(asked, kind="query").embeddings
        row[name] = {
            "one vector": round(found(queries, wholes, np.arange(count)), 1),
            "passages": round(found(queries, passages, owners), 1),
        }
    return row


def settings_of(name: str) -> dict[str, Any]:
    """A method and its settings, as in ``pcw:window_overlap=128:window_weights=tokens``."""
    method, *given = name.split(":")
    values = dict(each.split("=", 1) for each in given)
    return {"method": method, **{key: _plain(value) for key, value in values.items()}}


def _plain(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def changes(encoder: LongEncoder, length: int) -> bool:
    """Whether texts of so many tokens are read otherwise than the model would read them."""
    plan = encoder.planner.plan(length)
    return plan.extends or plan.windows > 1 or encoder.planner.method == "none"


def main() -> None:
    """Measure what is not measured yet, the shorter lengths first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    parser.add_argument("--lengths", default="16384,32768")
    parser.add_argument("--methods", help="separated by commas; all of the model's unless given")
    parser.add_argument("--documents", type=int, default=6)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    lengths = [int(each) for each in options.lengths.split(",")]
    common: dict[str, Any] = {"max_length": int(ROOM * max(lengths)), "dtype": "float32"}
    known = LongEncoder.from_pretrained(options.model, **common)
    able = [each for each in known.planner.methods if each != "truncate"]
    methods = options.methods.split(",") if options.methods else able
    rows: dict[str, Any] = {}
    if options.out.exists():
        rows = json.loads(options.out.read_text(encoding="utf-8"))["rows"]
    for length in lengths:
        for method in methods:
            name = f"{method} {length}"
            if name in rows:
                continue
            encoder = LongEncoder.from_pretrained(options.model, **common, **settings_of(method))
            if not changes(encoder, length):
                continue
            told = {"method": method, "length": length, "documents": options.documents}
            rows[name] = {**told, **measure(encoder, length, options.documents)}
            print(name, rows[name], flush=True)
            result = {
                "command": "python -m benchmarks.far --out FILE",
                "version": __version__,
                "machine": machine(),
                "model": known.planner.model_name,
                "rows": rows,
            }
            write_whole(options.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
