"""Readings that are kept: written whole, read exactly, told apart by all that they depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from longembed_eval.systems import readings as readings_module
from longembed_eval.systems.protocol import Progress
from longembed_eval.systems.readings import Reading, Readings
from longembed_rag import QueryEncoding, TokenOptions, TokenVectors

if TYPE_CHECKING:
    from longembed_eval.systems.readings import TakeTokens

DOCUMENTS = {"a": "first text", "b": "second text", "c": "third"}


def a_reading(documents: int = 3, parts: int = 4, dimension: int = 5) -> Reading:
    generator = np.random.default_rng(documents)
    return Reading(
        vectors=generator.normal(size=(documents, dimension)).astype(np.float32),
        parts=generator.normal(size=(parts, dimension)).astype(np.float32),
        owners=np.sort(generator.integers(0, documents, parts)),
        spans=generator.integers(0, 99, (parts, 2)),
        part_tokens=generator.integers(1, 9, parts),
        tokens=generator.integers(1, 99, documents),
        tokens_read=generator.integers(1, 99, documents),
        seconds=1.5,
        peak_memory_bytes=3 * 2**33,
    )


@dataclass
class FakeReader:
    """Counts how often it reads."""

    settings: dict[str, Any] = field(default_factory=lambda: {"model": "m"})
    reads: int = 0
    error: BaseException | None = None

    def prepare(self) -> None:
        """Nothing to load."""

    def read(self, documents: Mapping[str, str], *, on_progress: Progress) -> Reading:
        self.reads += 1
        if self.error is not None:
            raise self.error
        on_progress(1, 1)
        return a_reading(len(documents))

    def embed_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        raise NotImplementedError


@dataclass
class FakeTokenReader(FakeReader):
    """Gives two tokens to each of a document's parts, and takes its time for nothing."""

    def read(
        self,
        documents: Mapping[str, str],
        *,
        on_progress: Progress,
        take_tokens: TakeTokens | None = None,
    ) -> Reading:
        reading = super().read(documents, on_progress=on_progress)
        if take_tokens is not None:
            for number in range(len(documents)):
                counts = np.full(int((reading.owners == number).sum()), 2)
                rows = np.ones((int(counts.sum()), 4), dtype=np.float32) / 2
                take_tokens(TokenVectors(counts, rows, 4), np.zeros(4, dtype=np.float32))
        return reading

    def encode_queries(self, queries: Sequence[str]) -> QueryEncoding:
        raise NotImplementedError


EVERY, BITS = TokenOptions(pool=1, bits=False), TokenOptions(pool=1)


def quiet(done: int, total: int) -> None:
    """Progress that nobody looks at."""


def same(one: Reading, other: Reading) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        and np.asarray(getattr(one, name)).dtype == np.asarray(getattr(other, name)).dtype
        for name in Reading.__dataclass_fields__
    )


@pytest.mark.parametrize("parts", [0, 4])
def test_round_trip_is_exact(tmp_path: Path, parts: int) -> None:
    """Every number and dtype comes back, also where there are no parts."""
    reading = a_reading(parts=parts)
    reading.save(tmp_path / "deep" / "one.npz")
    loaded = Reading.load(tmp_path / "deep" / "one.npz")
    assert loaded is not None
    assert same(loaded, reading)
    assert type(loaded.seconds) is float
    assert type(loaded.peak_memory_bytes) is int
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["one.npz"]


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    """The first run finds nothing."""
    assert Reading.load(tmp_path / "none.npz") is None


def test_half_a_file_is_none(tmp_path: Path) -> None:
    """Wherever writing stopped, the file is not taken for a reading."""
    a_reading().save(tmp_path / "one.npz")
    whole = (tmp_path / "one.npz").read_bytes()
    for size in (*range(0, len(whole), 37), len(whole) - 1):
        (tmp_path / "half.npz").write_bytes(whole[:size])
        assert Reading.load(tmp_path / "half.npz") is None, f"{size} of {len(whole)} bytes"


def test_any_damaged_byte_is_survived(tmp_path: Path) -> None:
    """A flipped bit on disk gives no reading or the right one, never an error or other numbers."""
    reading = a_reading()
    reading.save(tmp_path / "one.npz")
    whole = (tmp_path / "one.npz").read_bytes()
    for place in range(0, len(whole), 7):
        for bit in (1, 32):
            damaged = bytearray(whole)
            damaged[place] ^= bit
            (tmp_path / "bad.npz").write_bytes(damaged)
            loaded = Reading.load(tmp_path / "bad.npz")
            assert loaded is None or same(loaded, reading), f"byte {place}, bit {bit}"


