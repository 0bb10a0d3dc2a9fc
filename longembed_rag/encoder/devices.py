"""Where a model runs, and in which precision."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import lru_cache

import torch

from longembed_rag.encoder.settings import EncoderSettings
from longembed_rag.errors import SettingsError
from longembed_rag.extension.attention import has_amx

_DTYPES = {
    "float32": torch.float32,
    "fp32": torch.float32,
    "bfloat16": torch.bfloat16,
    "bf16": torch.bfloat16,
    "float16": torch.float16,
    "fp16": torch.float16,
}


def pick_device(device: str | None) -> torch.device:
    """The device asked for, the first of several; see :func:`pick_devices`."""
    return pick_devices(device)[0]


def pick_devices(device: str | None) -> tuple[torch.device, ...]:
    """The devices asked for; else CUDA or Apple's MPS where there is one, else the CPU.

    Args:
        device: Torch's name of one, or several with commas between: ``"cuda:0,1"`` is
            ``"cuda:0,cuda:1"``.

    Raises:
        SettingsError: torch does not know a device, it is not there, or it is named twice.
    """
    if device is None:
        return (torch.device(next((kind for kind in ("cuda", "mps") if _is_there(kind)), "cpu")),)
    names = [name.strip() for name in device.split(",")]
    kind = names[0].partition(":")[0]
    picked = [_named(f"{kind}:{name}" if name.isdecimal() else name, device) for name in names]
    for each in picked:
        # The CPU has cores for several processes; a GPU is not faster for two.
        if each.type != "cpu" and picked.count(each) > 1:
            raise SettingsError(f"device={device!r} names {str(each)!r} twice; name each once")
    return tuple(picked)


def _named(name: str, device: str) -> torch.device:
    """One device of those that a setting names."""
    try:
        picked = torch.device(name)
    except RuntimeError as error:
        raise SettingsError(f"device={device!r}: {str(error).splitlines()[0]}") from error
    if not _is_there(picked.type):
        raise SettingsError(
            f"device={device!r}: torch sees no {picked.type.upper()} device; leave device unset"
        )
    if picked.type not in ("cpu", "mps"):
        _require_computing(picked)
    return picked


def _require_computing(device: torch.device) -> None:
    """Require that a device keeps numbers and gives them back, as ``meta`` does not.

    Raises:
        SettingsError: It does not; says what torch said.
    """
    try:
        (torch.ones(1, device=device) + 1).cpu()
    except (RuntimeError, AssertionError, ValueError, ImportError, AttributeError) as error:
        told = str(error).strip().partition("\n")[0].partition(". ")[0]
        raise SettingsError(
            f"device={str(device)!r} cannot be computed on ({told}); leave device unset"
        ) from error


def _is_there(kind: str) -> bool:
    """Whether torch has CUDA or MPS to offer; of other kinds the model itself will say it."""
    if kind == "cuda":
        return torch.cuda.is_available()
    return kind != "mps" or torch.backends.mps.is_available()


def pick_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """The dtype asked for; ``"auto"`` is bf16 where the processor is fast at it, else fp32.

    Raises:
        SettingsError: The name is unknown.
    """
    if dtype == "auto":
        return torch.bfloat16 if fast_bfloat16(device) else torch.float32
    name = str(dtype).removeprefix("torch.")
    if name not in _DTYPES:
        raise SettingsError(f"dtype={dtype!r} is not one of: auto, {', '.join(_DTYPES)}")
    return _DTYPES[name]


def resolve_runtime(settings: EncoderSettings) -> EncoderSettings:
    """The settings with device and dtype picked, so that nothing is left to this machine.

    Raises:
        SettingsError: The device is not there, or a name is unknown.
    """
    devices = pick_devices(settings.device)
    dtype = pick_dtype(settings.dtype, devices[0])
    names = ",".join(str(device) for device in devices)
    return replace(settings, device=names, dtype=str(dtype).removeprefix("torch."))


def fast_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bf16 faster than fp32.

    CUDA and CPUs with AMX do. CPUs with AVX512-BF16 alone are asked by a measurement of some
    milliseconds: some of them run it slower than fp32. For MPS it has not been measured, and the
    answer is no.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device.type != "cpu":
        return False
    if has_amx():
        return True
    # A private probe; where a torch release lacks it, the answer is the safe no.
    has_avx = bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
    return has_avx and bfloat16_wins()


@lru_cache(maxsize=1)
def bfloat16_wins(rows: int = 1024) -> bool:
    """Whether a layer-sized matrix product is faster in bf16 than in fp32, on this CPU and now.

    Args:
        rows: Tokens in a pass.
    """
    best = dict.fromkeys((torch.float32, torch.bfloat16), float("inf"))
    # Taking turns, so that a busy moment hits both; the first turn also warms up.
    for dtype in [*best] * 6:
        states, weights = torch.ones((rows, 384), dtype=dtype), torch.ones((384, 1536), dtype=dtype)
        start = time.perf_counter()
        states @ weights
        best[dtype] = min(best[dtype], time.perf_counter() - start)
    return best[torch.bfloat16] < best[torch.float32]
