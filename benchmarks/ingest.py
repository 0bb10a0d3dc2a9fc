"""What an ingest takes beside the reading itself: many small files, and some long ones.

Each kind is ingested once into an embedded store, between two halves of the same texts read by the
same model with nothing written, and one by one as documents were read before they shared passes.
Imports, the model and the store's files are there before the clock starts.

    OMP_NUM_THREADS=1 python benchmarks/ingest.py --out benchmarks/results/ingest.json
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from machine import machine

from longembed_rag import Document, Library, LongEncoder, TokenOptions, __version__

DEMO = Path(__file__).parents[1] / "demo" / "documents"
SEED = 22


@dataclass
class Clock:
    """Wall-clock and CPU seconds of what was run under it, all of its runs together."""

    wall: float = 0.0
    cpu: float = 0.0

    def run(self, work: Callable[[], Any]) -> Any:
        """Do some work, and add what it takes; gives what it gives."""
        wall, cpu = time.perf_counter(), time.process_time()
        done = work()
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu
        return done

    def to_dict(self) -> dict[str, float]:
        """Both, ready for JSON."""
        return {"wall seconds": round(self.wall, 2), "CPU seconds": round(self.cpu, 2)}

    def times(self, other: Clock) -> dict[str, float]:
        """How many times what another came to."""
        return {"wall": round(self.wall / other.wall, 3), "CPU": round(self.cpu / other.cpu, 3)}


def texts_of(count: int, words: tuple[int, int]) -> list[str]:
    """Stretches of the demo's documents, between so many words long."""
    chance = random.Random(SEED)
    paths = sorted(each for each in DEMO.iterdir() if each.suffix in (".txt", ".md"))
    known = " ".join(each.read_text(encoding="utf-8") for each in paths).split(" ")
    texts = []
    for _ in range(count):
        size = chance.randint(*words)
        start = chance.randrange(len(known) - size)
        texts.append(" ".join(known[start : start + size]))
    return texts


def measure(encoder: LongEncoder, texts: list[str], *, tokens: bool) -> dict[str, Any]:
    """Read texts with nothing written, and ingest them as files."""
    kept: dict[str, Any] = {"tokens": TokenOptions() if tokens else None}
    named = [(f"{number:05}", text) for number, text in enumerate(texts)]
    alone, one_by_one, ingest = Clock(), Clock(), Clock()

    def together(part: list[tuple[str, str]]) -> None:
        for read in encoder.encode_documents(part, **kept):
            read.get()

    def apart(part: list[tuple[str, str]]) -> None:
        for _, text in part:
            encoder.encode_passages(text, **kept)

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "documents")
        folder.mkdir()
        for name, text in named:
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
        how = {"late_interaction": "on" if tokens else "off"}
        with Library.open(Path(place, "store"), encoder=encoder, **how) as library:  # type: ignore[arg-type]
            library.add(Document(id="warming up", text="A lease was signed on Monday."))
            alone.run(lambda: together(named[::2]))
            report = ingest.run(lambda: library.ingest(folder))
            alone.run(lambda: together(named[1::2]))
            assert (report.added, report.failed) == (len(texts), ())
    # A part of them is enough to tell how much slower it is.
    part = named[:: max(1, len(named) // 100)]
    shared = Clock()
    for some in (part[::2], part[1::2]):
        shared.run(lambda some=some: together(some))
        one_by_one.run(lambda some=some: apart(some))
    return {
        "files": len(texts),
        "tokens": report.tokens,
        "reading alone": alone.to_dict(),
        "ingest": ingest.to_dict(),
        "ingest / reading alone": ingest.times(alone),
        "one by one / together": one_by_one.times(shared),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--small", type=int, default=1000, help="small files")
    parser.add_argument("--long", type=int, default=50, help="long files")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    encoder = LongEncoder.from_pretrained(given.model, dtype="float32", device="cpu")
    tokens = bool(encoder.describe()["late_interaction"])
    kinds = {
        "small files": texts_of(given.small, (30, 120)),
        "long files": texts_of(given.long, (1500, 3000)),
    }
    result = {
        "command": f"OMP_NUM_THREADS=1 python benchmarks/ingest.py --model {given.model} "
        f"--small {given.small} --long {given.long} --out FILE",
        "version": __version__,
        "machine": machine(),
        "threads": torch.get_num_threads(),
        "late interaction": tokens,
        "results": {name: measure(encoder, each, tokens=tokens) for name, each in kinds.items()},
    }
    if given.out is not None:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
