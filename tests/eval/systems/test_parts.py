"""Parts of documents with the vectors that they have in their wholes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from longembed_eval.systems.parts import ContextualSystem, PartReader
from longembed_eval.systems.readers import WholeReader
from longembed_eval.systems.readings import Readings
from longembed_rag.errors import InputError
from tests.tokenizers_of_tests import text_of

if TYPE_CHECKING:
    from tests.conftest import EncoderFactory

TEXTS = {
    f"{document}_{n}": text_of(9 + n, 7 * n + ord(document)) for document in "ab" for n in (0, 1, 2)
}
WHOLES = {"a": ("a_0", "a_1", "a_2"), "b": ("b_0", "b_1", "b_2")}


def quiet(done: int, total: int) -> None:
    """Progress that nobody looks at."""


@pytest.fixture
def whole(load_encoder: EncoderFactory) -> WholeReader:
    encoder = load_encoder("bert", method="pcw")
    return WholeReader(encoder.planner, lambda: encoder, 16)


def test_each_part_has_its_vector_from_the_whole(whole: WholeReader) -> None:
    """Late chunking by given chunks, in the order of the documents, not of the wholes."""
    shuffled = {name: TEXTS[name] for name in sorted(TEXTS, key=lambda name: name[::-1])}
    reading = PartReader(whole, WHOLES, TEXTS).read(shuffled, on_progress=quiet)
    text = "\n".join(TEXTS[part] for part in WHOLES["b"])
    start = text.index(TEXTS["b_1"])
    spans = [(start, start + len(TEXTS["b_1"]))]
    expected = whole.load().encode_passages(text, passages=spans).embeddings[0]
    found = reading.vectors[list(shuffled).index("b_1")]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    alone = whole.load().encode([TEXTS["b_1"]]).embeddings[0]
    assert np.abs(found - alone).max() > 1e-3
    coverage = whole.load().encode_passages(text).coverage
    assert reading.tokens_read.tolist().count(coverage.tokens_read) >= 1
    assert np.count_nonzero(reading.tokens_read) == len(WHOLES)


def test_vectors_do_not_depend_on_what_is_asked_for_beside_them(whole: WholeReader) -> None:
    """Readings are made in blocks of documents, which cut through wholes."""
    reader = PartReader(whole, WHOLES, TEXTS)
    everything = reader.read(TEXTS, on_progress=quiet)
    names = list(TEXTS)
    some = reader.read({name: TEXTS[name] for name in names[1:5]}, on_progress=quiet)
    np.testing.assert_allclose(some.vectors, everything.vectors[1:5], atol=1e-6)


def test_the_wholes_are_part_of_the_settings(whole: WholeReader) -> None:
    """Vectors that were kept for other documents around the same parts are not taken."""
    other = {"c": tuple(TEXTS)}
    settings = [PartReader(whole, wholes, TEXTS).settings for wholes in (WHOLES, other)]
    assert settings[0] != settings[1]


def test_the_system_finds_a_part_by_itself(whole: WholeReader, tmp_path: Path) -> None:
    """A part's own text finds it, and a task without wholes is refused with what to take."""
    system = ContextualSystem(whole, Readings(tmp_path))
    with pytest.raises(InputError, match=r"--tasks conteb.*passages ranks documents"):
        system.index(TEXTS, on_progress=quiet)
    system.wholes = WHOLES
    indexed = system.index(TEXTS, on_progress=quiet)
    assert (indexed.vectors, indexed.tokens > 0) == (len(TEXTS), True)
    (ranking,) = system.search([TEXTS["a_1"]], depth=3)
    assert len(ranking) == 3
    assert {name for name, _ in ranking} <= set(TEXTS)
