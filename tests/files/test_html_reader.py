"""HTML: what a browser shows."""

from __future__ import annotations

import pytest

from longembed_rag.files.html_reader import read_html


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
