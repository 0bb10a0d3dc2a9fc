"""In which form the vectors of passages' tokens find most: which are averaged, and how many bits.

For each task every token's vector is read once (kept in ``--cache``), and for each form a
document's score is that of its best passage by MaxSim, among so many passages that are best by
their own vector (``--candidates``; with 0 among all). nDCG@10, and bytes a token.

    python benchmarks/tokens.py --data DIR ... --cache DIR --out FILE
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fusion_tasks import Task, tasks_of

from longembed_rag import LongEncoder, __version__
from longembed_rag.encoder.token_vectors import TokenOptions, keep_tokens, max_similarity

EVERY = TokenOptions(pool=1, bits=False)
FORMS = {
    "every token": EVERY,
    "every token, bits": TokenOptions(pool=1),
    **{
        f"{by} of {pool}, bits": TokenOptions(pool=pool, pool_by=by)
        for by in ("neighbours", "clusters")
        for pool in (2, 3, 4, 6)
    },
}


@dataclass(frozen=True)
class States:
    """A task as it was read: passages with the vectors of their tokens, and queries."""

    tokens: np.ndarray
    bounds: np.ndarray
    owners: np.ndarray
    passages: np.ndarray
    queries: np.ndarray
    query_tokens: list[np.ndarray]


def states_of(task: Task, encoder: LongEncoder, cache: Path) -> States:
    file = cache / f"{task.name}.{encoder.model_name}.states.npz"
    if not file.exists():
        tokens, counts, owners, passages = [], [], [], []
        for number, (name, text) in enumerate(task.documents.items()):
            encoding = encoder.encode_passages(text, tokens=EVERY, name=name)
            assert encoding.tokens is not None
            tokens.append(encoding.tokens.vectors.astype(np.float16))
            counts.append(encoding.tokens.counts)
            owners += [number] * len(encoding.passages)
            passages.append(encoding.embeddings)
        queries = encoder.encode_queries(list(task.queries.values()))
        np.savez(
            file,
            tokens=np.concatenate(tokens),
            bounds=np.append(0, np.cumsum(np.concatenate(counts))),
            owners=np.array(owners),
            passages=np.concatenate(passages),
            queries=queries.embeddings,
            query_counts=np.array([len(each) for each in queries.tokens]),
            query_tokens=np.concatenate(queries.tokens),
        )
    with np.load(file) as stored:
        ends = np.cumsum(stored["query_counts"])
        return States(
            *(stored[name] for name in ("tokens", "bounds", "owners", "passages", "queries")),
            np.split(stored["query_tokens"], ends[:-1]),
        )


def measure(task: Task, states: States, encoder: LongEncoder, candidates: int) -> dict[str, float]:
    numbers = {name: number for number, name in enumerate(task.documents)}
    answers = [numbers[task.answers[query]] for query in task.queries]
    by_vector = states.queries @ states.passages.T
    nearest = np.argsort(-by_vector, axis=1)[:, : candidates or None]
    wanted = np.unique(nearest)
    rows = {"vector of passages": ndcg(by_vector, nearest, states.owners, answers)}
    for name, form in FORMS.items():
        kept = {
            index: keep_tokens(
                states.tokens[states.bounds[index] : states.bounds[index + 1]].astype(np.float32),
                form,
                encoder.token_centre,
            )
            for index in wanted.tolist()
        }
        scores = np.full(by_vector.shape, -np.inf)
        for number, (query, near) in enumerate(zip(states.query_tokens, nearest, strict=True)):
            scores[number, near] = max_similarity(query, [kept[each] for each in near.tolist()])
        rows[name] = ndcg(scores, nearest, states.owners, answers)
        print(task.name, name, rows[name], flush=True)
    return rows


def ndcg(scores: np.ndarray, nearest: np.ndarray, owners: np.ndarray, answers: list[int]) -> float:
    """Mean nDCG@10 of documents by their best passage, of 100; one is to be found."""
    found = []
    for row, near, answer in zip(scores, nearest, answers, strict=True):
        best = np.full(int(owners.max()) + 1, -np.inf)
        np.maximum.at(best, owners[near], row[near])
        rank = int((best > best[answer]).sum())
        found.append(1 / np.log2(rank + 2) if rank < 10 and np.isfinite(best[answer]) else 0.0)
    return round(100 * float(np.mean(found)), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, nargs="*", default=[])
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--candidates", type=int, default=256)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    encoder = LongEncoder.from_pretrained(given.model, dtype="float32")
    rows = [
        {
            "task": task.name,
            "ndcg@10": measure(
                task, states_of(task, encoder, given.cache), encoder, given.candidates
            ),
        }
        for task in tasks_of(given.data, [])
    ]
    data = " ".join(path.name for path in given.data)
    result = {
        "command": f"python benchmarks/tokens.py --data {data} --model {given.model} "
        f"--candidates {given.candidates} --cache DIR --out FILE",
        "version": __version__,
        "model": encoder.model_name,
        "bytes a token": {
            name: round(encoder.dimension * (1 / 8 if form.bits else 4) / form.pool, 1)
            for name, form in FORMS.items()
        },
        "tasks": rows,
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
