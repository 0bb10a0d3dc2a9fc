"""Training by positions that skip, against training on long documents, with as many tokens.

A model with learned positions gets a longer table (PI, untrained), and is then trained for length
in several ways: on documents as long as the table (``long``), on short ones read plainly
(``short``), and on the same short ones at positions that skip through the table (``pose``,
``randomized``, ``skipalign``). All runs read as many tokens of documents in as many updates, with
the same settings and seed. Then each is asked for passkeys, needles, and the documents of a task,
in one vector of one reading.

A run that was stopped goes on, and what ``--out`` holds already is not measured again.

    python benchmarks/far_positions.py --pairs DIR --data DIR --work DIR --out FILE
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from fusion_tasks import read_task
from machine import machine
from sif import ndcg

from longembed_eval.tasks.needle import needle_task
from longembed_eval.tasks.passkey import passkey_task
from longembed_rag import LongEncoder, __version__
from longembed_rag.encoder.planner import Planner
from longembed_rag.training.document_batch import DocumentOptions
from longembed_rag.training.length import LengthOptions
from longembed_rag.training.mixture import MixtureOptions
from longembed_rag.training.options import TrainingOptions
from longembed_rag.training.positions import TuningOptions
from longembed_rag.training.runs import train_length, tune_positions
from longembed_rag.training.skipping import SkippingOptions
from longembed_rag.training.texts import TrainingTexts, read_texts

COMMAND = "python benchmarks/far_positions.py --pairs DIR --data DIR --work DIR --out FILE"
WAYS = ("start", "long", "short", "pose", "randomized", "skipalign")
SETTINGS = {"device": "cpu", "dtype": "float32"}


def start(given: argparse.Namespace, texts: TrainingTexts) -> Path:
    """The model with its longer table, which one update at no rate leaves as it is."""
    return tune_positions(
        Planner.from_pretrained(given.model, **SETTINGS),
        texts,
        tuning=TuningOptions(method="pi", length=given.reach, batch_pairs=2),
        options=TrainingOptions(steps=1, learning_rate=1e-30, warmup_steps=0),
        folder=given.work / "start",
    ).folder


def train(way: str, model: Path, given: argparse.Namespace, texts: TrainingTexts) -> dict[str, Any]:
    """Train in one way; says what it took."""
    planner = Planner.from_pretrained(model, **SETTINGS)
    far = {} if way in ("long", "short") else {"kind": way, "reach": planner.original_length}
    lengths = given.long if way == "long" else given.short
    trained = train_length(
        planner,
        Planner.from_pretrained(given.model, **SETTINGS),
        texts,
        documents=DocumentOptions(lengths=tuple(lengths), batch_tokens=given.document_tokens),
        mixture=MixtureOptions(
            shares=(0.1, 0.2, 0.3, 0.4), batch_tokens=given.document_tokens // 8
        ),
        length=LengthOptions(),
        options=TrainingOptions(
            steps=given.steps,
            learning_rate=given.learning_rate,
            warmup_steps=min(2, given.steps // 5),
            checkpoint_seconds=120.0,
            log_every=1,
        ),
        folder=given.work / way,
        skipping=SkippingOptions(**far),
        on_progress=lambda progress: print(way, json.dumps(progress.to_dict()), flush=True),
    )
    return {
        "lengths": lengths,
        "tokens": trained.progress.tokens,
        "seconds": round(trained.progress.seconds),
    }


def tasks(given: argparse.Namespace) -> dict[str, tuple[dict[str, str], dict[str, str], Any]]:
    """Documents, queries and the answer to each, by the task's name."""
    found: dict[str, tuple[dict[str, str], dict[str, str], Any]] = {}
    counts = {"documents": given.documents, "queries": given.documents}
    for length in given.passkeys:
        made = passkey_task(length, **counts)
        found[made.name] = _of(made)
    for length in given.needles:
        made = needle_task(length, **counts)
        found[made.name] = _of(made)
    task = read_task(given.data)
    found[task.name] = (task.documents, task.queries, task.answers)
    return found


def _of(made: Any) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    queries = {query.id: query.text for query in made.queries}
    return dict(made.documents), queries, {name: next(iter(made.gold[name])) for name in queries}


def measure(model: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Accuracy@1 and nDCG@10 of every task."""
    read = {"overflow": "truncate", "max_length": given.read, **SETTINGS}
    encoder = LongEncoder.from_pretrained(str(model), **read)
    result: dict[str, Any] = {}
    for name, (documents, queries, answers) in tasks(given).items():
        began = time.monotonic()
        rows = {document: row for row, document in enumerate(documents)}
        vectors = encoder.encode(list(documents.values())).embeddings
        asked = encoder.encode(list(queries.values()), kind="query").embeddings
        gold = np.array([rows[answers[query]] for query in queries])
        scores = asked @ vectors.T
        result[name] = {
            "accuracy@1": round(100 * float((scores.argmax(1) == gold).mean()), 1),
            "ndcg@10": round(ndcg(scores, gold), 1),
            "documents": len(rows),
            "queries": len(gold),
            "seconds": round(time.monotonic() - began),
        }
        print(model, name, result[name], flush=True)
    return result


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="corpus, queries and qrels")
    parser.add_argument("--work", type=Path, required=True, help="where the runs lie")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--reach", type=int, default=2048)
    parser.add_argument("--long", type=int, nargs="+", default=[1024, 2048], help="tokens")
    parser.add_argument("--short", type=int, nargs="+", default=[256], help="tokens")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--document-tokens", type=int, default=4096)
    parser.add_argument("--read", type=int, default=2048, help="tokens of each document read")
    parser.add_argument("--documents", type=int, default=50, help="of passkeys and needles")
    parser.add_argument("--passkeys", type=int, nargs="*", default=[1024, 2048])
    parser.add_argument("--needles", type=int, nargs="*", default=[1024])
    return parser.parse_args()


def report(given: argparse.Namespace, ways: Mapping[str, Any]) -> None:
    """Write what is known so far."""
    said = {**vars(given), "ways": list(ways)}
    settings = {name: value for name, value in said.items() if not isinstance(value, Path)}
    flags = (
        " ".join(("--" + name.replace("_", "-"), *map(str, np.atleast_1d(value))))
        for name, value in settings.items()
    )
    held = {
        "command": " ".join((COMMAND, *flags)),
        "version": __version__,
        "machine": machine(),
        "settings": settings,
        "ways": ways,
    }
    given.out.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    given = arguments()
    # What is held out is measured while models learn, which takes longer here than learning.
    texts = replace(read_texts([given.pairs]), held_out=())
    ways = json.loads(given.out.read_text(encoding="utf-8"))["ways"] if given.out.is_file() else {}
    model = start(given, texts)
    for way in given.ways:
        if way in ways:
            continue
        took = {} if way == "start" else train(way, model, given, texts)
        folder = model if way == "start" else given.work / way / "model"
        ways[way] = {**took, "measured": measure(folder, given)}
        report(given, ways)


if __name__ == "__main__":
    main()
