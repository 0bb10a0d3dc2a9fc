"""Systems behind Qdrant: the same rankings as exact comparison, and the product's own hybrid."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from longembed_eval.systems.choose import choose_systems
from longembed_eval.systems.protocol import Indexed, Ranking
from longembed_eval.workshop import BenchOptions, Built, Through, Workshop
from longembed_rag import (
    DocumentStore,
    EncoderSettings,
    IndexedDocument,
    IndexOptions,
    LongEncoder,
    SearchOptions,
    TokenOptions,
    TokenRecord,
    search_documents,
)
from longembed_rag.errors import MissingDependencyError, SettingsError
from tests.models import TinyModels
from tests.tokenizers_of_tests import WORDS

_CHANCE = random.Random(5)
DOCUMENTS = {f"doc{i:02}": " ".join(_CHANCE.choices(WORDS, k=12 + 9 * i)) + "." for i in range(12)}
QUERIES = tuple(" ".join(_CHANCE.sample(WORDS, 4)) for _ in range(6))
SYSTEMS = (
    "pcw",
    "chunked:window=16:overlap=5",
    "chunked_mean:window=16:overlap=5",
    "passages:passage_tokens=8",
    "bm25:language=german",
    *(pytest.param(each, marks=pytest.mark.slow) for each in ("truncate", "rp", "bm25")),
)


@pytest.fixture(scope="module")
def encoder_settings(tiny_models: TinyModels) -> EncoderSettings:
    folder = tiny_models.folder("bert")
    return EncoderSettings(model=str(folder), device="cpu", dtype="float32", method="pcw")


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where folders that nobody names are made."""
    import tempfile

    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def workshops(
    encoder_settings: EncoderSettings, tmp_path: Path, scratch: Path
) -> Iterator[dict[Through, Workshop]]:
    """One that compares in memory and one that goes through Qdrant; they share vectors."""
    options = [BenchOptions(encoder=encoder_settings, through=t) for t in ("exact", "qdrant")]
    with (
        Workshop(options[0], folder=tmp_path / "out") as exact,
        Workshop(options[1], folder=tmp_path / "out") as qdrant,
    ):
        yield {"exact": exact, "qdrant": qdrant}


def built(workshop: Workshop, word: str) -> Built:
    planner = workshop.planner()
    (choice,) = choose_systems([word], methods=planner.methods, auto=planner.method)
    return workshop.build(choice)


def run(workshop: Workshop, word: str) -> tuple[Indexed, list[Ranking]]:
    system = built(workshop, word).system
    indexed = system.index(DOCUMENTS, on_progress=lambda done, total: None)
    return indexed, system.search(QUERIES, depth=10)


@pytest.mark.parametrize("word", SYSTEMS)
def test_qdrant_ranks_as_exact_comparison_does(
    workshops: dict[Through, Workshop], word: str
) -> None:
    """The same documents in the same order, with the same scores."""
    costs, exact = run(workshops["exact"], word)
    stored_costs, stored = run(workshops["qdrant"], word)
    assert len(exact) == len(stored) == len(QUERIES)
    for one, other in zip(exact, stored, strict=True):
        assert one
        assert [name for name, _ in one] == [name for name, _ in other]
        assert [s for _, s in one] == pytest.approx([s for _, s in other], abs=1e-5)
    assert costs.tokens_read == stored_costs.tokens_read
    assert costs.tokens == stored_costs.tokens
    assert stored_costs.vectors >= costs.vectors


def test_readings_are_shared(workshops: dict[Through, Workshop]) -> None:
    """Chunks are embedded once for the best of them and for their mean, in both ways."""
    told = []
    for through in ("exact", "qdrant"):
        for name in ("chunked", "chunked_mean"):
            indexed, _ = run(workshops[through], f"{name}:window=16")  # type: ignore[index]
            told.append(indexed)
    kept = list((workshops["exact"]._readings.folder).iterdir())
    assert len(kept) == 1
    assert told[0].seconds == told[1].seconds
    assert told[2].seconds > told[0].seconds, "writing to the store comes on top"
    assert told[0].vectors > told[1].vectors == len(DOCUMENTS)


