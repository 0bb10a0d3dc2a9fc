"""JSON and XML as what they mean."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape

from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.files.text.text_formats import (
    declared_encoding,
    without_json_escapes,
    without_xml_references,
)

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]))


@given(TEXT, st.booleans())
def test_json_gives_the_text_that_was_written(text: str, ensure_ascii: bool) -> None:
    """Whether its letters were escaped or not, pairs, quotes and backslashes among them."""
    written = json.dumps({"key": text}, ensure_ascii=ensure_ascii)
    assert without_json_escapes(written) == f'{{"key": "{text}"}}'


@given(st.text())
def test_json_keeps_its_lines(text: str) -> None:
    """What is one line of a file is one line of its text, whatever is written in it."""
    assert "\n" not in without_json_escapes(json.dumps(text))


@given(TEXT)
def test_xml_gives_the_text_that_was_written(text: str) -> None:
    """Its signs by their names, and a letter by its number."""
    assert without_xml_references(f"<a>{escape(text)}</a>") == f"<a>{text}</a>"
    letters = "".join(each for each in text if each.isalpha())
    for form in ("&#{};", "&#x{:x};"):
        numbers = "".join(form.format(ord(each)) for each in letters)
        assert without_xml_references(numbers) == letters


def test_what_is_no_declaration_declares_nothing() -> None:
    """Of the encoding that prose speaks of, only the first two lines can be one."""
    assert declared_encoding(b"one\ntwo\ncoding: latin-2\n", ".py") is None
    assert declared_encoding(b"# coding: latin-2\n", ".py") == "latin-2"
    assert declared_encoding(b"<a/>", ".xml") is None
    assert declared_encoding(b"\\usepackage[xyz]{inputenc}", ".tex") is None
