"""Raised text in plain text."""

from __future__ import annotations

import pytest

from longembed_rag.files.formats.superscripts import write_power, write_raised


@pytest.mark.parametrize(
    ("before", "raised", "written"),
    [
        ("12 m", "2", "²"),
        ("12 kWh", "2", "²"),
        ("10", "6", "⁶"),
        ("10", "−3", "⁻³"),
        ("(a+b)", "2", "²"),
        ("1", "st", "st"),
        ("M", "me", "me"),
        ("of steel.", "12", " 12"),
        ("of steel", "12", " 12"),
        ("of steel ", "12", "12"),
        ("of steel", "[12]", "[12]"),
        ("Ada Lo", "1,2", " 1,2"),
        ("", "1", "1"),
    ],
)
def test_powers_are_raised_and_the_numbers_of_notes_apart(
    before: str, raised: str, written: str
) -> None:
    """After a number, a unit or brackets it is a power; after a word it is a note."""
    assert write_raised(raised, before) == written


def test_a_known_note_is_never_a_power() -> None:
    """Where the page says that it is a note, what stands before does not matter."""
    assert write_raised("2", "12 m", is_note=True) == " 2"
    assert write_raised("a", "Lo", is_note=True) == " a"


def test_powers_in_formulas() -> None:
    """An exponent of digits is raised, others follow a sign."""
    assert (write_power("2"), write_power("n+1")) == ("²", "^n+1")
