"""Install the integrations into this environment and test them: ``make test-integrations``.

Each package is tested in its own folder, by its own settings; two at a time. Then come the tests
of what they do together, in ``integrations/tests``.

    python integrations/run.py [--install] [--lowest] [PACKAGE ...]

``--lowest`` installs the oldest version of every framework that the packages say they work with, in
place of the newest.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib  # nothing else is there yet

HERE = Path(__file__).parent.resolve()
PACKAGES = sorted(path.parent for path in HERE.glob("*/pyproject.toml"))
#: Those whose versions a package has to get on with; what else it needs comes with them.
FRAMEWORKS = (
    "haystack-ai",
    "langchain-core",
    "langchain-tests",
    "llama-index-core",
    "llama-index-vector-stores-qdrant",
    "mteb",
    "sentence-transformers",
)
_AT_ONCE = 2
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:\[[^]]*\])?\s*>=\s*(?P<lowest>[\w.]+)")


@dataclass(frozen=True)
class Outcome:
    """What became of one command.

    Attributes:
        name: What was tested.
        passed: Whether it passed.
        seconds: How long it took.
        output: What it said.
    """

    name: str
    passed: bool
    seconds: float
    output: str


def lowest_versions(packages: Sequence[Path]) -> list[str]:
    """The oldest version of each framework that packages work with, as requirements.

    Args:
        packages: Their folders.
    """
    return sorted({f"{name}=={lowest}" for name, lowest in _frameworks(packages)})


def _frameworks(packages: Sequence[Path]) -> Iterator[tuple[str, str]]:
    for package in packages:
        project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
        extras = project.get("optional-dependencies", {}).values()
        for requirement in chain(project["dependencies"], *extras):
            match = _REQUIREMENT.match(requirement)
            if match is not None and match["name"] in FRAMEWORKS:
                yield match["name"], match["lowest"]


def install(packages: Sequence[Path], *, lowest: bool) -> None:
    """Install packages with what their tests need, in place.

    Args:
        packages: Their folders.
        lowest: Whether to take the oldest frameworks that they work with.

    Raises:
        CalledProcessError: pip could not do it.
    """
    pinned = lowest_versions(packages) if lowest else []
    editable = [each for package in packages for each in ("--editable", f"{package}[test]")]
    command = [sys.executable, "-m", "pip", "install", "-qq", "--editable", f"{HERE.parent}[dev]"]
    subprocess.run([*command, *editable, *pinned], check=True)


def check(folder: Path, *command: str) -> Outcome:
    """Run a module of this environment in a folder.

    Args:
        folder: Where.
        *command: The module and its arguments.
    """
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        check=False,
    )
    name = f"{command[0]} {folder.name if folder.parent == HERE else 'of all'}"
    return Outcome(name, done.returncode == 0, time.monotonic() - began, done.stdout)


def main() -> int:
    """Install if asked to, test, and say what passed; 1 if something did not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--install", action="store_true", help="install them first")
    parser.add_argument("--lowest", action="store_true", help="with the oldest frameworks")
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help="folders; default all")
    given = parser.parse_args()
    packages = [HERE / Path(each).name for each in given.packages] or PACKAGES
    if given.install:
        install(packages, lowest=given.lowest)
    jobs = [(package, ("pytest", "-q")) for package in packages]
    if not given.packages:
        jobs.append((HERE / "tests", ("pytest", "-q")))
    if not given.packages and not given.lowest:  # types are those of the newest
        jobs.append((HERE, ("mypy", "--config-file", "mypy.ini")))
    failed = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for outcome in pool.map(lambda job: check(job[0], *job[1]), jobs):
            last = outcome.output.strip().rpartition("\n")[2]
            print(f"{outcome.name}: {last} ({outcome.seconds:.0f} s)", flush=True)
            if not outcome.passed:
                failed.append(outcome)
    for outcome in failed:
        print(f"\n--- {outcome.name}\n{outcome.output}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
