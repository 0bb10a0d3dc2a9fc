"""Opening a library: where it lies, what it is made with, and when anything is made or loaded."""

from __future__ import annotations

import doctest
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

import longembed_rag
from longembed_rag import Document, EncoderSettings, Library, LongEmbedding, LongEncoder
from longembed_rag.encoder.sharing import SharedEncoder
from longembed_rag.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    SettingsError,
    StoreError,
    StoreLockedError,
)
from longembed_rag.library import adding, holdings, library, listing, reading, writing
from tests.library.conftest import Open
from tests.models import TinyModels
from tests.points.fake_qdrant import running_fake
from tests.store.fakes import FakeEncoder


def test_the_three_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Open, ingest, search: with the default model, on two small files."""
    with Library.open(".longembed") as opened:
        report = opened.ingest("reports/")
        for hit in opened.search("who signed the lease?", limit=3):
            print(hit.score, hit.source, hit.passage)
    assert (report.added, report.failed) == (2, ())
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.endswith(f"{folder / 'lease.txt'} The lease was signed by the tenant.")


@pytest.mark.parametrize(
    "module", [adding, library, listing, reading, writing], ids=lambda each: each.__name__
)
def test_the_examples_run(
    module: Any, folder: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the examples in the docstrings show is what really comes."""
    cases = [each for each in doctest.DocTestFinder().find(module) if each.examples]
    assert cases
    monkeypatch.setattr(SharedEncoder, "encoder", encoder)
    monkeypatch.setattr(SharedEncoder, "query_reader", None)
    public = {name: getattr(longembed_rag, name) for name in ("Library", "Document")}
    for number, case in enumerate(cases):
        with Library.open(f"store-{number}", encoder=encoder) as example:
            example.ingest("reports/")
            case.globs = {**public, "library": example}
            assert doctest.DocTestRunner().run(case).failed == 0, case.name


@pytest.mark.parametrize("reader_first", [True, False])
def test_what_read_queries_first_goes_on_doing_so(tmp_path: Path, reader_first: bool) -> None:
    """Also where the collection is made only later: a server's searches wait for no model."""
    with Library.open(tmp_path, device="cpu", dtype="float32") as opened:
        if reader_first:
            assert not opened.needs_encoder_for_queries
        assert opened.encoder is not None
        opened.add(Document(id="lease", text="the lease was signed"))
        assert opened.needs_encoder_for_queries is not reader_first
        assert opened.search("lease")[0].source == "lease"


def test_a_folder_without_a_store_is_left_as_it_is(library: Library) -> None:
    """Opening and reading make nothing; reading says how to fill it."""
    for read in (
        library.info,
        library.documents,
        library.verify,
        lambda: library.search("lease"),
        lambda: library.get("a"),
        lambda: library.remove("a"),
        lambda: library.store,
    ):
        with pytest.raises(CollectionNotFoundError, match="run 'longembed-rag ingest"):
            read()
    assert (library.engine, library.path) == (None, Path(".longembed").absolute())
    with pytest.raises(SettingsError, match="does not exist"):
        library.ingest("nowhere")
    assert not Path(".longembed").exists()
    library.ingest("reports")
    assert Path(".longembed").is_dir()
    assert library.engine == "edge"


