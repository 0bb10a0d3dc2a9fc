"""The six tasks of LongEmbed, from its data set on the Hugging Face hub.

Files are fetched at a pinned commit and stay in the hub's cache, so that a second run needs no
network. Each is read by itself: a configuration's three files differ in their columns, which
``datasets`` takes for damage when it loads them as splits of one data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from longembed_eval.tasks.hub_files import first_line, read_rows
from longembed_eval.tasks.rows import LENGTH, Row, task_of_rows
from longembed_eval.tasks.values import Kind, Task
from longembed_rag.errors import (
    InputError,
    LongEmbedError,
    ReadError,
    SettingsError,
)

DATASET = "dwzhu/LongEmbed"
REVISION = "6e346642246bfb4928c560ee08640dc84d074e8c"
#: Configurations with people's queries, judged by nDCG@10 (LongEmbed, table 1).
LABELLED = ("narrativeqa", "qmsum", "2wikimqa", "summ_screen_fd")
#: Configurations with facts hidden in texts of set lengths, judged by accuracy@1.
SYNTHETIC: dict[str, Kind] = {"passkey": "passkey", "needle": "needle"}
#: Nominal tokens of the documents in those.
LENGTHS = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
#: Before the names of those, so that they are not taken for the tasks that are made here.
PREFIX = "longembed_"

_SPLITS = ("corpus", "queries", "qrels")


def read_hub(
    config: str,
    *,
    lengths: Sequence[int] | None = None,
    dataset: str = DATASET,
    revision: str = REVISION,
) -> list[Task]:
    """Read tasks of LongEmbed from the hub, or from the hub's cache.

    Args:
        config: One of :data:`LABELLED` or :data:`SYNTHETIC`.
        lengths: Which lengths of a synthetic one, in tokens; None for all it has.
        dataset: Name on the hub, or a folder with a copy of it (``qmsum/corpus.jsonl`` and so on).
        revision: Commit of the data set; not looked at for a folder.

    Returns:
        One task named like the configuration; or for a synthetic one a task for each length, such
        as ``"longembed_passkey-1024"``.

    Raises:
        SettingsError: There is no such configuration, or no such length in it.
        MissingDependencyError: ``datasets`` is not installed.
        ReadError: The files cannot be had or read.
        InputError: Their rows are not a task's.
    """
    if config not in LABELLED and config not in SYNTHETIC:
        known = ", ".join([*LABELLED, *SYNTHETIC])
        raise SettingsError(f"config={config!r} is not one of: {known}")
    if config in LABELLED and lengths is not None:
        raise SettingsError(f"lengths: {config} has none; only {' and '.join(SYNTHETIC)} do")
    rows = {
        split: _rows(split, config=config, dataset=dataset, revision=revision) for split in _SPLITS
    }
    if Path(dataset).is_dir():
        source = f"folder {Path(dataset).resolve().name}, {config}"
    else:
        source = f"{dataset} @ {revision[:8]}, {config}"
    if config in LABELLED:
        return [
            task_of_rows(
                config,
                corpus_rows=rows["corpus"],
                query_rows=rows["queries"],
                qrel_rows=rows["qrels"],
                source=source,
            )
        ]
    return [
        _of_length(length, config=config, rows=rows, source=source)
        for length in _chosen(lengths, rows["corpus"], config=config)
    ]


def _of_length(length: int, *, config: str, rows: dict[str, list[Row]], source: str) -> Task:
    corpus, queries = (
        [row for row in rows[split] if row.values.get(LENGTH) == length]
        for split in ("corpus", "queries")
    )
    asked = {str(row.values.get("qid")) for row in queries}
    return task_of_rows(
        f"{PREFIX}{config}-{length}",
        corpus_rows=corpus,
        query_rows=queries,
        qrel_rows=[row for row in rows["qrels"] if str(row.values.get("qid")) in asked],
        source=source,
        kind=SYNTHETIC[config],
        metric="accuracy@1",
        length=length,
    )


def _chosen(lengths: Sequence[int] | None, corpus: list[Row], *, config: str) -> list[int]:
    there = sorted({row.values[LENGTH] for row in corpus if row.values.get(LENGTH) is not None})
    if not there:
        raise InputError(f"{config}: its documents carry no {LENGTH!r}, so no length can be chosen")
    if lengths is None:
        return there
    unknown = [length for length in lengths if length not in there]
    if unknown:
        told = ", ".join(map(str, there))
        raise SettingsError(f"lengths: {config} has none of {unknown[0]} tokens, only {told}")
    return list(dict.fromkeys(lengths))


def _rows(split: str, *, config: str, dataset: str, revision: str) -> list[Row]:
    name = f"{config}/{split}.jsonl"
    path = _file(name, dataset=dataset, revision=revision)
    return read_rows(path, name=name, dataset=dataset)


def _file(name: str, *, dataset: str, revision: str) -> Path:
    """The file on this machine, fetched where it is not there yet."""
    if Path(dataset).is_dir():
        path = Path(dataset, name)
        if not path.is_file():
            raise ReadError(f"{dataset} holds no {name}; name a copy of {DATASET}")
        return path
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        return Path(hf_hub_download(dataset, name, repo_type="dataset", revision=revision))
    except (EntryNotFoundError, OSError, ValueError) as error:
        raise _unreachable(name, error, dataset=dataset, revision=revision) from error


def _unreachable(name: str, error: Exception, *, dataset: str, revision: str) -> LongEmbedError:
    config = name.partition("/")[0]
    return ReadError(
        f"{name} of the data set {dataset} at {revision[:8]} is not in the hub's cache and could "
        f"not be fetched ({first_line(error)}). On a machine with network, fetch it with "
        f"'hf download {dataset} --repo-type dataset --revision {revision}'; or copy "
        f"the files corpus.jsonl, queries.jsonl and qrels.jsonl of {config} into a folder here and "
        "give it with --data DIR"
    )
