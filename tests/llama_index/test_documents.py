"""WholeDocument by itself: ids, sources, hashes, pages, and what stays out of the text."""

from __future__ import annotations

import copy
import pickle
import warnings
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core import SimpleDirectoryReader
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import Document, MetadataMode, NodeRelationship, TextNode
from llama_index.core.storage.docstore.utils import doc_to_json, json_to_doc

from longembed_rag import WholeDocument
from longembed_rag.errors import InputError, LongEmbedWarning
from longembed_rag.store.values import document_id

DATES = {"creation_date": "2024-01-01", "last_modified_date": "2024-01-01"}


def page(number: int, text: str, path: str = "/papers/whales.pdf", **metadata: str) -> Document:
    """A page as PDFReader gives it: random id, the file's path, a label."""
    return Document(
        text=text,
        metadata={"file_path": path, "page_label": str(number), "title": "Whales", **metadata},
    )


def only(documents: list[Document]) -> TextNode:
    (node,) = WholeDocument()(documents)
    assert isinstance(node, TextNode)
    return node


def test_one_text_node_with_a_uuid5_and_its_source() -> None:
    """The node is a TextNode with a uuid5 as id, and points at its document."""
    document = Document(text="Call me Ishmael.", id_="moby-dick")
    node = only([document])
    assert UUID(node.id_).version == 5
    assert node.ref_doc_id == "moby-dick"
    assert node.text == "Call me Ishmael."
    assert node.relationships[NodeRelationship.SOURCE].hash == document.hash


def test_text_is_whole_and_untouched() -> None:
    """Spaces and length are kept: nothing is split, stripped or joined with metadata."""
    text = "  Call me Ishmael.\n\n" * 5000 + "\n"
    node = only([Document(text=text, metadata={"title": "Moby-Dick", **DATES})])
    assert node.text == node.get_content(MetadataMode.EMBED) == text


def test_metadata_stays_with_the_node_and_out_of_the_embedded_text() -> None:
    """All metadata keys are excluded for the embedding; those for the LLM are as they were."""
    document = Document(
        text="text",
        metadata={"title": "Moby-Dick", "secret": "x"},
        excluded_embed_metadata_keys=["other"],
        excluded_llm_metadata_keys=["secret"],
        metadata_template="{key}={value}",
        metadata_separator=" | ",
        text_template="{metadata_str} >> {content}",
    )
    node = only([document])
    assert node.metadata == document.metadata
    assert set(node.excluded_embed_metadata_keys) == {"other", "title", "secret"}
    assert node.excluded_llm_metadata_keys == ["secret"]
    assert node.get_content(MetadataMode.LLM) == document.get_content(MetadataMode.LLM)
    assert document.excluded_embed_metadata_keys == ["other"]


def test_an_id_of_ones_own_wins() -> None:
    """An id that was given makes the node's id, whatever the metadata says."""
    first = only([Document(text="a", id_="mine", metadata={"file_path": "/a.txt"})])
    second = only([Document(text="b", id_="mine", metadata={"file_path": "/b.txt"})])
    assert first.id_ == second.id_ == document_id("mine")


def test_a_uuid5_of_ones_own_is_kept() -> None:
    """Who has made uuid5 ids already finds them in Qdrant."""
    own = str(uuid5(UUID(int=0), "mine"))
    assert only([Document(text="a", id_=own)]).id_ == own


@pytest.mark.parametrize(
    "metadata",
    [
        {"file_path": "/papers/a.txt"},
        {"source": "/papers/a.txt"},
        {"source": "https://example.org/a"},
        {"url": "https://example.org/a"},
        {"source": r"C:\papers\a.txt"},
        {"file_path": "a.txt", "source": "3"},
    ],
)
def test_a_random_id_gives_way_to_the_source(metadata: dict[str, str]) -> None:
    """Read again, with a new random id and new text, a file is the same point."""
    first = only([Document(text="old", metadata=metadata)])
    second = only([Document(text="new", metadata=metadata)])
    assert first.ref_doc_id != second.ref_doc_id
    assert first.id_ == second.id_ == document_id(next(iter(metadata.values())))


def test_a_kind_is_no_source() -> None:
    """Two letters with the same "source" that is neither path nor URL are two documents."""
    letters = [Document(text=text, metadata={"source": "newsletter"}) for text in ("a", "b")]
    assert only(letters[:1]).id_ != only(letters[1:]).id_
    assert len(WholeDocument().prepare(letters)) == 2


