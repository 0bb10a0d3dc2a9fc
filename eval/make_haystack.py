"""Make the haystack that the needle tasks hide facts in, from the demo's documents.

Nobody needs this to run an evaluation: the result is committed. It is here so that anyone can see
what was left out of which text, and make the same file again::

    python eval/make_haystack.py

``longembed_eval/data/SOURCES.md`` says what is in it; ``demo/SOURCES.md`` names the sources and
licences of the documents.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterator
from pathlib import Path

from longembed_rag import read_file

DOCUMENTS = Path(__file__).parents[1] / "demo" / "documents"
HAYSTACK = Path(__file__).parent / "longembed_eval" / "data" / "haystack.txt.xz"
#: What is taken, in this order: only works in the public domain.
WORKS = (
    "alice-in-wonderland.txt",
    "areopagitica.md",
    "atomic-commit.html",
    "electronic-texts-workshop.docx",
    "hamlet.md",
    "us-constitution.txt",
)
#: Words below which a paragraph is a heading, a caption or a cry rather than prose.
SHORTEST_PARAGRAPH = 15

_INDENT = 4
_SHORTEST_LINE = 5  # words, on average
_WHOLE = re.compile(r"""^[`'"(\[]*[A-Z].*[.!?]['"`)\]]*$""")
_SPEAKER = re.compile(r"^(?:[A-Z][a-z]*\.? ?){1,3}\.$")
_STAGE_DIRECTION = re.compile(r"\[[^\]]*\]")
# Ruled lines, bulleted summaries, links, code, cross references of a table of contents.
_NOT_PROSE = re.compile(r"\+\+\+|\*\*\*| \* |====|https?://|www\.|[{}<>|]|\.{4}|\(Moderator\)")
_HEADING_SHARE = 0.3


def haystack(documents: Path = DOCUMENTS) -> str:
    """The prose of the works, paragraphs separated by empty lines.

    Args:
        documents: The folder that holds :data:`WORKS`.
    """
    found = [text for name in WORKS for text in _paragraphs(read_file(documents / name).text)]
    return "\n\n".join(dict.fromkeys(found)) + "\n"


def main() -> None:
    """Write the haystack beside the package's other data."""
    HAYSTACK.write_bytes(lzma.compress(haystack().encode(), preset=9 | lzma.PRESET_EXTREME))


def _paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a text that are prose in whole sentences, each on one line."""
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in _STAGE_DIRECTION.sub("", block).splitlines() if line.strip()]
        if lines and _SPEAKER.match(lines[0].strip()):
            lines = lines[1:]
        indented = sum(line.startswith(" " * _INDENT) for line in lines)
        if 2 * indented > len(lines):
            continue  # verse, and what is set like it
        paragraph = " ".join(" ".join(lines).split())
        if len(paragraph.split()) < _SHORTEST_LINE * len(lines):
            continue  # a list, such as that of a play's persons
        if _is_prose(paragraph):
            yield paragraph


def _is_prose(paragraph: str) -> bool:
    words = paragraph.split()
    if len(words) < SHORTEST_PARAGRAPH or _NOT_PROSE.search(paragraph):
        return False
    capitals = sum(len(word) > 1 and word.isupper() for word in words)
    return bool(_WHOLE.match(paragraph)) and capitals < _HEADING_SHARE * len(words)


if __name__ == "__main__":
    main()
