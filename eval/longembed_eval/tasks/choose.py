"""From the words of a command line to tasks, which are loaded one at a time."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from longembed_eval.tasks.benchmarks import LOCO, MLDR
from longembed_eval.tasks.conteb import CONTEB
from longembed_eval.tasks.folder import folder_name, read_folder, require_folder
from longembed_eval.tasks.held_out import NAME as HELD_OUT
from longembed_eval.tasks.held_out import held_out_task
from longembed_eval.tasks.hub import DATASET, LABELLED, PREFIX, SYNTHETIC, read_hub
from longembed_eval.tasks.hub import LENGTHS as HUB_LENGTHS
from longembed_eval.tasks.hub_files import copy_of
from longembed_eval.tasks.values import Task
from longembed_rag.errors import ReadError, SettingsError

#: All six tasks of the paper, from the hub.
LONGEMBED = "longembed"
#: Tasks that are made here, one for each length.
MADE_HERE = ("passkey", "needle", "two_facts")
#: The parts of LongEmbed, as they are called here.
_LONGEMBED = (*LABELLED, *(PREFIX + config for config in SYNTHETIC))
#: Benchmarks beside it, with their tasks: ``mldr`` is all of MLDR's, ``mldr_en`` one of them.
BENCHMARKS = {"loco": LOCO, "mldr": MLDR, "conteb": CONTEB}
#: Before the names of MTEB's tasks: ``mteb_SciFact``.
MTEB = "mteb_"
#: Every name that can be asked for, but single tasks of :data:`BENCHMARKS` and MTEB's; those of
#: :data:`MADE_HERE`, and the hub's of the same kind, may carry a length: ``passkey-1024``.
NAMES = (*MADE_HERE, *_LONGEMBED, LONGEMBED, *BENCHMARKS)

_WITH_LENGTH = re.compile(r"(?P<name>.+)-(?P<length>\d+)")


#: Lengths of tasks that are made here, in tokens, unless others are asked for. The paper goes on to
#: 32,768, which is most of the work.
DEFAULT_LENGTHS = (256, 512, 1024, 2048, 4096)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A task that has not been loaded yet.

    Attributes:
        name: What the task will be called.
        origin: What was asked for, for messages.
        load: Loads or makes it.
    """

    name: str
    origin: str
    load: Callable[[], Task]


def choose_tasks(
    *,
    names: Sequence[str] = (),
    data: Sequence[Path] = (),
    docs: Sequence[Path] = (),
    haystack: Path | None = None,
    copies: Path | None = None,
    lengths: Sequence[int] = (),
    seed: int = 0,
    documents: int = 100,
    queries: int = 50,
) -> list[Planned]:
    """Plan the tasks that were asked for.

    Args:
        names: Some of :data:`NAMES`, one of their lengths (``passkey-1024``), one task of
            :data:`BENCHMARKS` (``mldr_en``), or one of MTEB's (``mteb_SciFact``). What is named
            twice is planned once.
        data: Folders with labelled tasks, see
            :func:`~longembed_eval.tasks.folder.read_folder`.
        docs: Files and folders of documents without labels; one task is made of all.
        haystack: Folder of texts that ``needle`` and ``two_facts`` hide their facts in; None for
            the one that ships.
        copies: Folder with copies of the hub's data sets, which are read in the hub's place: see
            :mod:`~longembed_eval.tasks.hub_files`; None for the hub.
        lengths: Nominal tokens of documents, for names that stand for one task a length; none for
            the usual ones.
        seed: What tasks that are made here are made with.
        documents: How many documents each task that is made here has.
        queries: How many queries.

    Returns:
        The tasks in the order of the arguments. Nothing of them has been loaded.

    Raises:
        SettingsError: A name or length is unknown, two different tasks have one name, a path does
            not exist or holds no task, or nothing was asked for.
    """
    maker = _Maker(
        haystack=haystack,
        copies=copies,
        lengths=lengths,
        seed=seed,
        documents=documents,
        queries=queries,
    )
    planned = {task.name: task for name in names for task in maker.named(name)}
    for task in [*map(_of_folder, data), *_of_documents(docs, seed)]:
        other = planned.setdefault(task.name, task)
        if other is not task:
            raise SettingsError(
                f"two tasks are called {task.name!r}: that of {other.origin} and that of "
                f"{task.origin}; leave one out or rename the folder"
            )
    groups = {name.rpartition("-")[0] for name in planned if name.rpartition("-")[2].isdecimal()}
    for task in planned.values():
        if task.name in groups and task.name in NAMES:
            raise SettingsError(
                f"{task.origin} has the name of {task.name}-N, all lengths together; rename the "
                "folder"
            )
    if not planned:
        raise SettingsError(
            f"no task was given. Name one or more of {', '.join(NAMES)} with --tasks, folders with "
            "labelled queries with --data, or documents of your own with --docs"
        )
    return list(planned.values())


