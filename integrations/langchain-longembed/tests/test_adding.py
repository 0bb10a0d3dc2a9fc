"""What goes into a LongVectorStore, and out again: ids, metadata, failures, deletions."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import LONG_TEXT, TOPICS, Frees
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.indexing import InMemoryRecordManager, aindex, index

from langchain_longembed import LongEmbeddings, LongVectorStore
from longembed_rag import Library, LongEncoder
from longembed_rag.errors import (
    CollectionMismatchError,
    DeletionsRefusedError,
    InputError,
    SettingsError,
    StoreError,
)


def _ids(library: Library) -> set[str]:
    return {each.source for each in library.documents().documents}


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"author": "Ann", "tags": ["a", "b"]},
        {"source": "book.pdf", "page": 3},
        {"file_path": "book.pdf", "start_index": 12},
    ],
)
def test_the_same_document_gets_the_same_id(
    store: LongVectorStore, metadata: dict[str, Any]
) -> None:
    """Adding it twice, in one go or two, does not duplicate it, and its text makes a difference."""
    document = Document(page_content="Apples are ripe.", metadata=metadata)
    first, repeated = store.add_documents([document, document])
    (again,) = store.add_documents([document])
    assert first == repeated == again
    (other,) = store.add_documents([document.model_copy(update={"page_content": "Pears are."})])
    assert _ids(store.library) == {first, other}


def test_a_place_tells_documents_apart(store: LongVectorStore) -> None:
    """The same text on another page is another document; at the same place its metadata changes."""
    texts = ["Blank."] * 3
    known: list[dict[str, Any]] = [{"source": "a", "page": 1}, {"source": "a", "page": 2}]
    first, second, third = store.add_texts(texts, [*known, {**known[1], "read": True}])
    assert first != second == third
    assert store.get_by_ids([second])[0].metadata == {"source": "a", "page": 2, "read": True}


def test_ids_are_the_given_one_the_documents_own_or_a_new_one(store: LongVectorStore) -> None:
    """In that order, document by document."""
    documents = [Document(id="own", page_content="a lease"), Document(page_content="a ship")]
    ids = store.add_documents(documents)
    assert ids[0] == "own"
    assert store.add_documents(documents, ids=["given", None]) == ["given", ids[1]]
    assert _ids(store.library) == {"own", "given", ids[1]}


def test_numbers_that_do_not_match_are_refused(store: LongVectorStore) -> None:
    """Fewer ids or metadata than texts would leave texts out."""
    with pytest.raises(SettingsError, match="1 ids are given for 2 documents"):
        store.add_texts(["a lease", "a ship"], ids=["1"])
    with pytest.raises(SettingsError, match="1 metadatas are given for 2 texts"):
        store.add_texts(["a lease", "a ship"], [{}])
    with pytest.raises(SettingsError, match="unknown option chunk_size"):
        store.add_texts(["a lease"], chunk_size=5)
    with pytest.raises(InputError, match="'1' is given to several"):
        store.add_texts(["a lease", "a ship"], ids=["1", "1"])


def test_metadata_comes_back_as_given(store: LongVectorStore) -> None:
    """Whatever fits into JSON, nested, and a source of its own."""
    metadata = {"source": None, "n": 1, "x": 0.5, "tags": ["a"], "deep": {"ä": [1, None, True]}}
    (identity,) = store.add_texts(["Apples are ripe."], [metadata])
    assert store.get_by_ids([identity])[0].metadata == metadata


def test_metadata_that_does_not_fit_into_json_is_named(store: LongVectorStore) -> None:
    """A document without an id is called by its first words, and nothing is added."""
    documents = [
        Document(page_content="a lease"),
        Document(page_content="a ship", metadata={"day": date(2024, 1, 1)}),
    ]
    with pytest.raises(InputError, match=r'"a ship": its metadata does not fit into JSON: .*date'):
        store.add_documents(documents)
    with pytest.raises(InputError, match="s: its metadata does not fit"):
        store.add_documents(documents, ids=["l", "s"])
    assert store.similarity_search("a lease") == []


def test_what_cannot_be_read_is_named_and_the_others_are_there(
    tmp_path: Path, strict: LongEmbeddings
) -> None:
    """A document that is too long raises after all others have been added."""
    reason = r'others are there: b \("The lease .*"\): .*60'
    with LongVectorStore.open(tmp_path / "store", embedding=strict) as store:
        with pytest.raises(InputError, match=f"1 of 3 documents .* {reason}") as raised:
            store.add_texts(["a lease", LONG_TEXT, "a ship"], ids=["a", "b", "c"])
        assert "a ship" not in str(raised.value)
        assert _ids(store.library) == {"a", "c"}


def test_deleting_by_a_passages_id_is_refused(store: LongVectorStore) -> None:
    """Neither nothing nor the whole document is deleted, and no other either."""
    store.add_texts(["a lease", "a ship"], ids=["a", "b"])
    with pytest.raises(SettingsError, match="'a#0-7' is a passage of 'a'"):
        store.delete(["b", "a#0-7"])
    assert _ids(store.library) == {"a", "b"}
    assert store.delete(["unknown#0-7", "b"]) is True
    assert _ids(store.library) == {"a"}


def test_one_id_is_taken_as_one(store: LongVectorStore) -> None:
    """Not as its letters, which may be other documents' ids."""
    store.add_texts(["a lease", "a ship"], ids=["a", "ab"])
    assert [each.id for each in store.get_by_ids("ab")] == ["ab"]
    store.delete("ab")
    assert _ids(store.library) == {"a"}