@pytest.mark.parametrize("what", ["nothing", "text", "another array", "other arrays", "folder"])
def test_what_is_no_reading_is_none(tmp_path: Path, what: str) -> None:
    """Other files under the same name do not stop a benchmark."""
    path = tmp_path / "odd.npz"
    if what == "folder":
        path.mkdir()
    elif what == "another array":
        with path.open("wb") as file:
            np.save(file, np.ones(3))
    elif what == "other arrays":
        np.savez(path, vectors=np.ones(3))
    else:
        path.write_text("" if what == "nothing" else "this is no archive")
    assert Reading.load(path) is None


def test_read_only_once(tmp_path: Path) -> None:
    """The same documents and settings are read once, by whoever asks, with the cost of then."""
    readings, reader = Readings(tmp_path), FakeReader()
    first = readings.get(reader, DOCUMENTS, on_progress=quiet)
    again = Readings(tmp_path).get(FakeReader(), dict(DOCUMENTS), on_progress=quiet)
    assert readings.get(reader, DOCUMENTS, on_progress=quiet).seconds == first.seconds
    assert reader.reads == 1
    assert same(first, again)
    assert first.seconds != 1.5, "measured here"
    assert first.peak_memory_bytes > 10 * 2**20


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    """It is read again and replaced."""
    reader = FakeReader()
    Readings(tmp_path).get(reader, DOCUMENTS, on_progress=quiet)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    Readings(tmp_path).get(reader, DOCUMENTS, on_progress=quiet)
    Readings(tmp_path).get(reader, DOCUMENTS, on_progress=quiet)
    assert reader.reads == 2
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Neither a file nor the half of one."""
    with pytest.raises(KeyboardInterrupt):
        Readings(tmp_path).get(FakeReader(error=KeyboardInterrupt()), DOCUMENTS, on_progress=quiet)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    ("documents", "settings"),
    [
        ({**DOCUMENTS, "c": "third."}, {"model": "m"}),
        (dict(reversed(list(DOCUMENTS.items()))), {"model": "m"}),
        ({"A" if name == "a" else name: text for name, text in DOCUMENTS.items()}, {"model": "m"}),
        ({"a": DOCUMENTS["b"], "b": DOCUMENTS["a"], "c": "third"}, {"model": "m"}),
        (DOCUMENTS, {"model": "n"}),
        (DOCUMENTS, {"model": "m", "window": 3}),
        (DOCUMENTS, {}),
    ],
    ids=["text", "order", "id", "texts exchanged", "setting", "more settings", "no settings"],
)
def test_whatever_changes_is_read_anew(
    tmp_path: Path, documents: dict[str, str], settings: dict[str, Any]
) -> None:
    """A text, the order, an id, a setting: each makes another reading."""
    Readings(tmp_path).get(FakeReader(), DOCUMENTS, on_progress=quiet)
    reader = FakeReader(settings)
    Readings(tmp_path).get(reader, documents, on_progress=quiet)
    assert reader.reads == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_another_machine_reads_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a reading took is told with its scores, and is only true where it was measured."""
    Readings(tmp_path).get(FakeReader(), DOCUMENTS, on_progress=quiet)
    monkeypatch.setattr(readings_module, "machine", lambda: {"processor": "another"})
    reader = FakeReader()
    Readings(tmp_path).get(reader, DOCUMENTS, on_progress=quiet)
    assert reader.reads == 1


def test_order_of_settings_does_not_matter(tmp_path: Path) -> None:
    """The same settings are the same, however they were put together."""
    Readings(tmp_path).get(FakeReader({"a": 1, "b": 2}), DOCUMENTS, on_progress=quiet)
    reader = FakeReader({"b": 2, "a": 1})
    Readings(tmp_path).get(reader, DOCUMENTS, on_progress=quiet)
    assert reader.reads == 0


def test_texts_that_no_encoding_can_hold(tmp_path: Path) -> None:
    """Lone surrogates come out of broken files; they have a key, too."""
    reader = FakeReader()
    for text in ("a\ud800", "a\ud801", "a\ud800"):
        Readings(tmp_path).get(reader, {"a": text}, on_progress=quiet)
    assert reader.reads == 2


