"""What writing and searching cost, by engine, and how passages are best kept.

Documents of random words and vectors, of the shape of real ones: ``--passages`` passages of about
190 words each. Measured for each engine: milliseconds to write a document (to be compared with
those that the default model takes to read it, measured in the same run), seconds to open the store
again, milliseconds a query takes in each mode, bytes on disk. And, for the engine underneath, the
best passage of each document from a sibling collection of passages against a multivector on the
document's own point.

    python benchmarks/store.py --documents 1000 --out FILE
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from qdrant_client import QdrantClient

from longembed_rag import LongEncoder, __version__
from longembed_rag.encoder.values import Passage
from longembed_rag.search.search import MODES, SearchOptions, search_documents
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import DENSE_VECTOR, IndexedDocument

DIMENSION = 384
WORDS = 190
QUERIES = 30


class Maker:
    """Makes documents and queries; words are as frequent as Zipf's law says."""

    def __init__(self, passages: int) -> None:
        self.passages = passages
        self.chance = np.random.default_rng(0)
        shares = 1 / np.arange(1, 40_001)
        self.words = np.array([f"w{number}x" for number in range(40_000)])
        self.shares = shares / shares.sum()

    def text(self, words: int) -> str:
        """So many words."""
        return " ".join(self.chance.choice(self.words, size=words, p=self.shares))

    def vectors(self, count: int) -> np.ndarray:
        """So many vectors, ``[count, DIMENSION]``."""
        return self.chance.standard_normal((count, DIMENSION)).astype(np.float32)

    def document(self, number: int) -> IndexedDocument:
        """A document of ``passages`` passages."""
        parts = [self.text(WORDS) for _ in range(self.passages)]
        starts = np.cumsum([0, *(len(part) + 1 for part in parts)])
        text = " ".join(parts)
        return IndexedDocument(
            source=f"/documents/{number}.txt",
            text=text,
            metadata={"file_name": f"{number}.txt", "file_type": "txt"},
            content_hash=hashlib.sha256(text.encode()).hexdigest(),
            tokens=256 * self.passages,
            tokens_read=256 * self.passages,
            windows=self.passages,
            embedding=self.vectors(1)[0],
            passages=tuple(
                Passage(int(start), int(start) + len(part), 256)
                for start, part in zip(starts, parts, strict=False)
            ),
            passage_embeddings=self.vectors(self.passages),
        )


def milliseconds(action: Callable[[], Any], times: int) -> float:
    """Median time of an action, after one that does not count."""
    action()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return round(1000 * float(np.median(taken)), 2)


def measure_engine(engine: Any, documents: int, passages: int, folder: Path) -> dict[str, Any]:
    maker = Maker(passages)
    if engine == "local":  # an empty store of its own is gone on with
        QdrantClient(path=str(folder)).close()
    with DocumentStore.open(path=folder) as store:
        store.ensure(fingerprint="benchmark", dimension=DIMENSION, description={})
        writing = 0.0
        for number in range(documents):
            document = maker.document(number)
            began = time.perf_counter()
            store.upsert(document)
            writing += time.perf_counter() - began
    began = time.perf_counter()
    with DocumentStore.open(path=folder) as store:
        store.existing_record()
        opening = time.perf_counter() - began
        queries: dict[str, float] = {}
        for mode in MODES:
            options = SearchOptions(mode=mode, limit=10)

            def ask(options: SearchOptions = options) -> None:
                search_documents(store, maker.text(8), vector=maker.vectors(1)[0], options=options)

            queries[mode] = milliseconds(ask, QUERIES if engine == "edge" else 3)
        size = sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())
        row = {
            "engine": engine,
            "documents": documents,
            "passages per document": passages,
            "write, ms per document": round(1000 * writing / documents, 2),
            "open, s": round(opening, 2),
            "query, ms (median)": queries,
            "KB per document on disk": round(size / documents / 1024, 1),
        }
        if engine == "edge":
            row["best passage of each document"] = compare_layouts(store, maker, documents)
    return row


def compare_layouts(store: DocumentStore, maker: Maker, documents: int) -> dict[str, Any]:
    """A sibling collection of passages against a multivector on the document's point."""
    from qdrant_client.models import (
        Distance,
        MultiVectorComparator,
        MultiVectorConfig,
        PointStruct,
        VectorParams,
    )

    client = store.client
    comparator = MultiVectorConfig(comparator=MultiVectorComparator.MAX_SIM)
    params = VectorParams(size=DIMENSION, distance=Distance.COSINE, multivector_config=comparator)
    client.create_collection("multivectors", vectors_config={"passages": params})
    for number in range(documents):
        vectors = {"passages": maker.vectors(maker.passages)}
        point = PointStruct.model_construct(id=number, vector=vectors, payload={})
        client.upsert("multivectors", points=[point], wait=True)

    def sibling(limit: int) -> float:
        return milliseconds(
            lambda: client.query_points(
                store.place.passages,
                query=maker.vectors(1)[0].tolist(),
                using=DENSE_VECTOR,
                limit=limit,
                with_payload=["longembed.document"],
            ),
            QUERIES,
        )

    multivector = milliseconds(
        lambda: client.query_points(
            "multivectors", query=[maker.vectors(1)[0].tolist()], using="passages", limit=documents
        ),
        QUERIES,
    )
    client.delete_collection("multivectors")
    return {
        "sibling, best 512 passages, ms": sibling(512),
        "sibling, all passages, ms": sibling(documents * maker.passages),
        "multivector, all documents, ms": multivector,
    }


def reading_time(passages: int) -> float:
    """Milliseconds that the default model takes to read a document of that many passages."""
    encoder = LongEncoder.from_pretrained()
    words = "the lease was signed by the tenant in the spring of that year and kept in a drawer "
    text = words * (256 * passages // 18)
    return milliseconds(lambda: encoder.encode_passages(text), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--local-documents", type=int, default=20)
    parser.add_argument("--passages", type=int, default=60)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    rows = []
    for engine, documents in (("edge", given.documents), ("local", given.local_documents)):
        folder = Path(tempfile.mkdtemp())
        rows.append(measure_engine(engine, documents, given.passages, folder))
        shutil.rmtree(folder)
        print(json.dumps(rows[-1], indent=1))
    reading = reading_time(given.passages)
    result = {
        "command": f"python benchmarks/store.py --documents {given.documents} --out FILE",
        "version": __version__,
        "machine": f"{platform.machine()}, two shared cores",
        "reading by the default model, ms per document": reading,
        "writing as a share of writing and reading": {
            row["engine"]: round(
                row["write, ms per document"] / (row["write, ms per document"] + reading), 3
            )
            for row in rows
        },
        "engines": rows,
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
