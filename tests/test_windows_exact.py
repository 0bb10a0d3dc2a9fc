"""Windows of PCW that overlap, see the text's beginning, end after sentences, or weigh otherwise.

Each text's windows are worked out here, token by token, and read by brute force in float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from longembed_rag.errors import SettingsError
from tests.exact import REPRESENTATIVE, TOLERANCE
from tests.families import ORIGINAL_LENGTH
from tests.reference.definitions import Settings, reading_of

if TYPE_CHECKING:
    from tests.conftest import EncoderFactory, ReferenceFactory
    from tests.reference.encode import ReferenceModel

LENGTHS = (20, ORIGINAL_LENGTH + 1, 75)
PCW = Settings(method="pcw", max_length=256, normalize=False, pooling="mean")


def windows(tokens: int, room: int, overlap: int, sinks: int) -> list[tuple[int, int]]:
    """PCW's windows: each goes on where the last one ended, less the overlap."""
    if tokens <= room:
        return [(0, tokens)]
    found, size = [(0, room)], room - sinks
    while found[-1][1] - overlap + size < tokens:
        found.append((found[-1][1] - overlap, found[-1][1] - overlap + size))
    return [*found, (tokens - size, tokens)]


def expected(
    reference: ReferenceModel, text: str, *, overlap: int = 0, sinks: int = 0, by_tokens: bool
) -> np.ndarray:
    """The mean of the windows' means, each without the sinks that it has seen."""
    _, content = reference.tokenize(text)
    frame = reference._framed([], PCW)
    head = len(reference._before)
    found = windows(len(content), ORIGINAL_LENGTH - len(frame), overlap, sinks)
    total, read = torch.zeros(1), 0
    for start, stop in found:
        seen = content[: sinks if start else 0]
        ids = tuple(reference._framed([*seen, *content[start:stop]], PCW))
        states = reference.states(ids, reading_of(len(ids), PCW))
        own = torch.cat([states[:head], states[head + len(seen) :]])
        share = (stop - read) / len(content) if by_tokens else 1 / len(found)
        total, read = total + share * own.mean(0), stop
    return total.numpy()


def vectors(encoder: Any, texts: list[str]) -> np.ndarray:
    """Of texts of several lengths, read together."""
    return encoder.encode(texts).embeddings


@pytest.mark.parametrize("family", REPRESENTATIVE)
@pytest.mark.parametrize(
    ("overlap", "sinks", "weights"), [(5, 0, "even"), (0, 4, "even"), (6, 3, "tokens")]
)
def test_overlap_and_sinks(
    family: str,
    overlap: int,
    sinks: int,
    weights: str,
    load_encoder: EncoderFactory,
    load_reference: ReferenceFactory,
) -> None:
    """A short text keeps the model's own vector, whatever its neighbours are."""
    reference = load_reference(family)
    texts = [reference.text(tokens, tokens, PCW) for tokens in LENGTHS]
    options: dict[str, Any] = {"method": "pcw", "max_length": 256, "normalize": False}
    encoder = load_encoder(
        family,
        **options,
        pooling="mean",
        window_overlap=overlap,
        window_sinks=sinks,
        window_weights=weights,
    )
    wanted = [
        expected(reference, text, overlap=overlap, sinks=sinks, by_tokens=weights == "tokens")
        for text in texts
    ]
    assert np.abs(vectors(encoder, texts) - np.stack(wanted)).max() < TOLERANCE
    plain = load_encoder(family, **options, pooling="mean")
    others = np.abs(vectors(encoder, texts) - vectors(plain, texts)).max(axis=1)
    assert others[0] == 0
    assert others[-1] > 10 * TOLERANCE


def test_passages_come_from_what_reads_them_first(
    load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """Late chunking beyond one reading: what two windows share is the first one's."""
    reference = load_reference("modernbert")
    text = reference.text(75, 1, PCW)
    _, content = reference.tokenize(text)
    frame, head = reference._framed([], PCW), len(reference._before)
    room, overlap = 40 - len(frame), 8
    rows, start = [], 0
    settings = Settings(method="none", max_length=40, normalize=False)
    while len(rows) < len(content):
        ids = tuple(reference._framed(content[start : start + room], settings))
        states = reference.states(ids, reading_of(len(ids), settings))
        rows += list(states[head + len(rows) - start : head + min(room, len(content) - start)])
        start += room - overlap
    encoder = load_encoder(
        "modernbert", method="none", max_length=40, normalize=False, window_overlap=overlap
    )
    encoding = encoder.encode_passages(text, passage_tokens=10)
    at = 0
    for passage, vector in zip(encoding.passages, encoding.embeddings, strict=True):
        wanted = torch.stack(rows[at : at + passage.tokens]).mean(0).numpy()
        assert np.abs(vector - wanted).max() < TOLERANCE
        at += passage.tokens
    assert at == len(content)
    assert encoding.coverage.windows == 3


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"method": "none", "window_sinks": 2}, "about the windows of method='pcw'"),
        ({"method": "ntk", "window_ends": "sentences"}, "about the windows of method='pcw'"),
        ({"method": "none", "window_weights": "tokens"}, "about the windows of method='pcw'"),
        ({"method": "pcw", "window_weights": "sif"}, "token_frequencies.json"),
        ({"window_overlap": -1}, "not a count of tokens"),
        ({"window_sinks": True}, "not a count of tokens"),
        ({"window_weights": "odd"}, "not one of: even, tokens, sif"),
    ],
)
def test_what_does_not_fit_is_refused(
    options: dict[str, Any], told: str, load_encoder: EncoderFactory
) -> None:
    """Before any text is read, with the way out."""
    with pytest.raises(SettingsError, match=told):
        load_encoder("modernbert", **options)


def test_too_much_overlap_is_refused(
    load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """Only where a text is cut: a short one is read as it is."""
    reference = load_reference("bert")
    encoder = load_encoder("bert", method="pcw", window_overlap=12, window_sinks=4)
    assert encoder.coverage(reference.text(20, 1, PCW)).windows == 1
    with pytest.raises(SettingsError, match="leave less than half"):
        encoder.coverage(reference.text(80, 1, PCW))


def test_settings_that_are_not_set_change_no_fingerprint(load_encoder: EncoderFactory) -> None:
    """A collection from before they were there is not another one's."""
    encoder = load_encoder("bert")
    told = encoder.planner.vector_settings()
    assert not any(name.startswith("window_") for name in told)
    other = load_encoder("bert", window_overlap=1)
    assert other.planner.vector_settings()["window_overlap"] == 1
    assert other.fingerprint != encoder.fingerprint
