"""Facts hidden in prose: can a system find a document by a single sentence of it?

LongEmbed's needle-in-a-haystack retrieval (arXiv 2404.12096, section 3.1), with facts of this
project and a haystack of public domain texts (``data/SOURCES.md``) or of the user's own.
"""

from __future__ import annotations

import json
import lzma
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from itertools import accumulate, chain, cycle, islice
from pathlib import Path

from longembed_eval.tasks.synthetic import (
    DOCUMENTS,
    QUERIES,
    Sentence,
    hide,
    random_for,
    require_counts,
    require_length,
    sentences,
    task_of_hidden,
    words_of,
)
from longembed_eval.tasks.values import Task
from longembed_rag.errors import ReadError, SettingsError

#: Words below which a haystack would be repeated too often to hide anything.
FEWEST_WORDS = 1_000
#: Files of a folder that are taken as haystack.
SUFFIXES = frozenset({".md", ".txt"})

_SOURCE = (
    "text that ships with longembed-rag: Alice in Wonderland, Areopagitica, Hamlet and three more "
    "works in the public domain"
)
_NOTE = (
    "The facts and questions are this project's own, and questions often use other words than "
    "their facts: BM25 finds 78 to 88 of 100 here and 95.3 in the paper. Numbers compare with the "
    "paper's only in shape."
)


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A sentence to hide.

    Attributes:
        text: The sentence, which needs no context.
        question: What this fact answers, and no other one.
    """

    text: str
    question: str


@dataclass(frozen=True, kw_only=True)
class Haystack:
    """Prose to hide facts in.

    Attributes:
        sentences: The prose; documents that reach its end go on at its beginning.
        source: What it is, for people.
    """

    sentences: tuple[Sentence, ...]
    source: str

    @property
    def words(self) -> int:
        """How many words it has."""
        return self._ends[-1] if self._ends else 0

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        """For each sentence, how many words there are up to its end."""
        return tuple(accumulate(sentence.words for sentence in self.sentences))

    def from_share(self, share: float) -> Iterator[Sentence]:
        """Its sentences without end, from the beginning of one near a place on.

        Args:
            share: The place, as a share (0 to less than 1) of all words.
        """
        start = bisect_right(self._ends, share * self.words)
        while start and not self.sentences[start - 1].closed:
            start -= 1
        return chain(islice(self.sentences, start, None), cycle(self.sentences))


def needle_task(
    length: int,
    *,
    haystack: Path | None = None,
    seed: int = 0,
    documents: int = DOCUMENTS,
    queries: int = QUERIES,
) -> Task:
    """Documents of one length, each of which hides another fact.

    Every document is a stretch of the haystack that starts at another place. Documents overlap
    where all of them together are longer than the haystack, and repeat it where one alone is.

    Args:
        length: Tokens of each document, from 64 to 1,048,576; it has about 0.75 words for each.
        haystack: A file, or a folder whose ``.txt`` and ``.md`` files are read, subfolders
            included; None for the text that ships.
        seed: Decides on places and depths, and on which facts are asked for.
        documents: How many documents, 120 at most: the facts there are.
        queries: How many of the facts are asked for.

    Returns:
        ``needle-<length>``, the same for the same arguments and haystack on every platform.

    Raises:
        SettingsError: A number is out of range, the haystack does not exist, or it holds fewer
            than 1,000 words; says what to do.
        ReadError: A file of the haystack cannot be read.
    """
    require_length(length)
    facts = load_facts()
    require_counts(documents, queries, available=len(facts), what="facts")
    hay = shipped_haystack() if haystack is None else read_haystack(haystack)
    rng = random_for("needle", length, seed)
    first = rng.random()
    words = words_of(length)
    return task_of_hidden(
        "needle",
        length,
        hidden=[
            hide(fact.text, hay.from_share((first + i / documents) % 1), words=words, rng=rng)
            for i, fact in enumerate(facts[:documents])
        ],
        questions=[fact.question for fact in facts[:documents]],
        queries=queries,
        chance=random_for("needle", None, seed),
        source=hay.source,
        notes=(_NOTE, *overlap_notes(hay, words, documents)),
    )


@cache
def load_facts() -> tuple[Fact, ...]:
    """The facts that ship (``data/facts.jsonl``), in their order."""
    rows = map(json.loads, _shipped("facts.jsonl").decode().splitlines())
    return tuple(Fact(text=row["fact"], question=row["question"]) for row in rows)


@cache
def shipped_haystack() -> Haystack:
    """The text that ships (``data/haystack.txt.xz``): 124,000 words."""
    text = lzma.decompress(_shipped("haystack.txt.xz")).decode()
    return Haystack(sentences=sentences(text), source=_SOURCE)


def read_haystack(path: Path) -> Haystack:
    """The text of a file, or of the ``.txt`` and ``.md`` files in a folder and below it.

    Args:
        path: The file or folder.

    Returns:
        The haystack; its ``source`` gives the path's name only.

    Raises:
        SettingsError: It does not exist or holds fewer than 1,000 words; says what to do.
        ReadError: A file or subfolder cannot be read.
    """
    from longembed_rag import discover, read_file

    found = discover([path])
    for failure in found.unreadable:
        raise ReadError(
            f"haystack {path}: {failure.source} cannot be read: {failure.reason}; a haystack is "
            "taken whole, so make it readable or name another file or folder"
        )
    folder = path.expanduser().is_dir()
    texts = [
        read_file(file).text for file in found if not folder or file.suffix.lower() in SUFFIXES
    ]
    what = "folder" if folder else "file"
    hay = Haystack(
        sentences=tuple(chain.from_iterable(map(sentences, texts))),
        source=f"the text of the {what} {found.roots[0].name}",
    )
    if hay.words < FEWEST_WORDS:
        raise SettingsError(
            f"haystack {path}: {hay.words} words (runs of characters between spaces) in "
            f"{len(texts)} files; at least {FEWEST_WORDS:,} are needed. Name a {what} with more "
            "text (of a folder, .txt and .md files are read), or none for the text that ships"
        )
    return hay


def overlap_notes(hay: Haystack, words: int, documents: int) -> tuple[str, ...]:
    """What a reader must know of documents that share or repeat the haystack's text.

    Args:
        hay: The haystack.
        words: Words of each document.
        documents: How many documents there are.
    """
    if words > hay.words:
        return (f"Documents are longer than the haystack's {hay.words:,} words, and repeat it.",)
    if words * documents > hay.words:
        return (f"Documents overlap: the haystack has {hay.words:,} words.",)
    return ()


def _shipped(name: str) -> bytes:
    return (files("longembed_eval") / "data" / name).read_bytes()
