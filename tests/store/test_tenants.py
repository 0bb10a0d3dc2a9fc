"""Tenants: each finds its own documents alone, ranked as if there were no others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from longembed_rag.errors import (
    CollectionMismatchError,
    PointRefusedError,
    SettingsError,
    StoreError,
)
from longembed_rag.points.port import scroll
from longembed_rag.points.values import StorageOptions
from longembed_rag.search.filters import as_filter
from longembed_rag.search.options import MODES, SearchOptions
from longembed_rag.search.search import AskedQuery, search_many
from longembed_rag.search.syntax import read_query
from longembed_rag.store.copying import copy_collection
from longembed_rag.store.document import read_documents
from longembed_rag.store.facets import count_facets
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.place import TENANT_KEY
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import IndexedDocument, document_id
from tests.points.fake_qdrant import running_fake
from tests.store.corpora import WORDS, everything, random_texts
from tests.store.fakes import make_document, tokens_of, vector_of
from tests.stores import ENGINES, ensure, opening, scratch

FIELD = "tenant"
MINE = "tenant=mine"
QUERIES = ("w0 w1 w9 secret", '"w0 w1" w2 +w3', "w1 -w5", "nowhere")
SECRET = "secret"
Told = list[list[Any]]


def texts_of(tenant: str, count: int) -> list[str]:
    """Texts of a tenant; the n-th of each are as long, so that the averages are the same."""
    texts = [f"{text} w0 w1" for text in random_texts(count, seed=5, longest=40)]
    if tenant == "mine":
        return texts
    # Other words in their places, and one that nobody else has.
    others = dict(zip(WORDS, [*WORDS[1:], SECRET], strict=True))
    return [" ".join(others[word] for word in text.split()) for text in texts]


def documents_of(tenant: str, count: int = 7) -> list[IndexedDocument]:
    """The documents of a tenant."""
    return [
        make_document(f"/{tenant}/{index}.txt", text, metadata={FIELD: tenant, "n": index})
        for index, text in enumerate(texts_of(tenant, count))
    ]


THEIRS = [*documents_of("theirs"), *documents_of("third")]
HIDDEN = make_document("/theirs/hidden.txt", f"w0 w1 {SECRET} w2", metadata={FIELD: "theirs"})


@contextmanager
def filled(
    engine: str, documents: list[IndexedDocument], **options: Any
) -> Iterator[DocumentStore]:
    """A store with documents, all weighed by the averages of all."""
    with scratch() as folder, opening(engine, folder / "store") as opener, opener() as store:
        ensure(store, **{"language": "none", "tenant_field": FIELD, **options})
        for document in documents:
            store.upsert(document)
        store.reweigh()
        yield store


def ask(store: DocumentStore, mode: str, where: Any = MINE) -> Told:
    """All that queries find, asked together: scores rounded, the equal ones by name."""
    queries = [read_query(each) for each in QUERIES]
    asked = [AskedQuery(each, vector_of(each.text), tokens_of(each.text)) for each in queries]
    options = SearchOptions(mode=mode, limit=30, filter=as_filter(where))  # type: ignore[arg-type]
    return [
        sorted((_plain(each.to_dict()) for each in found), key=lambda e: (-e["score"], e["source"]))
        for found in search_many(store, asked, options=options)
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize(
    ("engine", "sample", "most"),
    [
        ("edge", 256, 2500),
        ("edge", 3, 0),
        pytest.param("local", 256, 2500, marks=pytest.mark.slow),
        ("server", 3, 2500),
    ],
)
def test_others_change_nothing(
    engine: str, sample: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ranks, scores, signals, passages and snippets, in every mode, from the first search on."""
    monkeypatch.setattr("longembed_rag.search.evidence.MOST_DOCUMENTS", most)
    for module in ("evidence", "passage_evidence"):
        monkeypatch.setattr(f"longembed_rag.search.{module}.SAMPLE", sample)
    mine = documents_of("mine")
    with (
        filled(engine, mine, tenant_field=None) as alone,
        filled(engine, [*THEIRS[:7], *mine, *THEIRS[7:]]) as together,
    ):
        for mode in MODES:
            expected = ask(alone, mode, None)
            assert any(expected)
            # From the second search on, an embedded store knows its documents.
            for _ in range(2 if engine == "edge" else 1):
                assert ask(together, mode) == expected, mode


