"""What the benchmark needs beside the package itself: the extra ``eval``."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from longembed_rag.errors import MissingDependencyError

#: Packages of the extra, by the module that is imported.
NEEDED = ("ir_measures", "jinja2", "matplotlib", "psutil", "scipy")


def require(modules: Iterable[str] = NEEDED) -> None:
    """Refuse to begin where something is missing that would be needed hours later.

    Raises:
        MissingDependencyError: Names what is missing and the command that installs it.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"{', '.join(missing)} must be installed to measure: "
            "pip install 'longembed-rag[eval]' (in a clone of the project: "
            "pip install '.[eval]')"
        )
