"""A task from documents without labels: sentences that are taken out of them are the queries."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from longembed_eval.tasks.own_files import OwnFiles, read_own_files
from longembed_eval.tasks.prose import normal, query_spans, word_count
from longembed_eval.tasks.values import Query, Task
from longembed_rag.errors import ReadError, SettingsError

NAME = "own-documents"
#: Documents below are searched, and nothing is taken out of them.
FEWEST_WORDS = 200
#: Most that is taken out of a document, of its words.
LARGEST_SHARE = 0.25
_FEW_QUERIES = 30


@dataclass
class _Document:
    """A document and what has been taken out of it, by start and end."""

    id: str
    text: str
    words: int
    normal: str
    removed: list[tuple[int, int]] = field(default_factory=list)

    def rest(self) -> str:
        """The text without what has been taken out of it."""
        pieces, position = [], 0
        for start, end in sorted(self.removed):
            before = self.text[position:start]
            pieces.append(before.rstrip(" \t") if self.text[end : end + 1].isspace() else before)
            position = end
        return "".join([*pieces, self.text[position:]])


def held_out_task(
    paths: Sequence[Path],
    *,
    name: str = NAME,
    per_document: int = 3,
    most_queries: int = 300,
    seed: int = 0,
) -> Task:
    """Make a task of a person's own documents, which nobody has labelled.

    Sentences of prose that stand in one document only are taken out of it; each is a query, and
    the rest of its document the answer. They are spread over the depth of the document.

    Args:
        paths: Files and folders; everything that ``longembed-rag ingest`` reads.
        name: What to call the task.
        per_document: Most queries from one document; each is from another part of it.
        most_queries: Most queries in all. Where that is fewer than documents give, as many
            documents as possible give some.
        seed: What sentences are drawn with; the same documents and seed give the same queries.

    Raises:
        SettingsError: A path does not exist, there are fewer than two documents, or none has a
            sentence that is fit for a query.
        ReadError: There are fewer than two documents because files cannot be read.
    """
    for option, value in (("per_document", per_document), ("most_queries", most_queries)):
        if value < 1:
            raise SettingsError(f"{option}={value} is below 1")
    given = ", ".join(map(str, paths))
    files = read_own_files(paths)
    _require_two(files, given)
    documents = [
        _Document(id=key, text=text, words=word_count(text), normal=normal(text))
        for key, text in files.texts.items()
    ]
    _take_out(documents, per_document=per_document, most_queries=most_queries, seed=seed)
    queries, gold = _queries(documents)
    if not queries:
        raise SettingsError(
            f"{given}: none of the {len(documents):,} documents has a sentence that is fit for a "
            f"query: prose of 8 to 40 words that stands nowhere else, in a document of at least "
            f"{FEWEST_WORDS} words. Name documents with running text, or a folder with labelled "
            "queries with --data"
        )
    return Task(
        name=name,
        documents={document.id: document.rest() for document in documents},
        queries=queries,
        gold=gold,
        kind="held_out",
        metric="ndcg@10",
        source=f"{len(documents):,} own documents, seed {seed}",
        notes=(*_notes(len(documents), gold), *files.notes),
    )


def chance(documents: int) -> float:
    """The nDCG@10 that a ranking by lot has, in points, where one document is right."""
    gains = (1 / math.log2(rank + 1) for rank in range(1, min(10, documents) + 1))
    return 100 * sum(gains) / documents


def _require_two(files: OwnFiles, given: str) -> None:
    count = len(files.texts)
    if count >= 2:
        return
    told = f"{given}: {count} readable {'document' if count == 1 else 'documents'}"
    if files.failures:
        raise ReadError(
            f"{told}, and ranking needs two or more. {len(files.failures):,} could not be read, "
            f"the first of them {files.failures[0]}"
        )
    raise SettingsError(f"{told}, and ranking needs two or more; name further files or folders")


def _take_out(
    documents: Sequence[_Document], *, per_document: int, most_queries: int, seed: int
) -> None:
    """Fill in what is removed, one sentence of each document before the second of any."""
    # Drawn by its id, what one document gives does not hang on which others there are.
    lots = {document.id: random.Random(f"{seed}:{document.id}") for document in documents}
    drawn = sorted(
        (document for document in documents if document.words >= FEWEST_WORDS),
        key=lambda document: lots[document.id].random(),
    )
    waiting: dict[str, list[list[tuple[int, int]]]] = {}
    taken = 0
    for _ in range(per_document):
        for document in drawn:
            if taken == most_queries:
                return
            if document.id not in waiting:
                waiting[document.id] = _parts(document, per_document, lots[document.id])
            part = waiting[document.id].pop()
            span = next((span for span in part if _may_go(span, document, documents)), None)
            if span is not None:
                document.removed.append(span)
                taken += 1


def _parts(
    document: _Document, per_document: int, lot: random.Random
) -> list[list[tuple[int, int]]]:
    """The sentences of each part of a document's depth; parts and sentences drawn by lot."""
    parts: list[list[tuple[int, int]]] = [[] for _ in range(per_document)]
    for span in query_spans(document.text):
        parts[span[0] * per_document // len(document.text)].append(span)
    for part in parts:
        lot.shuffle(part)
    lot.shuffle(parts)
    return parts


def _may_go(span: tuple[int, int], document: _Document, documents: Sequence[_Document]) -> bool:
    """Whether a sentence stands nowhere else, and enough is left without it."""
    removed = sum(word_count(document.text[start:end]) for start, end in [*document.removed, span])
    if removed > LARGEST_SHARE * document.words:
        return False
    sentence = normal(document.text[slice(*span)])
    first = document.normal.find(sentence)
    if first < 0 or document.normal.find(sentence, first + 1) >= 0:
        return False
    return not any(sentence in other.normal for other in documents if other is not document)


def _queries(
    documents: Sequence[_Document],
) -> tuple[tuple[Query, ...], dict[str, dict[str, int]]]:
    queries, gold = [], {}
    for document in documents:
        rest = normal(document.rest())
        for number, (start, end) in enumerate(sorted(document.removed), 1):
            text = " ".join(document.text[start:end].split())
            if normal(text) in rest:
                continue  # what stood around it says the same, now that it has gone
            query = Query(id=f"{document.id}#{number}", text=text, depth=start / len(document.text))
            queries.append(query)
            gold[query.id] = {document.id: 1}
    return tuple(queries), gold


def _notes(documents: int, gold: Mapping[str, Mapping[str, int]]) -> list[str]:
    giving = len({document for answers in gold.values() for document in answers})
    taken = f"{len(gold):,} queries: sentences taken out of "
    if giving < documents:
        taken += (
            f"{giving:,} of the {documents:,} documents, which are searched without them. The "
            f"others are shorter than {FEWEST_WORDS} words, or hold no fit sentence that stands "
            "in them alone, or were not drawn."
        )
    else:
        taken += f"the {documents:,} documents, which are searched without them."
    notes = [
        taken,
        "Such a query has its author's own words and subject, which flatters word search. It "
        "tells whether what is left of a document shows what it is about, at the depth where the "
        "sentence stood; not whether a question in other words is answered.",
        "Where documents resemble each other, as versions or copies do, another may fit as well, "
        "and a miss looks like an error. Compare systems with each other here, not with scores "
        "on labelled tasks.",
        f"A ranking of these {documents:,} documents by lot has nDCG@10 {chance(documents):.1f}.",
    ]
    if len(gold) < _FEW_QUERIES:
        notes.append(
            f"{len(gold):,} queries are few: only large differences between systems mean much."
        )
    return notes
