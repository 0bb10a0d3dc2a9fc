"""Measure a model on a retrieval task of mteb from files of this machine, without the hub.

    python benchmarks/mteb_longembed.py --data qmsum --task LEMBQMSumRetrieval

The folder holds corpus.jsonl, queries.jsonl and qrels.tsv, as ``longembed-rag eval --data`` reads
them. Results are written in mteb's form, to ``results/`` in the folder that --out names.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import mteb
from mteb.cache import ResultCache

from longembed_rag import LongEncoder
from longembed_sentence_transformers import LongMtebEncoder, folder_task

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Measure one model on one folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the task")
    parser.add_argument("--task", help="mteb's name of it; else it is a task of your own")
    parser.add_argument("--model", help="folder or hub name; else the embedded default")
    parser.add_argument("--method", default="auto")
    parser.add_argument("--max-length", type=int, default=32768)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--out", type=Path, default=HERE.parent, help="where results/ lies")
    options = parser.parse_args()

    task = folder_task(options.data, name=options.task)
    encoder = LongEncoder.from_pretrained(
        options.model,
        method=options.method,
        max_length=options.max_length,
        dtype=options.dtype,
    )
    model = LongMtebEncoder(encoder)
    result = mteb.evaluate(model, task, cache=ResultCache(options.out), co2_tracker=False)
    for found in result.task_results:
        print(f"{found.task_name}: {100 * found.get_score():.2f} ({task.metadata.main_score})")


if __name__ == "__main__":
    main()
