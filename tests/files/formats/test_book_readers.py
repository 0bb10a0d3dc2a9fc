"""Books: EPUB and FictionBook."""

from __future__ import annotations

import pytest

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.epub_reader import read_epub
from longembed_rag.files.formats.fb2_reader import read_fb2
from longembed_rag.layout import Heading
from tests.files.making_office import make_epub, make_fb2, make_odf, make_zip


def _files(data: bytes) -> dict[str, bytes]:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_chapters_stand_in_the_order_of_the_spine() -> None:
    """Whatever their files are called; the titles of their pages are not shown."""
    data = make_epub(["<p>Third.</p>", "<p>First.</p>", "<p>Second.</p>"], spine=[1, 2, 0])
    assert read_epub(data, "a.epub").text == "First.\n\nSecond.\n\nThird."


def test_headings_are_those_of_the_pages() -> None:
    """Exactly where they stand in the whole."""
    data = make_epub(["<h1>One</h1><p>Text.</p>", "<p>x</p>", "<p>More.</p><h2>Two</h2>"])
    content = read_epub(data, "a.epub")
    assert content.text == "One\n\nText.\n\nx\n\nMore.\n\nTwo"
    assert content.layout.headings == (Heading(0, 1, "One"), Heading(22, 2, "Two"))


def test_what_a_book_says_of_itself_is_metadata() -> None:
    """Several authors are a list."""
    metadata = (
        "<dc:title>Ducks</dc:title><dc:creator>Ann</dc:creator><dc:creator>Bo</dc:creator>"
        "<dc:language>en-GB</dc:language><dc:date>1912</dc:date><dc:publisher/>"
    )
    assert read_epub(make_epub(["<p>x</p>"], metadata=metadata), "a.epub").metadata == {
        "title": "Ducks",
        "author": ["Ann", "Bo"],
        "language": "en-GB",
        "created": "1912",
    }


def test_a_missing_chapter_is_told() -> None:
    """What the file lacks is named, and the rest read."""
    files = _files(make_epub(["<p>Here.</p>", "<p>Gone.</p>"]))
    del files["book/text of/c1.xhtml"]
    content = read_epub(make_zip(files), "a.epub")
    assert content.text == "Here."
    assert content.notes == ("1 of 2 chapters are missing in the file",)


def test_a_book_of_which_only_fonts_are_encrypted_is_read() -> None:
    """Chapters that are encrypted are not: that is copy protection."""
    files = _files(make_epub(["<p>Here.</p>"]))
    locked = '<e xmlns="x"><CipherReference URI="{}"/></e>'
    files["META-INF/encryption.xml"] = locked.format("book/a.otf").encode()
    assert read_epub(make_zip(files), "a.epub").text == "Here."
    files["META-INF/encryption.xml"] = locked.format("book/text%20of/c0.xhtml").encode()
    with pytest.raises(ReadError, match=r"^a.epub: it is copy-protected"):
        read_epub(make_zip(files), "a.epub")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (make_odf("<a/>"), r"it is an OpenDocument text.*\.odt"),
        (make_zip({"META-INF/container.xml": "<container/>"}), "the EPUB is damaged"),
        (make_epub(["<p>x</p>"])[:-10], "the EPUB is damaged"),
        (b"just text", "the EPUB is damaged"),
    ],
)
def test_what_is_no_epub_says_why(data: bytes, reason: str) -> None:
    """Each has its own reason, and a way out."""
    with pytest.raises(ReadError, match=f"^a.epub: .*{reason}"):
        read_epub(data, "a.epub")


def test_sections_of_a_fiction_book_nest() -> None:
    """Titles are headings as deep as their sections; verses are lines."""
    body = (
        "<title><p>War</p><p>and peace</p></title><section><title><p>One</p></title>"
        "<p>Eh <emphasis>bien</emphasis>,\n  mon prince.</p><section><title><p>Deep</p></title>"
        "<poem><stanza><v>a</v><v>b</v></stanza></poem></section></section>"
    )
    info = (
        "<author><first-name>Leo</first-name><last-name>Tolstoy</last-name></author>"
        "<book-title>War and peace</book-title><lang>ru</lang>"
        "<annotation><p>About.</p></annotation>"
    )
    content = read_fb2(make_fb2(body, info=info), "a.fb2")
    assert content.text == "About.\n\nWar and peace\n\nOne\n\nEh bien, mon prince.\n\nDeep\n\na\nb"
    assert content.layout.headings == (
        Heading(8, 1, "War and peace"),
        Heading(23, 2, "One"),
        Heading(50, 3, "Deep"),
    )
    assert content.metadata == {
        "title": "War and peace",
        "author": "Leo Tolstoy",
        "language": "ru",
    }


def test_what_is_no_fiction_book_says_why() -> None:
    """Another XML file, and one that is cut off."""
    with pytest.raises(ReadError, match=r"its root element is feed"):
        read_fb2(b"<feed/>", "a.fb2")
    with pytest.raises(ReadError, match=r"the FictionBook is damaged"):
        read_fb2(make_fb2("<p>x</p>")[:-20], "a.fb2")
