"""What a document's points hold is known to be as it was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import StoreDamagedError
from longembed_rag.points.port import scroll
from longembed_rag.points.values import Point, Stored
from longembed_rag.store.payload import NODE_KEY, OWN_KEY
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.sums import SUM, add_sum, find_damaged, is_as_written
from longembed_rag.store.values import DENSE_VECTOR, TERMS_VECTOR, document_id
from longembed_rag.words.terms import TermVector
from tests.store.corpora import random_documents
from tests.store.fakes import make_document
from tests.stores import Opener, ensure, find, in_places

DIMENSION = 16


def make_point(seed: int = 0, **own: Any) -> Point:
    vector = np.random.default_rng(seed).standard_normal(DIMENSION)
    unit = (vector / np.linalg.norm(vector)).astype(np.float32)
    payload = {OWN_KEY: {"source": "a", "tokens": 3, **own}, NODE_KEY: json.dumps({"text": "body"})}
    return add_sum(Point("1", {DENSE_VECTOR: unit}, payload))


@given(seed=st.integers(0, 1000), index=st.integers(0, DIMENSION - 1), bit=st.integers(13, 31))
def test_a_bit_that_is_another_is_seen(seed: int, index: int, bit: int) -> None:
    """Of any number of the vector; the lowest bits move no score that is shown."""
    point = make_point(seed)
    vector = np.array(point.vectors[DENSE_VECTOR], dtype=np.float32)
    before = float(vector[index])
    vector.view(np.uint32)[index] ^= np.uint32(1 << bit)
    if abs(float(vector[index]) - before) > 1e-4 or not np.isfinite(vector[index]):
        assert not is_as_written(replace(point, vectors={DENSE_VECTOR: vector}))


@given(scale=st.floats(1 - 1e-6, 1 + 1e-6))
def test_a_store_may_bring_it_to_unit_length_once_more(scale: float) -> None:
    """That moves the last bit, and is no damage."""
    point = make_point()
    vector = np.asarray(point.vectors[DENSE_VECTOR]) * np.float32(scale)
    assert is_as_written(replace(point, vectors={DENSE_VECTOR: vector}))


@pytest.mark.parametrize(
    "change",
    [
        lambda payload: payload[OWN_KEY].update(tokens=4),
        lambda payload: payload[OWN_KEY].pop("source"),
        lambda payload: payload[OWN_KEY].update({SUM: ""}),
        lambda payload: payload[OWN_KEY].update({SUM: "ab"}),
        lambda payload: payload.update({NODE_KEY: json.dumps({"text": "bodi"})}),
        lambda payload: payload.update({NODE_KEY: "{"}),
    ],
)
def test_another_payload_or_text_is_seen(change: Callable[[dict[str, Any]], Any]) -> None:
    """With or without the vector."""
    point = make_point()
    assert is_as_written(point)
    changed = deepcopy(point.payload)
    change(changed)
    assert not is_as_written(replace(point, payload=changed), with_vector=False)
    assert not is_as_written(replace(point, payload=changed))
    assert not is_as_written(replace(point, id="2"))


def test_what_changes_later_does_not_count(opener: Opener) -> None:
    """Metadata that somebody sets, words that are weighed anew, points of other programs."""
    point = make_point()
    payload = {**point.payload, "reviewed": True}
    payload[OWN_KEY] = {**payload[OWN_KEY], "counts": [1, 2]}
    assert is_as_written(replace(point, payload=payload))
    assert is_as_written(Stored("3", {"of": "another program"}))


def changed(store: DocumentStore, name: str, vector: str, to: Any) -> Any:
    """Change a vector of a collection's first point, and answer with what it was."""
    first = next(scroll(store.place.points, name, what="x", vectors=True))
    store.place.points.revise(name, [Point(first.id, {vector: to}, {})], what="x")
    return first.vectors[vector]


def test_every_vector_of_every_engine_is_looked_at(opener: Opener) -> None:
    """Of documents and passages, meaning and words."""
    with opener() as store:
        ensure(store, passage_tokens=4)
        for document in random_documents(4):
            store.upsert(document)
        assert store.reweigh() > 0
    with opener() as store:
        assert list(find_damaged(store.place)) == []
        others: dict[str, Any] = {
            DENSE_VECTOR: np.eye(DIMENSION, dtype=np.float32)[0],
            TERMS_VECTOR: TermVector(np.array([7]), np.array([0.5])),
        }
        for of in ("documents", "documents.passages"):
            for vector, other in others.items():
                before = changed(store, of, vector, other)
                ((source, told),) = find_damaged(store.place)
                assert source in store.sources()
                assert ("1 of its passages" in told) == (of != "documents")
                changed(store, of, vector, before)
                assert list(find_damaged(store.place)) == []


def test_a_search_refuses_a_text_that_is_not_as_written(opener: Opener) -> None:
    """It names the document, and so does what reads it."""
    with opener() as store:
        ensure(store)
        store.upsert(make_document("/a.txt", "apples and pears"))
        place, identity = store.place, document_id("/a.txt")
        place.points.set_payload(
            "documents", identity, {"layout": {"pages": [3]}}, key=OWN_KEY, what="x"
        )
        with pytest.raises(StoreDamagedError, match=r"/a\.txt at .* is not as it was written"):
            find(store, "apples")


class StoppedError(Exception):
    """The process was killed here."""


@in_places(("opener", "after"), [0, 1, 2, 3])
def test_words_fit_whenever_weighing_them_is_stopped(
    opener: Opener, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sums of those that were stand beside those that are written, until all are."""
    with opener() as store:
        ensure(store, passage_tokens=4)
        for document in random_documents(3):
            store.upsert(document)
        points = store.place.points
        calls = 0

        def stopping(method: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **options: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls > after:
                    raise StoppedError
                return method(*args, **options)

            return call

        with monkeypatch.context() as patch:
            for name in ("revise", "set_payload"):
                patch.setattr(points, name, stopping(getattr(points, name)))
            with pytest.raises(StoppedError):
                store.reweigh()
        assert list(find_damaged(store.place)) == []
        store.reweigh()
        assert list(find_damaged(store.place)) == []
