"""Adapters by task that come with a model: which there are, and which side of a search takes which.

Nothing here loads weights; :mod:`longembed_rag.encoder.adapters` does. They lie in two forms:
among the model's own weights, as jina-embeddings-v3 was published (arXiv 2409.10173, section 4),
with ``lora_adaptations`` in ``config.json``; and each in a folder of its own, as PEFT writes them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from longembed_rag.encoder.folder import ModelFolder
from longembed_rag.encoder.peft_files import ADAPTER_FILE, ADAPTER_WEIGHTS
from longembed_rag.encoder.settings import EncoderSettings, Kind
from longembed_rag.encoder.stated import Stated, require_files
from longembed_rag.errors import SettingsError

#: The task whose two sides have an adapter each.
RETRIEVAL = "retrieval"
_SIDES = ("retrieval.query", "retrieval.passage")
#: As jina-embeddings-v3 calls them, whatever a folder may.
_NAMES = (*_SIDES, "separation", "classification", "text-matching")


@dataclass(frozen=True)
class Adapter:
    """One adapter of a model.

    Attributes:
        name: Its task, as the model calls it: ``"text-matching"``.
        place: Its folder; None where it lies among the model's weights.
        number: Which of those among the weights it is.
        prompt: What is put before texts that it reads.
    """

    name: str
    place: Path | None = None
    number: int = 0
    prompt: str = ""


@dataclass(frozen=True)
class Task:
    """A task with the adapter of each side; they are one where the task has no sides.

    Attributes:
        name: As it was asked for.
        query: What reads queries.
        document: What reads documents.
    """

    name: str
    query: Adapter
    document: Adapter

    @property
    def adapters(self) -> tuple[Adapter, ...]:
        """Each of its adapters once."""
        return tuple(dict.fromkeys((self.query, self.document)))

    def adapter(self, kind: Kind) -> Adapter:
        """What reads queries, or documents."""
        return self.query if kind == "query" else self.document

    def vector_settings(self) -> dict[str, Any]:
        """What of it changes a vector, beside the model's own files."""
        digest = hashlib.sha256(repr([each.name for each in self.adapters]).encode())
        for place in (each.place for each in self.adapters if each.place is not None):
            for name in (ADAPTER_FILE, ADAPTER_WEIGHTS):
                require_files(place, (name,))
                digest.update((place / name).read_bytes() if (place / name).is_file() else b"-")
        return {"task": self.name, "adapters": digest.hexdigest()}


@dataclass(frozen=True)
class _Found:
    adapters: Mapping[str, Adapter] = field(default_factory=dict)

    @property
    def tasks(self) -> list[str]:
        """What may be asked for."""
        both = all(_plain(side) in self.adapters for side in _SIDES)
        return ([RETRIEVAL] if both else []) + [each.name for each in self.adapters.values()]


def task_of(folder: ModelFolder, name: str | None) -> Task | None:
    """The task of a name, with its adapters; None where none is asked for.

    Args:
        folder: The model.
        name: ``"retrieval"``, whose sides differ, or an adapter's, with dots, hyphens and
            underscores alike.

    Raises:
        SettingsError: The model has no adapter of that name, or none at all.
        ModelLoadError: A file that says so is broken.
    """
    if name is None:
        return None
    found = _find(folder)
    if not found.adapters:
        raise SettingsError(
            f"task={name!r}: {folder.name} comes with no adapters by task; leave the setting away"
        )
    sides = _SIDES if _plain(name) == RETRIEVAL else (name, name)
    adapters = [found.adapters.get(_plain(side)) for side in sides]
    query, document = adapters
    if query is None or document is None:
        raise SettingsError(
            f"task={name!r} is not one of {folder.name}'s tasks: {', '.join(found.tasks)}"
        )
    return Task(RETRIEVAL if sides is _SIDES else query.name, query, document)


def prompts_of(
    settings: EncoderSettings, folder: ModelFolder, task: Task | None
) -> tuple[str, str]:
    """What is put before queries, and what before documents.

    What was set goes before the task's own, and that before what the folder and the table of
    published models say.
    """
    found = []
    kinds: tuple[Kind, ...] = ("query", "document")
    for kind in kinds:
        name = f"{kind}_prompt"
        stated = [getattr(settings, name), None if task is None else task.adapter(kind).prompt]
        stated += [getattr(each, name) for each in folder.sources]
        found.append(next((each for each in stated if each is not None), ""))
    return found[0], found[1]


def _plain(name: str) -> str:
    return re.sub(r"[._-]+", "_", name).lower()


def _find(folder: ModelFolder) -> _Found:
    config = Stated(folder.path / "config.json")
    prompts: dict[str, str] = {}
    for root in folder.roots:
        prompts = Stated(root / "config_sentence_transformers.json").words("prompts") | prompts
    prompts |= config.words("task_instructions")
    texts = {_plain(name): prompt for name, prompt in prompts.items()}
    listed = config.texts("lora_adaptations") or ()
    adapters = {
        _plain(name): Adapter(name, number=number, prompt=texts.get(_plain(name), ""))
        for number, name in enumerate(listed)
    }
    for file in sorted(folder.path.glob(f"*/{ADAPTER_FILE}")):
        plain = _plain(file.parent.name)
        name = next((each for each in (*_NAMES, *prompts) if _plain(each) == plain), None)
        adapters[plain] = Adapter(
            name or file.parent.name, place=file.parent, prompt=texts.get(plain, "")
        )
    return _Found(adapters)
