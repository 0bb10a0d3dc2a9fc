"""What a search through a graph (HNSW) misses of the nearest vectors, and what comparing all costs.

A Qdrant server compares a query with every vector of a small collection, and of a larger one goes
through a graph, where it passes over some of the nearest. Measured with hnswlib (in no extra of
this package: ``pip install hnswlib``), the same algorithm with Qdrant's defaults (M = 16,
ef_construct = 100): which share of the ten and of the 256 nearest passages it finds, how many of
the ten best documents by their best passage stay the same, and at which nDCG@10; for real passages
and queries, read by the default model, for random ones, and for 100,000 made of the real ones by
noise. With ``int8`` the graph walks vectors of a byte a number (a quantile of 0.99, as Qdrant's
scalar quantization), and the exact ones put ``oversampling`` times as many in order as are wanted.
Then the processor time of comparing with every vector.

    python benchmarks/nearness.py --task FOLDER --task FOLDER --kept vectors.npz --out FILE
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from nearness_vectors import Floats, Vectors, grown_vectors, random_vectors, real_vectors
from numpy.typing import NDArray

from longembed_rag import __version__

M, EF_CONSTRUCT = 16, 100
EFS = (32, 64, 100, 128, 256, 512, 1024)
DEEP = 256  # passages that a hybrid search asks for
GROWN = 100_000  # passages of the collection that is made of the real ones
SIZES = (10_000, 100_000, 1_000_000)
Ids = NDArray[np.int64]
Search = Callable[[Floats, int, int], tuple[Ids, float]]


def exact(rows: Floats, queries: Floats, most: int) -> Ids:
    """The nearest of all, ``[queries, most]``."""
    found = []
    for start in range(0, len(queries), 64):
        scores = queries[start : start + 64] @ rows.T
        best = np.argpartition(-scores, most, axis=1)[:, :most]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        found.append(np.take_along_axis(best, order, axis=1))
    return np.concatenate(found)


def graph(rows: Floats) -> Search:
    """A search through a graph over vectors; gives ids and CPU ms a query."""
    import hnswlib

    index = hnswlib.Index(space="ip", dim=rows.shape[1])
    index.init_index(max_elements=len(rows), M=M, ef_construction=EF_CONSTRUCT, random_seed=24)
    index.add_items(rows, num_threads=1)

    def search(queries: Floats, most: int, ef: int) -> tuple[Ids, float]:
        index.set_ef(max(ef, most))  # as Qdrant does
        began = time.process_time()
        labels, _ = index.knn_query(queries, k=most, num_threads=1)
        return labels.astype(np.int64), 1000 * (time.process_time() - began) / len(queries)

    return search


def quantized(rows: Floats, oversampling: float) -> Search:
    """The same over vectors of a byte a number, whose best are put in order by the exact ones."""
    bound = float(np.quantile(np.abs(rows), 0.99))
    coarse = np.round(np.clip(rows / bound, -1, 1) * 127) / 127 * bound
    inner = graph(coarse.astype(np.float32))

    def search(queries: Floats, most: int, ef: int) -> tuple[Ids, float]:
        found, taken = inner(queries, math.ceil(most * oversampling), ef)
        began = time.process_time()
        scores = np.einsum("qd,qmd->qm", queries, rows[found])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :most]
        taken += 1000 * (time.process_time() - began) / len(queries)
        return np.take_along_axis(found, order, axis=1), taken

    return search


def recall(found: Ids, wanted: Ids) -> float:
    """The mean share of the nearest that was found."""
    shares = [len(set(a) & set(b)) / len(b) for a, b in zip(found, wanted, strict=True)]
    return round(float(np.mean(shares)), 4)


def best_documents(vectors: Vectors, found: Ids, most: int = 10) -> list[list[int]]:
    """For each query the documents of the best passages, each once."""
    return [list(dict.fromkeys(vectors.owners[row].tolist()))[:most] for row in found]


def ndcg(vectors: Vectors, ranked: list[list[int]]) -> float:
    """Mean nDCG@10; a query has one answer."""
    gains = [
        1 / math.log2(2 + row.index(answer)) if answer in row else 0.0
        for row, answer in zip(ranked, vectors.answers.tolist(), strict=True)
    ]
    return round(float(np.mean(gains)), 4)


def misses(name: str, vectors: Vectors, *, with_quantized: bool = True) -> dict[str, Any]:
    """What is missed at each ef, by the graph alone and with quantization."""
    wanted = exact(vectors.passages, vectors.queries, DEEP)
    documents = best_documents(vectors, wanted)
    rows: list[dict[str, Any]] = []
    ways = {"float32": graph(vectors.passages)}
    for times in (1, 2) if with_quantized else ():
        ways[f"int8, oversampling {times}"] = quantized(vectors.passages, times)
    for way, search in ways.items():
        for ef in EFS:
            ten, taken = search(vectors.queries, 10, ef)
            deep, taken_deep = search(vectors.queries, DEEP, ef)
            ranked = best_documents(vectors, deep)
            same = [len({*a} & {*b}) / len(b) for a, b in zip(ranked, documents, strict=True)]
            rows.append(
                {
                    "vectors": way,
                    "ef": ef,
                    "recall@10": recall(ten, wanted[:, :10]),
                    f"recall@{DEEP}": recall(deep, wanted),
                    "same documents of ten": round(float(np.mean(same)), 4),
                    "nDCG@10": ndcg(vectors, ranked),
                    "CPU ms, ten": round(taken, 3),
                    f"CPU ms, {DEEP}": round(taken_deep, 3),
                }
            )
            print(name, json.dumps(rows[-1]), flush=True)
    return {
        "passages": len(vectors.passages),
        "documents": len(np.unique(vectors.owners)),
        "queries": len(vectors.queries),
        "nDCG@10, exact": ndcg(vectors, documents),
        "searches": rows,
    }


def comparing(dimension: int) -> list[dict[str, Any]]:
    """CPU ms of comparing one query with every vector, and of finding the best 256 of them."""
    chance = np.random.default_rng(24)
    every = chance.standard_normal((max(SIZES), dimension), dtype=np.float32)
    query = chance.standard_normal(dimension).astype(np.float32)
    told = []
    for size in SIZES:
        rows, taken = every[:size], []
        for _ in range(9):
            began = time.process_time()
            scores = rows @ query
            np.argpartition(-scores, DEEP)
            taken.append(1000 * (time.process_time() - began))
        told.append({"vectors": size, "CPU ms a query": round(float(np.median(taken)), 2)})
        print(json.dumps(told[-1]), flush=True)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--task", type=Path, action="append", default=[], metavar="FOLDER")
    parser.add_argument("--passages", type=int, default=20_000)
    parser.add_argument("--passage-tokens", type=int, default=128)
    parser.add_argument("--kept", type=Path, help="where the vectors of passages are kept")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        parser.error("set OMP_NUM_THREADS=1: what is measured is the work of one processor")
    real = real_vectors(
        given.task,
        passages=given.passages,
        passage_tokens=given.passage_tokens,
        kept=given.kept,
    )
    passages, dimension = real.passages.shape
    result = {
        "command": "OMP_NUM_THREADS=1 python benchmarks/nearness.py "
        + " ".join(f"--task {each.name}" for each in given.task)
        + f" --passages {given.passages} --passage-tokens {given.passage_tokens} --out FILE",
        "version": __version__,
        "machine": machine(),
        "M": M,
        "ef_construct": EF_CONSTRUCT,
        "comparing with every vector": comparing(dimension),
        "real": misses("real", real),
        "random": misses("random", random_vectors(passages, dimension)),
        "grown": misses("grown", grown_vectors(real, GROWN), with_quantized=False),
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
