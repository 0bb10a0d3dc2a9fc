"""Options that hold several values."""

from __future__ import annotations

import pytest

from longembed_rag.cli.lists import weighted_lengths
from longembed_rag.errors import SettingsError


def test_lengths_and_how_often() -> None:
    """Once where nothing is said, as often as is said last, over several options."""
    assert weighted_lengths(("512:2,4096", " 1024:0.5 ,4096:3")) == {512: 2, 4096: 3, 1024: 0.5}
    assert weighted_lengths((",",)) == {}


@pytest.mark.parametrize("given", ["512:", "512:-1", "512:inf", "512:nan", "512:1:2", "0:1", "x:1"])
def test_what_is_no_length_or_weight(given: str) -> None:
    """Said with the part that is wrong."""
    with pytest.raises(SettingsError, match="lengths: '"):
        weighted_lengths((given,))
