"""Random damage to the files of an embedded store, and what becomes of it.

As a script it does many, over both engines, and prints what came of them:

    python -m tests.library.damage --count 1000
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from longembed_rag import Document, Library
from longembed_rag.errors import StoreError
from longembed_rag.points.seal import SEAL_FILE
from longembed_rag.points.values import Vector, is_sparse
from longembed_rag.store.store import DocumentStore
from tests.store.corpora import everything, random_texts
from tests.store.fakes import FakeEncoder
from tests.stores import make_local

Engine = Literal["edge", "local"]
_QUERIES = ("w1 w3", "w20", "w7 w9 w11", "w0", "w44 w2")
# What holds nothing that was stored: who holds the store, and what the next opening puts right.
_NOTHING = (
    ".lock",
    "longembed.lock",
    "longembed.holder",
    "longembed.engine",
    "longembed.meta.json",
    "meta.json",
)


@dataclass
class Damaged:
    """A store of a folder's files and of texts without files, to be damaged.

    Attributes:
        root: Where the store and the folder lie.
        engine: What keeps it.
        answers: What searches find while it is whole.
        points: All that is in it while it is whole.
    """

    root: Path
    engine: Engine
    answers: list[Any] = field(default_factory=list)
    points: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        folder = self.root / "docs"
        folder.mkdir()
        for index, text in enumerate(random_texts(10, seed=1)):
            (folder / f"{index}.txt").write_text(text)
        if self.engine == "local":
            make_local(self.store)
        with self.open() as library:
            library.ingest(folder)
            library.add(
                [
                    Document(id=f"note-{index}", text=text)
                    for index, text in enumerate(random_texts(4, seed=2))
                ]
            )
            (folder / "0.txt").write_text("w50 w51 w52")  # something was replaced
            library.ingest(folder)
            library.remove("note-3")
        with self.open() as library:
            self.answers = _answers(library)
        self.points = _points(self.store)

    @property
    def store(self) -> Path:
        """The store's folder."""
        return self.root / "store"

    def open(self, path: Path | None = None) -> Library:
        """A library over the store, or over a copy of it."""
        return Library.open(path or self.store, encoder=FakeEncoder(), passage_tokens=5)

    @property
    def sources(self) -> set[str]:
        """The documents that were there."""
        return _sources(self.points)

    def files(self) -> list[Path]:
        """The files that hold something."""
        return sorted(
            each
            for each in self.store.rglob("*")
            if each.is_file()
            and each.stat().st_size
            and each.name not in _NOTHING
            and not each.name.startswith("longembed.seen")
        )

    def search(self) -> Literal["as before", "told", "otherwise"]:
        """What becomes of searches now."""
        try:
            with self.open() as library:
                return "as before" if _answers(library) == self.answers else "otherwise"
        except StoreError:
            return "told"

    def told_by_verify(self) -> bool:
        """Whether ``verify`` names anything."""
        try:
            with self.open() as library:
                return bool(library.verify(files=False).findings)
        except StoreError as error:  # bytes that want to load code
            return "is not opened" in str(error)

    def mended(self) -> tuple[bool, set[str]]:
        """Whether a copy, once repaired and ingested, is as it was; and what it lacks."""
        copy = self.root / "copy"
        # The files of a store are mostly empty, which copytree would write out.
        subprocess.run(["cp", "-r", "--sparse=always", self.store, copy], check=True)
        for seen in copy.glob("longembed.seen*"):
            seen.unlink()
        try:
            with self.open(copy) as library:
                library.verify(repair=True, files=False)
                library.ingest(self.root / "docs")
            with self.open(copy) as library:
                same = not library.verify().findings
            there = _points(copy)
            lost = self.sources - _sources(there)
            return same and _versions(there) == _versions(self.points), lost
        except StoreError as error:
            if "is not opened" not in str(error):  # bytes that want to load code
                raise
            return False, self.sources
        finally:
            shutil.rmtree(copy)


def _answers(library: Library) -> list[Any]:
    return [
        [
            (hit.source, round(hit.score, 4), [(p.start, p.end) for p in hit.passages])
            for hit in library.search(query, limit=8)
        ]
        for query in _QUERIES
    ]