@dataclass(frozen=True, kw_only=True)
class _Maker:
    """Plans tasks that are asked for by name."""

    haystack: Path | None
    copies: Path | None
    lengths: Sequence[int]
    seed: int
    documents: int
    queries: int

    def __post_init__(self) -> None:
        if self.copies is not None and not self.copies.expanduser().is_dir():
            raise SettingsError(
                f"--copies {self.copies} is no folder; name one that holds copies of data sets, "
                "each at OWNER/NAME as on the hub"
            )

    def named(self, name: str) -> list[Planned]:
        """The tasks that a name stands for."""
        if name == LONGEMBED:
            return [task for part in _LONGEMBED for task in self.named(part)]
        if name in BENCHMARKS:
            return [task for part in BENCHMARKS[name] for task in self.named(f"{name}_{part}")]
        if name in LABELLED:
            return [_planned(name, partial(_from_hub, name, None, self.copies))]
        kind, _, part = name.partition("_")
        if part in BENCHMARKS.get(kind, ()) or (name.startswith(MTEB) and part):
            return [_planned(name, partial(_of_benchmark, kind, part, self.copies))]
        match = _WITH_LENGTH.fullmatch(name)
        group = name if match is None else match["name"]
        if group not in NAMES or group in (*LABELLED, LONGEMBED, *BENCHMARKS):
            raise SettingsError(f"there is no task {name!r}{_suggestion(name)}")
        if match is not None:
            lengths: Sequence[int] = [int(match["length"])]
        elif group.startswith(PREFIX):
            lengths = self.lengths or HUB_LENGTHS  # what the paper's means are over
        else:
            lengths = self.lengths or DEFAULT_LENGTHS
        return [self._of_length(group, length) for length in lengths]

    def _of_length(self, group: str, length: int) -> Planned:
        if length < 1:
            raise SettingsError(f"{group}: {length} tokens is no length; give 1 or more")
        name = f"{group}-{length}"
        if group == "passkey":
            return _planned(name, partial(self._passkey, length))
        if group == "needle":
            return _planned(name, partial(self._needle, length))
        if group == "two_facts":
            return _planned(name, partial(self._two_facts, length))
        if length not in HUB_LENGTHS:
            told = ", ".join(map(str, HUB_LENGTHS))
            raise SettingsError(
                f"{group}: LongEmbed has no documents of {length} tokens, only of {told}"
            )
        return _planned(name, partial(_from_hub, group.removeprefix(PREFIX), length, self.copies))

    def _passkey(self, length: int) -> Task:
        from longembed_eval.tasks.passkey import passkey_task

        return passkey_task(length, **self._drawn)

    def _needle(self, length: int) -> Task:
        from longembed_eval.tasks.needle import needle_task

        return needle_task(length, haystack=self.haystack, **self._drawn)

    def _two_facts(self, length: int) -> Task:
        from longembed_eval.tasks.two_facts import two_facts_task

        return two_facts_task(length, haystack=self.haystack, **self._drawn)

    @property
    def _drawn(self) -> dict[str, int]:
        return {"seed": self.seed, "documents": self.documents, "queries": self.queries}


def _planned(name: str, load: Callable[[], Task]) -> Planned:
    return Planned(name=name, origin=f"--tasks {name}", load=load)


def _from_hub(config: str, length: int | None, copies: Path | None) -> Task:
    copy = copy_of(DATASET, copies)
    place = {} if copy is None else {"dataset": str(copy)}
    (task,) = read_hub(config, lengths=None if length is None else [length], **place)
    return task


def _of_benchmark(kind: str, part: str, copies: Path | None) -> Task:
    from longembed_eval.tasks.benchmarks import read_loco, read_mldr
    from longembed_eval.tasks.conteb import read_conteb
    from longembed_eval.tasks.mteb_tasks import read_mteb

    read = {"loco": read_loco, "mldr": read_mldr, "conteb": read_conteb, "mteb": read_mteb}[kind]
    return read(part, copies=copies)


def _of_folder(folder: Path) -> Planned:
    try:
        require_folder(folder)
    except ReadError as error:  # nothing has been read yet: the request has to change
        raise SettingsError(f"--data: {error}") from error
    return Planned(
        name=folder_name(folder), origin=f"--data {folder}", load=partial(read_folder, folder)
    )


def _of_documents(docs: Sequence[Path], seed: int) -> list[Planned]:
    for path in docs:
        if not path.expanduser().exists():
            raise SettingsError(f"--docs {path} does not exist; name files and folders that do")
    if not docs:
        return []
    load = partial(held_out_task, docs, seed=seed)
    return [Planned(name=HELD_OUT, origin=f"--docs {' '.join(map(str, docs))}", load=load)]


def _suggestion(name: str) -> str:
    stem = name.rpartition("-")[0] or name
    single = [f"{kind}_{part}" for kind, parts in BENCHMARKS.items() for part in parts]
    close = difflib.get_close_matches(name, [*NAMES, *single], n=1) or difflib.get_close_matches(
        stem, NAMES, n=1
    )
    told = f"; did you mean {close[0]!r}?" if close else "."
    return (
        f"{told} There are {', '.join(NAMES)}; those with lengths may name one (passkey-1024), the "
        f"last three one of their tasks (mldr_en), and {MTEB}NAME is a task of MTEB (mteb_SciFact)"
    )
