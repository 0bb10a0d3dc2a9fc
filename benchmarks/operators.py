"""What a phrase, a must and a must not add to a query's time, by how many documents hold them.

Real texts with random vectors, in an embedded store, in mode ``hybrid`` without tokens. Words and
pairs of neighbouring words are chosen by the share of documents that hold them; each is asked for
beside the same query: CPU milliseconds, the median of five.

    python benchmarks/operators.py --data DIR ... --out FILE
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from fusion_tasks import read_task

from longembed_rag import SearchOptions, __version__, read_query, search_documents
from longembed_rag.encoder.values import Passage
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import IndexedDocument

DIMENSION = 384
WORDS = 190  # of a passage
SHARES = (0.002, 0.01, 0.1, 0.5, 0.9)
QUERY = "what was decided about the budget"
TIMES = 5
_WORD = re.compile(r"[a-z]{3,}")


def documents(texts: Mapping[str, str]) -> Iterator[IndexedDocument]:
    """Documents of these texts, cut into passages of ``WORDS`` words, with random vectors."""
    chance = np.random.default_rng(0)
    for source, text in texts.items():
        found = list(re.finditer(r"\S+", text))
        runs = [found[start : start + WORDS] for start in range(0, len(found), WORDS)]
        passages = tuple(Passage(run[0].start(), run[-1].end(), len(run)) for run in runs)
        yield IndexedDocument(
            source=source,
            text=text,
            metadata={},
            content_hash=hashlib.sha256(text.encode()).hexdigest(),
            tokens=len(found),
            tokens_read=len(found),
            windows=1,
            embedding=chance.standard_normal(DIMENSION).astype(np.float32),
            passages=passages,
            passage_embeddings=chance.standard_normal((len(passages), DIMENSION)).astype(
                np.float32
            ),
        )


def chosen(texts: Iterable[str]) -> dict[float, dict[str, str]]:
    """For each share a word and a pair of words that about so many of the texts hold."""
    words: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    total = 0
    for text in texts:
        total += 1
        found = _WORD.findall(text.lower())
        words.update(set(found))
        pairs.update({f"{first} {second}" for first, second in pairwise(found)})

    def nearest(counts: Counter[str], share: float) -> str:
        return min(counts, key=lambda each: (abs(counts[each] - share * total), each))

    return {
        share: {"word": nearest(words, share), "phrase": nearest(pairs, share)} for share in SHARES
    }


def measure(store: DocumentStore, typed: str) -> dict[str, float | int]:
    query = read_query(typed)
    vector = np.random.default_rng(1).standard_normal(DIMENSION).astype(np.float32)
    taken, counts = [], []
    for limit in (10_000, *[5] * (TIMES + 1)):  # first how many there are; the next warms up
        began = time.process_time()
        options = SearchOptions(limit=limit, passages=3 if limit == 5 else 0, snippets=limit == 5)
        found = search_documents(store, query, vector=vector, options=options)
        taken.append(1000 * (time.process_time() - began))
        counts.append(len(found))
    return {"found": counts[0], "CPU ms": round(float(np.median(taken[2:])), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    texts = {
        f"{folder.name}/{name}": text
        for folder in given.data
        for name, text in read_task(folder).documents.items()
    }
    names = " ".join(path.name for path in given.data)
    with (
        tempfile.TemporaryDirectory() as folder,
        DocumentStore.open(path=Path(folder) / "store") as store,
    ):
        store.ensure(fingerprint="benchmark", dimension=DIMENSION, description={})
        for document in documents(texts):
            store.upsert(document)
        rows = {"plain": measure(store, QUERY), '"of the"': measure(store, f'{QUERY} "of the"')}
        for share, each in chosen(texts.values()).items():
            asked = {"+word": f"+{each['word']}", "-word": f"-{each['word']}"}
            for name, said in {**asked, '"phrase"': f'"{each["phrase"]}"'}.items():
                rows[f"{name} of {share:.1%}"] = measure(store, f"{QUERY} {said}")
        result = {
            "command": f"python benchmarks/operators.py --data {names} --out FILE",
            "version": __version__,
            "documents": len(texts),
            "passages": store.info().passages,
            "words a document": round(
                sum(len(text.split()) for text in texts.values()) / len(texts)
            ),
            "queries": rows,
        }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