@pytest.mark.parametrize(
    "engine", ["edge", *(pytest.param(each, marks=pytest.mark.slow) for each in ENGINES[1:])]
)
def test_nothing_of_others_is_found(engine: str) -> None:
    """By any word, phrase, vector, filter or id; neither are they counted."""
    with filled(engine, [*documents_of("mine", 4), HIDDEN]) as store:
        place = store.place.of_tenant("mine")
        wheres: tuple[Any, ...] = (
            MINE,
            [MINE, "n>=0"],
            {"tenant": "mine", "$or": [{"tenant": "theirs"}, {"n": {"$gte": 0}}]},
        )
        for mode in MODES:
            for where in wheres if mode == "hybrid" else wheres[:1]:
                found = [each["source"] for answer in ask(store, mode, where) for each in answer]
                assert found
                assert all(each.startswith("/mine/") for each in found)
            hidden = AskedQuery(read_query(f"+{SECRET}"), vector_of(SECRET), tokens_of(SECRET))
            options = SearchOptions(mode=mode, filter=as_filter(MINE))
            assert search_many(store, [hidden], options=options) == [[]]
            options = SearchOptions(mode=mode, filter=as_filter("tenant=theirs"))
            ((known,),) = search_many(store, [hidden], options=options)
            assert known.source == HIDDEN.source
        assert read_documents([HIDDEN.source, "/mine/0.txt"], place=place)[0] is None
        assert read_documents([HIDDEN.source], place=store.place)[0] is not None
        assert count_facets(place).documents == 4
        for name in (place.documents, place.passages):
            found_points = scroll(place.points, name, what="testing")
            assert {each.payload["longembed"]["tenant"] for each in found_points} == {"mine"}


def test_what_shows_one_tenant_only_reads() -> None:
    """Whatever could change, list or count what is others' is refused."""
    with filled("edge", [*documents_of("mine", 2), HIDDEN]) as store:
        before, place = everything(store.place), store.place.of_tenant("mine")
        points = place.points
        for refused in (
            lambda: points.page(place.manifest, what="testing"),
            lambda: points.count(place.manifest, what="testing"),
            lambda: points.tally(place.passages, "source", what="testing"),
            lambda: points.delete(place.documents, [document_id(HIDDEN.source)], what="testing"),
            lambda: points.drop(place.documents),
            lambda: points.close(),
        ):
            with pytest.raises(StoreError, match="one tenant's documents alone"):
                refused()
        assert {key: len(each) for key, each in everything(store.place).items()} == {
            key: len(each) for key, each in before.items()
        }
        assert points.damages() == ()
        assert not points.is_touched


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({}, "nothing as 'tenant'"),
        ({FIELD: ""}, "'' as"),
        ({FIELD: True}, "True as"),
        ({FIELD: ["a"]}, "['a'] as"),
        ({FIELD: None}, "None as"),
        ({FIELD: float("nan")}, "nan as"),
    ],
)
def test_a_document_has_to_say_whose_it_is(metadata: dict[str, Any], told: str) -> None:
    """One that does not is refused by name, and leaves nothing behind."""
    with filled("edge", documents_of("mine", 1)) as store:
        before = everything(store.place)
        with pytest.raises(PointRefusedError) as refused:
            store.upsert(make_document("/nobody's.txt", "w0", metadata=metadata))
        assert "/nobody's.txt" in str(refused.value)
        assert told in str(refused.value)
        assert {each: len(points) for each, points in everything(store.place).items()} == {
            each: len(points) for each, points in before.items()
        }


