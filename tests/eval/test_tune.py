"""Choosing a method and scale for somebody's documents within a time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from longembed_eval import tune as tuning
from longembed_eval.candidates import Candidate, candidates_for
from longembed_eval.systems.readings import Reading
from longembed_eval.tasks.values import Query, Task
from longembed_eval.tune import tune
from longembed_rag import EncoderSettings, Planner
from longembed_rag.errors import OutOfMemoryError, SettingsError
from tests.models import TinyModels

WORDS = 200


def task_of(documents: int, *, words: int = WORDS) -> Task:
    """Documents that say their own number over and over; one query for each."""
    return Task(
        name="own-documents",
        documents={f"d{i}": " ".join(["word"] * words) + f" {i}" for i in range(documents)},
        queries=tuple(Query(id=f"q{i}", text=f"{i}") for i in range(documents)),
        gold={f"q{i}": {f"d{i}": 1} for i in range(documents)},
        kind="held_out",
    )


class FakeReader:
    """Finds a share of documents: those below the limit have the query's vector."""

    def __init__(self, good: int, seconds: float, clock: FakeClock, fails: bool) -> None:
        self.good, self.seconds, self.clock, self.fails = good, seconds, clock, fails
        self.read_documents: list[str] = []

    def prepare(self) -> None:
        """Nothing to load."""

    def _vector(self, number: int) -> NDArray[np.float32]:
        vector = np.zeros((1, 1000), dtype=np.float32)
        vector[0, number if number < self.good else 999] = 1
        return vector

    def read(self, documents: Mapping[str, str], *, on_progress: Any) -> Reading:
        ((name, _),) = documents.items()
        if self.fails:
            raise OutOfMemoryError("too large")
        self.read_documents.append(name)
        self.clock.now += self.seconds
        vector, one = self._vector(int(name[1:])), np.ones(1, dtype=np.int64)
        return Reading(
            vectors=vector,
            parts=vector,
            owners=np.zeros(1, dtype=np.int64),
            spans=np.zeros((1, 2), dtype=np.int64),
            part_tokens=one,
            tokens=one,
            tokens_read=one,
        )

    def embed_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(queries), 1000), dtype=np.float32)
        vectors[range(len(queries)), [int(query) for query in queries]] = 1
        return vectors


class FakeClock:
    """Time that passes only while something is read."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Race:
    """Tuning with fake readers: how much each method finds, and how long a document takes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, settings: EncoderSettings) -> None:
        self.settings = settings
        self.good: dict[str, int] = {}
        self.fails: set[str] = set()
        self.seconds = 1.0
        self.clock = FakeClock()
        self.readers: dict[tuple[str, int | None], FakeReader] = {}
        monkeypatch.setattr(tuning.time, "perf_counter", self.clock)
        monkeypatch.setattr(tuning._Encoders, "reader", lambda _, own, tokens: self.reader(own))

    def reader(self, own: Mapping[str, Any]) -> FakeReader:
        method = own.get("method", "default")
        key = method, own.get("max_length")
        reader = FakeReader(
            self.good.get(method, 0), self.seconds, self.clock, method in self.fails
        )
        return self.readers.setdefault(key, reader)

    def run(self, task: Task, **options: Any) -> tuning.Tuning:
        return tune(task, self.settings, clock=self.clock, **options)


@pytest.fixture
def race(monkeypatch: pytest.MonkeyPatch, tiny_models: TinyModels) -> Race:
    return Race(monkeypatch, EncoderSettings(model=str(tiny_models.folder("bert"))))


def test_candidates_of_a_table(tiny_models: TinyModels) -> None:
    """Every method that the model can do, at scales that its documents are long enough for."""
    planner = Planner.from_settings(EncoderSettings(model=str(tiny_models.folder("bert"))))
    own = planner.original_length
    found = candidates_for(planner, longest=5 * own)
    assert found[0].settings == {}
    methods = {each.settings.get("method", planner.method) for each in found}
    assert methods == set(planner.methods)
    lengths = {each.settings["max_length"] for each in found if "max_length" in each.settings}
    assert lengths == {2 * own, 4 * own}
    assert len({each.label for each in found}) == len(found)


def test_candidates_of_rotation_read_whole_documents(tiny_models: TinyModels) -> None:
    """A rotary model is tried at the whole length, too."""
    planner = Planner.from_settings(EncoderSettings(model=str(tiny_models.folder("nomic_bert"))))
    found = candidates_for(planner, longest=3 * planner.original_length)
    most = planner.max_length
    whole = {each.settings["method"] for each in found if each.settings.get("max_length") == most}
    plain = {each for each in planner.methods if each not in ("pcw", "truncate")}
    assert plain - {planner.method} == whole


def test_candidates_of_frequencies(tiny_models: TinyModels) -> None:
    """Those that go by each text's length at the whole length alone, and what is set besides."""
    folder = str(tiny_models.folder("nomic_bert"))
    planner = Planner.from_settings(EncoderSettings(model=folder))
    found = candidates_for(planner, longest=9 * planner.original_length)
    methods = [each.settings.get("method") for each in found]
    assert [methods.count(each) for each in ("dynamic_ntk", "ntk_by_parts", "abf")] == [1, 1, 1]
    assert "longrope" not in methods
    assert {m["method"] for each in found if "resonance" in (m := each.settings)} == {"ntk", "yarn"}
    assert {"attention_temperature": 0.9} in [each.settings for each in found]
    assert {"attention_scaling": "yarn"} in [each.settings for each in found]
    factors = {
        "long_factor": [1, 2, 3, 4],
        "original_max_position_embeddings": planner.original_length,
        "factor": 4,
    }
    given = EncoderSettings(model=folder, rope_factors=json.dumps(factors))
    found = candidates_for(Planner.from_settings(given), longest=100)
    assert found[1].settings["method"] == "longrope"  # before time is over
    for each in found:  # all of them can be made
        Planner.from_settings(EncoderSettings.from_dict({**given.to_dict(), **each.settings}))