def _points(path: Path) -> dict[str, Any]:
    """All points of a store by id: payloads, and vectors as plain numbers."""
    with DocumentStore.open(path=path) as store:
        return {
            f"{name}/{point.id}": (point.payload, _plain(point.vectors))
            for name, points in everything(store.place).items()
            for point in points
        }


def _plain(vectors: Mapping[str, Vector]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, vector in vectors.items():
        if is_sparse(vector):
            plain[name] = sorted(zip(list(vector.indices), list(vector.values), strict=True))
        else:
            plain[name] = [round(float(each), 5) for each in vector]
    return plain


def _versions(points: Mapping[str, Any]) -> set[Any]:
    """What is there of which text: documents and manifest by their hash, passages by their ids."""
    return {(name, payload.get("content_hash")) for name, (payload, _) in points.items()}


def _sources(points: Mapping[str, Any]) -> set[str]:
    return {payload["source"] for name, (payload, _) in points.items() if ".manifest/" in name}


@contextmanager
def damage(path: Path, draw: random.Random) -> Iterator[str]:
    """Damage a file in one of several ways, and put it back in the end; gives what was done."""
    whole = path.read_bytes()
    kind = draw.choice(("bytes", "bytes", "bytes", "zeros", "cut", "gone"))
    at = draw.randrange(len(whole))
    if draw.random() < 0.7:  # most of a large file is empty
        held = [i for i in range(0, len(whole), 512) if any(whole[i : i + 512])] or [0]
        at = min(draw.choice(held) + draw.randrange(512), len(whole) - 1)
    size = min(draw.choice((1, 2, 8, 64, 512, 4096)), len(whole) - at)
    if kind == "gone":
        path.unlink()
    elif kind == "cut":
        path.write_bytes(whole[:at])
    else:
        new = bytes(size) if kind == "zeros" else draw.randbytes(size)
        if new == whole[at : at + size]:
            new = bytes([whole[at] ^ 0xFF]) + new[1:]
        with path.open("r+b") as file:
            file.seek(at)
            file.write(new)
    try:
        yield f"{kind} at {at} of {len(whole)}, {size}"
    finally:
        path.write_bytes(whole)


def campaign(damaged: Damaged, count: int, *, seed: int, mend_every: int) -> Counter[str]:
    """Damage a store so many times; gives how often what came of it.

    Args:
        damaged: The store.
        count: How many times.
        seed: What is drawn by.
        mend_every: How often a copy is repaired, too.

    Raises:
        AssertionError: A search gave other answers without a word, or ``verify`` said nothing.
    """
    draw = random.Random(seed)
    found: Counter[str] = Counter()
    for number in range(count):
        path = draw.choice(damaged.files())
        with damage(path, draw) as done:
            told = f"{damaged.engine}, seed {seed}, number {number}: {path.name} {done}"
            is_seal = path.name == SEAL_FILE
            outcome = damaged.search()
            assert outcome != "otherwise", told
            found[f"search {outcome}"] += 1
            # Without a seal a store is as a killed process leaves it. Other programs write to local
            # mode as well, so that fields which they may change are not ours to know.
            if not is_seal and not damaged.told_by_verify():
                assert damaged.engine == "local", told
                found["not told by verify"] += 1
            if number % mend_every == 0 and not is_seal:
                same, lost = damaged.mended()
                # Of texts without files, what cannot be read is gone, and named.
                assert same or lost, told
                if lost != damaged.sources:
                    assert all(name.startswith("note-") for name in lost), told
                found["mended" if same else "mended, texts without files lost"] += 1
        assert damaged.search() == "as before"
    return found


def main() -> None:
    """Run a campaign over each engine."""
    parser = argparse.ArgumentParser(description=campaign.__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mend-every", type=int, default=10)
    given = parser.parse_args()
    for engine, share in (("local", 0.2), ("edge", 0.8)):
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            damaged = Damaged(Path(folder), engine)  # type: ignore[arg-type]
            count = round(given.count * share)
            found = campaign(damaged, count, seed=given.seed, mend_every=given.mend_every)
            seconds = round(time.monotonic() - began)
            print(json.dumps({"engine": engine, "damages": count, **found, "seconds": seconds}))


if __name__ == "__main__":
    main()
