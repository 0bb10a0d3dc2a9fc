"""Measuring what work takes, and saying what it ran on."""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from typing_extensions import Self

#: How often memory is looked at, seconds.
_INTERVAL = 0.02
#: Packages whose versions can change a score or a cost.
_PACKAGES = (
    "longembed-rag",
    "torch",
    "transformers",
    "tokenizers",
    "sentence-transformers",
    "llama-index-core",
    "qdrant-client",
    "qdrant-edge-py",
    "bm25s",
    "PyStemmer",
    "ir-measures",
    "numpy",
    "scipy",
)


class Meter:
    """Context that measures wall-clock time and the most memory held at one moment.

    Memory is the resident set of the whole process, looked at fifty times a second: libraries, the
    model and what earlier work has left behind are counted, so it is an upper bound. Where a CUDA
    device is in use, the most that torch held on it is added.

    Attributes:
        seconds: How long the context was open.
        peak_memory_bytes: Most memory held meanwhile.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.peak_memory_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="meter", daemon=True)

    def __enter__(self) -> Self:
        if (cuda := _cuda()) is not None:
            cuda.reset_peak_memory_stats()
        self._began = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.seconds = time.perf_counter() - self._began
        self._look()
        self._stop.set()
        self._thread.join()
        if (cuda := _cuda()) is not None:
            self.peak_memory_bytes += int(cuda.max_memory_allocated())

    def _watch(self) -> None:
        self._look()
        while not self._stop.wait(_INTERVAL):
            self._look()

    def _look(self) -> None:
        import psutil

        held = int(psutil.Process().memory_info().rss)
        self.peak_memory_bytes = max(self.peak_memory_bytes, held)


def _cuda() -> Any:
    """torch.cuda where it is in use; torch is not imported for it."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return None
    return torch.cuda


def versions() -> dict[str, str]:
    """Versions of the packages that can change a result."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Processor, cores, memory, device and threads; nothing that names the machine itself."""
    import psutil
    import torch

    cuda = torch.cuda.is_available()
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if cuda else None,
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
