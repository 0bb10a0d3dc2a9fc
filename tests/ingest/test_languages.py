"""Documents in languages that the model was not made for: told once, and found by their words."""

from __future__ import annotations

import pytest

from longembed_rag.encoder.presets import MULTILINGUAL_MODEL, PRESETS, find_preset
from longembed_rag.ingest import languages as module
from longembed_rag.store.options import IndexOptions
from tests.ingest.conftest import Bench
from tests.stores import find as search

GERMAN = "Die Mieter unterschrieben die Verträge ihrer Häuser in der alten Stadt."
FRENCH = "Les locataires ont signé les contrats de leurs maisons dans la vieille ville."
ENGLISH = "The tenants were signing the leases of their houses in the old town."


@pytest.fixture
def english_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' model is taken for one that was made for English."""
    monkeypatch.setattr(module, "find_preset", lambda name: find_preset("all-MiniLM-L6-v2"))


@pytest.mark.usefixtures("english_model")
def test_other_languages_are_told_once_with_a_model_that_knows_them(bench: Bench) -> None:
    """How many in which, not file by file; the next ingest, which embeds none, says nothing."""
    for number in range(2):
        bench.write(f"de{number}.txt", f"{GERMAN} {number}")
    bench.write("fr.txt", FRENCH)
    bench.write("en.txt", ENGLISH)
    bench.write("numbers.txt", "12 34")
    (remark,) = bench.ingest().remarks
    assert remark.startswith("3 documents are not in English (german 2, french 1), and ")
    assert MULTILINGUAL_MODEL in remark
    assert bench.ingest().remarks == ()
    assert search(bench.store, "Vertrag", mode="sparse")[0].language == "german"


@pytest.mark.usefixtures("english_model")
def test_a_collection_of_another_language_is_told_of_too(bench: Bench) -> None:
    """There is nothing to guess where the language is given."""
    bench.options = IndexOptions(language="german")
    bench.write("note.txt", "Verträge")
    (remark,) = bench.ingest().remarks
    assert remark.startswith("1 document is not in English (german 1)")


@pytest.mark.parametrize("model", ["fake", "bge-m3"])
def test_nothing_is_said_of_a_model_that_may_know_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    """Of a model that is not known, or of one of many languages."""
    monkeypatch.setattr(module, "find_preset", lambda name: find_preset(model))
    bench.write("de.txt", GERMAN)
    report = bench.ingest()
    assert report.remarks == ()
    assert report.to_dict()["remarks"] == []


def test_the_model_that_is_named_is_one_of_many_languages() -> None:
    """Known here, and no English one."""
    preset = find_preset(MULTILINGUAL_MODEL)
    assert preset is not None
    assert not preset.english_only
    assert sum(each.english_only for each in PRESETS) > 5