@pytest.mark.parametrize("late", ["auto", "off"])
def test_hybrid_is_what_the_product_finds(
    workshops: dict[Through, Workshop],
    encoder_settings: EncoderSettings,
    tmp_path: Path,
    late: str,
) -> None:
    """As if the same documents had been ingested and searched without any benchmark."""
    kept = None if late == "off" else TokenOptions()
    encoder = LongEncoder.from_settings(encoder_settings)
    expected = []
    with DocumentStore.open(path=tmp_path / "direct") as store:
        store.ensure(
            fingerprint=encoder.fingerprint,
            dimension=encoder.dimension,
            description=encoder.describe(),
            options=IndexOptions(passage_tokens=8),
            tokens=None if kept is None else TokenRecord.of(kept, encoder.token_centre),
        )
        for name, text in DOCUMENTS.items():
            encoding = encoder.encode_passages(text, passage_tokens=8, tokens=kept)
            store.upsert(
                IndexedDocument.of_encoding(
                    encoding, source=name, text=text, metadata={}, content_hash=name
                )
            )
        store.reweigh()
        asked = encoder.encode_queries(QUERIES)
        for query, vector, tokens in zip(QUERIES, asked.embeddings, asked.tokens, strict=True):
            options = SearchOptions(mode="hybrid", limit=10)
            given = None if kept is None else tokens
            found = search_documents(store, query, vector=vector, tokens=given, options=options)
            expected.append([(result.source, result.score) for result in found])
    for through in ("exact", "qdrant"):
        indexed, rankings = run(
            workshops[through],
            f"hybrid:passage_tokens=8:late_interaction={late}",  # type: ignore[index]
        )
        for one, other in zip(rankings, expected, strict=True):
            assert [name for name, _ in one] == [name for name, _ in other]
            assert [s for _, s in one] == pytest.approx([s for _, s in other], abs=1e-5)
        assert indexed.vectors > len(DOCUMENTS)
        assert indexed.index_bytes > (4 if late == "auto" else 4 * 32) * indexed.vectors


def test_auto_keeps_tokens_where_an_ingest_would(
    encoder_settings: EncoderSettings, tiny_models: TinyModels, tmp_path: Path
) -> None:
    """Not for a model with another pooling than the mean, unless it is said."""
    cls = EncoderSettings(model=str(tiny_models.folder("bert")), device="cpu", pooling="cls")
    told = {}
    for name, settings in (("mean", encoder_settings), ("cls", cls)):
        with Workshop(BenchOptions(encoder=settings), folder=tmp_path) as workshop:
            for choice in ("auto", "on", "off"):
                found = built(workshop, f"hybrid:late_interaction={choice}")
                told[name, choice] = found.settings["token_vectors"] is not None
    assert told == {
        ("mean", "auto"): True,
        ("mean", "on"): True,
        ("mean", "off"): False,
        ("cls", "auto"): False,
        ("cls", "on"): True,
        ("cls", "off"): False,
    }


def test_nothing_is_left_behind(
    encoder_settings: EncoderSettings, tmp_path: Path, scratch: Path
) -> None:
    """Stores go when their system is done, the scratch folder at the end, even after an error."""
    options = BenchOptions(encoder=encoder_settings, through="qdrant")
    with Workshop(options, folder=tmp_path / "out") as workshop:
        run(workshop, "bm25")
        (folder,) = scratch.iterdir()
        assert [path.name for path in folder.iterdir()] == ["store-0"]
        workshop.close_stores()
        assert list(folder.iterdir()) == []
        run(workshop, "bm25")
    assert list(scratch.iterdir()) == []

    def stopped() -> None:
        with Workshop(options, folder=tmp_path / "out") as workshop:
            run(workshop, "bm25")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert list(scratch.iterdir()) == []


