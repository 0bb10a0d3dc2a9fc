"""Retrieval tasks of MTEB by their names, such as BEIR's: what does an extension cost short texts?

``mteb`` knows where each task lies on the hub, at which commit, and how its files are to be read;
what it loads is run here by any system, beside the others. The LongEmbed paper's table 5 asks so
whether extended models still find short passages.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from longembed_eval.tasks.hub_files import copy_of, first_line
from longembed_eval.tasks.rows import Row, task_of_rows
from longembed_eval.tasks.values import Task
from longembed_rag.errors import MissingDependencyError, ReadError, SettingsError

_NAME = re.compile(r"(?P<name>[^:]+)(?::(?P<subset>[^:]+))?")


def read_mteb(name: str, *, copies: Path | None = None) -> Task:
    """Read a retrieval task as ``mteb`` loads it.

    Args:
        name: What MTEB calls it, such as ``"SciFact"``; of a task in several languages with one of
            its subsets, such as ``"MultiLongDocRetrieval:en"``.
        copies: Folder of copies of data sets, see :mod:`~longembed_eval.tasks.hub_files`.

    Returns:
        ``mteb_<name>``: its test split, or the only one that it is judged by.

    Raises:
        MissingDependencyError: ``mteb`` is not installed.
        SettingsError: There is no such task or subset, or it retrieves no texts.
        ReadError: Its data cannot be had or read.
        InputError: Its rows are not a task's.
    """
    match = _NAME.fullmatch(name)
    task = _task(name if match is None else match["name"])
    subset = _subset(task, None if match is None else match["subset"])
    split = "test" if "test" in task.eval_splits else task.eval_splits[0]
    described = task.metadata.dataset  # as published, before a copy takes its place
    data = _loaded(task, subset, split, copies)
    own = copy_of(described["path"], copies)
    where = described["path"] if own is None else f"a copy of {described['path']}"
    return task_of_rows(
        f"mteb_{name}",
        corpus_rows=_texts(data["corpus"], f"{name}, corpus"),
        query_rows=_texts(data["queries"], f"{name}, queries"),
        qrel_rows=(
            Row(
                f"{name}, judgements",
                {"query-id": query, "corpus-id": document, "score": int(gain)},
            )
            for query, answers in data["relevant_docs"].items()
            for document, gain in answers.items()
        ),
        source=f"{where} @ {described['revision'][:8]}, {split}, as mteb loads it",
    ).with_published()


def _task(name: str) -> Any:
    try:
        import mteb
    except ImportError as error:
        raise MissingDependencyError(
            "MTEB's tasks need the package mteb (Python 3.11 or newer); install it with "
            'pip install "longembed-rag[mteb]"'
        ) from error
    from mteb.abstasks.retrieval import AbsTaskRetrieval

    try:
        task = mteb.get_task(name)
    except KeyError as error:
        known = [each.metadata.name for each in mteb.get_tasks(task_types=["Retrieval"])]
        close = difflib.get_close_matches(name, known, n=3)
        told = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise SettingsError(f"MTEB has no task {name!r}{told}") from error
    if not isinstance(task, AbsTaskRetrieval) or task.metadata.modalities != ["text"]:
        raise SettingsError(f"MTEB's task {name!r} is not one of retrieving texts by texts")
    return task


def _subset(task: Any, asked: str | None) -> str:
    """The subset that is asked for, or the only one."""
    known = list(task.hf_subsets)
    if asked is None and len(known) == 1:
        return str(known[0])
    if asked in known:
        return str(asked)
    name = task.metadata.name
    raise SettingsError(
        f"MTEB's task {name!r} has the subsets {', '.join(known)}; name one: mteb_{name}:{known[0]}"
    )


def _loaded(task: Any, subset: str, split: str, copies: Path | None) -> Any:
    """The split, loaded from a copy where there is one."""
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HfHubHTTPError

    described = task.metadata.dataset
    path, revision = described["path"], described["revision"]
    if (copy := copy_of(path, copies)) is not None:
        changed = task.metadata.model_copy(
            update={"dataset": {**described, "path": str(copy.resolve())}}
        )
        task.metadata = changed
    if task.metadata.is_multilingual:
        task.filter_languages(None, hf_subsets=[subset])
    task.filter_eval_splits([split])
    try:
        task.load_data()
    except (DatasetsError, HfHubHTTPError, OSError, ValueError, KeyError) as error:
        raise ReadError(
            f"MTEB's task {task.metadata.name!r} cannot be loaded ({first_line(error)}). On a "
            f"machine with network, make a copy of its data with 'hf download {path} --repo-type "
            f"dataset --revision {revision} --local-dir DIR/{path}' and give DIR with --copies"
        ) from error
    return task.dataset[subset][split]


def _texts(rows: Iterable[dict[str, Any]], place: str) -> Iterable[Row]:
    for number, row in enumerate(rows, 1):
        values = {"_id": row.get("id"), "text": row.get("text"), "title": row.get("title")}
        yield Row(f"{place}, row {number}", values)
