"""What a measurement ran on; nothing that names the machine itself."""

from __future__ import annotations

import os
import platform
from pathlib import Path
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
    }
