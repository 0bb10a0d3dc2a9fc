"""How long a command takes from a cold start: CPU seconds of this release and of one before it.

Both are run in turn, each command in a process of its own, over one embedded store; the figure is
the median of user and system time together. The other release is any commit, checked out beside
this one and run by the same Python.

    python benchmarks/first_answer.py --store DIR --before REVISION --out FILE
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import machine

PROJECT = Path(__file__).resolve().parent.parent
QUESTION = "who signed the lease?"
COMMANDS: dict[str, list[str]] = {
    "search": ["search", QUESTION],
    "search --mode sparse": ["search", "--mode", "sparse", QUESTION],
    "info": ["info"],
    "--help": ["--help"],
}


def seconds(source: Path, arguments: list[str], *, cache: Path) -> float:
    """CPU seconds that a command takes, with the code of one folder."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(source),
        "PYTHONPYCACHEPREFIX": str(cache / source.name),
        "HF_HUB_OFFLINE": "1",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "longembed_rag", *arguments]
    subprocess.run(command, env=environment, cwd=cache, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(before: Path, store: Path, *, runs: int, cache: Path) -> dict[str, dict[str, float]]:
    """Medians by command, and how many times quicker this release is."""
    found = {}
    for name, arguments in COMMANDS.items():
        where = [] if name.startswith("--") else ["--path", str(store)]
        taken: dict[Path, list[float]] = {before: [], PROJECT: []}
        for _ in range(runs + 1):  # the first ones compile
            for source, each in taken.items():
                each.append(seconds(source, [*arguments, *where], cache=cache))
        old, new = (statistics.median(each[1:]) for each in taken.values())
        found[name] = {"before": round(old, 2), "now": round(new, 2), "ratio": round(old / new, 1)}
        print(f"{name:24}{old:8.2f} s{new:8.2f} s{old / new:8.1f} times", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", type=Path, required=True, help="filled by the default model")
    parser.add_argument("--before", required=True, help="a commit")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "cache").mkdir()
        before = Path(folder) / "before"
        git = ["git", "-C", str(PROJECT), "worktree"]
        subprocess.run([*git, "add", "--detach", str(before), given.before], check=True)
        try:
            found = measure(
                before, given.store.absolute(), runs=given.runs, cache=Path(folder) / "cache"
            )
        finally:
            subprocess.run([*git, "remove", "--force", str(before)], check=True)
    result = {
        "command": "python benchmarks/first_answer.py --store DIR "
        f"--before {given.before} --runs {given.runs} --out FILE",
        "machine": machine(),
        "CPU seconds (median)": found,
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
