"""Headings and titles of texts that mark them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.files.text.latex import latex_outline
from longembed_rag.files.text.markup import (
    asciidoc_outline,
    markdown_outline,
    org_outline,
    rst_outline,
)
from longembed_rag.files.text.outline import Outline
from longembed_rag.files.text.text_reader import read_markdown, read_text


def _told(outline: Outline) -> list[tuple[int, str]]:
    return [(heading.level, heading.text) for heading in outline.headings]


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("# Harbour handbook", "Harbour handbook"),
        ("# [Harbour handbook](https://example.org/h) {#top .big}", "Harbour handbook"),
        ("Harbour handbook\n================", "Harbour handbook"),
        ("# Programming in C#", "Programming in C#"),
        ("# The *title* of `it` ##", "The title of it"),
        ("intro\n\n# **A** & B <br> ![c](d)", "A & B c"),
        ("## Second\n\ntext\n# First", "First"),
        ("   # Indented", "Indented"),
        ("# Two\\# \\*stars\\*", "Two# *stars*"),
        ("## Only second", None),
        ("```\n# code\n```\n~~~\n# code", None),
        ("    # code", None),
        ("> # quoted\n\n- # listed", None),
        ("#nospace", None),
        ("---\ntitle\n---", None),
    ],
)
def test_titles_of_markdown(source: str, title: str | None) -> None:
    """The first heading of the first level, wherever and however it is written, as it is read."""
    assert markdown_outline(source).title == title


def test_headings_of_markdown_stand_where_they_begin() -> None:
    """Whatever line ends there are, and below front matter."""
    for end in ("\n", "\r\n", "\r"):
        text = end.join(["---", "a: b", "---", "# One", "text", "", "Two", "---", "### Three"])
        outline = markdown_outline(text, text.index("# One"))
        assert _told(outline) == [(1, "One"), (2, "Two"), (3, "Three")]
        starts = [text.index(word) for word in ("# One", "Two", "### Three")]
        assert [heading.start for heading in outline.headings] == starts


def test_front_matter_is_no_heading() -> None:
    """Its last line and the rule below it would be one."""
    content = read_markdown(b"---\ntitle: Harbour\n---\n# Other\n", "a.md")
    assert content.metadata == {"title": "Harbour"}
    assert [heading.text for heading in content.layout.headings] == ["Other"]
    assert content.text == "---\ntitle: Harbour\n---\n# Other\n"
    broken = read_markdown(b"---\na: b: c\n---\n# Other\n", "a.md")
    assert broken.metadata == {"title": "Other"}
    assert broken.notes[0].startswith("its front matter was left out")


def test_a_long_markdown_text_is_quick() -> None:
    """A quarter of a megabyte in a second."""
    text = "## Heading *here*\n\nSome words, a [link](to) and more of them.\n\n- item\n\n" * 3_500
    begin = time.perf_counter()
    assert len(markdown_outline(text).headings) == 3_500
    assert time.perf_counter() - begin < 20


def test_headings_of_latex() -> None:
    """From the highest kind that is used; starred, with a short form, nested braces; macros."""
    text = (
        "\\title[Short]{On \\emph{ducks}\\thanks{Ann}}\n% \\section{no}\n"
        "\\section*{One \\& {two}}\n"
        "\\subsection[x]{T\\label{sec:t}ext~\\textbf{b \\textit{c}}}\n10\\% \\section{Three}% x\n"
        "\\begin{verbatim}\n\\section{no}\n\\end{verbatim}\n\\paragraph{Four}\\sectionmark{no}\n"
        "\\section{\\ourmodel{} and \\LaTeX\\\\ more}\n\\section{unclosed"
    )
    outline = latex_outline(text)
    assert _told(outline) == [
        (1, "One & two"), (2, "Text b c"), (1, "Three"), (4, "Four"),
        (1, "ourmodel and LaTeX more"),
    ]  # fmt: skip
    assert outline.title == "On ducks"
    assert all(text[each.start :].startswith("\\") for each in outline.headings)


def test_headings_of_restructured_text() -> None:
    """By their adornments, in the order in which they come; tables and transitions are none."""
    text = (
        "=====\nTitle\n=====\n\nText\n\nOne\n---\n\n::\n\n   Code\n   ----\n\n==== ====\na    b\n"
        "==== ====\n\ntext\n\n-----\n\ntext\n\nDeep\n~~~~\n\nTwo\n---\n"
        "paragraph\nof two lines\n-------\n"
    )
    outline = rst_outline(text)
    assert _told(outline) == [(1, "Title"), (2, "One"), (3, "Deep"), (2, "Two")]
    assert outline.title == "Title"
    assert [text[each.start :].split("\n")[0] for each in outline.headings] == [
        "Title", "One", "Deep", "Two",
    ]  # fmt: skip


def test_headings_of_asciidoc_and_org() -> None:
    """Not those in listings; an Org heading without its keyword, priority and tags."""
    asciidoc = asciidoc_outline("= Doc\n\n== One ==\n----\n== no\n----\n=== Two\n====\nbox\n====")
    assert _told(asciidoc) == [(1, "Doc"), (2, "One"), (3, "Two")]
    assert asciidoc.title == "Doc"
    org = org_outline("#+TITLE: Mine\n* TODO [#A] One :x:y:\ntext *bold*\n** Two: three\n")
    assert _told(org) == [(1, "One"), (2, "Two: three")]
    assert org.title == "Mine"


def test_texts_are_read_by_their_suffix() -> None:
    """The text stays as it is."""
    data = b"\\title{Ducks}\r\n\\section{One}"
    content = read_text(data, "/somewhere/a.TEX")
    assert content.text == data.decode()
    assert content.metadata == {"title": "Ducks"}
    assert [heading.text for heading in content.layout.headings] == ["One"]
    assert not read_text(b"# One\n= Two", "a.txt").layout


@pytest.mark.parametrize(
    "text",
    [
        "= x" + " " * 1_000_000, "* x" + " \t" * 500_000, "=" * 1_000_000, "x\n" + "-" * 1_000_000,
        "\\begin{comment}" * 60_000, "\\section{" * 20_000, "% " * 500_000, "\\section[" * 20_000,
    ],
)  # fmt: skip
def test_odd_texts_are_quick(text: str) -> None:
    """Time grows with the text, not with its square."""
    begin = time.perf_counter()
    for outline in (latex_outline, rst_outline, asciidoc_outline, org_outline):
        outline(text)
    assert time.perf_counter() - begin < 20


@given(st.text("#=-*~`\\{}[]%: \t\r\nab\u2028é", max_size=80))
def test_headings_stand_in_the_text_in_order(text: str) -> None:
    """Whatever the text, and each has words."""
    for outline in (markdown_outline, latex_outline, rst_outline, asciidoc_outline, org_outline):
        headings = outline(text).headings
        starts = [heading.start for heading in headings]
        assert starts == sorted(set(starts))
        assert all(0 <= heading.start < len(text) and heading.text.strip() for heading in headings)
        assert all(heading.level >= 1 for heading in headings)
