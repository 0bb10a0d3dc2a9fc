<<<<<<< HEAD
"""What a measurement ran on; nothing that names the machine itself."""
=======
"""Which machine a number was taken on."""
>>>>>>> 871d733c7ab1711b69bfd020cd73f08337fd2eb4

from __future__ import annotations

import os
import platform
from pathlib import Path
<<<<<<< HEAD
from typing import Any

#: What processors multiply matrices faster with, as Linux names it.
_EXTENSIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


def machine() -> dict[str, Any]:
    """Processor with what it can do, cores, threads and versions."""
    import torch
    import transformers

    name, flags = platform.processor() or platform.machine(), set[str]()
    info = Path("/proc/cpuinfo")
    for line in info.read_text(encoding="utf-8").splitlines() if info.is_file() else []:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            name = value.strip()
        elif key.strip() == "flags":
            flags = set(value.split())
    return {
        "processor": name,
        "extensions": [each for each in _EXTENSIONS if each in flags],
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
=======

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
>>>>>>> 871d733c7ab1711b69bfd020cd73f08337fd2eb4
    }
