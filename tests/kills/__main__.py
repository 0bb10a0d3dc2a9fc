"""Kill commands at random moments; see :mod:`tests.kills`.

    python -m tests.kills --seconds 60
    python -m tests.kills --kills 1000 --seed 1 --out benchmarks/results/kills.json

Ends with 1 where something was lost or doubled, or a command did not end as it should.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from longembed_rag._version import __version__
from tests.kills.campaign import Campaign, Outcome, cleared_environment
from tests.kills.children import adopt_orphans, require_no_threads
from tests.kills.operations import OPERATIONS
from tests.kills.places import ENGINES


def main() -> int:
    """Kill until enough is killed or the time is over; 1 where something was wrong."""
    options = _options()
    memory = Path("/dev/shm")
    root = Path(tempfile.mkdtemp(prefix="kills-", dir=memory if memory.is_dir() else None))
    cleared_environment(root)
    adopt_orphans()
    began = time.monotonic()
    campaign = Campaign(root, random.Random(options.seed))
    outcomes: list[Outcome] = []
    try:
        campaign.prepare(options.operations.split(","), options.engines.split(","))
        require_no_threads()
        gc.freeze()
        print(f"seed {options.seed}; prepared in {time.monotonic() - began:.0f} s", flush=True)
        until, killed = time.monotonic() + options.seconds, 0
        for bout in campaign.turns():
            latest = campaign.kill(bout)
            outcomes += latest
            _tell(outcomes, len(latest))
            killed += sum(not each.late for each in latest)
            if options.out is not None:
                result = _result(outcomes, time.monotonic() - began, options)
                options.out.write_text(json.dumps(result, indent=1) + "\n")
            if killed >= options.kills or time.monotonic() > until:
                break
    finally:
        campaign.close()
        shutil.rmtree(root, ignore_errors=True)
    seconds = time.monotonic() - began
    _table(outcomes, seconds)
    return int(any(each.fault for each in outcomes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=10**9, help="how many (default: no limit)")
    parser.add_argument(
        "--seconds", type=float, default=1e9, help="how long, once it has begun (default: no limit)"
    )
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6, help="default: any")
    parser.add_argument("--operations", default=",".join(each.name for each in OPERATIONS))
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--out", type=Path, help="where to write the counts, as JSON")
    options = parser.parse_args()
    if options.kills == 10**9 and options.seconds == 1e9:
        parser.error("say how many (--kills) or how long (--seconds)")
    return options


def _tell(outcomes: list[Outcome], new: int) -> None:
    for each in outcomes[-new:]:
        if each.fault is not None:
            told = f"{each.operation}, {each.engine}, {each.number.name} at {each.after:.3f} s"
            print(f"FAULT: {told}: {each.fault}", flush=True)
    if len(outcomes) // 50 > (len(outcomes) - new) // 50:
        print(f"{len(outcomes)} sent", flush=True)


def _rows(outcomes: list[Outcome]) -> list[tuple[str, str, signal.Signals, Counter[str]]]:
    """Counts of each operation, engine and signal."""
    rows: dict[tuple[str, str, signal.Signals], Counter[str]] = {}
    for each in outcomes:
        counts = rows.setdefault((each.operation, each.engine, each.number), Counter())
        counts["late" if each.late else "killed"] += 1
        counts["faults"] += each.fault is not None
    return [(*row, rows[row]) for row in sorted(rows)]


def _table(outcomes: list[Outcome], seconds: float) -> None:
    for operation, engine, number, counts in _rows(outcomes):
        killed, late, faults = (counts[name] for name in ("killed", "late", "faults"))
        told = f"{killed:>5} killed {late:>4} too late {faults:>3} faults"
        print(f"{operation:<14} {engine:<7} {number.name:<8} {told}")
    killed = sum(not each.late for each in outcomes)
    faults = sum(each.fault is not None for each in outcomes)
    print(f"{killed} killed, {len(outcomes) - killed} too late, {faults} faults; {seconds:.0f} s")


def _result(outcomes: list[Outcome], seconds: float, options: argparse.Namespace) -> object:
    said = f"--kills {options.kills} --seed {options.seed} --out FILE"
    return {
        "command": f"python -m tests.kills {said}",
        "version": __version__,
        "seed": options.seed,
        "seconds": round(seconds),
        "killed": sum(not each.late for each in outcomes),
        "too late": sum(each.late for each in outcomes),
        "faults": [each.fault for each in outcomes if each.fault is not None],
        "rows": [
            {"operation": operation, "engine": engine, "signal": number.name, **counts}
            for operation, engine, number, counts in _rows(outcomes)
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
