"""What a LongDocumentStore does beyond Haystack's own tests."""

from __future__ import annotations

import asyncio
import inspect
import logging
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest
from haystack import Document
from haystack.dataclasses import ByteStream
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy
from haystack.errors import FilterError
from haystack.utils import Secret

from haystack_integrations.document_stores.longembed import LongDocumentStore
from longembed_rag import LongEmbedding
from longembed_rag.errors import InputError, SettingsError, StoreLockedError, WriteError

TWINS = [
    name.removesuffix("_async")
    for name, _ in inspect.getmembers(LongDocumentStore, inspect.iscoroutinefunction)
]


def test_making_one_opens_nothing(tmp_path: Path) -> None:
    """A store that is only made, asked and read leaves no folder behind."""
    store = LongDocumentStore(tmp_path / "none")
    assert store.count_documents() == 0
    assert store.filter_documents() == []
    store.delete_documents(["unknown"])
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"url": "http://localhost:6333"}, "path and url"),
        ({"max_lenght": 100}, "max_lenght"),
        ({"method": "magic"}, "magic"),
        ({"passage_tokens": 0}, "passage_tokens"),
        ({"language": "klingon"}, "klingon"),
        ({"api_key": "plain"}, "Secret"),
    ],
)
def test_wrong_settings_are_refused_at_once(settings: dict[str, Any], named: str) -> None:
    """Whoever makes a store with a wrong setting is told which."""
    with pytest.raises(SettingsError, match=named):
        LongDocumentStore("index", **settings)


def test_settings_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store's dictionary makes an equal one, names the key's variable and never the key."""
    monkeypatch.setenv("QDRANT_API_KEY", "top-secret")
    store = LongDocumentStore(
        url="http://localhost:6333", collection="reports", passage_tokens=128, method="pcw"
    )
    data = store.to_dict()
    assert "top-secret" not in str(data)
    assert data["init_parameters"]["api_key"]["env_vars"] == ["LONGEMBED_API_KEY", "QDRANT_API_KEY"]
    assert data["init_parameters"]["method"] == "pcw"
    assert LongDocumentStore.from_dict(data).to_dict() == data


def test_a_token_is_not_written_down() -> None:
    """A key that is a token is refused by Haystack rather than written into a pipeline."""
    store = LongDocumentStore(url="http://localhost:6333", api_key=Secret.from_token("top-secret"))
    with pytest.raises(ValueError, match="Cannot serialize token-based secret"):
        store.to_dict()


def test_equal_stores_share_one_library(tmp_path: Path) -> None:
    """Stores with the same settings work on one folder at once, until the last is closed."""
    first, second = (LongDocumentStore(tmp_path / "store") for _ in range(2))
    first.write_documents([Document(id="note", content="Apples are ripe.")])
    assert second.count_documents() == 1
    assert second.library is first.library
    library = first.library
    first.close()
    assert second.count_documents() == 1
    second.close()
    again = LongDocumentStore(tmp_path / "store")
    assert again.count_documents() == 1
    assert again.library is not library
    again.close()


def test_another_store_of_the_folder_is_refused(store: LongDocumentStore, tmp_path: Path) -> None:
    """A folder is opened with one set of settings at a time, which is said."""
    store.write_documents([Document(id="note", content="Apples are ripe.")])
    with pytest.raises(StoreLockedError, match="in this process"):
        LongDocumentStore(tmp_path / "store", passage_tokens=64).count_documents()


def test_a_copy_carries_settings_only(store: LongDocumentStore) -> None:
    """A pickled store is small, and finds the library that is open."""
    store.write_documents([Document(id="note", content="Apples are ripe.")])
    copy = pickle.loads(pickle.dumps(store))
    assert copy.library is store.library
    copy.close()


def test_documents_without_text_are_named(store: LongDocumentStore) -> None:
    """Documents that hold nothing to read are refused by name, and nothing is written."""
    documents = [
        Document(id="good", content="Apples are ripe."),
        Document(id="blank", content=" \n"),
        Document(id="picture", blob=ByteStream(b"...")),
    ]
    with pytest.raises(InputError, match="blank, picture: there is no text"):
        store.write_documents(documents)
    assert store.count_documents() == 0


def test_metadata_that_does_not_fit_is_named(store: LongDocumentStore) -> None:
    """Metadata that JSON cannot hold is refused with the document's id."""
    with pytest.raises(InputError, match=r"note: .*JSON"):
        store.write_documents([Document(id="note", content="Apples.", meta={"of": {1, 2}})])


def test_a_document_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """What could not be taken in raises with its id and the reason; the others are there."""
    store = LongDocumentStore(tmp_path / "store", max_length=16, overflow="error")
    documents = [
        Document(id="short", content="Apples are ripe."),
        Document(id="long", content="Apples are ripe. " * 20),
    ]
    with pytest.raises(WriteError, match=r"1 of 2 documents .* long: .*16"):
        store.write_documents(documents)
    assert [each.id for each in store.filter_documents()] == ["short"]
    store.close()


