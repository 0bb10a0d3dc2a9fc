"""Tokens in files: kept as the product keeps them, written whole, spelled out block by block."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from longembed_eval.systems.tokens import KeptTokens, TokenWriter, tokens_path
from longembed_rag import TokenOptions, TokenVectors, keep_tokens

DIMENSION = 12
EVERY = TokenOptions(pool=1, bits=False)
WAYS = (EVERY, TokenOptions(), TokenOptions(pool=3, pool_by="neighbours", bits=False))
CENTRE = np.linspace(-0.1, 0.1, DIMENSION, dtype=np.float32)


def of_a_document(counts: Sequence[int], seed: int = 0) -> TokenVectors:
    vectors = np.random.default_rng(seed).normal(size=(sum(counts), DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return TokenVectors(
        np.array(counts, dtype=np.int64), vectors.astype(np.float32), dimension=DIMENSION
    )


def written(
    folder: Path, documents: Sequence[TokenVectors], options: TokenOptions = EVERY
) -> KeptTokens:
    reading = folder / "one.npz"
    with TokenWriter(reading, {options}) as writer:
        for tokens in documents:
            writer.take(tokens, CENTRE)
        writer.finish()
    kept = KeptTokens.load(tokens_path(reading, options))
    assert kept is not None
    return kept


@pytest.mark.parametrize("options", WAYS, ids=str)
def test_kept_as_the_product_keeps_them(tmp_path: Path, options: TokenOptions) -> None:
    """Passage by passage what ``keep_tokens`` gives: bits exactly, others to 11 bits a number."""
    documents = [of_a_document([5, 1, 9]), of_a_document([7], 1)]
    kept = written(tmp_path, documents, options)
    parts = [each.of(i) for each in documents for i in range(len(each.counts))]
    expected = [keep_tokens(np.asarray(each, np.float32), options, CENTRE) for each in parts]
    assert kept.counts.tolist() == [len(each) for each in expected]
    together = np.concatenate(expected)
    np.testing.assert_allclose(kept.vectors, together, rtol=2**-11, atol=1e-7)
    if options.bits:
        np.testing.assert_array_equal(kept.vectors, together)
        np.testing.assert_array_equal(kept.of(1, 3).vectors, np.concatenate(expected[1:3]))
        assert kept.of(1, 3).counts.tolist() == kept.counts[1:3].tolist()
    np.testing.assert_array_equal(kept.centre, CENTRE)
    assert kept.seconds > 0


def test_several_ways_from_one_reading(tmp_path: Path) -> None:
    """Each has files of its own, and nothing else stays."""
    reading = tmp_path / "one.npz"
    with TokenWriter(reading, WAYS) as writer:
        writer.take(of_a_document([5, 6]), CENTRE)
        writer.finish()
        seconds = writer.seconds
    kept = [KeptTokens.load(tokens_path(reading, options)) for options in WAYS]
    assert [None if each is None else len(each.vectors) for each in kept] == [11, 4, 4]
    assert seconds == pytest.approx(sum(each.seconds for each in kept if each is not None))
    assert len(list(tmp_path.iterdir())) == 2 * len(WAYS)


def test_what_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    """A second reading for another way does not write the first once more."""
    written(tmp_path, [of_a_document([5])])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with TokenWriter(tmp_path / "one.npz", WAYS) as writer:
        writer.take(of_a_document([4], 3), CENTRE)
        writer.finish()
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_a_reading_that_stops_leaves_nothing(tmp_path: Path) -> None:
    """Neither files nor halves of files."""

    def stopped() -> None:
        with TokenWriter(tmp_path / "one.npz", WAYS) as writer:
            writer.take(of_a_document([5]), CENTRE)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["rows gone", "rows short", "rows long", "half", "text"])
def test_damaged_files_are_none(tmp_path: Path, what: str) -> None:
    """They are made anew, not taken for what they were."""
    written(tmp_path, [of_a_document([5, 3])])
    path = tokens_path(tmp_path / "one.npz", EVERY)
    rows = path.with_suffix(".rows")
    if what == "rows gone":
        rows.unlink()
    elif what.startswith("rows"):
        whole = rows.read_bytes()
        rows.write_bytes(whole[:-1] if what == "rows short" else whole + b"x")
    else:
        path.write_bytes(path.read_bytes()[:90] if what == "half" else b"no archive")
    assert KeptTokens.load(path) is None


def test_no_tokens_at_all(tmp_path: Path) -> None:
    """Documents whose passages have none, and no documents."""
    for number, documents in enumerate(([of_a_document([0, 0])], [])):
        kept = written(tmp_path / str(number), documents)
        assert len(kept.vectors) == 0
        assert list(kept.blocks(4)) == []


@given(
    counts=st.lists(st.integers(0, 9), max_size=12),
    most=st.integers(1, 20),
    bits=st.booleans(),
)
def test_blocks_hold_each_part_once(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], most: int, bits: bool
) -> None:
    """In order, in few vectors at once, empty ones left out, bits as signs of unit length."""
    options = TokenOptions(pool=1, bits=bits)
    kept = written(tmp_path_factory.mktemp("t"), [of_a_document(counts)], options)
    blocks = list(kept.blocks(most))
    parts: list[int] = [part for numbers, _ in blocks for part in numbers.tolist()]
    assert parts == [number for number, count in enumerate(counts) if count]
    for numbers, rows in blocks:
        assert len(rows) == kept.counts[numbers].sum()
        assert len(rows) <= most or len(numbers) == 1
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)
    spelled: NDArray[np.float32] = np.concatenate(
        [np.empty((0, DIMENSION), np.float32), *(rows for _, rows in blocks)]
    )
    if bits:
        np.testing.assert_array_equal(np.packbits(spelled > 0, axis=1), kept.vectors)
    else:
        np.testing.assert_array_equal(spelled, kept.vectors)
