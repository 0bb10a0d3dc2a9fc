"""Devices and dtypes: what is picked, what is refused, and what no device may be asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from longembed_rag.encoder import devices
from longembed_rag.encoder.batching import make_jobs
from longembed_rag.encoder.planner import Planner
from longembed_rag.encoder.settings import EncoderSettings
from longembed_rag.errors import SettingsError
from longembed_rag.extension import attention
from tests.families import methods_of
from tests.models import TinyModels, open_encoder
from tests.tokenizers_of_tests import text_of

#: One family for each way of reading positions: tables, biases by distance, rotation, both ways
#: and causal, with local layers and without.
FAMILIES = ("bert", "mpnet", "modernbert", "gte", "gemma3_text", "mistral", "qwen3")
#: A table, local layers beside rotation, and causal attention.
FEW = ("bert", "modernbert", "mistral")


def offer(monkeypatch: pytest.MonkeyPatch, *kinds: str) -> None:
    """Let torch offer these kinds of devices."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in kinds)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in kinds)


@pytest.mark.parametrize(
    ("there", "picked"),
    [((), "cpu"), (("mps",), "mps"), (("cuda",), "cuda"), (("cuda", "mps"), "cuda")],
)
def test_the_best_device_is_picked(
    there: tuple[str, ...], picked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CUDA before MPS before the CPU; whoever asks for the CPU gets it."""
    offer(monkeypatch, *there)
    assert devices.pick_device(None).type == picked
    assert devices.pick_device("cpu").type == "cpu"


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps", "mps:0", "toaster"])
def test_devices_that_are_not_there(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for what is missing is an error of ours that names it."""
    offer(monkeypatch)
    with pytest.raises(SettingsError, match=device):
        devices.pick_device(device)


def test_mps_is_run_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not known to be faster is not picked; asked for, it is taken."""
    offer(monkeypatch, "mps")
    auto = devices.resolve_runtime(EncoderSettings())
    assert (auto.device, auto.dtype) == ("mps", "float32")
    half = devices.resolve_runtime(EncoderSettings(device="mps", dtype="bfloat16"))
    assert (half.device, half.dtype) == ("mps", "bfloat16")


#: One method for each way of carrying out a plan.
METHODS = ("pcw", "pi", "self_extend")
_READS = (torch.ops.aten.is_nonzero.default, torch.ops.aten._local_scalar_dense.default)


class NoFloat64(TorchDispatchMode):
    """Refuses float64 on the device ``meta``, as MPS does, and counts what ran there."""

    def __init__(self) -> None:
        super().__init__()
        self.ran = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _READS and args[0].device.type == "meta":
            return True  # transformers asks of causal models whether there is any need for a mask
        found = func(*args, **(kwargs or {}))
        for each in found if isinstance(found, tuple | list) else (found,):
            if isinstance(each, torch.Tensor) and each.device.type == "meta":
                self.ran += 1
                assert each.dtype != torch.float64, f"{func} makes float64 on the device"
        return found


@pytest.mark.parametrize(
    "family",
    [pytest.param(family, marks=() if family in FEW else pytest.mark.slow) for family in FAMILIES],
)
def test_no_device_is_asked_for_float64(family: str, tiny_models: TinyModels) -> None:
    """Methods run on a device that is no CPU, has no kernel of ours and no float64.

    The device ``meta`` computes shapes only, and refuses to mix with the CPU's tensors.
    """
    folder = tiny_models.folder(family)
    loaded = open_encoder(folder)._loaded
    loaded.model.to("meta")
    loaded.device = torch.device("meta")
    for method in {*METHODS}.intersection(methods_of(family)):
        planner = Planner.from_pretrained(folder, method=method, max_length=256)
        texts = planner.tokenize([text_of(3), text_of(60), text_of(200)])
        readings = [planner.read(text, name="text") for text in texts]
        jobs = make_jobs(readings, ["text"] * 3, planner.rules)
        with torch.inference_mode(), NoFloat64() as mode:
            states = loaded.states([job.ids for job in jobs], [job.plan for job in jobs])
        assert [len(each) for each in states] == [job.tokens for job in jobs]
        assert mode.ran > 100


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("bfloat16", 2e-2)])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_gpu_agrees_with_the_cpu(
    family: str, dtype: str, tolerance: float, gpu: str, tiny_models: TinyModels
) -> None:
    """The same vectors, of documents and of passages, up to what the dtype rounds off."""
    folder = tiny_models.calm(family)
    texts = [text_of(9), text_of(200)]
    for method in {*METHODS}.intersection(methods_of(family)):
        exact = open_encoder(folder, method=method, max_length=256)
        there = open_encoder(folder, method=method, max_length=256, device=gpu, dtype=dtype)
        assert there.device.type == gpu
        off = there.encode(texts).embeddings - exact.encode(texts).embeddings
        assert np.abs(off).max() < tolerance
        ours, theirs = (
            each.encode_passages(texts[1], passage_tokens=32) for each in (there, exact)
        )
        assert np.abs(ours.embeddings - theirs.embeddings).max() < tolerance


@pytest.mark.parametrize("causal", [False, True])
def test_blocks_stand_in_for_a_kernel_that_keeps_all_pairs(
    causal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On MPS attention goes by explicit blocks, with the same result at either scale."""
    assert not attention.fused_is_linear(torch.device("mps"))
    assert attention.fused_is_linear(torch.device("cuda"))
    generator = torch.Generator().manual_seed(0)
    three = [torch.randn(2, 3, 50, 8, generator=generator) for _ in range(3)]
    for scale in (None, 0.3):
        expected = attention.attend(*three, causal=causal, scale=scale)
        with monkeypatch.context() as patch:
            patch.setattr(attention, "fused_is_linear", lambda device: False)
            patch.setattr(attention, "_BLOCK_ELEMENTS", 2_000)
            found = attention.attend(*three, causal=causal, scale=scale)
        assert (found - expected).abs().max() < 1e-5
        assert not torch.equal(found, expected)


@pytest.mark.parametrize(
    ("amx", "avx", "wins", "expected"),
    [
        (True, True, False, torch.bfloat16),
        (False, True, True, torch.bfloat16),
        (False, True, False, torch.float32),
        (False, False, True, torch.float32),
    ],
)
def test_auto_dtype_asks_the_processor(
    amx: bool, avx: bool, wins: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is bf16 with AMX, and with AVX512-BF16 where that is really faster."""
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx)
    monkeypatch.setattr(devices, "bfloat16_wins", lambda: wins)
    assert devices.pick_dtype("auto", torch.device("cpu")) is expected


def test_the_probe_measures() -> None:
    """Asking which dtype is faster gives a plain answer; of few tokens, for CPUs without it."""
    assert devices.bfloat16_wins.__wrapped__(rows=32) in (True, False)


@pytest.mark.parametrize("name", ["float32", "fp32", "torch.float32"])
def test_dtype_names(name: str) -> None:
    """The usual spellings, and nothing else."""
    assert devices.pick_dtype(name, torch.device("cpu")) is torch.float32
    with pytest.raises(SettingsError, match="int8"):
        devices.pick_dtype("int8", torch.device("cpu"))
