"""Entries of a PDF's outline, found again by their words."""

from __future__ import annotations

from longembed_rag.files.formats.pdf_outline import Entry, find_headings


def test_headings_are_found_by_their_words() -> None:
    """In order, at the beginning of a line rather than in a sentence, blanks being alike."""
    text = "See The terms below.\n\n1 The  terms\nx\n\nTHE END is\n"
    wanted = [
        Entry(1, "The terms", 0, len(text)),
        Entry(2, "Missing", 0, len(text)),
        Entry(2, "the end", 10, len(text)),
    ]
    found = find_headings(text, wanted)
    assert [(text[each.start :][:5], each.level, each.text) for each in found] == [
        ("1 The", 1, "The terms"),
        ("THE E", 2, "the end"),
    ]


def test_what_is_not_on_its_page_is_looked_for_on_no_other() -> None:
    """Else one that is written otherwise would stand far behind, and take those between along."""
    pages = ["Preface\n", "The terms\n", "Of notes\n", "Notes\n"]
    text = "".join(pages)
    starts = [text.index(page) for page in pages]
    ends = [*starts[1:], len(text)]
    titles = ["Notes", "The terms", "Of notes"]
    entries = [Entry(1, each, starts[n], ends[n]) for n, each in enumerate(titles)]
    assert [each.text for each in find_headings(text, entries)] == ["The terms", "Of notes"]
