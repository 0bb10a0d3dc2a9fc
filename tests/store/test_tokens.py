"""Token vectors in a collection: kept, read again, gained later, refused where they do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from longembed_rag.encoder.token_vectors import TokenOptions, TokenVectors
from longembed_rag.errors import CollectionMismatchError, InputError, SettingsError
from longembed_rag.ingest.documents import Document, add_documents
from longembed_rag.ingest.encoding import token_record
from longembed_rag.ingest.report import Event, Started
from longembed_rag.store.document import read_indexed
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.tokens import TokenRecord, bits_payload, read_bits
from tests.store.fakes import DIMENSION, FakeEncoder, make_document
from tests.stores import Opener, ensure, find

TEXT = "the tenant signs the lease and the landlord keeps the copy of it"
NOTES = [Document(id="a", text=TEXT), Document(id="b", text="nothing of that kind")]


class Cls(FakeEncoder):
    """An encoder of a model that pools by its first token."""

    def describe(self) -> dict[str, object]:
        return {**super().describe(), "late_interaction": False}


class Plain:
    """An encoder of somebody else's, without token vectors."""

    def describe(self) -> dict[str, object]:
        return {"late_interaction": True}


def test_record_and_bits_survive_json() -> None:
    """What is stored comes back the same, at any dimension; what is no bits is none."""
    centre = np.linspace(-1, 1, 12, dtype=np.float32)
    record = TokenRecord.of(TokenOptions(pool=3, pool_by="neighbours"), centre)
    again = TokenRecord.from_dict(record.to_dict())
    assert again == record
    assert hash(again) == hash(record)
    assert again != TokenRecord.of(record.options, centre + 1)
    np.testing.assert_array_equal(again.centre, centre)
    rows = np.arange(10, dtype=np.uint8).reshape(5, 2)
    vectors = TokenVectors(np.array([2, 3]), rows, 12)
    np.testing.assert_array_equal(read_bits(bits_payload(vectors, 1), dimension=12), rows[2:])
    for odd in (None, 7, "no base64!"):
        assert read_bits(odd, dimension=12).shape == (0, 2)


def test_bits_are_kept_with_the_passages(opener: Opener) -> None:
    """A document is read again with its bits, in the order of its passages, without loss."""
    document = make_document("/a.txt", TEXT)
    with opener() as store:
        ensure(store).upsert(document)
        assert store.sources()["/a.txt"].late_interaction
        there = read_indexed("/a.txt", place=store.place)
        assert there is not None
        assert there.token_vectors is not None
        assert document.token_vectors is not None
        np.testing.assert_array_equal(there.token_vectors.vectors, document.token_vectors.vectors)
        np.testing.assert_array_equal(there.token_vectors.counts, document.token_vectors.counts)


def test_a_collection_made_before_gains_them(opener: Opener) -> None:
    """It is searched as before; an ingest that asks for it says what it costs and reads again."""
    encoder, events = FakeEncoder(), list[Event]()
    with opener() as store:
        ensure(store, late_interaction="off")
        assert add_documents(NOTES, encoder=encoder, store=store).added == 2
        assert "passage_late" not in find(store, "lease")[0].signals
        with pytest.raises(SettingsError, match="late_interaction='on'"):
            find(store, "lease", mode="late")
        encoder.encoded.clear()
        assert add_documents(NOTES, encoder=encoder, store=store).unchanged == 2
        options = IndexOptions(late_interaction="on")
        report = add_documents(
            NOTES[:1], encoder=encoder, store=store, options=options, on_event=events.append
        )
        assert (report.updated, encoder.encoded) == (1, ["a"])
        (started,) = (each for each in events if isinstance(each, Started))
        assert (started.again, started.again_tokens) == (2, 17)
        info = store.info()
        assert (info.documents, info.late_documents) == (2, 1)
        assert info.late_interaction_in_words.startswith("on; 1 of 2 documents")
        # What lacks them yet is found all the same.
        for mode in ("late", "hybrid"):
            assert {each.source for each in find(store, "lease", mode=mode)} == {"a", "b"}
    with opener() as store:
        assert add_documents(NOTES, encoder=encoder, store=store).updated == 1
        assert store.info().late_interaction_in_words == "on"
        with pytest.raises(CollectionMismatchError, match="late_interaction"):
            ensure(store, late_interaction="off")


def test_auto_keeps_them_where_that_helps() -> None:
    """Of models that pool by the mean; others only where it is said, and where they have any."""
    auto, on = IndexOptions(), IndexOptions(late_interaction="on")
    assert token_record(FakeEncoder(), auto) is not None
    assert token_record(Cls(), auto) is None
    assert token_record(Cls(), on) is not None
    assert token_record(FakeEncoder(), IndexOptions(passages=False)) is None
    assert token_record(FakeEncoder(), IndexOptions(late_interaction="off")) is None
    assert token_record(Plain(), auto) is None  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="Plain gives no vectors of tokens"):
        token_record(Plain(), on)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="needs passages"):
        IndexOptions(late_interaction="on", passages=False)
    with pytest.raises(SettingsError, match="late_interaction='maybe'"):
        IndexOptions(late_interaction="maybe")  # type: ignore[arg-type]


def test_bits_that_do_not_fit_are_refused() -> None:
    """A document of which bits and passages disagree is not written."""
    document = make_document("/a.txt", TEXT)
    assert document.token_vectors is not None
    for odd in (
        TokenVectors(np.array([1]), np.zeros((1, 2), np.uint8), DIMENSION),
        TokenVectors(document.token_vectors.counts, document.token_vectors.vectors, 8),
    ):
        with pytest.raises(InputError, match="the bits of its tokens do not fit"):
            make_document("/a.txt", TEXT, token_vectors=odd)
