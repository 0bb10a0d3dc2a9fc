"""Positions that skip: what always holds of them, and models read as if the rest were not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import SettingsError, UnsupportedModelError
from longembed_rag.training import runs
from longembed_rag.training.checkpoint import read_state
from longembed_rag.training.document_batch import DocumentOptions
from longembed_rag.training.documents import Documents
from longembed_rag.training.length import LengthOptions
from longembed_rag.training.mixture import MixtureOptions
from longembed_rag.training.opening import TextTokens, open_reader
from longembed_rag.training.runs import train_length
from longembed_rag.training.skipping import (
    SKIPS,
    Skipping,
    SkippingOptions,
    pose,
    randomized,
    skipalign,
)
from tests.models import TinyModels
from tests.training.material import planner_of, quick, some_pairs, some_texts

SIZES = st.tuples(st.integers(2, 40), st.integers(0, 80), st.integers(0, 2**31))


def require_positions(found: np.ndarray, tokens: int, reach: int) -> None:
    """What holds of all of them."""
    assert found.dtype == np.int64
    assert found.shape == (tokens,)
    assert found[0] == 0
    assert found[-1] < reach
    assert (np.diff(found) > 0).all()


@given(SIZES, st.integers(2, 6))
def test_chunks_skip_ahead(sizes: tuple[int, int, int], chunks: int) -> None:
    """PoSE: rising, within reach, steps of one but for the places between chunks."""
    tokens, room, seed = sizes
    found = pose(tokens, tokens + room, np.random.default_rng(seed), chunks=chunks)
    require_positions(found, tokens, tokens + room)
    assert (np.diff(found) > 1).sum() <= chunks - 1
    if not room:
        assert found.tolist() == [*range(tokens)]


@given(SIZES)
def test_drawn_positions_rise(sizes: tuple[int, int, int]) -> None:
    """Randomized: rising, within reach; where nothing is left over, all of them."""
    tokens, room, seed = sizes
    found = randomized(tokens, tokens + room, np.random.default_rng(seed))
    require_positions(found, tokens, tokens + room)
    if not room:
        assert found.tolist() == [*range(tokens)]


@given(SIZES, st.sets(st.integers(1, 39), max_size=6))
def test_it_skips_at_seams_only(sizes: tuple[int, int, int], seams: set[int]) -> None:
    """SkipAlign: rising, within reach, steps of one within passages."""
    tokens, room, seed = sizes
    places = sorted(seam for seam in seams if seam < tokens)
    found = skipalign(tokens, tokens + room, places, np.random.default_rng(seed))
    require_positions(found, tokens, tokens + room)
    jumps = np.flatnonzero(np.diff(found) > 1) + 1
    assert set(jumps.tolist()) <= set(places)


def test_every_distance_is_reached() -> None:
    """Short texts teach the farthest distances and all between, each way in its own measure."""
    random = np.random.default_rng(0)
    draws = {
        "pose": lambda: pose(16, 64, random),
        "randomized": lambda: randomized(16, 64, random),
        "skipalign": lambda: skipalign(16, 64, [3, 8, 12], random),
    }
    for name, draw in draws.items():
        seen = np.zeros(64, dtype=np.int64)
        for _ in range(400):
            at = draw()
            np.add.at(seen, at[:, None] - at[None, :], at[:, None] >= at[None, :])
        assert (seen > 0).all(), name
    ends = [int(pose(16, 64, random)[-1]) for _ in range(400)]
    assert abs(np.mean(ends) - (15 + 63) / 2) < 3, "the bias is drawn evenly"


FAMILIES = ("bert", "roberta", "gte", "nomic_bert", "jina_embeddings_v3", "modernbert", "qwen3")


def stock(model: Any, ids: np.ndarray, at: np.ndarray, offset: int, tokens: int) -> torch.Tensor:
    """States of a text whose tokens stand in a longer one that is hidden everywhere else."""
    row = torch.full((1, tokens), int(ids[1]))
    row[0, at] = torch.from_numpy(ids)
    seen = torch.zeros((1, tokens), dtype=torch.long)
    seen[0, at] = 1
    model.set_attn_implementation("eager")
    places = torch.arange(tokens)[None] + offset
    states = model(input_ids=row, attention_mask=seen, position_ids=places).last_hidden_state
    return states[0, at]


@torch.no_grad()
@pytest.mark.parametrize("family", FAMILIES)
def test_skipped_tokens_are_as_if_hidden(family: str, tiny_models: TinyModels) -> None:
    """A text that skips is read as the same tokens of a longer text are, the others hidden.

    Layers with a sliding window then see what stands near by its position, too.
    """
    planner = planner_of(tiny_models.folder(family))
    reader, tokens = open_reader(planner), TextTokens(planner)
    (ids, other) = tokens([pair.passage for pair in some_pairs(2, words=9)])
    at = pose(len(ids), 30, np.random.default_rng(3))
    assert (np.diff(at) > 1).any()
    found = reader.read([other, ids], placed=[np.arange(len(other)), at]).layers[-1][len(other) :]
    wanted = stock(reader.model, ids, at, reader.offset, 30)
    assert torch.allclose(found, wanted, atol=2e-5)


def documents_of(folder: Path) -> tuple[Documents, TextTokens]:
    tokens = TextTokens(planner_of(folder))
    made = DocumentOptions(lengths=(24, 32), batch_tokens=96, queries=2)
    return Documents(some_pairs(24, words=7), (), tokens=tokens, options=made, seed=0), tokens


@pytest.mark.parametrize("kind", [each for each in SKIPS if each != "plain"])
def test_batches_are_the_same_but_for_positions(kind: Any, tiny_models: TinyModels) -> None:
    """Each time, for each seed its own; documents, queries and order are those of plain reading."""
    documents, tokens = documents_of(tiny_models.folder("gte"))
    options = SkippingOptions(kind=kind, reach=200)

    def drawn(seed: int) -> Sequence[Any]:
        edges = {"head": tokens.head, "tail": tokens.tail}
        return [*islice(Skipping(documents, **edges, options=options, seed=seed), 6)]

    first, again, others = drawn(0), drawn(0), drawn(1)
    for one, two, plain in zip(first, again, documents, strict=False):
        assert np.array_equal(one.positions, two.positions)
        assert np.array_equal(one.documents, plain.documents)
        assert one.spans == plain.spans
        for number, row in enumerate(one.positions):
            require_positions(row, one.documents.shape[1], 200)
            if kind == "skipalign":
                for span in (each for each in one.spans if each.document == number):
                    assert (np.diff(row[span.start : span.stop]) == 1).all()
    assert not all(
        np.array_equal(a.positions, b.positions) for a, b in zip(first, others, strict=True)
    )
    assert max(int(batch.positions.max()) for batch in first) > 100


def trained(folder: Path, out: Path, skipping: SkippingOptions | None, **changes: Any) -> Any:
    planner = planner_of(folder)
    return train_length(
        planner,
        planner,
        some_texts(words=4),
        documents=DocumentOptions(lengths=(16,), batch_tokens=64, queries=2),
        mixture=MixtureOptions(lengths=(8, 16), shares=(1.0,), batch_tokens=32),
        length=LengthOptions(),
        options=quick(3, **{"learning_rate": 1e-3, **changes}),
        folder=out,
        skipping=skipping,
    )


@pytest.mark.parametrize("kind", ["pose", "skipalign"])
def test_a_stopped_run_ends_alike(
    kind: Any, tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same weights as one that was never stopped; the model says how far it was taught."""
    folder, skipping = tiny_models.folder("gte"), SkippingOptions(kind=kind, reach=500)
    whole = trained(folder, tmp_path / "whole", skipping)
    from longembed_rag.training.length import LengthTraining

    loss, seen = LengthTraining.loss, []

    def stop(self: Any, batch: Any) -> Any:
        seen.append(batch[0].positions)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return loss(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(LengthTraining, "loss", stop)
        with pytest.raises(KeyboardInterrupt):
            trained(folder, tmp_path / "cut", skipping)
    assert int(seen[0].max()) > 31
    assert read_state(tmp_path / "cut" / "checkpoint.safetensors")["step"] == 1
    cut = trained(folder, tmp_path / "cut", skipping)
    weights = [(each.folder / "model.safetensors").read_bytes() for each in (whole, cut)]
    assert weights[0] == weights[1]
    assert planner_of(cut.folder).original_length == 500
    with pytest.raises(SettingsError, match=r"other settings \(positions\)"):
        trained(folder, tmp_path / "cut", replace(skipping, reach=400))


def test_plain_runs_are_what_they_were(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Their checkpoints say nothing of positions, and go on from those of before."""
    trained(tiny_models.folder("gte"), tmp_path, None)
    assert "positions" not in read_state(tmp_path / "checkpoint.safetensors")["identity"]
    trained(tiny_models.folder("gte"), tmp_path, SkippingOptions())


@pytest.mark.parametrize(
    ("family", "values", "told"),
    [
        ("gte", {"kind": "pose", "reach": 16}, "documents of 16 tokens leave nothing to skip"),
        ("bert", {"kind": "pose", "reach": 5000}, "position table of .* before reach=5000"),
        ("gte", {"reach": 99}, "reach=99 says how far positions skip, and .* skip nothing"),
        ("gte", {"kind": "far"}, "positions='far' is not one of: plain, pose"),
        ("gte", {"kind": "pose", "chunks": 1}, "chunks=1 must be at least 2"),
    ],
)
def test_what_cannot_skip_is_refused(
    family: str, values: Any, told: str, tiny_models: TinyModels, tmp_path: Path
) -> None:
    """Before anything is read, with the way out."""
    with pytest.raises(SettingsError, match=told):
        trained(tiny_models.folder(family), tmp_path, SkippingOptions(**values))


def test_models_with_distances_of_their_own_do_not_skip(
    tiny_models: TinyModels, tmp_path: Path
) -> None:
    """MPNet adds biases by distance, which positions do not change."""
    with pytest.raises(UnsupportedModelError, match=r"mpnet.* biases of its own, which cannot"):
        trained(tiny_models.folder("mpnet"), tmp_path, SkippingOptions(kind="randomized"))


def test_how_far_it_skips_by_default(tiny_models: TinyModels) -> None:
    """Four times the longest document in rotary models, a learned table to its end."""
    documents, pose_ = DocumentOptions(lengths=(8, 16)), SkippingOptions(kind="pose")
    rotary, learned = (planner_of(tiny_models.folder(name)) for name in ("gte", "bert"))
    assert runs._reach(rotary, documents, pose_) == 64
    assert runs._reach(learned, documents, pose_) == learned.original_length
    assert runs._reach(rotary, documents, SkippingOptions()) == 16
