"""Which machine a number was taken on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

#: What a processor's flags say of how fast it multiplies, most first.
_SETS = ("amx_tile", "avx512_bf16", "avx512f", "avx2")


def machine() -> dict[str, str | int]:
    """The processor by name, the widest instructions that it knows, and its cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    said = dict(line.split(":", 1) for line in lines if ":" in line)
    values = {name.strip(): value.strip() for name, value in said.items()}
    flags = values.get("flags", "").split()
    return {
        "processor": values.get("model name") or platform.processor() or platform.machine(),
        "instructions": next((name for name in _SETS if name in flags), "not known"),
        "cores": os.cpu_count() or 1,
    }
