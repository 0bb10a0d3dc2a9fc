"""Long-document benchmarks beside LongEmbed: LoCoV1 and MLDR, in the files their authors publish.

- LoCoV1 (arXiv 2402.07440): twelve tasks whose documents run to tens of thousands of tokens.
- MLDR (arXiv 2402.03216, section 3.1): questions that GPT-3.5 asked about a paragraph of a long
  article, in thirteen languages.

Both are judged by nDCG@10, as they are by their authors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from longembed_eval.tasks.hub_files import DataSet
from longembed_eval.tasks.rows import Row, task_of_rows
from longembed_eval.tasks.values import Task
from longembed_rag.errors import InputError

LOCO_DOCUMENTS, LOCO_QUERIES = "hazyresearch/LoCoV1-Documents", "hazyresearch/LoCoV1-Queries"
#: Commits of the two; None for the newest, since no commit in which all documents are is known.
LOCO_REVISIONS = {
    LOCO_DOCUMENTS: None,
    LOCO_QUERIES: "8b55e17ef3ee008e38f9e0829612a11afb30cd67",
}
#: LoCoV1's tasks, as the column ``dataset`` calls them.
LOCO = (
    "summ_screen_fd",
    "gov_report",
    "qmsum",
    "qasper_title",
    "qasper_abstract",
    "2wikimqa",
    "multifieldqa",
    "passage_retrieval",
    "courtlistener_HTML",
    "courtlistener_Plain_Text",
    "legal_case_reports",
    "stackoverflow",
)

MLDR_DATASET = "Shitao/MLDR"
MLDR_REVISION = "f3837caa8004c6b49954bb6b511d424222eb9161"
#: Languages of MLDR.
MLDR = ("ar", "de", "en", "es", "fr", "hi", "it", "ja", "ko", "pt", "ru", "th", "zh")

_OTHER_LANGUAGE = (
    "Words are cut and stemmed as English ones unless --language says otherwise: bm25 and hybrid "
    "stand lower without it."
)


def read_loco(name: str, *, copies: Path | None = None) -> Task:
    """Read a task of LoCoV1.

    Args:
        name: One of :data:`LOCO`.
        copies: Folder of copies of data sets, see :mod:`~longembed_eval.tasks.hub_files`.

    Returns:
        ``loco_<name>``.

    Raises:
        MissingDependencyError: ``datasets`` is not installed.
        ReadError: The files cannot be had or read.
        InputError: Their rows are not a task's.
    """
    documents, queries = (
        DataSet(name=data, revision=revision, copies=copies)
        for data, revision in LOCO_REVISIONS.items()
    )
    # A file for each task, as published; or all in one, as the hub and `datasets` convert them.
    patterns = [f"documents/{name}_test.jsonl", "data/test*.parquet", "**/*.parquet"]
    corpus, asked = (
        [row for row in data.rows(data.files(patterns)) if row.values.get("dataset", name) == name]
        for data in (documents, queries)
    )
    pids = {str(row.values.get("pid")) for row in corpus}
    wanted = [(row, str(pid)) for row in asked for pid in _listed(row, "answer_pids")]
    missing = sum(pid not in pids for _, pid in wanted)
    note = f"{missing:,} of {len(wanted):,} judgements name a document that is not there."
    return task_of_rows(
        f"loco_{name}",
        corpus_rows=[_renamed(row, pid="doc_id", passage="text") for row in corpus],
        query_rows=[_renamed(row, qid="qid", query="text") for row in asked],
        qrel_rows=[
            Row(row.place, {"qid": row.values.get("qid"), "doc_id": pid})
            for row, pid in wanted
            if pid in pids
        ],
        source=documents.source(name),
        notes=[note] if missing else [],
    )


def read_mldr(language: str, *, copies: Path | None = None) -> Task:
    """Read MLDR's test queries in a language, with all documents of that language.

    Args:
        language: One of :data:`MLDR`. English and Chinese have 200,000 documents each, the others
            4,000 to 10,000.
        copies: As in :func:`read_loco`.

    Returns:
        ``mldr_<language>``.

    Raises:
        MissingDependencyError: ``datasets`` is not installed.
        ReadError: The files cannot be had or read.
        InputError: Their rows are not a task's.
    """
    data = DataSet(name=MLDR_DATASET, revision=MLDR_REVISION, copies=copies)
    folder = f"mldr-v1.0-{language}"
    corpus, asked = (
        data.rows(data.files([f"{folder}/{name}.jsonl.gz", f"{folder}/{name}.jsonl"]))
        for name in ("corpus", "test")
    )
    queries = list(asked)
    return task_of_rows(
        f"mldr_{language}",
        corpus_rows=(_renamed(row, docid="doc_id", text="text") for row in corpus),
        query_rows=[_renamed(row, query_id="qid", query="text") for row in queries],
        qrel_rows=[
            Row(row.place, {"qid": row.values.get("query_id"), "doc_id": found.get("docid")})
            for row in queries
            for found in _listed(row, "positive_passages")
        ],
        source=data.source(folder),
        notes=[] if language == "en" else [_OTHER_LANGUAGE],
    ).with_published()


def _renamed(row: Row, **names: str) -> Row:
    """A row with some of its columns alone, under other names; what is missing stays missing."""
    values = {new: row.values[old] for old, new in names.items() if old in row.values}
    return Row(row.place, values)


def _listed(row: Row, name: str) -> list[Any]:
    value = row.values.get(name)
    if not isinstance(value, list):
        raise InputError(f"{row.place}: {name} is no list but {type(value).__name__}")
    return value
