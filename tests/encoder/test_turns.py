"""Who runs the model next where several threads have texts to read."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from longembed_rag.encoder.turns import Turns

if TYPE_CHECKING:
    from tests.conftest import EncoderFactory


def order_of(lefts: list[int]) -> list[int]:
    """In which order those are given a turn that wait while somebody else has it."""
    turns, order = Turns(), []
    came = 0

    def take(left: int) -> None:
        with turns.turn(left):
            order.append(left)

    with turns.turn(1):
        threads = []
        for left in lefts:
            threads.append(threading.Thread(target=take, args=(left,)))
            threads[-1].start()
            came += 1
            while len(turns._waiting) < came:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    return order


def test_who_has_least_to_read_comes_first() -> None:
    """... and of those with as much, who came first."""
    assert order_of([32_000, 20]) == [20, 32_000]
    assert order_of([5, 5]) == [5, 5]


def test_nobody_waits_for_ever() -> None:
    """Every fourth turn is that of whoever waits longest."""
    assert order_of([32_000, 1, 2, 3, 4, 5]) == [1, 2, 32_000, 3, 4, 5]


def test_it_is_shared_while_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """... and for some seconds after, so that passes stay short where more are likely to come."""
    turns = Turns()
    with turns.turn(1):
        assert not turns.is_shared
        waits = threading.Thread(target=lambda: turns.turn(1).__enter__())
        waits.start()
        while not turns._waiting:
            time.sleep(0.001)
        assert turns.is_shared
    waits.join()
    assert turns.is_shared
    monkeypatch.setattr("longembed_rag.encoder.turns._RECENT", 0.0)
    assert not turns.is_shared


def test_passes_are_shorter_while_others_wait(
    load_encoder: EncoderFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of the tokens each, with the same vectors."""
    encoder = load_encoder("bert", method="pcw", batch_tokens=4096)
    kind, passes = type(encoder._loaded), []
    states = kind.states

    def noted(self: Any, ids: Any, *rest: Any) -> Any:
        passes.append(sum(map(len, ids)))
        return states(self, ids, *rest)

    monkeypatch.setattr(kind, "states", noted)
    text = "a tenant signed the lease " * 2000
    alone = encoder.encode([text]).embeddings
    large = max(passes)
    passes.clear()
    monkeypatch.setattr(Turns, "is_shared", True)
    np.testing.assert_allclose(encoder.encode([text]).embeddings, alone, atol=1e-6)
    assert 2048 < large <= 4096
    assert max(passes) <= 1024


def test_a_turn_that_fails_is_over() -> None:
    """What goes wrong in one pass holds up no other."""
    turns = Turns()
    with pytest.raises(ValueError, match="wrong"), turns.turn(1):
        raise ValueError("wrong")
    with turns.turn(1):
        pass
    assert order_of([2, 1]) == [1, 2]


def test_a_short_text_is_read_while_a_long_one_is(load_encoder: EncoderFactory) -> None:
    """It comes out before the long one does, and both as if each had been alone."""
    encoder = load_encoder("bert", method="pcw", batch_tokens=64)
    long, short = "a tenant signed the lease " * 400, "who signed"
    alone = encoder.encode([long, short]).embeddings
    finished: dict[str, float] = {}
    found: dict[str, np.ndarray] = {}
    is_reading = threading.Event()

    def told(done: int, total: int) -> None:
        is_reading.set()

    def read_long() -> None:
        found["long"] = encoder.encode_passages(long, on_progress=told).embedding
        finished["long"] = time.monotonic()

    thread = threading.Thread(target=read_long)
    thread.start()
    assert is_reading.wait(30)
    found["short"] = encoder.encode([short]).embeddings[0]
    finished["short"] = time.monotonic()
    thread.join()
    assert finished["short"] < finished["long"]
    np.testing.assert_allclose(found["long"], alone[0], atol=1e-6)
    np.testing.assert_allclose(found["short"], alone[1], atol=1e-6)
