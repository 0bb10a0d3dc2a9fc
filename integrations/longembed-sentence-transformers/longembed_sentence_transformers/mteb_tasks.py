"""Retrieval tasks of mteb from a folder instead of the hub."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from longembed_rag.errors import MissingDependencyError, ReadError

try:
    import mteb
    from datasets import Dataset
    from mteb.abstasks.retrieval import AbsTaskRetrieval
    from mteb.abstasks.task_metadata import TaskMetadata
except ImportError as error:
    raise MissingDependencyError(
        "mteb is not installed: pip install 'longembed-sentence-transformers[mteb]'"
    ) from error

_FILES = ("corpus.jsonl", "queries.jsonl", "qrels.tsv")


def folder_task(
    folder: str | Path,
    *,
    name: str | None = None,
    languages: tuple[str, ...] = ("eng-Latn",),
) -> AbsTaskRetrieval:
    """A retrieval task from ``corpus.jsonl``, ``queries.jsonl`` and ``qrels.tsv`` (BEIR's form).

    Args:
        folder: Where the files lie: those that ``longembed-rag eval --data`` reads.
        name: A retrieval task of mteb, such as ``"LEMBQMSumRetrieval"``, whose data the folder
            holds, which is checked by mteb's own counts of it; any other name, or None for the
            folder's, makes a task of your own.
        languages: Of a task of your own, as mteb writes them.

    Returns:
        The task with its data, ready for ``mteb.evaluate``. The revision of a task of your own is a
        hash of the files.

    Raises:
        ReadError: A file is missing or broken, or does not hold the data of mteb's task.
    """
    place = Path(folder)
    data = _read(place)
    title = name or place.resolve().name
    task = _known_task(title)
    if task is None:
        return _own_task(title, place, data, languages)
    splits = list(task.metadata.eval_splits)
    if len(splits) != 1 or task.metadata.is_multilingual:
        raise ReadError(f"{title} has several splits or languages; a folder holds one")
    _require_same(task.metadata, splits[0], data, place)
    return _filled(task, splits[0], data)


def _known_task(name: str) -> AbsTaskRetrieval | None:
    try:
        task = mteb.get_task(name)
    except KeyError:
        return None
    if not isinstance(task, AbsTaskRetrieval):
        raise ReadError(f"{name} is not a retrieval task of mteb's")
    return task


def _own_task(
    name: str, folder: Path, data: dict[str, Any], languages: tuple[str, ...]
) -> AbsTaskRetrieval:
    digest = hashlib.sha256()
    for file in _FILES:
        digest.update((folder / file).read_bytes())
    described = TaskMetadata(
        name=name,
        description=f"Retrieval from {len(data['corpus'])} documents of a folder",
        dataset={"path": name, "revision": digest.hexdigest()[:40]},
        type="Retrieval",
        category="t2t",
        eval_splits=["test"],
        eval_langs=list(languages),
        main_score="ndcg_at_10",
        is_public=False,
    )

    class FolderRetrieval(AbsTaskRetrieval):
        metadata = described

    return _filled(FolderRetrieval(), "test", data)


def _filled(task: AbsTaskRetrieval, split: str, data: dict[str, Any]) -> AbsTaskRetrieval:
    task.dataset = {
        "default": {
            split: {
                "corpus": Dataset.from_list(data["corpus"]),
                "queries": Dataset.from_list(data["queries"]),
                "relevant_docs": data["relevant"],
                "top_ranked": None,
            }
        }
    }
    task.data_loaded = True
    return task


def _require_same(metadata: TaskMetadata, split: str, data: dict[str, Any], folder: Path) -> None:
    """Compare counts and lengths with those that mteb keeps of the task's own data."""
    stored: Any = metadata.descriptive_stats
    if stored is None:
        raise ReadError(
            f"mteb keeps no counts of {metadata.name}, so {folder} cannot be checked: give it "
            "another name"
        )
    expected = _counts_of(stored[split])
    found = {
        "documents": _lengths([f"{row['title']} {row['text']}".strip() for row in data["corpus"]]),
        "queries": _lengths([row["text"] for row in data["queries"]]),
        "pairs": sum(len(documents) for documents in data["relevant"].values()),
    }
    if found != expected:
        raise ReadError(
            f"{folder} does not hold the data of {metadata.name}: it has {found}, and mteb's has "
            f"{expected}; give it another name"
        )


def _counts_of(stored: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"pairs": stored["relevant_docs_statistics"]["num_relevant_docs"]}
    for kind in ("documents", "queries"):
        texts = stored[f"{kind}_text_statistics"]
        found[kind] = {
            "unique": texts["unique_texts"],
            "characters": texts["total_text_length"],
            "shortest": texts["min_text_length"],
            "longest": texts["max_text_length"],
        }
    return found


def _lengths(texts: list[str]) -> dict[str, int]:
    lengths = [len(text) for text in texts]
    return {
        "unique": len(set(texts)),
        "characters": sum(lengths),
        "shortest": min(lengths),
        "longest": max(lengths),
    }


def _read(folder: Path) -> dict[str, Any]:
    missing = [file for file in _FILES if not (folder / file).is_file()]
    if missing:
        raise ReadError(f"{folder} has no {', '.join(missing)}")
    corpus = [
        {"id": row["_id"], "title": row.get("title") or "", "text": row["text"]}
        for row in _rows(folder / "corpus.jsonl")
    ]
    queries = [{"id": row["_id"], "text": row["text"]} for row in _rows(folder / "queries.jsonl")]
    relevant: dict[str, dict[str, int]] = {}
    for query, document, gain in _gains(folder / "qrels.tsv"):
        relevant.setdefault(query, {})[document] = gain
    if not corpus or not queries or not relevant:
        raise ReadError(f"{folder} has no documents, no queries or no qrels")
    return {"corpus": corpus, "queries": queries, "relevant": relevant}


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ReadError(f"{file}, line {number}: {error}") from error
        if not isinstance(row, dict) or not {"_id", "text"} <= row.keys():
            raise ReadError(f"{file}, line {number}: wants an object with _id and text")
        yield row


def _gains(file: Path) -> Iterator[tuple[str, str, int]]:
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), start=1):
        parts = line.rstrip("\r").split("\t")
        if parts == [""]:
            continue
        gained = len(parts) == 3 and parts[2].lstrip("-").isdecimal()
        if gained:
            yield parts[0], parts[1], int(parts[2])
        elif number > 1 or len(parts) != 3:  # else it names the columns
            raise ReadError(f"{file}, line {number}: wants query, document and gain, with tabs")
