"""What it costs to keep how many documents hold each word, up to a million documents.

Documents of 100 words of a vocabulary with a long tail, and as many word pairs, are counted by
``longembed_rag.store.frequencies.settling.settle`` into a table in memory, first all of them,
then a thousand more; then queries of ten words look up what they need. Documents' own terms are
made when they are asked for and take no memory; what a server would take to store and send is not
measured, only how much it would be.

    python benchmarks/frequencies.py --sizes 10000,100000,1000000 --out FILE
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import numpy as np

from longembed_rag import __version__
from longembed_rag.points.values import Page, Point, Stored
from longembed_rag.search.rarity import rarities_of
from longembed_rag.search.steps import run
from longembed_rag.store.frequencies import settling
from longembed_rag.store.frequencies.head import HEAD_ID, read_head
from longembed_rag.store.frequencies.postings import COLUMNS, Postings
from longembed_rag.store.payload import OWN_KEY
from longembed_rag.store.place import Place
from longembed_rag.words.query import QueryWords

WORDS = 100
#: Different words that there can be, and pairs.
VOCABULARY, PAIRS = 5_000_000, 2**32 - 1


class Table:
    """What :func:`settle` asks of a store: the documents are numbers, the table is kept."""

    def __init__(self) -> None:
        self.documents = 0
        self.kept: dict[str, str] = {}

    def page(self, name: str, *, after: str | None = None, **_: Any) -> Page:
        """Documents, as their points tell them."""
        first = 0 if after is None else int(after)
        last = min(self.documents, first + 10_000)
        points = tuple(Stored(str(n), {OWN_KEY: _told(n)}) for n in range(first, last))
        return Page(points, str(last) if last < self.documents else None)

    def fetch(self, name: str, ids: Sequence[str], *, keys: Any = None, **_: Any) -> list[Stored]:
        """Points of the table; documents' own terms are made now."""
        found = []
        for each in ids:
            if each in self.kept:
                found.append(Stored(each, json.loads(self.kept[each])))
            elif each != HEAD_ID:
                made = {} if keys == [] else {OWN_KEY: _terms(each).packed()}
                found.append(Stored(each, made))
        return found

    def write(self, name: str, points: Iterable[Point], **_: Any) -> None:
        """Keep points."""
        for each in points:
            self.kept[each.id] = json.dumps(each.payload)

    def exchange(self, name: str, points: Sequence[Point], **_: Any) -> set[str]:
        """Keep points; nobody else is here."""
        self.write(name, points)
        return {each.id for each in points}

    def delete(self, name: str, which: Sequence[str], **_: Any) -> None:
        """Remove points."""
        for each in which:
            self.kept.pop(each, None)


def _told(number: int) -> dict[str, Any]:
    return {"source": f"/{number}.txt", "content_hash": f"{number:x}", "passages": 1}


def _terms(identity: str) -> Postings:
    """The terms of a document, which follow from its id."""
    drawn = np.random.default_rng(UUID(identity).int)
    words = (drawn.pareto(0.9, WORDS) * 20).astype(np.int64) % VOCABULARY
    # Spread over all ids, as hashes are.
    words = (words * 2654435761 % 2**32).astype(np.uint32)
    pairs = drawn.integers(0, PAIRS, WORDS - 1).astype(np.uint32)
    terms, first = np.unique(np.concatenate([words, pairs]), return_index=True)
    counts = np.ones((len(terms), COLUMNS), dtype=np.int64)
    counts[:, 0] = counts[:, 2] = first < WORDS
    return Postings(terms, counts, np.ones(COLUMNS, dtype=np.int64))


def measure(size: int) -> dict[str, Any]:
    """Count so many documents, a thousand more, and look up queries."""
    table = Table()
    place = Place(cast(Any, table), "documents")
    row: dict[str, Any] = {"documents": size}
    for name, more in (("first", size), ("thousand_more", 1000)):
        made = time.process_time()
        for number in range(min(more, 2000)):
            Postings.unpacked(_terms(str(UUID(int=number))).packed())
        making = (time.process_time() - made) / min(more, 2000) * more
        table.documents += more
        began = time.process_time()
        settling.settle(place)
        seconds = time.process_time() - began - making
        row[name] = {
            "cpu_seconds": round(seconds, 1),
            "ms_a_document": round(1000 * seconds / more, 3),
        }
    head = read_head(place)
    assert head is not None
    buckets = [each for each in table.kept.values() if '"bucket"' in each]
    row |= {
        "segments": len(head.segments),
        "terms": sum(each.terms for each in head.segments),
        "points": len(table.kept),
        "megabytes": sum(map(len, table.kept.values())) >> 20,
        "most_megabytes_of_the_process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }
    times, sizes = [], []
    for number in range(200):
        words = QueryWords.plain([f"word{number}x{each}" for each in range(10)])
        began = time.process_time()
        run(rarities_of(words, place), place)
        times.append(1000 * (time.process_time() - began))
        sizes.append(19 * len(head.segments) * np.mean([len(each) for each in buckets]))
    row["query"] = {
        "cpu_ms": round(float(np.median(times)), 2),
        "points": 19 * len(head.segments),
        "kilobytes": round(float(np.mean(sizes)) / 1024, 1),
    }
    return row


def main() -> None:
    """Measure each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    rows = []
    for size in map(int, options.sizes.split(",")):
        rows.append(measure(size))
        print(rows[-1], flush=True)
    result = {
        "command": f"python benchmarks/frequencies.py --sizes {options.sizes} --out FILE",
        "version": __version__,
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors",
        "words_a_document": WORDS,
        "rows": rows,
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
