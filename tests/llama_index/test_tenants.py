"""Tenants in LlamaIndex: by the filters of a retriever, and not by a store of nodes."""

from __future__ import annotations

from pathlib import Path

import pytest
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters

from longembed_rag import Document, Library
from longembed_rag.errors import SettingsError
from longembed_rag.llama_index.retriever import LongRetriever
from longembed_rag.llama_index.vector_store import LongVectorStore
from tests.store.fakes import FakeEncoder


def test_llama_index_knows_of_tenants_by_its_filters(tmp_path: Path) -> None:
    """LongRetriever's name one; a store of nodes, which has none, is refused."""
    with Library.open(tmp_path / "store", encoder=FakeEncoder(), tenant_field="who") as library:
        library.add([Document(id=n, text=f"pears {n}", metadata={"who": n}) for n in ("a", "b")])
        filters = MetadataFilters(filters=[MetadataFilter(key="who", value="a")])
        found = LongRetriever(library, mode="sparse", filters=filters).retrieve("pears")
        assert {each.node.ref_doc_id for each in found} == {"a"}
        with pytest.raises(SettingsError, match="who=NAME"):
            LongRetriever(library, mode="sparse").retrieve("pears")
        with pytest.raises(SettingsError, match="keeps tenants apart by 'who'"):
            LongVectorStore(library)