def test_without_any_source_the_content_is_the_id() -> None:
    """The same text and metadata are the same point; dates do not matter, other things do."""
    ids = [
        only([Document(text=text, metadata=metadata)]).id_
        for text, metadata in [
            ("a", {"title": "A", "year": 1851, **DATES}),
            ("a", {**DATES, "last_modified_date": "2026-01-01", "year": 1851, "title": "A"}),
            ("a", {"title": "B", "year": 1851}),
            ("b", {"title": "A", "year": 1851}),
        ]
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_md5_ids_are_not_taken_for_random_ones() -> None:
    """32 hexadecimal digits can look like a uuid4 and are an id of one's own."""
    own = "d41d8cd98f004204a980998ecf8427e5"
    assert only([Document(text="a", id_=own, metadata={"file_path": "/a"})]).id_ == document_id(own)


def test_the_same_document_twice_is_one_node() -> None:
    """Equal documents give one node, and unequal ones under one id are refused."""
    twins = [Document(text="a", id_="mine") for _ in range(2)]
    assert len(WholeDocument()(twins)) == 1
    with pytest.raises(InputError, match="two documents have the id 'mine' and different texts"):
        WholeDocument()([*twins, Document(text="b", id_="mine")])


def test_documents_without_text_are_left_out_loudly() -> None:
    """An empty document is named in a warning and does not reach the model."""
    documents = [Document(text=" \n", id_="empty.txt"), Document(text="a", id_="full.txt")]
    with pytest.warns(LongEmbedWarning, match=r"empty\.txt holds no text"):
        nodes = WholeDocument()(documents)
    assert [node.ref_doc_id for node in nodes] == ["full.txt"]


def test_twice_is_once() -> None:
    """A node that is whole already stays as it is."""
    documents = [Document(text="a", id_="mine"), page(1, "b")]
    nodes = WholeDocument()(documents)
    assert WholeDocument()(nodes) == nodes


async def test_async() -> None:
    """The async call gives the same nodes."""
    documents = [Document(text="a", id_="a"), Document(text="b", id_="b")]
    assert await WholeDocument().acall(documents) == WholeDocument()(documents)


def test_pages_are_joined_into_one_document_per_file() -> None:
    """prepare() makes one document of a file's pages, in order, under the file's path."""
    documents = [page(1, "one"), page(2, "two"), page(3, "three", path="/other.pdf")]
    first, second = WholeDocument().prepare(documents)
    assert (first.id_, first.text) == ("/papers/whales.pdf", "one\n\ntwo")
    assert first.metadata == {"file_path": "/papers/whales.pdf", "title": "Whales"}
    assert (second.id_, second.text) == ("/other.pdf", "three")
    assert second.metadata["page_label"] == "3"
    assert [node.id_ for node in WholeDocument()([first, second])] == [
        document_id("/papers/whales.pdf"),
        document_id("/other.pdf"),
    ]


def test_pages_with_ids_made_by_the_reader_are_joined() -> None:
    """filename_as_id=True numbers a file's parts: still one file."""
    documents = [page(number, f"page {number}") for number in range(12)]
    for number, document in enumerate(documents):
        document.id_ = f"/papers/whales.pdf_part_{number}"
    (whole,) = WholeDocument().prepare(documents)
    assert whole.id_ == "/papers/whales.pdf"
    assert whole.text.split("\n\n") == [f"page {number}" for number in range(12)]


def test_documents_with_ids_of_their_own_are_never_joined() -> None:
    """Rows of one table that were given ids stay rows."""
    rows = [Document(text=row, id_=row, metadata={"file_path": "/t.csv"}) for row in ("r1", "r2")]
    assert [document.id_ for document in WholeDocument().prepare(rows)] == ["r1", "r2"]


def test_pages_can_stay_apart() -> None:
    """merge_pages=False keeps every page, each under an id that stays the same."""
    whole = WholeDocument(merge_pages=False)
    first = whole.prepare([page(1, "one"), page(2, "two")])
    again = whole.prepare([page(1, "one"), page(2, "new")])
    assert [document.id_ for document in first] == [
        "/papers/whales.pdf#page=1",
        "/papers/whales.pdf#page=2",
    ]
    assert [node.id_ for node in whole(first)] == [node.id_ for node in whole(again)]


def test_unprepared_pages_are_never_lost() -> None:
    """Without prepare() pages are documents of their own, and a warning says so."""
    pages = [page(1, "one"), page(2, "two")]
    with pytest.warns(LongEmbedWarning, match=r"whales\.pdf came in 2 parts.*prepare"):
        together = WholeDocument()(pages)
    one_by_one = [only([page]) for page in pages]
    assert [node.id_ for node in together] == [node.id_ for node in one_by_one]
    assert len({node.id_ for node in together}) == 2


def test_unlabelled_parts_are_never_lost() -> None:
    """Parts without labels in one call are numbered."""
    parts = [Document(text=text, metadata={"file_path": "/a.md"}) for text in "abc"]
    nodes = WholeDocument(merge_pages=False)(parts)
    assert [node.get_content() for node in nodes] == ["a", "b", "c"]
    assert len({node.id_ for node in nodes}) == 3


def test_chunks_of_a_splitter_keep_their_document() -> None:
    """After a splitter every chunk is a node of its own that points at the same document."""
    document = Document(text="One. " * 200, id_="mine", metadata={"file_path": "/a.txt"})
    chunks = SentenceSplitter(chunk_size=50, chunk_overlap=0)([document])
    nodes = WholeDocument(merge_pages=False)(chunks)
    assert len(nodes) == len(chunks) > 1
    assert {node.ref_doc_id for node in nodes} == {"mine"}


def test_a_new_date_is_no_new_content() -> None:
    """The prepared hash follows text and metadata, but not the dates of the file."""

    def prepared_hash(text: str = "text", **metadata: str) -> str:
        document = Document(text=text, metadata={"file_path": "/a", **DATES, **metadata})
        return WholeDocument().prepare([document])[0].hash

    assert prepared_hash(last_modified_date="2026-02-02") == prepared_hash()
    assert prepared_hash(last_accessed_date="2026-02-02") == prepared_hash()
    assert prepared_hash("other") != prepared_hash()
    assert prepared_hash(title="other") != prepared_hash()


def test_prepared_documents_are_documents() -> None:
    """They keep their dates, and pickle, copy and serialise like any document."""
    (document,) = WholeDocument().prepare([page(1, "one", **DATES)])
    assert document.metadata["last_modified_date"] == "2024-01-01"
    for twin in (pickle.loads(pickle.dumps(document)), copy.deepcopy(document)):
        assert twin == document
        assert twin.hash == document.hash
    stored = json_to_doc(doc_to_json(document))
    assert type(stored) is Document
    assert (stored.id_, stored.get_content()) == (document.id_, document.text)


def test_the_settings_round_trip() -> None:
    """to_dict() and from_dict() keep merge_pages, and a pipeline's cache sees it."""
    apart = WholeDocument(merge_pages=False)
    assert WholeDocument.from_dict(apart.to_dict()) == apart
    assert apart.to_dict() == {"merge_pages": False, "class_name": "WholeDocument"}


@pytest.mark.parametrize("filename_as_id", [False, True])
def test_a_folder_read_twice_has_the_same_ids(tmp_path: Path, filename_as_id: bool) -> None:
    """SimpleDirectoryReader's documents become the same points, prepared or not."""
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.txt").write_text("two")
    whole = WholeDocument()
    ids = set()
    for prepare in (whole.prepare, list):
        documents = SimpleDirectoryReader(tmp_path, filename_as_id=filename_as_id).load_data()
        ids.add(tuple(node.id_ for node in whole(prepare(documents))))
    assert ids == {tuple(document_id(str(tmp_path / name)) for name in ("a.txt", "b.txt"))}


TEXT = st.text(min_size=1).filter(str.strip)


@given(st.dictionaries(st.text(min_size=1), TEXT, max_size=6), st.randoms())
def test_ids_depend_on_the_document_alone(texts: dict[str, str], random: object) -> None:
    """Neither the other documents of a call nor their order change a node's id or text."""
    documents = [Document(text=text, id_=name) for name, text in texts.items()]
    alone = {document.id_: only([document]) for document in documents}
    random.shuffle(documents)  # type: ignore[attr-defined]
    for document, node in zip(documents, WholeDocument()(documents), strict=True):
        assert node.id_ == alone[document.id_].id_
        assert node.get_content() == document.text
    assert len({node.id_ for node in alone.values()}) == len(texts)


@given(st.lists(TEXT, min_size=1, max_size=8), st.booleans(), st.booleans())
def test_no_page_is_ever_lost(texts: list[str], labelled: bool, prepared: bool) -> None:
    """Whatever pages come in, all their texts come out, with as many ids as nodes."""
    pages = [
        Document(
            text=text,
            id_=str(uuid4()),
            metadata={"file_path": "/a.pdf"} | ({"page_label": str(number)} if labelled else {}),
        )
        for number, text in enumerate(texts)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LongEmbedWarning)
        nodes = WholeDocument()(WholeDocument().prepare(pages) if prepared else pages)
    assert "\n\n".join(node.get_content() for node in nodes) == "\n\n".join(texts)
    assert len({node.id_ for node in nodes}) == len(nodes)
