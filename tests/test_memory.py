"""Law 3: memory is linear in the text's length, for every method."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.families import BIASED, BY_PIECES, MECHANISMS, PAIRS, covering
from tests.memory import TensorMemory
from tests.models import TinyModels
from tests.tokenizers_of_tests import text_of

if TYPE_CHECKING:
    from tests.conftest import EncoderFactory


pytestmark = pytest.mark.usefixtures("quiet_truncation")


_COUNTED = [*PAIRS, *((family, "none") for family in BIASED)]


@pytest.mark.parametrize(("family", "method"), covering(("bert", "mistral"), 1, _COUNTED))
def test_memory_is_linear(family: str, method: str, load_encoder: EncoderFactory) -> None:
    """Four times the tokens take at most five times the memory, all tensors counted."""
    encoder = load_encoder(family, method=method, batch_tokens=256)
    encoder.encode([text_of(40)])
    short, long = TensorMemory(), TensorMemory()
    for words, memory in ((384, short), (1536, long)):
        text = text_of(words)
        with memory:
            encoder.encode([text])
    assert long.peak < 5 * short.peak
    assert long.largest < 5 * short.largest


_PEAK = """
import json, pathlib, sys, warnings
warnings.simplefilter("ignore")
from longembed_rag import LongEncoder
encoder = LongEncoder.from_pretrained(
    sys.argv[1], method=sys.argv[2], device="cpu", dtype="float32"
)
peaks = []
for words in (40, 4096, 16384):
    encoder.encode(["note " * words])
    # Not ru_maxrss, which a child inherits from the process that forked it.
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    peaks.append(next(int(line.split()[1]) * 1024 for line in lines if "VmHWM" in line))
print(json.dumps(peaks))
"""


_FEW = ("pcw", "gp", "self_extend", *BY_PIECES)
_RESIDENT = [p for p in PAIRS if p[0] in MECHANISMS and p[1] in _FEW]
_RESIDENT += [(family, "none") for family in BIASED]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's peak resident memory")
@pytest.mark.parametrize(("family", "method"), _RESIDENT)
def test_resident_memory_is_linear(family: str, method: str, tiny_models: TinyModels) -> None:
    """The whole process, kernels' buffers included, needs far less than one n x n byte mask."""
    arguments = [sys.executable, "-c", _PEAK, str(tiny_models.folder(family)), method]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    output = subprocess.run(arguments, check=True, capture_output=True, env=environment).stdout
    base, short, long = json.loads(output.splitlines()[-1])
    assert long - base < 5 * (short - base) + 64 * 2**20
    assert long - base < 16384**2
