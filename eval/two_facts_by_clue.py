"""Tell two_facts by how its queries point at their facts, from an evaluation's folder.

A query's id ends in ``words``, ``mixed`` or ``meaning`` (see ``tasks/two_facts.py``)::

    longembed-rag eval --tasks two_facts --lengths 1024,2048,4096,8192
    python eval/two_facts_by_clue.py longembed-eval > eval/results/two_facts/by_clue.json
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from longembed_eval.tasks.two_facts import LABELS


def by_clue(folder: Path) -> list[dict[str, Any]]:
    """For each row of two_facts that a folder keeps, how many queries of a kind were answered.

    Args:
        folder: What ``--out`` was.

    Returns:
        Task, system, recall@10 and accuracy@1 in points, and for each kind ``[right, asked]``; by
        length and system.
    """
    found = []
    for path in sorted((folder / "runs").glob("*.json")):
        row = json.loads(path.read_text(encoding="utf-8"))
        if row["kind"] != "two_facts":
            continue
        counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for query, score in row["scores"].items():
            kind = counts[query.rpartition("-")[2]]
            kind[0] += int(score)
            kind[1] += 1
        found.append(
            {
                "length": row["length"],
                "system": row["system"],
                "accuracy@1": round(row["metrics"]["accuracy@1"], 1),
                "recall@10": round(row["metrics"]["recall@10"], 1),
                **{label: counts[label] for label in LABELS.values()},
            }
        )
    return sorted(found, key=lambda row: (row["length"], row["system"]))


def main() -> None:
    """Write a line for each row."""
    if len(sys.argv) != 2 or not Path(sys.argv[1], "runs").is_dir():
        raise SystemExit("usage: python eval/two_facts_by_clue.py FOLDER (what --out was)")
    rows = ",\n".join(json.dumps(row) for row in by_clue(Path(sys.argv[1])))
    print(f"[\n{rows}\n]")


if __name__ == "__main__":
    main()