def test_whoever_reads_first_keeps_tokens_for_all(tmp_path: Path) -> None:
    """One reading serves those who compare no tokens and those who do, each in its own way."""
    readings, reader = Readings(tmp_path), FakeTokenReader()
    readings.want(reader, EVERY)
    readings.want(FakeTokenReader(), BITS)
    first = readings.get(FakeReader(), DOCUMENTS, on_progress=quiet)
    for options, dtype in ((EVERY, np.float16), (BITS, np.uint8)):
        reading, tokens = readings.get_with_tokens(reader, DOCUMENTS, options, on_progress=quiet)
        assert same(reading, first)
        assert tokens.counts.tolist() == [2] * len(reading.parts)
        assert tokens.vectors.dtype == dtype
    assert reader.reads == 1


def test_tokens_that_nobody_wanted_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    """A reading without them does not do; one with them in another way neither."""
    reader = FakeTokenReader()
    Readings(tmp_path).get(reader, DOCUMENTS, on_progress=quiet)
    assert len(list(tmp_path.iterdir())) == 1
    for number, options in enumerate((EVERY, BITS), start=2):
        for _ in range(2):
            readings = Readings(tmp_path)
            readings.get_with_tokens(reader, DOCUMENTS, options, on_progress=quiet)
            assert reader.reads == number
    Readings(tmp_path).get(reader, DOCUMENTS, on_progress=quiet)
    assert reader.reads == 3


def test_others_readings_have_no_tokens(tmp_path: Path) -> None:
    """What is wanted of one reader is not asked of another."""
    readings = Readings(tmp_path)
    readings.want(FakeTokenReader(), EVERY)
    readings.get(FakeReader({"model": "other"}), DOCUMENTS, on_progress=quiet)
    assert len(list(tmp_path.iterdir())) == 1


@dataclass
class Stopping(FakeTokenReader):
    """Gives each document a vector of its own, and can be stopped before one of them."""

    stop: str = ""
    seen: list[str] = field(default_factory=list)

    def read(
        self,
        documents: Mapping[str, str],
        *,
        on_progress: Progress,
        take_tokens: TakeTokens | None = None,
    ) -> Reading:
        for name in documents:
            if name == self.stop:
                raise KeyboardInterrupt
            self.seen.append(name)
        numbers = np.array([ord(name) for name in documents])
        for number in numbers if take_tokens is not None else ():
            rows = np.full((2, 4), number / 256, dtype=np.float32)
            take_tokens(TokenVectors(np.array([2]), rows, 4), np.zeros(4, dtype=np.float32))
        on_progress(sum(map(len, documents.values())), sum(map(len, documents.values())))
        return Reading(
            vectors=numbers[:, None].astype(np.float32),
            parts=numbers[:, None].astype(np.float32) + 1,
            owners=np.arange(len(numbers)),
            spans=np.stack([numbers, numbers + 1], axis=1),
            part_tokens=numbers,
            tokens=numbers,
            tokens_read=numbers,
        )


@pytest.mark.parametrize("wanted", [None, TokenOptions(pool=1, bits=False)])
def test_what_was_stopped_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: TokenOptions | None
) -> None:
    """After the last block that was read; what comes of it is as if nothing had happened."""
    documents = {name: name * 10 for name in "abcdefg"}
    whole = Readings(tmp_path / "whole")
    monkeypatch.setattr(readings_module, "_BLOCK", 20)
    told: list[tuple[int, int]] = []

    def get(readings: Readings, reader: Stopping) -> tuple[Reading, Any]:
        def note(done: int, total: int) -> None:
            told.append((done, total))

        if wanted is None:
            return readings.get(reader, documents, on_progress=note), None
        reading, tokens = readings.get_with_tokens(reader, documents, wanted, on_progress=note)
        return reading, (tokens.counts.tolist(), np.array(tokens.vectors).tolist())

    with pytest.raises(KeyboardInterrupt):
        get(Readings(tmp_path / "blocks"), Stopping(stop="f"))
    again = Stopping()
    told.clear()
    reading, tokens = get(Readings(tmp_path / "blocks"), again)
    assert again.seen == ["e", "f", "g"]
    assert told[0] == (20, 70)
    assert told[-1] == (70, 70)
    assert told == sorted(told)
    monkeypatch.setattr(readings_module, "_BLOCK", 10_000)
    undisturbed, all_tokens = get(whole, Stopping())
    assert same(without_cost(reading), without_cost(undisturbed))
    assert tokens == all_tokens
    kept = {path.suffix for path in (tmp_path / "blocks").iterdir()}
    assert len(list((tmp_path / "blocks").iterdir())) == (1 if wanted is None else 3), kept


def without_cost(reading: Reading) -> Reading:
    return replace(reading, seconds=0, peak_memory_bytes=0)
