"""What it costs how torch's threads wait for each other: awake, asleep, or one that needs not wait.

A process each reads the same texts, in turn, while the others are stopped: threads that wait awake
do so for minutes after the work. First with nobody else at work, then beside a process for each
processor that wants all of it.

    python benchmarks/threads.py --out benchmarks/results/threads.json
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingest import texts_of
from machine import machine

from longembed_rag import __version__

WAYS = {
    "two threads, awake": {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "ACTIVE"},
    "two threads, as libgomp does": {"OMP_NUM_THREADS": "2"},
    "two threads, awake for a moment": {"OMP_NUM_THREADS": "2", "GOMP_SPINCOUNT": "20000"},
    "two threads, asleep": {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
TEXTS, ROUNDS = 12, 10
_READER = """
import json, sys, time
from longembed_rag import LongEncoder
encoder = LongEncoder.from_pretrained("all-MiniLM-L6-v2", dtype="float32", device="cpu")
texts = json.loads(sys.stdin.readline())
encoder.encode(texts)
print(flush=True)
for line in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    encoder.encode(texts)
    print(time.process_time() - cpu, time.perf_counter() - wall, flush=True)
"""


def measure() -> dict[str, dict[str, float]]:
    """Seconds of all rounds together, by how threads wait."""
    environment = {name: value for name, value in os.environ.items() if "OMP" not in name}
    readers = {
        name: subprocess.Popen(
            [sys.executable, "-c", _READER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**environment, **setting},
        )
        for name, setting in WAYS.items()
    }
    results = {name: {"CPU seconds": 0.0, "wall seconds": 0.0} for name in WAYS}
    texts = json.dumps(texts_of(TEXTS, (80, 130)))
    for number in range(ROUNDS + 1):
        for name, reader in readers.items():
            assert reader.stdin is not None
            assert reader.stdout is not None
            if number:
                for each in readers.values():
                    each.send_signal(signal.SIGCONT if each is reader else signal.SIGSTOP)
            print("" if number else texts, file=reader.stdin, flush=True)
            taken = map(float, reader.stdout.readline().split())
            for which, seconds in zip(results[name], taken, strict=False):
                results[name][which] += seconds
    for reader in readers.values():
        reader.send_signal(signal.SIGCONT)
        reader.communicate()
    return {name: {k: round(v, 2) for k, v in each.items()} for name, each in results.items()}


@contextmanager
def others_at_work() -> Iterator[None]:
    """A process for each processor that wants all of it."""
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for each in busy:
            each.kill()
            each.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    alone = measure()
    with others_at_work():
        beside = measure()
    result: dict[str, Any] = {
        "command": "python benchmarks/threads.py --out FILE",
        "version": __version__,
        "machine": machine(),
        f"{TEXTS} texts of 150 tokens, {ROUNDS} times": {
            "nobody else at work": alone,
            "others at work": beside,
        },
    }
    print(json.dumps(result, indent=1))
    if given.out is not None:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
