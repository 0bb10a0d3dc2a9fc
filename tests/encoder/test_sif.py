"""Smooth inverse frequency: tables, weights, and what they leave as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longembed_rag import LongEncoder
from longembed_rag.encoder.planner import Planner
from longembed_rag.encoder.sif import FILE, TokenWeights, find_weights
from longembed_rag.encoder.tokens import TokenizedText
from longembed_rag.errors import ModelLoadError, SettingsError
from longembed_rag.extension.windows import cut
from tests.models import TinyModels


@pytest.fixture
def folder(tiny_models: TinyModels, tmp_path: Path) -> Path:
    """A tiny BERT whose folder says nothing of frequencies."""
    return tiny_models.copy("bert", f"bert-{tmp_path.name}")


def write_table(folder: Path, table: Any) -> Path:
    """Put a table into a model's folder."""
    (folder / FILE).write_text(json.dumps(table))
    return folder


def counts(folder: Path) -> list[int]:
    """A number for each token of a model."""
    return list(range(len(Planner.from_pretrained(folder).tokenizer.vocabulary)))


def test_the_weight_is_the_papers() -> None:
    """A token of probability ``a`` weighs half, one that never occurs 1."""
    weights = TokenWeights((0.0, 1.0, 999.0)).weights
    assert weights == pytest.approx([1.0, 0.5, 0.001 / (0.001 + 0.999)])


def test_only_shares_count() -> None:
    """Counts and probabilities give the same weights, and another hash."""
    one, other = TokenWeights((3.0, 1.0)), TokenWeights((0.75, 0.25))
    np.testing.assert_array_equal(one.weights, other.weights)
    assert one.table_hash != other.table_hash


@pytest.mark.parametrize("model", [None, "all-MiniLM-L6-v2"])
def test_the_table_that_comes_with_the_package(model: str | None) -> None:
    """It belongs to BERT's vocabulary: function words weigh little, specials and names 1."""
    planner = Planner.from_pretrained(model, pooling="sif")
    weights = planner.token_weights
    assert weights is not None
    tokens = planner.tokenizer.vocabulary
    of = dict(zip(tokens, weights.weights.tolist(), strict=True))
    assert of["the"] < of["and"] < 0.05
    assert 0.2 < of["water"] < 0.95
    assert of["[CLS]"] == of["[SEP]"] == 1
    assert of["zoe"] > 0.99


def test_windows_share_by_weight() -> None:
    """A window of common words has a smaller part in the text's vector; parts add up to 1."""
    weights = TokenWeights((0.0, 999.0, 1.0))
    ids = np.array([1] * 4 + [2] * 4, dtype=np.int64)
    special = np.array([0], dtype=np.int64)
    text = TokenizedText(head=special, content=ids, tail=special, spans=np.zeros((8, 2), np.int64))
    windows = cut(8, section_room=100, window_room=4)
    one, other = weights.share(text, windows, head=True)
    common, rare = 2 + 4 * 0.001 / 1.000, 2 + 4 * 0.5
    assert one.weight == pytest.approx(common / (common + rare), abs=1e-3)
    assert one.weight + other.weight == pytest.approx(1)
    assert (one.start, other.stop) == (0, 8)


def test_without_a_table(folder: Path) -> None:
    """A vocabulary that no table knows is refused, with the way out."""
    with pytest.raises(SettingsError, match=rf"{FILE}.*benchmarks/token_frequencies.py"):
        LongEncoder.from_pretrained(folder, pooling="sif")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ([1, 2], "each of the .* tokens"),
        ({"a": 1}, "something else"),
        ([-1] * 5000, "-1"),
        (["x"] * 5000, "x"),
        ([0] * 5000, "only zeros"),
        ([float("nan")] * 5000, "NaN"),
    ],
)
def test_broken_tables(folder: Path, table: Any, says: str) -> None:
    """A folder's table that does not fit is refused, naming the file and what is wrong."""
    write_table(folder, table)
    with pytest.raises((SettingsError, ModelLoadError), match=f"{FILE}.*{says}"):
        LongEncoder.from_pretrained(folder, pooling="sif")


def test_the_folders_own_table_wins(tiny_models: TinyModels) -> None:
    """A table in the model's folder goes before the one that comes with the package."""
    own = Planner.from_pretrained(None)
    vocabulary = own.tokenizer.vocabulary
    folder = write_table(tiny_models.copy("bert", "bert-with-table"), [1] * len(vocabulary))
    planner = Planner.from_pretrained(folder)
    weights = find_weights(planner.folder, vocabulary)
    assert set(weights.frequencies) == {1.0}


def test_fingerprints_follow_the_table(folder: Path) -> None:
    """Another table makes other vectors, but only where tokens are weighed by it."""

    def marks() -> tuple[str, str]:
        plain = Planner.from_pretrained(folder)
        assert "token_frequencies" not in plain.describe()
        return plain.fingerprint, Planner.from_pretrained(folder, pooling="sif").fingerprint

    bare = Planner.from_pretrained(folder).fingerprint
    table = counts(folder)
    write_table(folder, table)
    first = marks()
    write_table(folder, table[::-1])
    second = marks()
    assert bare == first[0] == second[0]
    assert len({bare, first[1], second[1]}) == 3


def test_equal_frequencies_are_the_mean(folder: Path) -> None:
    """Where all tokens are as common, SIF is mean pooling, of wholes and of passages."""
    write_table(folder, [1] * len(counts(folder)))
    given = {"method": "pcw", "max_length": 96, "device": "cpu", "dtype": "float32"}
    text = "note able acid. " * 60
    mean = LongEncoder.from_pretrained(folder, **given)
    sif = LongEncoder.from_pretrained(folder, pooling="sif", **given)
    one, other = (each.encode_passages(text, passage_tokens=17) for each in (mean, sif))
    np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-5)
    np.testing.assert_allclose(one.embeddings, other.embeddings, atol=1e-5)


def test_a_text_without_words(folder: Path) -> None:
    """An empty text has the vector of its special tokens, as in mean pooling."""
    write_table(folder, counts(folder))
    encoder = LongEncoder.from_pretrained(folder, pooling="sif", device="cpu", dtype="float32")
    assert np.linalg.norm(encoder.encode([""]).embeddings[0]) == pytest.approx(1)
