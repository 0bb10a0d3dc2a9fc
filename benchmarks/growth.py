"""How long files take to read that are made to take long: each shape at sizes n, 2n and 4n.

The shapes are those of ``tests/files/hostile.py``, of every format. A file is made larger until
reading it takes about half a second of CPU, or it has four megabytes; then
the growth is the time at the last size over that at half of it: 2 where it is linear, 4 where it
is quadratic. Each file is read in a process of its own, which is given up after a minute, as
``--read-timeout`` does it.

    python -m benchmarks.growth --out FILE
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from longembed_rag import ReadOptions, __version__
from longembed_rag.errors import ReadError
from longembed_rag.files.readers import read_file
from tests.files.hostile import shapes

TIMEOUT = 60.0
ENOUGH = 0.5
LARGEST = 4_000_000
SMALLEST = 4_000
#: Growth above this is not linear; what takes less than this many seconds cannot be told.
MOST_GROWTH = 3.0
#: Their library has threads, which a process that is forked afterwards waits for in vain.
THREADED = (".doc", ".msg", ".xls", ".xlsx")
LEAST_SECONDS = 0.3


def _answer(path: Path, answers: Connection) -> None:
    began = time.process_time()
    try:
        read_file(path, options=ReadOptions(ocr_language="none"))
        outcome = "read"
    except ReadError as error:
        outcome = str(error).removeprefix(f"{path}: ")[:160]
    except Exception as error:  # noqa: BLE001 - the worker makes a sentence of it
        outcome = f"{type(error).__name__}: {error}"[:160]
    answers.send((outcome, time.process_time() - began))


def apart(path: Path) -> tuple[str, float]:
    """What came of a file, and CPU seconds, from a process that can be ended."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=_answer, args=(path, theirs))
    process.start()
    theirs.close()
    try:
        if ours.poll(TIMEOUT):
            outcome, seconds = ours.recv()
            return str(outcome), float(seconds)
        return f"given up after {TIMEOUT:g} s", TIMEOUT
    except EOFError:
        return "its reader ended", 0.0
    finally:
        process.kill()
        process.join()


def measure(make: Callable[[int], bytes], path: Path) -> dict[str, object]:
    """A shape's times at the last three sizes, its growth and what came of it."""
    if path.suffix not in THREADED:  # what is imported once does not count
        path.write_bytes(make(2))
        with suppress(ReadError):
            read_file(path, options=ReadOptions(ocr_language="none"))
    taken: list[tuple[int, float]] = []
    size, outcome = SMALLEST, ""
    while True:
        data = make(size)
        path.write_bytes(data)
        outcome, seconds = apart(path)
        taken.append((len(data), round(seconds, 3)))
        if seconds > ENOUGH or len(data) > LARGEST or size > LARGEST:
            break
        size *= 2
    path.unlink()
    last, half = taken[-1][1], taken[-2][1] if len(taken) > 1 else 0.0
    is_told = last >= LEAST_SECONDS and half > 0
    return {
        "bytes_and_seconds": taken[-3:],
        "growth": round(last / half, 2) if is_told else None,
        "outcome": outcome,
    }


def main() -> None:
    """Measure every shape, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="shapes whose names hold this")
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, make in shapes().items():
            if options.only in name:
                found[name] = measure(make, Path(folder) / name)
                print(name, found[name], flush=True)
    growths = {name: each["growth"] for name, each in found.items()}
    result = {
        "command": f"python -m benchmarks.growth --out {options.out}",
        "version": __version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "shapes": len(found),
        "not_linear": sorted(
            name
            for name, growth in growths.items()
            if isinstance(growth, float) and growth > MOST_GROWTH
        ),
        "by_shape": found,
    }
    options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print("not linear:", result["not_linear"])


if __name__ == "__main__":
    main()