def test_vectors_that_are_left_behind_are_logged(
    store: LongDocumentStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Vectors that a document brings are not kept, and that is said."""
    with caplog.at_level(logging.WARNING):
        store.write_documents([Document(id="note", content="Apples.", embedding=[1.0, 2.0])])
    assert "1 of 1 documents carry 'embedding'" in caplog.text
    assert store.filter_documents()[0].embedding is None


def test_fail_writes_nothing(store: LongDocumentStore) -> None:
    """Under FAIL one document that is there already keeps all others out."""
    store.write_documents([Document(id="a", content="Apples are ripe.")])
    given = [Document(id="b", content="Pears are ripe."), Document(id="a", content="Plums.")]
    with pytest.raises(DuplicateDocumentError, match="a: already in"):
        store.write_documents(given)
    assert [each.content for each in store.filter_documents()] == ["Apples are ripe."]


@pytest.mark.parametrize(
    ("policy", "kept", "written"),
    [(DuplicatePolicy.OVERWRITE, "Pears.", 2), (DuplicatePolicy.SKIP, "Apples.", 1)],
)
def test_two_of_one_id(
    store: LongDocumentStore, policy: DuplicatePolicy, kept: str, written: int
) -> None:
    """Of two documents with one id, OVERWRITE keeps the last and SKIP the first."""
    given = [Document(id="a", content="Apples."), Document(id="a", content="Pears.")]
    assert store.write_documents(given, policy=policy) == written
    assert [each.content for each in store.filter_documents()] == [kept]


def test_two_of_one_id_fail(store: LongDocumentStore) -> None:
    """Two documents with one id are refused where no policy says which of them counts."""
    given = [Document(id="a", content="Apples."), Document(id="a", content="Pears.")]
    with pytest.raises(DuplicateDocumentError, match="a: two of the documents"):
        store.write_documents(given)


def test_updating_reads_nothing_again(
    store: LongDocumentStore, model: LongEmbedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Metadata is set without the model, and stands beside the passages, too."""
    store.write_documents([Document(id="a", content="Apples are ripe.", meta={"year": 2003})])
    monkeypatch.setattr(model.encoder, "encode_passages", None)
    filters = {"field": "meta.year", "operator": "==", "value": 2003}
    assert store.update_by_filter(filters, {"year": 2004, "kind": "fruit"}) == 1
    assert store.filter_documents()[0].meta == {"year": 2004, "kind": "fruit"}
    found = store.library.search("apples", mode="passages", filter={"kind": "fruit"})
    assert [each.source for each in found] == ["a"]


@pytest.mark.parametrize("method", ["delete_by_filter", "update_by_filter"])
def test_empty_filters_change_nothing(store: LongDocumentStore, method: str) -> None:
    """What would change all documents for want of a filter is refused."""
    more = [{"kind": "fruit"}] if method == "update_by_filter" else []
    with pytest.raises(FilterError, match="empty"):
        getattr(store, method)({}, *more)


def test_files_that_were_ingested(store: LongDocumentStore, tmp_path: Path) -> None:
    """Documents that came in by files are counted, filtered, found, updated and deleted."""
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "lease.txt").write_text("The lease was signed by the tenant.")
    (reports / "garden.md").write_text("Apples and pears grow in the garden.")
    store.library.ingest(reports)
    store.write_documents([Document(id="note", content="Apples are ripe.")])
    lease = str((reports / "lease.txt").resolve())

    assert store.count_documents() == 3
    (found,) = store.filter_documents({"field": "meta.file_type", "operator": "==", "value": "txt"})
    assert (found.id, found.content) == (lease, "The lease was signed by the tenant.")
    assert found.meta["file_name"] == "lease.txt"
    by_id = {"field": "id", "operator": "==", "value": lease}
    assert store.update_by_filter(by_id, {"signed": True}) == 1
    assert store.library.ingest(reports).unchanged == 2
    assert [each.meta["signed"] for each in store.filter_documents(by_id)] == [True]
    store.delete_documents([lease])
    assert store.count_documents() == 2
    assert (reports / "lease.txt").exists()


@pytest.mark.parametrize("name", TWINS)
async def test_async_twins_leave_the_event_loop_free(
    store: LongDocumentStore, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each twin hands its arguments to the method on another thread, and waits without blocking."""
    released = threading.Event()
    results: list[tuple[bool, dict[str, Any]]] = []
    signature = inspect.signature(getattr(LongDocumentStore, name))
    given = {each: f"the {each}" for each in signature.parameters if each != "self"}

    def waits(self: LongDocumentStore, *args: Any, **named: Any) -> None:
        arguments = dict(signature.bind(self, *args, **named).arguments)
        arguments.pop("self")
        results.append((released.wait(timeout=20), arguments))

    async def release() -> None:
        released.set()

    monkeypatch.setattr(LongDocumentStore, name, waits)
    await asyncio.gather(getattr(store, f"{name}_async")(**given), release())
    assert results == [(True, given)]
