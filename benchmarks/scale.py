"""What many small documents take: time, CPU and memory of an ingest by Ray, at several sizes.

Each size goes into a new collection of a server that only keeps points
(``tests/points/sink.py``), in a process of its own, which is not counted. Documents have some
twenty words of 50,000, so that what is counted is everything but the model, which is a tiny one.

    python -m benchmarks.scale --sizes 1000,10000,100000 --out FILE
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from longembed_rag import Library, __version__, connect_ray
from tests.store.fakes import FakeEncoder

WORDS = 50_000
IN_A_FOLDER = 1000


def make(folder: Path, count: int) -> None:
    """Write documents of about twenty words, frequent ones and rare ones."""
    drawn = np.random.default_rng(count)
    for number in range(count):
        if number % IN_A_FOLDER == 0:
            (folder / str(number // IN_A_FOLDER)).mkdir()
        words = (drawn.pareto(1.0, size=int(drawn.integers(10, 31))) * 10).astype(int) % WORDS
        path = folder / str(number // IN_A_FOLDER) / f"{number}.txt"
        path.write_text(f"n{number} " + " ".join(f"word{each}" for each in words))


class Watch:
    """CPU time and memory of this process and of those that it and Ray have started, but one."""

    def __init__(self, *, but: int) -> None:
        self._but = but
        self.most: dict[str, int] = {}
        self._cpu: dict[int, float] = {}
        self._before = {p.pid: sum(p.cpu_times()[:2]) for p in self._processes()}
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _processes(self) -> list[psutil.Process]:
        own = psutil.Process()
        return [own, *(p for p in own.children(recursive=True) if p.pid != self._but)]

    def _look(self) -> None:
        own = psutil.Process()
        while not self._ends.wait(0.5):
            kinds: dict[str, int] = {"driver": own.memory_info().rss}
            self._cpu[own.pid] = sum(own.cpu_times()[:2])
            for each in self._processes()[1:]:  # Ray's own processes count, too
                try:
                    self._cpu[each.pid] = sum(each.cpu_times()[:2])
                    if each.cmdline()[:1] and each.cmdline()[0].startswith("ray::"):
                        kinds["process"] = max(kinds.get("process", 0), each.memory_info().rss)
                except psutil.Error:
                    continue
            for kind, size in kinds.items():
                self.most[kind] = max(self.most.get(kind, 0), size)

    @property
    def cpu(self) -> float:
        """CPU seconds of all of them so far."""
        return sum(spent - self._before.get(pid, 0.0) for pid, spent in self._cpu.items())

    def end(self) -> None:
        """Look no more."""
        self._ends.set()
        self._thread.join()


def measure(count: int, *, shards: int) -> dict[str, object]:
    """Ingest so many documents, and once more, with nothing to do."""
    sink = subprocess.Popen(
        [sys.executable, "-m", "tests.points.sink"], stdout=subprocess.PIPE, text=True
    )
    assert sink.stdout is not None
    url = sink.stdout.readline().strip()
    try:
        with tempfile.TemporaryDirectory() as name:
            make(Path(name), count)
            steps = {}
            with Library.open(
                url=url, encoder=FakeEncoder(), shards=shards, timeout=900
            ) as library:
                for step in ("first", "again"):
                    watch, began = Watch(but=sink.pid), time.monotonic()
                    report = library.ingest(name, ray="local")
                    seconds = time.monotonic() - began
                    watch.end()
                    assert not report.failed, report.failed[:3]
                    steps[step] = {
                        "seconds": round(seconds, 1),
                        "cpu_seconds": round(watch.cpu, 1),
                        "most_megabytes": {k: v >> 20 for k, v in sorted(watch.most.items())},
                        "added": report.added,
                        "unchanged": report.unchanged,
                    }
            memory = psutil.Process(sink.pid).memory_info().rss >> 20
            return {"documents": count, "shards": shards, **steps, "sink_megabytes": memory}
    finally:
        sink.kill()
        sink.wait()


def main() -> None:
    """Measure each size, in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    root = str(Path(__file__).parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    if options.one:
        with connect_ray("local"):
            row = measure(options.one, shards=options.shards)
        options.out.write_text(json.dumps(row))
        return
    rows = []
    for size in map(int, options.sizes.split(",")):
        with tempfile.NamedTemporaryFile() as file:
            given = ["--one", str(size), "--shards", str(options.shards), "--out", file.name]
            command = [sys.executable, "-m", "benchmarks.scale", *given]
            subprocess.run(command, check=True)
            rows.append(json.loads(Path(file.name).read_text()))
        print(rows[-1], flush=True)
        result = {
            "command": f"python -m benchmarks.scale --sizes {options.sizes} "
            f"--shards {options.shards} --out FILE",
            "version": __version__,
            "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors",
            "rows": rows,
        }
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
