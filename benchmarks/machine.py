"""The name of the machine that something was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_TOLD = {"amx_bf16": "AMX", "avx512f": "AVX-512", "avx2": "AVX2"}


def machine() -> str:
    """The processor's name, how many there are, and what they compute with."""
    told: dict[str, str] = {}
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            told.setdefault(name.strip(), value.strip())
    name = told.get("model name") or platform.processor() or platform.machine()
    flags = told.get("flags", "").split()
    kinds = [kind for flag, kind in _TOLD.items() if flag in flags]
    computes = ", ".join(kinds) or f"none of {', '.join(_TOLD.values())}"
    return f"{name}, {os.cpu_count()} cores, {computes}"
