"""HTML: what a browser shows."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.files.formats.html_reader import read_html


def read(page: str) -> str:
    """The text of a page."""
    return read_html(page.encode(), "a.html").text


def test_title_and_visible_text_come_out() -> None:
    """Scripts, styles, comments, hidden parts and templates are not text."""
    page = """<!DOCTYPE html><html><head><title> The
      title </title><style>p {}</style><script>var x = "no";</script></head>
    <body><!-- no --><h1>Heading</h1><p>One <b>bo</b>ld&nbsp;word &amp; more.</p>
    <noscript>no</noscript><template>no</template><p hidden>no</p>
    <p style="color: red; DISPLAY : none">no</p><div>Two</div><script>no</script></body></html>"""
    content = read_html(page.encode(), "a.html")
    assert content.text == "The title\n\nHeading\n\nOne bold\u00a0word & more.\n\nTwo"
    assert content.metadata == {"title": "The title"}


def test_a_title_that_opens_the_page_is_not_repeated() -> None:
    """Where the body begins with the title, the title stands there once."""
    assert read("<title>Same</title><h1>Same</h1><p>x") == "Same\n\nx"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<div>a</div><div>b</div>", "a\nb"),
        ("<p>a<p>b", "a\n\nb"),
        ("a<br>b<br><br>c", "a\nb\n\nc"),
        ("<ul><li>a</li><li>b</li></ul>c", "a\nb\n\nc"),
        ("a <i>b</i> c<i>d</i>\n\n e", "a b cd e"),
        ("<pre>\n  a\n    b  c\n</pre>d", "  a\n    b  c\n\n\nd"),
        ("<table><tr><th>a<th>b<tr><td>1</td> <td>2</td></tr></table>", "a | b\n1 | 2"),
        ("<table><tr><td><p>a</p><p>b</p></td><td>c</td></tr></table>", "a\n\nb\n\nc"),
        ("<div><div><p>a</p></div></div><div>b</div>", "a\n\nb"),
        ("a<!-- x -->b<![CDATA[c]]>", "ab"),
    ],
)
def test_blocks_become_lines(page: str, text: str) -> None:
    """Block structure is kept as line breaks, spaces as a browser would show them."""
    assert read(page) == text


def test_nesting_deeper_than_the_stack_is_read() -> None:
    """Ten thousand nested elements neither crash the reader nor lose the text inside."""
    deep = "<div>" * 10_000 + "inside" + "</div>" * 10_000
    assert read(f"<p>before</p>{deep}<p>after</p>") == "before\n\ninside\n\nafter"


@pytest.mark.parametrize(
    ("declaration", "encoding"),
    [
        ('<meta charset="windows-1251">', "cp1251"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">', "koi8_r"),
        ('<?xml version="1.0" encoding="windows-1251"?>', "cp1251"),
        ('<meta charset="windows-1251">', "utf-8"),
        ("", "utf-8"),
    ],
)
def test_the_declared_encoding_counts_unless_it_is_plainly_wrong(
    declaration: str, encoding: str
) -> None:
    """A page is read as it declares; valid UTF-8 is UTF-8 whatever is declared."""
    page = f"{declaration}<p>Привет, мир</p>"
    assert read_html(page.encode(encoding), "a.html").text == "Привет, мир"


@pytest.mark.parametrize(
    "page",
    [
        "<!DOCTYPE html><html><head><meta charset=utf-8><title>Notes</title><body><p>Long body.",
        "<html><head><title>Notes</title><p>Long body.",
        "<head><title>Notes</title><style>p {}</style><h1></h1><p>Long body.</p>",
    ],
)
def test_a_head_that_never_ends(page: str) -> None:
    """The end tag of the head is optional; the body is read all the same."""
    assert "Long body." in read_html(page.encode(), "page.html").text


def test_titles_of_drawings_are_not_the_pages() -> None:
    """A page without a title does not take that of a drawing in it."""
    content = read_html(b"<body><svg><title>Arrow</title></svg><p>Text</p></body>", "page.html")
    assert "title" not in content.metadata
    assert content.text == "Text"


def test_hidden_until_found_is_there_to_be_found() -> None:
    """Sections that a browser opens when a search hits them are text."""
    content = read_html(b"<p>Seen</p><div hidden=until-found>Folded</div><p hidden>Not</p>", "p")
    assert "Folded" in content.text
    assert "Not" not in content.text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("12 m<sup>2</sup> of it", "12 m² of it"),
        ("10<sup>6</sup> or 10<sup>-3</sup>", "10⁶ or 10⁻³"),
        ("the 1<sup>st</sup>", "the 1st"),
        ("steel.<sup><a href='#n'>12</a></sup> The", "steel. 12 The"),
        ("m<a href='#n'><sup>2</sup></a> The", "m 2 The"),
        ("m<sup class=footnote>2</sup>", "m 2"),
        ("duck<sup class=reference><a href='#c'>[1]</a></sup> and", "duck[1] and"),
        ("H<sub>2</sub>O", "H2O"),
        ("<p>x<sup>2</p><p>next</p>", "x²\n\nnext"),
        ("<p>x<sup>a<div>b</div>", "xa\nb"),
        ("<sup>1</sup> First", "1 First"),
        ("<ruby>漢<rp>[</rp><rt>kan</rt><rp>]</rp></ruby>字", "漢(kan)字"),
    ],
)
def test_raised_text(page: str, text: str) -> None:
    """Powers stay powers, and the numbers of notes are no part of words."""
    assert read(page) == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("a<img src=m.png alt='Map of the quay'>b", "a Map of the quay b"),
        ("<h1><img alt='Name'></h1>x", "Name\n\nx"),
        ("<img alt=''><img src=dot.gif>x", "x"),
        ("<input value='Ada'><input type=password value=no><input type=hidden value=no>", "Ada"),
        ("<input type=image alt='Go'>", "Go"),
        ("<details><summary>More</summary>inside</details>", "More\ninside"),
        ("<b aria-hidden=true>seen</b>", "seen"),
        ("<a href='../other.html'>link</a>", "link"),
        ("Tide<br>tables<ul><li>low<li>high</ul>", "Tide\ntables\n\nlow\nhigh"),
    ],
)
def test_what_is_seen_beside_text(page: str, text: str) -> None:
    """Pictures by their alternative texts, fields by their values, folded parts as text."""
    assert read(page) == text


def test_what_is_hidden_ends_where_a_browser_ends_it() -> None:
    """A paragraph whose end tag is left out hides nothing but itself."""
    assert read("<p hidden>no<p>yes<ul><li style='display:none'>no<li>too</ul>") == "yes\n\ntoo"


def test_headings_stand_where_they_are_said_to() -> None:
    """Of all levels, by role as well, behind a title that is put before the page."""
    page = """<title>Page</title><pre>

    first</pre><h1>  One <b>and</b>
    only</h1><p>text<h3>Third<div role=heading aria-level=4>Fourth</div><h2></h2><h2>Last"""
    content = read_html(page.encode(), "a.html")
    headings = content.layout.headings
    assert [(each.level, each.text) for each in headings] == [
        (1, "One and only"),
        (3, "Third"),
        (4, "Fourth"),
        (2, "Last"),
    ]
    assert all(content.text[each.start :].startswith(each.text) for each in headings)


def test_what_a_page_says_of_itself() -> None:
    """Known keys under the names that all types share, others as they are, no technical ones."""
    page = """<html lang=en-GB><head><title>T</title><meta charset=utf-8>
    <meta name=viewport content=w><meta property="og:site" content=x><meta name=Author content=Ada>
    <meta name=keywords content="fish, keys"><meta property="og:description" content="other">
    <meta name=description content=" of fish "><meta name=date content="2026-01-31">
    <meta name=Matter content="4711"><meta http-equiv=refresh content=5><meta name=empty content="">
    <meta name="article:tag" content=a></head><body>x"""
    assert read_html(page.encode(), "a.html").metadata == {
        "title": "T",
        "language": "en-GB",
        "author": "Ada",
        "keywords": ["fish", "keys"],
        "description": "of fish",
        "created": "2026-01-31",
        "Matter": "4711",
    }


def test_several_authors_are_a_list() -> None:
    """Pages of papers name each in an element of its own."""
    page = b"<meta name=citation_author content=Ada><meta name=citation_author content=Bob>x"
    assert read_html(page, "a.html").metadata["author"] == ["Ada", "Bob"]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (b"<p>before <![n00b after</p> last", "before last"),
        (b'<meta charset="utf\0008"><p>text</p>', "text"),
        (b'<meta charset="no-such"><p>text</p>', "text"),
        (b"<script/>x</script><p>text", "x\n\ntext"),
        (b"a < b & c </ d", "a < b & c"),
    ],
)
def test_broken_markup_is_read_as_browsers_read_it(page: bytes, text: str) -> None:
    """Declarations that do not exist, encodings that do not, and signs that begin no tag."""
    assert read_html(page, "a.html").text == text


@pytest.mark.parametrize(
    "piece", ["<div>", "<a ", "<li>x", "<!--", "<table><tr><td>x", "&#", "</p>"]
)
def test_time_is_linear_in_the_page(piece: str) -> None:
    """Fifty thousand times anything, never ended, takes a moment; the square of it minutes."""
    started = time.monotonic()
    read("text " + piece * 50_000)
    assert time.monotonic() - started < 20


_WORDS = st.lists(st.from_regex(r"[a-zé漢]{1,8}", fullmatch=True), min_size=1, max_size=3)


@st.composite
def pages(draw: st.DrawFn, depth: int = 0) -> tuple[str, list[str]]:
    """A piece of a page, and the words that are seen of it in order."""
    page, words = "", []
    for _ in range(draw(st.integers(1, 3))):
        tag = draw(st.sampled_from(["p", "div", "li", "h2", "b", "td", "pre", "br", "hidden"]))
        own = draw(_WORDS)
        if tag == "hidden":
            page += f"<div hidden>{' '.join(own)}<p>no</p></div>"
            continue
        inner = " ".join(own)
        words += own
        if depth < 3 and tag in ("div", "li", "td"):
            below, more = draw(pages(depth + 1))
            inner += f" {below}"
            words += more
        page += {
            "br": f" {inner}<br>",
            "b": f" <b>{inner}</b> ",
            "td": f"<table><tr><td>{inner}<td>cell</table>",
            "li": f"<ul><li>{inner}</ul>",
        }.get(tag, f"<{tag}>{inner}</{tag}>")
        words += ["cell"] * (tag == "td")
    return page, words


@given(pages())
def test_words_in_are_words_out(page: tuple[str, list[str]]) -> None:
    """Whatever stands in what, each word that is seen comes out once, in order."""
    markup, words = page
    assert re.findall(r"\w+", read(markup)) == words
