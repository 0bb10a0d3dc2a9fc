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
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qdrant_client import QdrantClient

from longembed_rag import LongEncoder, __version__
from longembed_rag.encoder.token_vectors import TokenOptions, TokenVectors, unit_length
from longembed_rag.encoder.values import Passage
from longembed_rag.search.search import MODES, SearchOptions, search_documents
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.tokens import TokenRecord
from longembed_rag.store.values import DENSE_VECTOR, IndexedDocument

DIMENSION = 384
TOKENS = 55  # a quarter of those of an ordinary passage
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

    def tokens(self, late: bool) -> TokenVectors | None:
        """Random bits of ``TOKENS`` vectors a passage, if any are kept."""
        if not late:
            return None
        rows = self.chance.integers(
            0, 256, size=(TOKENS * self.passages, DIMENSION // 8), dtype=np.uint8
        )
        return TokenVectors(np.full(self.passages, TOKENS), rows, DIMENSION)

    def document(self, number: int, *, late: bool) -> IndexedDocument:
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
            token_vectors=self.tokens(late),
        )


def milliseconds(
    action: Callable[[], Any], times: int, *, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Median time of an action, after one that does not count."""
    action()
    taken = []
    for _ in range(times):
        began = clock()
        action()
        taken.append(clock() - began)
    return round(1000 * float(np.median(taken)), 2)


def measure_engine(
    engine: Any, documents: int, passages: int, folder: Path, *, late: bool
) -> dict[str, Any]:
    maker = Maker(passages)
    if engine == "local":  # an empty store of its own is gone on with
        QdrantClient(path=str(folder)).close()
    with DocumentStore.open(path=folder) as store:
        centre = np.zeros(DIMENSION, dtype=np.float32)
        store.ensure(
            fingerprint="benchmark",
            dimension=DIMENSION,
            description={},
            tokens=TokenRecord.of(TokenOptions(), centre) if late else None,
        )
        writing = 0.0
        for number in range(documents):
            document = maker.document(number, late=late)
            began = time.perf_counter()
            store.upsert(document)
            writing += time.perf_counter() - began
    began = time.perf_counter()
    with DocumentStore.open(path=folder) as store:
        store.existing_record()
        opening = time.perf_counter() - began
        queries: dict[str, float] = {}
        times = QUERIES if engine == "edge" else 3
        asked = [(mode, late) for mode in MODES if late or mode != "late"]
        for mode, with_tokens in [*asked, *([("hybrid", False)] if late else [])]:
            ask = partial(search, store, maker, SearchOptions(mode=mode, limit=10), with_tokens)
            name = mode if with_tokens == late else f"{mode}, tokens not compared"
            queries[name] = milliseconds(ask, times, clock=time.process_time)
        size = sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())
        row = {
            "engine": engine,
            "late interaction": late,
            "documents": documents,
            "passages per document": passages,
            "write, ms per document": round(1000 * writing / documents, 2),
            "open, s": round(opening, 2),
            "query, CPU ms (median)": queries,
            "KB per document on disk": round(size / documents / 1024, 1),
        }
        if engine == "edge" and not late:
            row["best passage of each document"] = compare_layouts(store, maker, documents)
    return row


def search(store: DocumentStore, maker: Maker, options: SearchOptions, late: bool) -> None:
    """A query of eight words, and of twenty tokens where those are compared."""
    search_documents(
        store,
        maker.text(8),
        vector=maker.vectors(1)[0],
        tokens=unit_length(maker.vectors(20)) if late else None,
        options=options,
    )


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


def reading_times(passages: int) -> tuple[float, float]:
    """CPU ms that the default model takes to read a document of that many passages.

    Without the vectors of its tokens, and with them.
    """
    encoder = LongEncoder.from_pretrained()
    words = "the lease was signed by the tenant in the spring of that year and kept in a drawer "
    text = words * (256 * passages // 18)
    clock = time.process_time
    with_tokens = partial(encoder.encode_passages, text, tokens=TokenOptions())
    plain = milliseconds(partial(encoder.encode_passages, text), 5, clock=clock)
    return plain, milliseconds(with_tokens, 5, clock=clock)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--local-documents", type=int, default=20)
    parser.add_argument("--passages", type=int, default=60)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    rows = []
    for engine, documents, late in (
        ("edge", given.documents, False),
        ("edge", given.documents, True),
        ("local", given.local_documents, True),
    ):
        folder = Path(tempfile.mkdtemp())
        rows.append(measure_engine(engine, documents, given.passages, folder, late=late))
        shutil.rmtree(folder)
        print(json.dumps(rows[-1], indent=1))
    reading, with_tokens = reading_times(given.passages)
    result = {
        "command": f"python benchmarks/store.py --documents {given.documents} --out FILE",
        "version": __version__,
        "machine": f"{platform.machine()}, two shared cores",
        "reading by the default model, CPU ms per document": reading,
        "reading it with the vectors of its tokens": with_tokens,
        "engines": rows,
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
