"""Timing on a device, and what is noted of it, for ``gpu.py``."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from gpu_models import Size, write_model

from longembed_rag import LongEncoder
from longembed_rag.extension import kernels, rows


@dataclass
class Bench:
    """One run: where, how large, and what has been found."""

    device: torch.device
    size: Size
    repeats: int
    folder: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    found: dict[str, float] = field(default_factory=dict)

    def wait(self) -> None:
        """Until the device has done all it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def seconds(self, work: Callable[[], object], *, warm: int = 2) -> float:
        """The best of some runs, after others in which is compiled and planned what will be.

        A CPU compiles and plans nothing.
        """
        best = float("inf")
        warm = warm if self.device.type == "cuda" else 0
        for turn in range(warm + self.repeats):
            self.wait()
            began = time.perf_counter()
            work()
            self.wait()
            if turn >= warm:
                best = min(best, time.perf_counter() - began)
        return best

    def note(self, what: str, seconds: float, *, tokens: int = 0, flops: float = 0.0) -> float:
        """Print and keep one row; returns its seconds."""
        row: dict[str, Any] = {"what": what, "seconds": seconds}
        told = f"{what:62} {1000 * seconds:10.1f} ms"
        if tokens:
            row["tokens_a_second"] = tokens / seconds
            told += f" {tokens / seconds:12,.0f} tokens/s"
        if flops:
            row["tflops"] = flops / seconds / 1e12
            told += f" {row['tflops']:8.1f} TFLOP/s"
        self.rows.append(row)
        print(told, flush=True)
        return seconds

    def encoder(self, name: str, **options: Any) -> LongEncoder:
        """An encoder of one of the models, which is made when it is first asked for."""
        path = self.folder / name
        if not path.is_dir():
            write_model(self.folder, name, self.size, self.device)
        return LongEncoder.from_pretrained(path, device=str(self.device), **options)


@contextmanager
def without_kernels() -> Iterator[None]:
    """Read as where torch lacks the kernels."""
    taken = rows.takes_windowed
    rows.takes_windowed = lambda *_: False  # type: ignore[assignment]
    try:
        yield
    finally:
        rows.takes_windowed = taken


def machine(device: torch.device) -> dict[str, Any]:
    """What all this ran on."""
    about: dict[str, Any] = {
        "processor": _processor(),
        "torch": torch.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
    }
    if device.type == "cuda":
        about["gpu"] = torch.cuda.get_device_name(device)
        about["cudnn"] = torch.backends.cudnn.version()
        for width in (32, 64, 128):
            about[f"kernels for heads of {width}"] = [
                name
                for name in (kernels.FLASH, kernels.CUDNN)
                if kernels.works(name, device, torch.bfloat16, width, 1)
            ]
    return about


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
