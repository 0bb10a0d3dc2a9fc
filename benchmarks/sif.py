"""What ``--pooling sif`` is worth against ``mean``: whole documents and best passages, nDCG@10.

The tasks are those of ``fusion.py``. Every text is read once, and both poolings are made of the
same token states; the vectors are kept in ``--cache``, since reading takes long. No words, no
fusion: a document scores by its own vector (``dense``) or by its best passage's (``passages``).

    python benchmarks/sif.py --model NAME --data DIR ... --pairs FILE ... --cache DIR --out FILE
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fusion_tasks import Task, tasks_of

from longembed_rag import LongEncoder, __version__
from longembed_rag.encoder.loading import LoadedModel, load_model
from longembed_rag.encoder.planner import Planner
from longembed_rag.extension.plan import ExtensionPlan

POOLINGS = ("mean", "sif")
PASSAGE_TOKENS = 256
BEST = 10


class Remembering:
    """A model that does not read again what it has just read."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self.read: dict[bytes, torch.Tensor] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loaded, name)

    def states(self, ids: list[torch.Tensor], plans: list[ExtensionPlan]) -> list[torch.Tensor]:
        """Last hidden states, as the model gives them."""
        keys = [window.numpy().tobytes() for window in ids]
        new = [at for at, key in enumerate(keys) if key not in self.read]
        if new:
            states = self._loaded.states([ids[at] for at in new], [plans[at] for at in new])
            self.read.update(zip([keys[at] for at in new], states, strict=True))
        return [self.read[key] for key in keys]


def encoders(
    model: str | None, options: Mapping[str, Any]
) -> tuple[Remembering, list[LongEncoder]]:
    """One encoder for each pooling, over the same weights."""
    planners = [Planner.from_pretrained(model, pooling=each, **options) for each in POOLINGS]
    shared = Remembering(load_model(planners[0]))
    return shared, [LongEncoder(planner, shared) for planner in planners]  # type: ignore[arg-type]


def read(task: Task, shared: Remembering, both: Sequence[LongEncoder]) -> dict[str, np.ndarray]:
    """The vectors of a task's documents, passages and queries by each pooling."""
    rows: dict[str, list[np.ndarray]] = {}
    owners: list[int] = []
    for number, text in enumerate(task.documents.values()):
        shared.read.clear()
        for name, encoder in zip(POOLINGS, both, strict=True):
            encoding = encoder.encode_passages(text, passage_tokens=PASSAGE_TOKENS)
            rows.setdefault(f"documents_{name}", []).append(encoding.embedding[None])
            rows.setdefault(f"passages_{name}", []).append(encoding.embeddings)
        owners += [number] * len(encoding.passages)
    for name, encoder in zip(POOLINGS, both, strict=True):
        queries = encoder.encode(list(task.queries.values()), kind="query").embeddings
        rows[f"queries_{name}"] = [queries]
    shared.read.clear()
    return {key: np.concatenate(value) for key, value in rows.items()} | {
        "owners": np.array(owners)
    }


def ndcg(scores: np.ndarray, answers: np.ndarray) -> float:
    """Mean nDCG@10 of queries with one answer each, of 100; ``scores`` ``[queries, documents]``."""
    own = scores[np.arange(len(scores)), answers][:, None]
    ranks = (scores > own).sum(1)
    return 100 * float(np.where(ranks < BEST, 1 / np.log2(ranks + 2), 0).mean())


def measure(task: Task, found: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """nDCG@10 by pooling and mode."""
    names = {name: number for number, name in enumerate(task.documents)}
    answers = np.array([names[task.answers[query]] for query in task.queries])
    result: dict[str, Any] = {"documents": len(names), "queries": len(answers)}
    for pooling in POOLINGS:
        queries = found[f"queries_{pooling}"]
        passages = queries @ found[f"passages_{pooling}"].T
        best = np.full((len(queries), len(names)), -np.inf, dtype=np.float32)
        np.maximum.at(best, (slice(None), found["owners"]), passages)
        result[pooling] = {
            "dense": round(ndcg(queries @ found[f"documents_{pooling}"].T, answers), 1),
            "passages": round(ndcg(best, answers), 1),
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    parser.add_argument("--data", type=Path, nargs="*", default=[])
    parser.add_argument("--pairs", type=Path, nargs="*", default=[])
    parser.add_argument("--tasks", nargs="*", help="only these, by name")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    shared, both = encoders(arguments.model, {"dtype": "float32"})
    arguments.cache.mkdir(parents=True, exist_ok=True)
    results = {}
    for task in tasks_of(arguments.data, arguments.pairs):
        if arguments.tasks and task.name not in arguments.tasks:
            continue
        kept = arguments.cache / f"{task.name}-{both[1].fingerprint[:8]}.npz"
        if not kept.is_file():
            np.savez(kept, **read(task, shared, both))
        results[task.name] = measure(task, np.load(kept))
        print(task.name, results[task.name], flush=True)
    report = {"version": __version__, "encoder": both[1].describe(), "tasks": results}
    for machine in ("model_path", "device", "batch_tokens"):
        del report["encoder"][machine]
    arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
