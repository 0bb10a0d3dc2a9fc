"""A text that grows block by block."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.files.formats.building import TextBuilder
from longembed_rag.files.values import Content
from longembed_rag.layout import Heading, Layout

BLOCK = st.text("ab \n\r", max_size=6)
STEPS = st.lists(
    st.one_of(
        st.just(("page", "")),
        st.tuples(st.sampled_from(["text", "heading", "content"]), BLOCK),
    )
)


@given(STEPS)
def test_pages_and_headings_stand_where_they_were_added(steps: list[tuple[str, str]]) -> None:
    """Whatever is added in whatever order, blanks and empty pages too."""
    builder = TextBuilder()
    headings: list[str] = []
    pages: list[list[str]] = []
    for kind, text in steps:
        if kind == "page":
            builder.page()
            pages.append([])
            continue
        if pages:
            pages[-1] += text.split()
        if kind == "content":
            first = len(text) - len(text.lstrip())
            layout = Layout(headings=(Heading(first, 2, "x"),) if text.strip() else ())
            builder.add_content(Content(text, layout=layout))
        else:
            builder.add(text, level=1 if kind == "heading" else None)
        if kind != "text" and text.strip():
            headings.append(text.split()[0])
    content = builder.content({})
    starts = [heading.start for heading in content.layout.headings]
    assert [content.text[start:].split()[0] for start in starts] == headings
    assert content.text.split() == [word for kind, text in steps for word in text.split()]
    begins = content.layout.pages
    ends = [*begins[1:], len(content.text)][: len(begins)]
    shown = [content.text[a:b].split() for a, b in zip(begins, ends, strict=True)]
    before = next((n for n, (kind, _) in enumerate(steps) if kind == "page"), len(steps))
    if not any(text.split() for _, text in steps[:before]):
        assert shown == pages
