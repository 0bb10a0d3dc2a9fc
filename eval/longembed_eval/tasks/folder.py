"""Tasks from folders: BEIR's files, or the same rows as LongEmbed's hub data set spells them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from longembed_eval.tasks.rows import Row, task_of_rows
from longembed_eval.tasks.values import Task
from longembed_rag.errors import InputError, ReadError

CORPUS = "corpus.jsonl"
QUERIES = "queries.jsonl"
#: Where judgements may stand; the first that exists is read.
QRELS = ("qrels.tsv", "qrels/test.tsv", "qrels.jsonl")
SOURCE = "SOURCE.md"
_LONGEST_TITLE = 120


def read_folder(folder: Path) -> Task:
    """Read a task from a folder.

    Args:
        folder: Holds ``corpus.jsonl`` (``_id``, ``text``, and ``title`` if there is one),
            ``queries.jsonl`` (``_id``, ``text``), and judgements: ``qrels.tsv`` or
            ``qrels/test.tsv`` (query, document, score; tab-separated, with or without a header)
            or ``qrels.jsonl`` (``qid``, ``doc_id``, and ``score`` if it is not 1). ``doc_id`` and
            ``qid`` may stand for ``_id``.

    Returns:
        The task, called as the folder is.

    Raises:
        ReadError: The folder or one of its files is missing or cannot be read.
        InputError: A row is malformed, an id is used twice, or a judgement names what is not
            there; names the file and the line.
    """
    qrels = require_folder(folder)
    name = folder_name(folder)
    notes = []
    others = [other for other in QRELS if other != qrels and (folder / other).is_file()]
    if others:
        notes.append(f"judgements are those of {qrels}; {' and '.join(others)} is not read")
    judged = _tsv_rows if qrels.endswith(".tsv") else _jsonl_rows
    return task_of_rows(
        name,
        corpus_rows=_jsonl_rows(folder / CORPUS),
        query_rows=_jsonl_rows(folder / QUERIES),
        qrel_rows=judged(folder / qrels),
        source=_source(folder, name),
        notes=notes,
    )


def folder_name(folder: Path) -> str:
    """What the task of a folder is called."""
    return folder.name if folder.name not in ("", "..") else folder.resolve().name or "folder"


def require_folder(folder: Path) -> str:
    """Refuse a folder that does not hold the files of a task.

    Args:
        folder: The folder.

    Returns:
        Which file of it holds the judgements.

    Raises:
        ReadError: There is no such folder, or files are missing; lists them.
    """
    if not folder.is_dir():
        state = "is no folder" if folder.exists() else "does not exist"
        raise ReadError(f"{folder} {state}; name one that holds {_layout()}")
    missing = [name for name in (CORPUS, QUERIES) if not (folder / name).is_file()]
    qrels = next((name for name in QRELS if (folder / name).is_file()), None)
    if qrels is None:
        missing.append(f"{', '.join(QRELS[:-1])} or {QRELS[-1]}")
    if missing or qrels is None:
        raise ReadError(
            f"{folder} lacks {' and '.join(missing)}; a task's folder holds {_layout()}"
        )
    return qrels


def _jsonl_rows(path: Path) -> Iterator[Row]:
    for place, line in _lines(path):
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{place}: no valid JSON: {error}") from error
        if not isinstance(values, dict):
            raise InputError(f"{place}: a JSON object was expected, not {type(values).__name__}")
        yield Row(place, values)


def _tsv_rows(path: Path) -> Iterator[Row]:
    for index, (place, line) in enumerate(_lines(path)):
        fields = line.split("\t")
        if len(fields) != 3:
            raise InputError(
                f"{place}: {len(fields)} fields; give three with tabs between them: query, "
                "document, score"
            )
        query, document, score = (field.strip() for field in fields)
        row = Row(place, {"query-id": query, "corpus-id": document, "score": score})
        if index > 0 or _is_number(score):
            yield row  # else it names the columns


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines that are not blank, each with its place."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                place = f"{path}, line {number}"
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise InputError(f"{place}: not UTF-8 ({error.reason}); convert it") from error
                if text.strip():
                    yield place, text
    except OSError as error:
        raise ReadError(f"{path}: it cannot be read: {error.strerror or error}") from error


def _source(folder: Path, name: str) -> str:
    title = ""
    with suppress(OSError):
        if (folder / SOURCE).is_file():  # a pipe would be waited for
            with (folder / SOURCE).open(encoding="utf-8", errors="replace") as file:
                title = file.readline(_LONGEST_TITLE * 8).strip().lstrip("# ")
    return f"folder {name}" + (f": {title[:_LONGEST_TITLE]}" if title else "")


def _layout() -> str:
    return f"{CORPUS}, {QUERIES} and {', '.join(QRELS[:-1])} or {QRELS[-1]}"
