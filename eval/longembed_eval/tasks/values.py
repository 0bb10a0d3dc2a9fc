"""A task: documents, queries, and which documents answer each query."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from longembed_eval.published import published_tasks

Kind = Literal["labelled", "passkey", "needle", "two_facts", "held_out"]
MainMetric = Literal["ndcg@10", "accuracy@1"]


@dataclass(frozen=True, kw_only=True)
class Query:
    """Something that is looked for.

    Attributes:
        id: Its name, unique within the task.
        text: What is asked.
        depth: Where in its document the answer stands, from 0 (the first character) to 1 (the
            end); None where that is not known.
    """

    id: str
    text: str
    depth: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        return {"id": self.id, "text": self.text, "depth": self.depth}


@dataclass(frozen=True, kw_only=True)
class Task:
    """Documents, queries and the answers.

    Attributes:
        name: What rows of results call it, such as ``"qmsum"`` or ``"passkey-1024"``.
        documents: Texts by id, never empty.
        queries: The queries, each with at least one answer.
        gold: For each query's id the ids of the documents that answer it, with their gain (>= 1).
        kind: ``"labelled"`` for people's queries, ``"passkey"``, ``"needle"`` and ``"two_facts"``
            for facts hidden in long texts, ``"held_out"`` for sentences taken out of a user's own
            documents.
        metric: What a task of this kind is judged by.
        length: Tokens, nominally, of each document of a task that is made for one length.
        source: Where it comes from, in a few words for people, without paths of the machine.
        notes: What a reader of its results must know.
        wholes: Of tasks that look for parts of documents: for each whole document the ids of its
            parts, in their order. ``documents`` are the parts, each in one whole; None elsewhere.
    """

    name: str
    documents: Mapping[str, str]
    queries: tuple[Query, ...]
    gold: Mapping[str, Mapping[str, int]]
    kind: Kind = "labelled"
    metric: MainMetric = "ndcg@10"
    length: int | None = None
    source: str = ""
    notes: tuple[str, ...] = field(default=())
    wholes: Mapping[str, tuple[str, ...]] | None = None

    def with_published(self) -> Task:
        """The same task with what others published on it as a last note, if it is theirs."""
        note = published_tasks().note(
            self.name, documents=len(self.documents), queries=len(self.queries)
        )
        return replace(self, notes=(*self.notes, *note))

    def in_wholes(self, wholes: Mapping[str, tuple[str, ...]]) -> Task:
        """The same task with what its documents are parts of."""
        return replace(self, wholes=wholes)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that scores depend on (hex)."""
        digest = hashlib.blake2b(digest_size=16)
        content: list[Any] = [
            list(self.documents.items()),
            [query.to_dict() for query in self.queries],
            [[query, dict(answers)] for query, answers in self.gold.items()],
        ]
        if self.wholes is not None:  # a task without any keeps the fingerprint that it had
            content.append([[name, list(parts)] for name, parts in self.wholes.items()])
        digest.update(json.dumps(content, ensure_ascii=True).encode())
        return digest.hexdigest()

    @property
    def group(self) -> str:
        """What its results are averaged under: the name without the length."""
        return self.name if self.length is None else self.name.removesuffix(f"-{self.length}")