def test_what_does_not_go_with_a_setting_is_left_out(tiny_models: TinyModels) -> None:
    """Whole wavelengths are nothing for PCW; the others are measured with them."""
    settings = EncoderSettings(
        model=str(tiny_models.folder("gte")),
        method="none",
        resonance=True,
        dtype="float32",
        device="cpu",
        max_length=64,
    )
    found = tune(task_of(4, words=60), settings, minutes=0.0001)
    refused = {str(each.settings.get("method")): each.refused for each in found.candidates}
    assert "resonance" in str(refused["pcw"])
    assert "resonance" in str(refused["gp"])
    assert "no time" in str(refused["dynamic_ntk"])


def test_the_better_is_found_and_measured_on_everything(race: Race) -> None:
    """What is better beyond doubt replaces the default, after rounds on growing samples."""
    race.good = {"gp": 60, "default": 6}
    found = race.run(task_of(60), minutes=100)
    assert found.changes
    assert found.best.settings["method"] == "gp"
    assert found.best.documents == 60
    assert found.versus_default is not None
    assert found.versus_default.low > 0
    assert "clearly better" in found.reason
    small = [each for each in found.candidates if each.documents == tuning.LEAST_DOCUMENTS]
    assert len(small) > len(found.candidates) / 2  # most never saw more than the first sample


def test_nothing_is_read_twice(race: Race) -> None:
    """A later round reads only what the sample has gained."""
    race.good = {"gp": 60}
    race.run(task_of(60), minutes=100)
    for reader in race.readers.values():
        assert len(set(reader.read_documents)) == len(reader.read_documents)


def test_the_default_stays_where_nothing_is_better(race: Race) -> None:
    """A difference that may be chance changes nothing."""
    race.good = dict.fromkeys(("default", "gp", "rp", "pi", "truncate"), 30)
    found = race.run(task_of(60), minutes=100)
    assert not found.changes
    assert found.best == found.default
    assert "none of the rivals is clearly better" in found.reason


def test_the_default_stays_where_it_is_best(race: Race) -> None:
    """Rivals that are worse are said to be."""
    race.good = {"default": 60}
    found = race.run(task_of(60), minutes=100)
    assert not found.changes
    assert found.versus_default is not None
    assert found.versus_default.high < 0
    assert "better than its best rival" in found.reason


def test_time_is_kept(race: Race) -> None:
    """When time is over, what was not measured is named; two are measured in any case."""
    race.seconds = 100.0
    found = race.run(task_of(30), minutes=0.1)
    measured = [each for each in found.candidates if each.refused is None]
    assert len(measured) == 2
    assert all("no time left" in str(e.refused) for e in found.candidates if e not in measured)


def test_the_last_sample_fits_the_time(race: Race) -> None:
    """The last round takes about as many documents as there is time for."""
    race.good = {"gp": 500, "default": 400}
    found = race.run(task_of(500), minutes=10)
    assert tuning.LEAST_DOCUMENTS < found.best.documents < 500
    assert race.clock.now < 1.2 * 600


def test_what_does_not_fit_into_memory_is_left_out(race: Race) -> None:
    """The others go on, and the reason is told."""
    race.good, race.fails = {"gp": 40}, {"pi"}
    found = race.run(task_of(40), minutes=100)
    refused = [each for each in found.candidates if each.refused is not None]
    assert refused
    assert {each.settings["method"] for each in refused} == {"pi"}
    assert found.best.settings["method"] == "gp"


def test_a_default_that_does_not_fit_is_an_error(race: Race) -> None:
    """Without the default there is nothing to compare with."""
    race.fails = {"default"}
    with pytest.raises(OutOfMemoryError):
        race.run(task_of(40))


def test_short_documents_have_nothing_to_choose(race: Race) -> None:
    """Documents within the model's own length are read alike by every method."""
    with pytest.raises(SettingsError, match="every method is the same"):
        race.run(task_of(30, words=3))


@pytest.mark.parametrize("minutes", [0, -1])
def test_time_must_be_positive(race: Race, minutes: float) -> None:
    """No time is a mistake."""
    with pytest.raises(SettingsError, match="minutes"):
        race.run(task_of(30), minutes=minutes)


def test_by_says_what_is_judged() -> None:
    """Documents, passages, or the mean of both."""
    each = Candidate(settings={}, label="x", of_documents=20.0, of_passages=60.0)
    scores = each.score("documents"), each.score("passages"), each.score("both")
    assert scores == (20.0, 60.0, 40.0)


def test_a_real_model_is_tuned(tiny_models: TinyModels) -> None:
    """With a tiny model every method and scale is really run."""
    settings = EncoderSettings(
        model=str(tiny_models.folder("bert")), dtype="float32", device="cpu", max_length=256
    )
    found = tune(task_of(3, words=70), settings, minutes=2)
    assert {each.settings.get("method") for each in found.candidates} >= {"gp", "rp", "pi", None}
    assert all(each.tokens_per_second > 0 for each in found.candidates if not each.refused)
