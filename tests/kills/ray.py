"""Kill an ingest by many processes: its driver, one of its processes, or the server for a while.

    python -m tests.kills.ray --kills 100 --out benchmarks/results/ray_kills.json

Whatever was killed, the ingest ends by itself, or the next one does, with the collection that an
undisturbed one makes, and the model reads again at most what was in hand. Ends with 1 where not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from longembed_rag import Library
from longembed_rag._version import __version__
from tests.kills.ray_driver import NotingEncoder
from tests.points.fake_qdrant import FakeQdrant, running_fake
from tests.store.corpora import assert_same_contents, everything, random_texts

_FILES = 40
_KINDS = ("driver", "process", "server", "two drivers")
_LONGEST = 240.0  # seconds that an ingest may take, killed or not


@dataclass(frozen=True)
class Outcome:
    """What came of one kill.

    Attributes:
        kind: What was killed.
        after: Seconds after the start.
        ended: How the ingest that was disturbed ended; None where it was killed itself.
        again: Documents that the model has read once more.
        fault: What was wrong; None where nothing was.
    """

    kind: str
    after: float
    ended: int | None
    again: int
    fault: str | None


class Bout:
    """One ingest that is disturbed.

    Args:
        fake: The server.
        files: What is ingested.
        folder: Where its log goes.
        number: Which one it is; its collection's name.
        cluster: The process that Ray's others come from.
    """

    def __init__(
        self, fake: FakeQdrant, files: Path, folder: Path, number: int, cluster: psutil.Process
    ) -> None:
        self.fake, self.files, self.cluster = fake, files, cluster
        self.collection = f"bout{number}"
        self.log = folder / f"{number}.log"
        self.log.touch()

    def start(self) -> subprocess.Popen[bytes]:
        """Begin an ingest."""
        arguments = [self.fake.url, self.collection, str(self.files), str(self.log), "auto"]
        return subprocess.Popen(
            [sys.executable, "-m", "tests.kills.ray_driver", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def disturb(self, kind: str, random: random.Random) -> tuple[float, int | None]:
        """Start, wait for a moment, and kill; gives the seconds, and how it ended."""
        began = time.monotonic()
        driver = self.start()
        # Mostly while the model reads: before, there is nothing to be lost.
        reading = random.randrange(_FILES)
        while driver.poll() is None and len(self.read()) < reading:
            time.sleep(0.02)
        time.sleep(random.random() * 0.3)
        after = time.monotonic() - began
        if kind in ("driver", "two drivers"):
            other = self.start() if kind == "two drivers" else None
            driver.send_signal(signal.SIGKILL)
            driver.wait()
            return after, None if other is None else _end(other)
        if kind == "process":
            workers = [each for each in self.cluster.children(recursive=True) if _is_worker(each)]
            if workers:
                random.choice(workers).kill()
        else:
            self.fake.is_away = True
            time.sleep(random.random() * 2)
            self.fake.is_away = False
        return after, _end(driver)

    def read(self) -> list[str]:
        """What the model has read."""
        return self.log.read_text().splitlines()

    def fault(self, ended: int | None, expected: object) -> str | None:
        """What is wrong at the end; goes on with another ingest where that one was ended."""
        if ended != 0:
            driver = self.start()
            if (status := _end(driver)) != 0:
                told = driver.stderr.read().decode()[-300:] if driver.stderr else ""
                return f"the next one ended with {status}: {told}"
        with Library.open(url=self.fake.url, collection=self.collection) as library:
            found = everything(library.store.place)
        ours = {name.removeprefix(self.collection): points for name, points in found.items()}
        try:
            assert_same_contents(ours, expected)  # type: ignore[arg-type]
        except AssertionError as error:
            return f"another collection than the undisturbed one: {str(error)[:300]}"
        return None


def _end(driver: subprocess.Popen[bytes]) -> int:
    try:
        return driver.wait(_LONGEST)
    except subprocess.TimeoutExpired:
        driver.kill()
        return -1


def _is_worker(process: psutil.Process) -> bool:
    try:
        return any("ray::MapWorker" in part for part in process.cmdline()[:1])
    except psutil.Error:
        return False


def main() -> int:
    """Kill so often; 1 where something was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills.ray", description=__doc__)
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    drawn = random.Random(options.seed)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray = [str(Path(sys.executable).parent / "ray")]
    started = [*ray, "start", "--head", "--num-cpus=2", "--include-dashboard=false", "--port=0"]
    before = set(psutil.pids())
    subprocess.run(started, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    cluster = next(
        each for each in psutil.process_iter() if each.pid not in before and each.name() == "raylet"
    )
    outcomes: list[Outcome] = []
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as name, running_fake() as fake:
            files = Path(name, "files")
            files.mkdir()
            for number, text in enumerate(random_texts(_FILES, seed=1)):
                (files / f"{number}.txt").write_text(text)
            log = Path(name, "whole.log")
            with Library.open(
                url=fake.url, collection="whole", encoder=NotingEncoder(log=str(log), seconds=0)
            ) as library:
                library.ingest(files)
                found = everything(library.store.place)
            expected = {each.removeprefix("whole"): points for each, points in found.items()}
            for number in range(options.kills):
                kind = _KINDS[number % len(_KINDS)]
                bout = Bout(fake, files, Path(name), number, cluster)
                after, ended = bout.disturb(kind, drawn)
                fault = bout.fault(ended, expected)
                again = len(bout.read()) - len(set(bout.read()))
                outcomes.append(Outcome(kind, round(after, 2), ended, again, fault))
                print(outcomes[-1], flush=True)
                for each in list(fake.client.get_collections().collections):
                    if each.name.startswith(bout.collection):
                        fake.client.delete_collection(each.name)
                fake.requests.clear()
                if options.out is not None:
                    result = _result(outcomes, time.monotonic() - began, options)
                    options.out.write_text(json.dumps(result, indent=1) + "\n")
    finally:
        subprocess.run([*ray, "stop", "--force"], check=False, capture_output=True)
    return int(any(each.fault for each in outcomes))


def _result(outcomes: list[Outcome], seconds: float, options: argparse.Namespace) -> object:
    rows = {}
    for kind in _KINDS:
        these = [each for each in outcomes if each.kind == kind]
        rows[kind] = {
            "killed": len(these),
            "ended by itself": sum(each.ended == 0 for each in these),
            "read again": dict(sorted(Counter(each.again for each in these).items())),
            "faults": [asdict(each) for each in these if each.fault],
        }
    return {
        "command": f"python -m tests.kills.ray --kills {options.kills} --seed {options.seed}",
        "version": __version__,
        "files": _FILES,
        "seconds": round(seconds),
        "rows": rows,
    }


if __name__ == "__main__":
    sys.exit(main())
