"""Haystack's own tests of document stores, all of them, over Qdrant's engine in this process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from haystack import Document
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy
from haystack.testing.document_store import (
    CountDocumentsByFilterTest,
    CountUniqueMetadataByFilterTest,
    DocumentStoreBaseExtendedTests,
    GetMetadataFieldMinMaxTest,
    GetMetadataFieldsInfoTest,
    GetMetadataFieldUniqueValuesTest,
)
from haystack.testing.document_store_async import (
    CountDocumentsAsyncTest,
    CountDocumentsByFilterAsyncTest,
    CountUniqueMetadataByFilterAsyncTest,
    DeleteAllAsyncTest,
    DeleteByFilterAsyncTest,
    DeleteDocumentsAsyncTest,
    FilterDocumentsAsyncTest,
    GetMetadataFieldMinMaxAsyncTest,
    GetMetadataFieldsInfoAsyncTest,
    GetMetadataFieldUniqueValuesAsyncTest,
    UpdateByFilterAsyncTest,
    WriteDocumentsAsyncTest,
)

from haystack_integrations.document_stores.longembed import LongDocumentStore


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LongDocumentStore]:
    """One store for all of these tests: making a collection takes longer than most of them."""
    made = LongDocumentStore(tmp_path_factory.mktemp("conformance") / "store")
    yield made
    made.close()


class OverEmptyStore:
    """What both suites need."""

    @pytest.fixture
    def document_store(self, shared_store: LongDocumentStore) -> LongDocumentStore:
        """The store, empty."""
        shared_store.delete_all_documents()
        return shared_store

    @staticmethod
    def assert_documents_are_equal(received: list[Document], expected: list[Document]) -> None:
        """Compare without order and without vectors.

        Documents come in the order of the ids of their points, which the protocol leaves open.
        And a document's own embedding is not kept: the vectors of a collection are all made by
        its one model, which is what its search compares.
        """
        bare = sorted((replace(each, embedding=None) for each in expected), key=lambda d: d.id)
        assert sorted(received, key=lambda d: d.id) == bare


class TestDocumentStore(
    OverEmptyStore,
    DocumentStoreBaseExtendedTests,
    CountDocumentsByFilterTest,
    CountUniqueMetadataByFilterTest,
    GetMetadataFieldsInfoTest,
    GetMetadataFieldMinMaxTest,
    GetMetadataFieldUniqueValuesTest,
):
    """The synchronous protocol and everything that Haystack tests beside it."""

    @pytest.fixture
    def document_store(self, shared_store: LongDocumentStore) -> LongDocumentStore:
        """The store, empty; once more, since the suite has a fixture of this name itself."""
        shared_store.delete_all_documents()
        return shared_store

    def test_write_documents(self, document_store: LongDocumentStore) -> None:
        """Without a policy, ids that are there are refused; Haystack leaves this to the store."""
        document = Document(content="test doc")
        assert document_store.write_documents([document]) == 1
        with pytest.raises(DuplicateDocumentError):
            document_store.write_documents([document], policy=DuplicatePolicy.NONE)
        self.assert_documents_are_equal(document_store.filter_documents(), [document])

    def test_delete_all_documents_without_recreate_index(
        self, document_store: LongDocumentStore
    ) -> None:
        """A collection is emptied, never made anew: it keeps its settings, asked for or not."""
        document_store.write_documents([Document(id="1", content="A first document")])
        before = document_store.library.info()
        document_store.delete_all_documents()
        after = document_store.library.info()
        assert (before.documents, after.documents, after.passages) == (1, 0, 0)
        assert (after.options, after.fingerprint) == (before.options, before.fingerprint)

    # There is no recreate_index to test: making the collection anew would lose its settings.
    test_delete_all_documents_with_recreate_index = None


class TestAsyncDocumentStore(
    OverEmptyStore,
    CountDocumentsAsyncTest,
    CountDocumentsByFilterAsyncTest,
    CountUniqueMetadataByFilterAsyncTest,
    DeleteAllAsyncTest,
    DeleteByFilterAsyncTest,
    DeleteDocumentsAsyncTest,
    FilterDocumentsAsyncTest,
    GetMetadataFieldMinMaxAsyncTest,
    GetMetadataFieldsInfoAsyncTest,
    GetMetadataFieldUniqueValuesAsyncTest,
    UpdateByFilterAsyncTest,
    WriteDocumentsAsyncTest,
):
    """The asynchronous twins."""

    async def test_write_documents_async(self, document_store: LongDocumentStore) -> None:
        """Without a policy, ids that are there are refused; Haystack leaves this to the store."""
        document = Document(content="test doc")
        assert await document_store.write_documents_async([document]) == 1
        with pytest.raises(DuplicateDocumentError):
            await document_store.write_documents_async([document], policy=DuplicatePolicy.NONE)
        assert await document_store.filter_documents_async() == [document]

    # There is no recreate_index to test: making the collection anew would lose its settings.
    test_delete_all_documents_without_recreate_index_async = None
    test_delete_all_documents_with_recreate_index_async = None
