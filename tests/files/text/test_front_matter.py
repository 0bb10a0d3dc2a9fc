"""What stands above a Markdown text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.files.text.front_matter import LONGEST, front_matter


def _yaml(source: str) -> dict[str, object]:
    found = front_matter(f"---\n{source}\n---\ntext")
    assert found.note is None
    return found.metadata


def test_types_are_kept() -> None:
    """Numbers, lists, truth, what is nested; dates are ISO 8601; keys are strings."""
    source = (
        "title: Ducks\nn: 3\nf: -1.5e3\nb: true\nnest:\n  a: [1, two]\n1: one\nfalse: x\n"
        "date: 2024-01-05\nat: 2024-01-05 10:00:00\nwith: 2024-01-05T10:00:00+02:00\n"
        "2024-01-05: day\nnone: ~\nempty:\nbig: 123456789012345678901\nnan: .nan"
    )
    assert _yaml(source) == {
        "title": "Ducks", "n": 3, "f": -1500.0, "b": True, "nest": {"a": [1, "two"]}, "1": "one",
        "false": "x", "date": "2024-01-05", "at": "2024-01-05T10:00:00",
        "with": "2024-01-05T10:00:00+02:00", "2024-01-05": "day", "big": "123456789012345678901",
        "nan": ".nan",
    }  # fmt: skip


@pytest.mark.parametrize(
    "scalar", ["no", "yes", "on", "off", "y", "12:30", "01234", "1_000", "2024-13-45", "0x1F", "1."]
)
def test_what_only_looks_like_a_number_or_truth_is_a_text(scalar: str) -> None:
    """`no` is Norwegian, and a code keeps its zero."""
    assert _yaml(f"a: {scalar}") == {"a": scalar}


def test_half_a_character_is_replaced() -> None:
    """No store could hold it."""
    assert _yaml('"k\\ud83d": "v\\ud83d"') == {"k\ufffd": "v\ufffd"}


def test_toml_is_read_the_same() -> None:
    """Between plus signs."""
    found = front_matter(
        '+++\ntitle = "Ducks"\nn = 3\nat = 10:00:00\ninf = inf\n[a]\nb = [1]\n+++\nx'
    )
    assert found.metadata == {
        "title": "Ducks", "n": 3, "at": "10:00:00", "inf": "inf", "a": {"b": [1]},
    }  # fmt: skip


def test_keys_are_those_of_other_types() -> None:
    """Languages, authors and keywords, whatever they are called here; a title is a text."""
    source = "lang: de\nauthors: [Ann, Bo]\nkeywords: pond, lake; duck\ntitle: 1984"
    assert _yaml(source) == {
        "language": "de",
        "author": ["Ann", "Bo"],
        "keywords": ["pond", "lake", "duck"],
        "title": "1984",
    }
    assert _yaml("lang: de\nlanguage: en") == {"lang": "de", "language": "en"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("closing", ["---", "...", "--- "])
def test_the_text_begins_below(end: str, closing: str) -> None:
    """With any line ends, and a byte order mark before."""
    head = end.join(["\ufeff---", "a: b", closing, ""])
    found = front_matter(head + "text")
    assert (found.metadata, found.end) == ({"a": "b"}, len(head))


@pytest.mark.parametrize(
    "text",
    [
        "text", "", "---", "---\nno end", "----\na: b\n---\n", " ---\na: b\n---\n", "--- a\n---\n",
        "---\nA paragraph between rules.\n---\n", "---\n" + "a: b\n" * LONGEST + "---\n",
        "text\n---\na: b\n---\n",
    ],
)  # fmt: skip
def test_rules_are_no_front_matter(text: str) -> None:
    """What Markdown draws a line for."""
    found = front_matter(text)
    assert (found.metadata, found.end, found.note) == ({}, 0, None)


_TENFOLD = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("a: b: c", "it is no YAML"),
        ("a: [", "it is no YAML"),
        ("? [a]\n: b", "it is no YAML"),
        ("- a\n- b", "it is a list"),
        ("a: !!python/object/apply:os.system [ls]", "it is no YAML"),
        (f"a0: &a0 x\n{_TENFOLD}", "it stands for more than 10,000 values"),
        ("a: &a [*a]", "its values lie more than 20 deep"),
        ("a: " + "[" * 1200, ""),
    ],
)
def test_what_is_wrong_is_noted(source: str, reason: str) -> None:
    """Never a failure, and never as much as aliases can stand for."""
    found = front_matter(f"---\n{source}\n---\ntext")
    assert found.metadata == {}
    assert found.note is not None
    assert found.note.startswith(f"its front matter was left out: {reason}")
    assert found.end > 0


def test_merges_do_not_copy() -> None:
    """Mappings that merge mappings that merge mappings stay as small as they are."""
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 40)]
    assert front_matter("---\n" + "\n".join(lines) + "\n---\n").note is not None


@given(st.text("abn-+:[]{}&*!|>'\"#? \n\t0123456789.~<,%@`\0é", max_size=60), st.sampled_from("-+"))
def test_anything_is_front_matter_or_not(source: str, sign: str) -> None:
    """Whatever stands there, the answer can be stored, and the text begins in the text."""
    text = f"{sign * 3}\n{source}\n{sign * 3}\n"
    found = front_matter(text)
    json.dumps(found.metadata, allow_nan=False, ensure_ascii=False).encode()
    assert 0 <= found.end <= len(text)
