"""Which weights fuse words and meaning best, and what that is worth.

For every task the documents go into an embedded store as an ingest would put them there, and the
evidence for every query is gathered as a search would gather it; both are kept in ``--cache``,
since embedding takes long. Then, on the evidence alone:

- the fixed weights of :mod:`longembed_rag.search.fusion` against each signal by itself, against
  BM25 by bm25s, and against the fusion with one thing left out;
- a search over a small grid of weights with one task left out at a time: what would have been
  chosen without the task, and what it gets on the task.

A task is a folder of ``corpus.jsonl`` (``_id``, ``text``), ``queries.jsonl`` and ``qrels.tsv``
(``--data``), or is made of a file of pairs ``query``, ``pos`` (``--pairs``): documents of thirty
texts each, found by the questions on them. The paraphrases that lie beside this program are hidden
in the demo's documents and are always run. Tasks that are named with ``--joined`` are run once more
with neighbouring documents joined to very long ones, of which each query tells one part.

    python benchmarks/fusion.py --data DIR ... --pairs FILE ... --model NAME --cache DIR --out FILE
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import pickle
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from fusion_encodings import asked_of, encodings_of, place_of
from fusion_tasks import Task, tasks_of

from longembed_rag import LongEncoder, __version__
from longembed_rag.encoder.values import PassageEncoding
from longembed_rag.ingest.comparing import content_hash
from longembed_rag.ingest.encoding import ensure_for
from longembed_rag.search.evidence import gather
from longembed_rag.search.fusion import WEIGHTS, Evidence, Weights, weigh
from longembed_rag.search.requests import Question, Scope
from longembed_rag.search.steps import run
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import TERMS_VECTOR, IndexedDocument, document_id
from longembed_rag.words.analyzer import get_analyzer
from longembed_rag.words.query import query_words

GRID = {
    "terms_beside_late": (0.1, 0.2, 0.35),
    "passage_late": (1.6, 2.2, 3.0, 4.0),
    "vector_beside_late": (0.0, 0.3),
    "one_thing": (7, 10, 15),
}


def fill(
    task: Task, encoder: LongEncoder, encodings: Sequence[PassageEncoding], store: DocumentStore
) -> None:
    """Put the documents into the store; those that are there are passed over."""
    ensure_for(store, encoder, options=IndexOptions(late_interaction="on"), storage=None)
    store.recover()
    there = store.complete_sources()
    pairs = zip(task.documents.items(), encodings, strict=True)
    for (name, text), encoding in pairs:
        if name in there:
            continue
        store.upsert(
            IndexedDocument.of_encoding(
                encoding, source=name, text=text, metadata={}, content_hash=content_hash(text)
            )
        )
    store.reweigh()


@dataclass(frozen=True)
class Gathered:
    """For one query the id of its document's point, and the evidence, now and as it was before.

    Before late interaction, words of documents were weighed by one k1, and tokens not compared.
    """

    answer: str
    evidence: Evidence
    before: Evidence


def gathered(task: Task, encoder: LongEncoder, cache: Path) -> list[Gathered]:
    """What speaks for documents, for each query."""
    place = place_of(task, encoder, cache)
    file = place.with_name(f"{place.name}.evidence")
    if file.exists():
        return pickle.loads(file.read_bytes())
    began = time.monotonic()
    encodings = encodings_of(task, encoder, cache)
    with DocumentStore.open(path=place) as store:
        fill(task, encoder, encodings, store)
        analyzer = get_analyzer()
        found: list[Gathered] = []
        for (name, text), vector, tokens in asked_of(task, encoder):
            words = query_words(text, [analyzer])
            ask = partial(gather, with_passages=True, scope=Scope(), place=store.place)
            found.append(
                Gathered(
                    document_id(task.answers[name]),
                    run(ask(Question(words, vector, tokens)), store.place),
                    run(ask(Question(words, vector), words_vector=TERMS_VECTOR), store.place),
                )
            )
    file.write_bytes(pickle.dumps(found))
    print(f"{task.name}: {time.monotonic() - began:.0f} s", flush=True)
    return found


Scorer = Callable[[Evidence], np.ndarray]


def ndcg(answer: str, documents: Sequence[str], scores: np.ndarray) -> float:
    """nDCG@10 with one document to find; equal scores in the order of their ids."""
    if answer not in documents:
        return 0.0
    own = scores[documents.index(answer)]
    before = int((scores > own).sum())
    before += sum(documents[index] < answer for index in np.flatnonzero(scores == own))
    return float(1 / np.log2(before + 2)) if before < 10 else 0.0


def mean_ndcg(found: Sequence[Gathered], score: Scorer) -> float:
    each = [(one.answer, one.evidence) for one in found]
    return 100 * float(np.mean([ndcg(a, e.documents, score(e)) for a, e in each]))


def before(found: Sequence[Gathered]) -> float:
    """What hybrid was before late interaction."""
    each = [(one.answer, one.before) for one in found]
    return 100 * float(np.mean([ndcg(a, e.documents, fused(WEIGHTS)(e)) for a, e in each]))


def fused(weights: Weights) -> Scorer:
    def score(evidence: Evidence) -> np.ndarray:
        return np.sum(list(weigh(evidence, weights).values()), axis=0)

    return score


SYSTEMS: dict[str, Scorer] = {
    "terms of documents (sparse)": lambda e: e.terms,
    "terms and word pairs": lambda e: e.terms + WEIGHTS.pairs * e.pairs,
    "vector of documents (dense)": lambda e: e.vector,
    "terms of passages": lambda e: e.passage_terms,
    "vector of passages": lambda e: e.passage_vector,
    "tokens of passages (late)": lambda e: e.passage_late,
    "hybrid": fused(WEIGHTS),
    "hybrid, no tokens": lambda e: fused(WEIGHTS)(replace(e, passage_late=None)),
    "hybrid, tokens always count": fused(replace(WEIGHTS, one_thing=1e9)),
    "hybrid, no word pairs": fused(replace(WEIGHTS, pairs=0.0)),
    "hybrid, no terms of passages": fused(replace(WEIGHTS, terms_beside_late=0.0)),
    "hybrid, no meaning": fused(replace(WEIGHTS, passage_late=0.0, vector=0.0)),
    "hybrid, words always trusted": fused(replace(WEIGHTS, uncovered=-1.0, covered=0.0)),
    "hybrid, gain of many passages left in": fused(
        replace(WEIGHTS, terms_gain=0.0, vector_gain=0.0, late_gain=0.0)
    ),
}


def by_bm25s(task: Task) -> float:
    """BM25 by bm25s, over the same terms and with the same k1 and b."""
    import bm25s

    from longembed_rag.words.terms import K1, B

    stems = get_analyzer().stems
    names = list(task.documents)
    retriever = bm25s.BM25(method="lucene", k1=K1, b=B)
    retriever.index([stems(text) for text in task.documents.values()], show_progress=False)
    ids = [document_id(name) for name in names]
    scores = [retriever.get_scores(stems(text)) for text in task.queries.values()]
    answers = [document_id(name) for name in (task.answers[query] for query in task.queries)]
    pairs = zip(answers, scores, strict=True)
    return 100 * float(np.mean([ndcg(answer, ids, score) for answer, score in pairs]))


def left_out(tasks: dict[str, list[Gathered]]) -> dict[str, Any]:
    """For each task: the weights that are best on all others, and what they get on it."""
    settings = [
        replace(WEIGHTS, **dict(zip(GRID, values, strict=True)))
        for values in itertools.product(*GRID.values())
    ]
    scores = {
        name: np.array([mean_ndcg(found, fused(weights)) for weights in settings])
        for name, found in tasks.items()
    }
    rows = {}
    for name in tasks:
        others = np.mean([scores[other] for other in tasks if other != name], axis=0)
        best = int(others.argmax())
        rows[name] = {
            "chosen": {key: getattr(settings[best], key) for key in GRID},
            "ndcg@10": round(float(scores[name][best]), 2),
            "best of the grid on the task itself": round(float(scores[name].max()), 2),
            "worst of the grid": round(float(scores[name].min()), 2),
        }
    return rows


def command(given: argparse.Namespace, *own: str, program: str = "fusion.py") -> str:
    """How to make a result again; folders by their names only, a program's own options before."""
    words = [f"python benchmarks/{program}"]
    for name in ("data", "pairs"):
        if paths := getattr(given, name):
            words.append(f"--{name} " + " ".join(path.name for path in paths))
    if given.joined:
        words.append("--joined " + " ".join(given.joined))
    words += [*own, f"--model {given.model}"]
    if getattr(given, "original_length", None):
        words.append(f"--original-length {given.original_length}")
    return " ".join([*words, "--cache DIR --out FILE"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, nargs="*", default=[])
    parser.add_argument("--pairs", type=Path, nargs="*", default=[])
    parser.add_argument("--joined", nargs="*", default=[], help="tasks to join to long documents")
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--original-length", type=int)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    encoder = LongEncoder.from_pretrained(
        given.model, original_length=given.original_length, dtype="float32"
    )
    tasks = tasks_of(given.data, given.pairs, joined=given.joined)
    evidence = {task.name: gathered(task, encoder, given.cache) for task in tasks}
    rows = []
    for task in tasks:
        found = evidence[task.name]
        scores = {name: round(mean_ndcg(found, score), 2) for name, score in SYSTEMS.items()}
        words = [len(text.split()) for text in task.documents.values()]
        rows.append(
            {
                "task": task.name,
                "documents": len(words),
                "words per document": round(float(np.mean(words))),
                "queries": len(task.queries),
                "ndcg@10": {
                    "bm25s": round(by_bm25s(task), 2),
                    "hybrid before": round(before(found), 2),
                    **scores,
                },
            }
        )
        print(json.dumps(rows[-1], indent=1))
    result = {
        "command": command(given),
        "version": __version__,
        "machine": f"{platform.machine()}, {platform.python_implementation()} "
        f"{platform.python_version()}",
        "model": {k: v for k, v in encoder.describe().items() if k != "model_path"},
        "weights": asdict(WEIGHTS),
        "tasks": rows,
        "left out": left_out(evidence) if len(evidence) > 1 else {},
        "data": hashlib.sha256(
            json.dumps([sorted(task.documents) for task in tasks]).encode()
        ).hexdigest()[:16],
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