def test_a_store_that_is_there_is_held_from_the_start(filled: Library, opened: Open) -> None:
    """Nobody else gets in until the library is closed, which can be done twice."""
    with pytest.raises(StoreLockedError):
        opened()
    filled.close()
    filled.close()
    again = opened()
    assert again.info().documents == 2
    for use in (filled.info, lambda: filled.ingest("reports")):
        with pytest.raises(StoreError, match="is closed"):
            use()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"modle": "x"}, "unknown setting modle; known are: .*max_length"),
        ({"method": "magic"}, "method='magic' is not one of"),
        ({"passage_tokens": 0}, "passage_tokens=0"),
        ({"language": "klingon"}, "klingon"),
        ({"b": 2.0}, "b=2.0"),
        ({"quantization": "ternary"}, "quantization='ternary'"),
        ({"path": "a", "url": "http://localhost:6333"}, "path and url are both given"),
        ({"encoder": FakeEncoder(), "method": "pcw"}, "method: an encoder is given"),
        ({"collection": "a/b"}, "must not contain"),
    ],
)
def test_what_is_wrong_is_refused_at_once(folder: Path, options: Any, told: str) -> None:
    """Unknown, impossible and contradicting options make no folder."""
    with pytest.raises(SettingsError, match=told):
        Library.open(**options)
    assert not Path(".longembed").exists()


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
@pytest.mark.parametrize(
    ("variables", "given", "sent"),
    [
        ({}, None, None),
        ({"QDRANT_API_KEY": "theirs"}, None, "theirs"),
        ({"QDRANT_API_KEY": "theirs", "LONGEMBED_API_KEY": "ours"}, None, "ours"),
        ({"LONGEMBED_API_KEY": ""}, None, None),
        ({"LONGEMBED_API_KEY": "ours"}, "mine", "mine"),
    ],
)
def test_a_server_is_sent_the_key(
    opened: Open,
    variables: dict[str, str],
    given: str | None,
    sent: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the environment unless it is given, and nothing is sent before it has to be."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with running_fake() as fake:
        library = opened(url=fake.url, api_key=given)
        assert fake.requests == []
        assert (library.engine, library.location, library.path) == ("server", fake.url, None)
        with pytest.raises(CollectionNotFoundError):
            library.info()
        assert library.ingest("reports").added == 2
        assert library.search("lease")[0].text == "The lease was signed by the tenant."
        assert {request.api_key for request in fake.requests} == {sent}


def test_a_client_that_is_lent_stays_open(filled: Library, opened: Open) -> None:
    """A library over somebody's client reads and writes, and leaves it to its owner."""
    lent = opened(client=filled.store.client)
    assert lent.info().documents == 2
    lent.close()
    assert filled.info().documents == 2


def test_settings_are_the_collections(folder: Path, tiny_models: TinyModels) -> None:
    """What made the collection reads queries again, and other settings are refused by name."""
    model = str(tiny_models.folder("bert"))
    with Library.open(model=model, method="gp", passage_tokens=16) as first:
        first.ingest("reports")
        assert first.encoder.method == "gp"
    with Library.open(model=None, method=None) as again:
        assert (again.settings.model, again.settings.method) == (model, "gp")
        assert again.ingest("reports").unchanged == 2
        assert again.search("lease", limit=1)
    with Library.open(method="pi") as other:
        for use in (lambda: other.search("lease"), lambda: other.ingest("reports")):
            with pytest.raises(CollectionMismatchError, match="'gp' in the collection and 'pi'"):
                use()
        assert other.search("lease", mode="sparse")
    with (
        Library.open(passage_tokens=32) as keeping,
        pytest.raises(CollectionMismatchError, match="passage_tokens is 16"),
    ):
        keeping.ingest("reports")


def test_a_model_is_shared(folder: Path, tiny_models: TinyModels) -> None:
    """A library and an embedding with the same settings load it once, and free it together."""
    model = str(tiny_models.folder("bert"))
    embedding = LongEmbedding(model)
    with Library.open(model=model) as library:
        assert library.encoder is embedding.encoder
    del library
    gc.collect()
    assert SharedEncoder.of_settings(embedding.settings) is embedding._shared


def test_a_library_that_nobody_has_any_more_frees_its_model(
    folder: Path, tiny_models: TinyModels
) -> None:
    """At once, not when Python next looks for circles."""
    # A length that no other test asks for: with theirs, who is not freed yet would share the model.
    library = Library.open(model=str(tiny_models.folder("bert")), max_length=1333)
    library.ingest("reports")
    shared = weakref.ref(library._holdings._share())
    library.close()
    gc.disable()
    try:
        del library
        assert shared() is None
    finally:
        gc.enable()


def test_a_word_search_loads_no_model(
    folder: Path, opened: Open, tiny_models: TinyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where settings are given, as no vector is looked at."""
    with Library.open(model=str(tiny_models.folder("bert"))) as library:
        library.ingest("reports")
    for name in ("encoder", "query_reader"):
        monkeypatch.setattr(holdings.Holdings, name, lambda self: pytest.fail("a model is loaded"))
    with Library.open(method="gp") as library:
        assert len(library.search("lease", mode="sparse")) == 1
        assert library.documents().documents
        assert library.verify().findings == ()


def test_the_fingerprint_is_checked_once(
    filled: Library, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first search that needs vectors looks at it."""
    filled.close()
    library = opened()
    store, checked = library.store, []
    check = store.check
    monkeypatch.setattr(store, "check", lambda **k: checked.append(k) or check(**k))
    library.search("lease", mode="sparse")
    assert checked == []
    for _ in range(3):
        library.search("lease")
    assert len(checked) == 1


def test_the_model_of_the_first_ingest_is_the_one_that_searches(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tiny_models: TinyModels
) -> None:
    """The record says resolved what was left to choose; it is one model all the same."""
    from longembed_rag.encoder import sharing

    loaded = []
    load = sharing._load

    def counting(settings: EncoderSettings) -> LongEncoder:
        loaded.append(settings)
        return load(settings)

    monkeypatch.setattr(sharing, "_load", counting)
    with Library.open(model=tiny_models.folder("bert"), max_length=64) as library:
        library.ingest("reports")
        library.search("lease")
        library.add(longembed_rag.Document(id="n", text="Apples."))
        assert library.encoder is library.encoder
    assert len(loaded) == 1


def test_what_is_no_folder_is_refused(folder: Path) -> None:
    """An address in the place of a path would become a folder called http:."""
    for path in ("http://localhost:6333", ""):
        with pytest.raises(SettingsError, match=r"is not a folder.*url="):
            Library.open(path)


def test_a_key_is_not_shown(folder: Path) -> None:
    """Not by whoever prints what a library holds."""
    with Library.open(url="https://localhost:1", api_key="secret-key") as library:
        assert "secret-key" not in repr(library._holdings)
