"""What 1, 10 and 100 million long documents take: arithmetic over results that are committed.

Nothing is measured here. Bytes of a passage and of a document are those of docs/search.md and of
the layout; CPU and queries those of ``benchmarks/results``; what is assumed stands in ``ASSUMED``,
first of all how many tokens a GPU reads, which was never measured here.

    python benchmarks/projection.py --out FILE
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
#: What no result says.
ASSUMED: dict[str, float] = {
    "tokens a document": 10_000,
    "tokens a second of a GPU": 100_000,
    "dollars an hour of a GPU": 3.0,
    "bytes of a node's disk": 4e12,
    "bytes of a node's memory": 128e9,
    "replicas": 2,
}
DIMENSION = 384
#: By docs/search.md: tokens of a passage, and bytes kept of one: vector, words, payload, bits.
PASSAGE_TOKENS, PASSAGE_BYTES = 218, 7_000 + 3_500
#: Bytes of a token's text; of a term in a sparse vector and once more in its index, four for its id
#: and four for its weight; terms of a document for each token: words, and with them their pairs.
TEXT_BYTES, TERM_BYTES, TERMS = 4.3, 16, 0.3 + 1.0
#: Edges of a point in Qdrant's graph: twice M, four bytes each.
GRAPH_BYTES = 2 * 16 * 4


def projected(
    documents: float, counted: dict[str, Any], nearness: dict[str, Any]
) -> dict[str, Any]:
    """What so many documents take."""
    tokens = ASSUMED["tokens a document"]
    passages = tokens / PASSAGE_TOKENS
    disk = passages * PASSAGE_BYTES + tokens * (TEXT_BYTES + TERMS * TERM_BYTES)
    # In memory with --quantization scalar --on-disk: a byte a number, and the graphs.
    memory = (passages + 1) * (DIMENSION + GRAPH_BYTES)
    replicas = ASSUMED["replicas"]
    hours = documents * tokens / ASSUMED["tokens a second of a GPU"] / 3600
    by_disk = documents * disk * replicas / ASSUMED["bytes of a node's disk"]
    by_memory = documents * memory * replicas / (0.7 * ASSUMED["bytes of a node's memory"])
    exact = nearness["ms_of_a_million"] * documents * passages / 1e6
    return {
        "documents": int(documents),
        "passages": int(documents * passages),
        "terabytes, one replica": round(documents * disk / 1e12, 2),
        "gigabytes in memory, one replica": round(documents * memory / 1e9),
        "nodes": int(max(2, -(-max(by_disk, by_memory) // 1))),
        "GPU hours": round(hours),
        "dollars of GPUs": round(hours * ASSUMED["dollars an hour of a GPU"]),
        "hours to count words, one processor": round(
            documents * counted["ms_a_document"] * (tokens / counted["words"]) / 3.6e6, 1
        ),
        "CPU seconds to compare a query with every passage": round(exact / 1000, 1),
    }


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    frequencies = json.loads((RESULTS / "frequencies.json").read_text())
    nearness = json.loads((RESULTS / "nearness.json").read_text())
    largest = frequencies["rows"][-1]
    counted = {
        "ms_a_document": largest["first"]["ms_a_document"],
        "words": frequencies["words_a_document"],
    }
    costs = {"ms_of_a_million": _of_a_million(nearness)}
    rows = [projected(documents, counted, costs) for documents in (1e6, 1e7, 1e8)]
    result = {
        "command": "python benchmarks/projection.py --out FILE",
        "assumed": ASSUMED,
        "rows": rows,
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(rows, indent=1))


def _of_a_million(nearness: dict[str, Any]) -> float:
    """CPU ms to compare a query with a million vectors."""
    rows = nearness["comparing with every vector"]
    return next(float(row["CPU ms a query"]) for row in rows if row["vectors"] == 1_000_000)


if __name__ == "__main__":
    main()