def test_only_the_encoder_used_last_is_held(workshops: dict[Through, Workshop]) -> None:
    """The same settings load nothing anew; others take the place of the first."""
    workshop = workshops["exact"]
    one = workshop._settings({"method": "pcw"})
    first = workshop.encoder(one)
    assert workshop.encoder(workshop._settings({"method": "pcw"})) is first
    assert workshop.encoder(workshop._settings({"method": "gp"})) is not first
    assert workshop.encoder(one) is not first


def test_settings_tell_systems_apart(workshops: dict[Through, Workshop]) -> None:
    """Whatever changes a score is in the settings."""
    words = [
        *("pcw", "pcw:max_length=64", "pcw:query_prompt=x", "pcw:normalize=false", "gp"),
        *("passages:passage_tokens=9", "passages:passage_tokens=8", "chunked", "bm25"),
        *("chunked:window=9", "chunked:window=9:overlap=2", "bm25:language=german", "hybrid"),
        *("hybrid:language=german", "hybrid:passage_tokens=8"),
        *("hybrid:late_interaction=off", "late", "late:pool=4", "late:bits=true"),
    ]
    told = []
    for through, workshop in workshops.items():
        for word in words:
            settings = dict(built(workshop, word).settings)
            if not word.startswith(("hybrid", "late")):
                assert settings["through"] == through
            if settings["through"] == through:
                told.append(repr(sorted(settings.items())))
    assert len(set(told)) == len(told)


@pytest.mark.parametrize(
    "word",
    [
        "bm25:language=klingon",
        "hybrid:language=klingon",
        "passages:passage_tokens=0",
        "late:passage_tokens=0",
        "late:pool=0",
        "late:pool_by=luck",
        "hybrid:late_interaction=maybe",
        "chunked:window=2",
        "ntk",
        "pcw:pooling=max",
        "auto:max_length=0",
    ],
)
def test_what_cannot_work_is_refused_when_it_is_built(
    workshops: dict[Through, Workshop], word: str
) -> None:
    """Before hours of work, not after them."""
    with pytest.raises(SettingsError):
        built(workshops["exact"], word)


def test_auto_of_another_model_is_that_models_own(
    encoder_settings: EncoderSettings, tiny_models: TinyModels, tmp_path: Path
) -> None:
    """A BERT beside a rotary model is read by one of its own methods, not by the other's."""
    rotary = EncoderSettings(model=str(tiny_models.folder("jina_embeddings_v3")), device="cpu")
    with Workshop(BenchOptions(encoder=rotary), folder=tmp_path) as workshop:
        found = built(workshop, f"auto:model={encoder_settings.model}")
    assert found.settings["method"] in ("pcw", "gp", "rp", "pi")


def test_sentence_transformers_missing_is_told(
    workshops: dict[Through, Workshop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way to install it, instead of a traceback."""
    import sys

    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingDependencyError, match="longembed-rag"):
        built(workshops["exact"], "st")


def test_a_model_that_sentence_transformers_cannot_load(
    workshops: dict[Through, Workshop], tmp_path: Path
) -> None:
    """One of our errors, which names it."""
    from longembed_rag.errors import ModelLoadError

    with pytest.raises(ModelLoadError, match="no-such-model"):
        built(workshops["exact"], f"st:model={tmp_path / 'no-such-model'}")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"through": "magic"}, "exact, qdrant"),
        ({"url": "http://localhost:6333"}, "--through qdrant"),
        ({"depth": 9}, "at least 10"),
        ({"timed_queries": 0}, "at least 1"),
    ],
)
def test_options_out_of_range_are_refused(values: dict[str, object], told: str) -> None:
    """With what would be right."""
    with pytest.raises(SettingsError, match=told):
        BenchOptions(encoder=EncoderSettings(), **values)  # type: ignore[arg-type]