def test_numbers_are_tenants_by_their_text() -> None:
    """7, 7.0 and "7" are the same; 1.5 is another, and a document may move to one."""
    names = {"/a": 7, "/b": 7.0, "/c": "7", "/d": 1.5, "/e": "2026-01-01", "/f": "true"}
    made = [make_document(each, "w0", metadata={FIELD: name}) for each, name in names.items()]
    with filled("edge", made) as store:

        def found(where: Any) -> set[str]:
            return {each["source"] for each in ask(store, "sparse", where)[0]}

        for where in ("tenant=7", 'tenant="7"', {"tenant": 7}, {"tenant": 7.0}, {"tenant": "7"}):
            assert found(where) == {"/a", "/b", "/c"}
        assert found("tenant=1.5") == {"/d"}
        assert found('tenant="2026-01-01"') == {"/e"}
        assert found("tenant=true") == {"/f"}
        store.upsert(make_document("/a", "w0", metadata={FIELD: 1.5}))
        assert found("tenant=1.5") == {"/a", "/d"}
        assert found("tenant=7") == {"/b", "/c"}


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (None, "tenant=NAME"),
        ("n=1", "tenant=NAME"),
        ("tenant!=mine", "tenant=NAME"),
        ("tenant~mine", "tenant=NAME"),
        ("exists:tenant", "tenant=NAME"),
        ("tenant=2026-01-01", 'tenant="2026-01-01"'),
        ({"$or": [{"tenant": "mine"}, {"n": 1}]}, "tenant=NAME"),
        ({"$not": {"tenant": "mine"}}, "tenant=NAME"),
        ({"tenant": None}, "tenant=NAME"),
        ("tenant=mine|theirs", "2 tenants by 'tenant' ('mine', 'theirs')"),
        (["tenant=mine", "tenant=theirs"], "2 tenants"),
        ("tenant=1.50", 'tenant="1.5"'),
    ],
)
def test_a_search_has_to_name_its_tenant(where: Any, told: str) -> None:
    """By equality, one, at the top; else it is said how."""
    with filled("edge", documents_of("mine", 1)) as store:
        with pytest.raises(SettingsError) as refused:
            ask(store, "sparse", where)
        assert told in str(refused.value)


@pytest.mark.parametrize(
    ("field", "told"),
    [("", "letters"), ("a.b", "letters"), ("source", "another one"), ("path", "another"), (7, "")],
)
def test_not_every_field_can_tell_tenants(field: Any, told: str) -> None:
    """Fields that are no names, or that payloads and filters have for something else."""
    with pytest.raises(SettingsError, match="tenant_field=") as refused:
        IndexOptions(tenant_field=field)
    assert told in str(refused.value)


def test_a_collection_is_made_so_or_not_at_all() -> None:
    """Of one shard, on a server that can count so, and for good; a copy is as it was."""
    with (
        running_fake() as fake,
        filled("edge", documents_of("mine", 3)) as store,
        DocumentStore.open(url=fake.url) as remote,
    ):
        with pytest.raises(SettingsError, match="shards=2"):
            ensure(remote, tenant_field=FIELD, storage=StorageOptions(shards=2))
        with pytest.raises(SettingsError, match="shards=2"):
            copy_collection(store, remote, storage=StorageOptions(shards=2))
        fake.version = "1.18.3"
        with pytest.raises(StoreError, match=r"is Qdrant 1\.18\.3, .* need Qdrant 1\.19"):
            copy_collection(store, remote)
        assert remote.record() is None
        fake.version = "1.19.0-dev"
        assert copy_collection(store, remote).copied == 3
        assert ask(remote, "sparse") == ask(store, "sparse")
        for name in (remote.place.documents, remote.place.passages):
            index = fake.indexes[name][TENANT_KEY]
            assert (index["data_type"], index["params"]["is_tenant"]) == ("keyword", True)
        with pytest.raises(CollectionMismatchError, match="tenant_field is 'tenant'"):
            ensure(remote, tenant_field="other", language="none")
        # A server that cut it into shards since: words are still not counted over all tenants.
        fake.cut(3, remote.place.documents, remote.place.passages)
        remote.reweigh()
        assert not remote.existing_record().frequencies


def test_what_is_known_of_a_tenant_is_kept() -> None:
    """From one search to the next, apart from what is known of others."""
    with filled("edge", documents_of("mine", 1)) as store:
        place = store.place
        assert place.of_tenant("mine") is place.of_tenant("mine")
        assert place.of_tenant("mine").kept is not place.of_tenant("theirs").kept
