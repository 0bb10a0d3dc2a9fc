"""Over what a benchmark is spread, and what each piece of work gets of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_eval import Spread
from longembed_eval.spread.options import Share, share_of
from longembed_rag.errors import SettingsError


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"address": ""}, "ray=''"), ({"workers": 0}, "workers=0"), ({"gpus": -1}, "gpus=-1")],
)
def test_what_cannot_be_is_refused(changes: dict[str, object], told: str) -> None:
    """By its name."""
    with pytest.raises(SettingsError, match=told):
        Spread(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spread", "nodes", "device", "share"),
    [
        (Spread(), [(2, 0)], None, Share(1, False, 2)),
        (Spread(workers=2), [(16, 0)], None, Share(8, False, 2)),
        (Spread(workers=3), [(8, 0), (8, 0)], None, Share(4, False, 3)),
        (Spread(workers=99), [(2, 0)], None, Share(1, False, 2)),
        (Spread(), [(16, 4)], None, Share(4, True, 4)),
        (Spread(workers=2), [(16, 4)], "cuda", Share(8, True, 2)),
        (Spread(), [(16, 4)], "cpu", Share(1, False, 16)),
        (Spread(gpus=2), [(16, 4), (64, 0)], None, Share(8, True, 2)),
        (Spread(gpus=0), [(16, 4)], None, Share(1, False, 16)),
        (Spread(), [], None, Share(1, False, 1)),
    ],
)
def test_idle_processors_are_given_to_the_work(
    spread: Spread, nodes: list[tuple[int, int]], device: str | None, share: Share
) -> None:
    """A processor or a GPU each; where fewer pieces run at once, more processors each."""
    assert share_of(spread, nodes, device=device) == share


@given(
    st.lists(st.tuples(st.integers(1, 64), st.integers(0, 8)), min_size=1, max_size=5),
    st.none() | st.integers(1, 40),
)
def test_a_share_fits_a_machine(nodes: list[tuple[int, int]], workers: int | None) -> None:
    """Else Ray would wait for a larger one, for ever; and as many fit as were asked for."""
    share = share_of(Spread(workers=workers), nodes, device=None)
    room = [
        min(cpus // share.processors, gpus) if share.gpu else cpus // share.processors
        for cpus, gpus in nodes
    ]
    assert sum(room) >= share.at_once >= 1
    assert workers is None or share.at_once <= workers


def test_gpus_that_are_not_there() -> None:
    """Told at once, with how many there are."""
    with pytest.raises(SettingsError, match=r"gpus=2: .* at there has 1"):
        share_of(Spread(address="there", gpus=2), [(8, 1)], device=None)
