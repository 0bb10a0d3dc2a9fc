"""Where windows end, and what they weigh by rare tokens."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.encoder.cutting import ends_after
from longembed_rag.extension.windows import parallel_windows

if TYPE_CHECKING:
    from tests.conftest import EncoderFactory
    from tests.models import TinyModels


@given(st.lists(st.integers(0, 9), max_size=80), st.integers(2, 20))
def test_windows_end_after_sentences(content: list[int], room: int) -> None:
    """After the last end in the second half, else where they are full; all is read."""
    ids = np.array(content, dtype=np.int64)
    bounds = parallel_windows(len(ids), room, end_of=ends_after(ids, [7, 9]))
    assert bounds[0][0] == 0
    assert bounds[-1][1] == len(ids)
    for (start, stop), (following, _) in pairwise(bounds):
        assert start < stop <= start + room
        assert following <= stop
    for start, stop in bounds[:-1]:
        half = range(start + (room + 1) // 2, start + room + 1)
        ends = [at for at in half if content[at - 1] in (7, 9)]
        assert stop == (max(ends) if ends else start + room)


def test_tokens_that_close_sentences(load_encoder: EncoderFactory) -> None:
    """As the default model's vocabulary has them: marks, not numbers with points in them."""
    from longembed_rag.encoder.planner import Planner

    tokenizer = Planner.from_pretrained().tokenizer
    names = tokenizer.vocabulary
    ends = {names[each] for each in tokenizer.sentence_ends}
    assert {".", "!", "?", "。"} <= ends
    assert not ends & {",", ";", "a", "1", "-"}


def test_windows_weigh_by_how_rare_their_tokens_are(
    tiny_models: TinyModels, load_encoder: EncoderFactory
) -> None:
    """A window whose tokens are all common says little; the weights add up to 1."""
    folder = tiny_models.copy("bert", "bert-weighing-windows")
    size = json.loads((Path(folder) / "config.json").read_text())["vocab_size"]
    counts = np.ones(size)
    encoder = load_encoder("bert", method="pcw")
    text = " ".join(["able"] * 40 + ["bravo"] * 40)
    content = encoder.planner.tokenize([text])[0].content
    counts[content[0]] = 1e6
    (Path(folder) / "token_frequencies.json").write_text(json.dumps(counts.tolist()))
    weighing = load_encoder(folder, method="pcw", window_weights="sif")
    reading = weighing.planner.read(weighing.planner.tokenize([text])[0], name="x")
    weights = [each.weight for each in reading.windows]
    assert sum(weights) == pytest.approx(1)
    assert weights[0] < 0.02 < weights[-1]
    single = 1e-3 / (1e-3 + counts[content] / counts.sum())
    first = reading.windows[0]
    assert weights[0] == pytest.approx(single[: first.stop].sum() / single.sum(), rel=1e-4)
