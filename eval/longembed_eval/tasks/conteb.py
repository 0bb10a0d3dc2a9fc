"""ConTEB: can a passage be found whose meaning lies elsewhere in its document?

*Context is Gold to find the Gold Passage* (arXiv 2505.24782) cuts documents into chunks and asks
for a chunk among all chunks of all documents. Every chunk is a document of the task here, so that
any system can be run; ``contextual`` reads each whole document and gives every chunk the vector
that it has there.
"""

from __future__ import annotations

from pathlib import Path

from longembed_eval.tasks.hub_files import DataSet
from longembed_eval.tasks.rows import Row, task_of_rows
from longembed_eval.tasks.values import Task
from longembed_rag.errors import InputError

OWNER = "illuin-conteb"
#: The evaluation data sets, by their names on the hub.
CONTEB = (
    "mldr-conteb-eval",
    "squad-conteb-eval",
    "narrative-qa",
    "covid-qa",
    "esg-reports",
    "football",
    "geography",
    "insurance",
)


def read_conteb(name: str, *, copies: Path | None = None) -> Task:
    """Read a data set of ConTEB.

    Args:
        name: One of :data:`CONTEB`.
        copies: Folder of copies of data sets, see :mod:`~longembed_eval.tasks.hub_files`.

    Returns:
        ``conteb_<name>``, whose documents are chunks, and whose ``wholes`` tell which of them
        follow each other. Of each data set the test split is read, or else the validation or train
        split, as its authors do.

    Raises:
        MissingDependencyError: ``datasets`` is not installed.
        ReadError: The files cannot be had or read.
        InputError: Their rows are not a task's; or an id does not end with a chunk's number.
    """
    data = DataSet(name=f"{OWNER}/{name}", copies=copies)
    chunks = list(data.rows(data.splits("documents")))
    asked = list(data.rows(data.splits("queries")))
    task = task_of_rows(
        f"conteb_{name}",
        corpus_rows=[_row(row, doc_id="chunk_id", text="chunk") for row in chunks],
        query_rows=[
            Row(row.place, {"qid": f"query-{number}", "text": row.values.get("query")})
            for number, row in enumerate(asked)
        ],
        qrel_rows=[
            Row(row.place, {"qid": f"query-{number}", "doc_id": chunk})
            for number, row in enumerate(asked)
            for chunk in _answers(row)
        ],
        source=data.source("chunks in their documents"),
    )
    return task.in_wholes(_wholes(task, chunks))


def _wholes(task: Task, chunks: list[Row]) -> dict[str, tuple[str, ...]]:
    """Which chunks make up each document, in the order of their numbers."""
    numbered: dict[str, list[tuple[int, str]]] = {}
    for row in chunks:
        chunk = str(row.values["chunk_id"])
        document, _, number = chunk.rpartition("_")
        if not document or not number.isdecimal():
            raise InputError(
                f"{row.place}: the chunk_id {chunk!r} does not end with '_' and a chunk's number"
            )
        if chunk in task.documents:
            numbered.setdefault(document, []).append((int(number), chunk))
    return {name: tuple(chunk for _, chunk in sorted(found)) for name, found in numbered.items()}


def _row(row: Row, **names: str) -> Row:
    values = {new: row.values[old] for new, old in names.items() if old in row.values}
    return Row(row.place, values)


def _answers(row: Row) -> list[object]:
    """The chunk that answers a query, or the chunks."""
    for name in ("chunk_ids", "chunk_id"):
        value = row.values.get(name)
        if value is not None:
            return list(value) if isinstance(value, list) else [value]
    raise InputError(f"{row.place}: neither 'chunk_id' nor 'chunk_ids' says what answers the query")
