"""Which method reads whole documents best with a given model: evidence for ``method="auto"``.

Ranks whole documents, one vector each, on folders of ``corpus.jsonl``, ``queries.jsonl`` and
``qrels.tsv`` (the form of BEIR and LongEmbed) and reports nDCG@10 for each method. Finished rows
are written at once and skipped by a later run.

    python benchmarks/auto_method.py --data DIR --max-length 4096 \
        --out benchmarks/results/auto_method.json
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import warnings
from pathlib import Path

import numpy as np


def read_jsonl(path: Path) -> dict[str, str]:
    """Identifier to text."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {str(row["_id"]): row["text"] for row in rows}


def read_gold(path: Path) -> dict[str, set[str]]:
    """Query to the documents that answer it; a header line is recognised and skipped."""
    gold: dict[str, set[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        query, document, score = line.split("\t")
        if score.strip().lstrip("-").isdigit() and int(score) > 0:
            gold.setdefault(query, set()).add(document)
    return gold


def ndcg_at_10(ranking: list[str], gold: set[str]) -> float:
    """nDCG@10 with binary gains."""
    gain = sum(1 / math.log2(i + 2) for i, document in enumerate(ranking[:10]) if document in gold)
    return gain / sum(1 / math.log2(i + 2) for i in range(min(10, len(gold))))


def evaluate(data: Path, options: dict) -> dict:
    """Embed one folder with one setting and rank it."""
    from longembed_rag import LongEncoder

    encoder = LongEncoder.from_pretrained(**options)
    corpus, queries = read_jsonl(data / "corpus.jsonl"), read_jsonl(data / "queries.jsonl")
    gold = read_gold(data / "qrels.tsv")
    names = list(corpus)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        documents = encoder.encode(list(corpus.values()), names=names)
    seconds = time.perf_counter() - start
    asked = [query for query in queries if query in gold]
    vectors = encoder.encode([queries[query] for query in asked], kind="query").embeddings
    order = np.argsort(-(vectors @ documents.embeddings.T), axis=1)
    scores = [
        ndcg_at_10([names[i] for i in row[:10]], gold[query])
        for row, query in zip(order, asked, strict=True)
    ]
    return {
        "task": data.name,
        "documents": len(names),
        "queries": len(asked),
        "ndcg@10": round(100 * float(np.mean(scores)), 2),
        "tokens": sum(each.tokens for each in documents.coverage),
        "tokens_read": sum(each.tokens_read for each in documents.coverage),
        "seconds": round(seconds, 1),
        "settings": {k: v for k, v in encoder.describe().items() if k != "model_path"},
    }


def main() -> None:
    """Run every method that is not yet in the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--model")
    parser.add_argument("--methods", nargs="*", default=["truncate", "pcw", "gp", "rp", "pi"])
    parser.add_argument("--max-length", type=int, default=4096)
    parser.add_argument("--original-length", type=int)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    rows = json.loads(options.out.read_text())["rows"] if options.out.exists() else []
    for data in options.data:
        for method in options.methods:
            values = {
                "model": options.model,
                "method": method,
                "max_length": options.max_length,
                "original_length": options.original_length,
                "dtype": options.dtype,
            }
            key = {"task": data.name, **values}
            if any(row["key"] == key for row in rows):
                continue
            rows.append({"key": key, **evaluate(data, values)})
            command = "python benchmarks/auto_method.py --data DIR --max-length N --out FILE"
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps({"command": command, "rows": rows}, indent=1) + "\n")
            row = rows[-1]
            print(f"{data.name} {method} {row['ndcg@10']} {row['seconds']} s", file=sys.stderr)


if __name__ == "__main__":
    main()