async def test_deleting_all_has_to_be_said(store: LongVectorStore) -> None:
    """None may be a mistake; delete_all=True is none."""
    assert store.delete(delete_all=True) is True
    store.add_texts(["a lease", "a ship"])
    with pytest.raises(DeletionsRefusedError, match="delete_all=True"):
        store.delete()
    with pytest.raises(DeletionsRefusedError):
        await store.adelete(None)
    with pytest.raises(SettingsError, match="give either"):
        store.delete(["a"], delete_all=True)
    assert len(_ids(store.library)) == 2
    assert await store.adelete(delete_all=True) is True
    assert _ids(store.library) == set()


def test_from_texts_makes_a_store_that_can_be_opened_again(
    tmp_path: Path, encoder: LongEncoder
) -> None:
    """The embedding's settings are the library's; once closed, the folder is free."""
    path, embedding = tmp_path / "store", LongEmbeddings()
    with LongVectorStore.open(path, embedding=embedding) as store:
        assert store.library.settings == store.embeddings.settings == embedding.settings
    made = LongVectorStore.from_texts(
        list(TOPICS.values()), embedding, ids=list(TOPICS), path=path, passage_tokens=32
    )
    with made as store:
        assert store.library.encoder is store.embeddings.encoder is embedding.encoder is encoder
        assert store.library.info().options.passage_tokens == 32
    made.close()
    with pytest.raises(StoreError, match="closed"):
        made.similarity_search("a lease")
    with LongVectorStore.open(path) as store:
        assert store.similarity_search("rye bread", k=1)[0].metadata["document_id"] == "bread"


async def test_from_documents_keeps_ids(tmp_path: Path) -> None:
    """By either twin; an encoder that is loaded already is taken as it is."""
    documents = [Document(id="l", page_content="a lease"), Document(page_content="a ship")]
    embedding = LongEmbeddings.from_encoder(LongEmbeddings().encoder)
    with LongVectorStore.from_documents(documents, embedding, path=tmp_path / "1") as store:
        assert "l" in _ids(store.library)
        assert store.library.encoder is embedding.encoder
    made = await LongVectorStore.afrom_documents(documents, embedding, path=tmp_path / "2")
    with made as store:
        assert "l" in _ids(store.library)


def test_another_embedding_is_refused(tmp_path: Path) -> None:
    """Only ours reads whole documents; and a collection is of one model."""
    foreign = DeterministicFakeEmbedding(size=6)
    with pytest.raises(SettingsError, match="DeterministicFakeEmbedding is not a LongEmbeddings"):
        LongVectorStore.from_texts(["a lease"], foreign, path=tmp_path / "store")
    with LongVectorStore.from_texts(["a lease"], LongEmbeddings(), path=tmp_path / "store"):
        pass
    other = LongEmbeddings(max_length=300)
    with pytest.raises(CollectionMismatchError, match="300"):
        LongVectorStore.from_texts(["a ship"], other, path=tmp_path / "store")
    # It does not hold the folder after it has failed.
    with LongVectorStore.open(tmp_path / "store") as store:
        assert len(_ids(store.library)) == 1


def test_documents_of_files_are_found_and_fetched(tmp_path: Path, library: Library) -> None:
    """What a library took in from files has its path as id, and is deleted by it."""
    reports = tmp_path / "reports"
    reports.mkdir()
    for name in ("lease", "garden"):
        (reports / f"{name}.txt").write_text(TOPICS[name])
    library.ingest(reports)
    store, source = LongVectorStore(library), str((reports / "lease.txt").resolve())
    found = store.similarity_search("who signed the lease?", k=1, filter={"file_name": "lease.txt"})
    assert [each.metadata["document_id"] for each in found] == [source]
    assert found[0].metadata["source"] == source
    assert [each.page_content for each in store.get_by_ids([source])] == [TOPICS["lease"]]
    store.delete([source])
    assert store.get_by_ids([source, found[0].id or ""]) == []


async def test_langchains_indexing_keeps_a_store_in_step(store: LongVectorStore) -> None:
    """Index and aindex add, pass over and delete through the store."""
    manager = InMemoryRecordManager("test")
    manager.create_schema()
    documents = [
        Document(page_content=text, metadata={"source": name}) for name, text in TOPICS.items()
    ]
    options: dict[str, Any] = {"source_id_key": "source", "key_encoder": "sha256"}
    added = index(documents, manager, store, cleanup="full", **options)
    assert (added["num_added"], added["num_deleted"]) == (5, 0)
    again = await aindex(documents[1:], manager, store, cleanup="full", **options)
    assert (again["num_added"], again["num_skipped"], again["num_deleted"]) == (0, 4, 1)
    assert len(_ids(store.library)) == 4


async def test_async_twins_do_not_block_the_loop(
    store: LongVectorStore, leaves_the_loop_free: Frees
) -> None:
    """While the library writes on another thread, the loop runs on."""
    adding = store.aadd_documents([Document(id="l", page_content="a lease")])
    assert await leaves_the_loop_free(store.library, "add", adding) == ["l"]
    adding = store.aadd_texts(["a ship"], ids=["s"])
    assert await leaves_the_loop_free(store.library, "add", adding) == ["s"]
    assert await leaves_the_loop_free(store.library, "remove", store.adelete(["l"]))
    assert _ids(store.library) == {"s"}
