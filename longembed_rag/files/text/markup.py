"""Headings and titles of texts that mark them: Markdown, LaTeX, reStructuredText, AsciiDoc, Org."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from longembed_rag.files.text.latex import latex_outline
from longembed_rag.files.text.outline import Outline
from longembed_rag.layout import Heading

_LINE_END = re.compile(r"\r\n?|\n")
_ATTRIBUTES = re.compile(r"\s*\{[:#.][^{}]*\}\s*$")
_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1{2,}\s*$")
_ASCIIDOC = re.compile(r"(={1,6})[ \t]+(\S.*?)(?:[ \t]+\1)?\s*$")
_ASCIIDOC_FENCE = re.compile(r"(?:-{4,}|\.{4,}|\+{4,}|/{4,}|```+)\s*$")
_ORG = re.compile(
    r"(\*+)[ \t]+(?:(?:TODO|DONE)[ \t]+)?(?:\[#\w\][ \t]+)?(\S.*?)(?:[ \t]+:[\w@#%:]+:)?\s*$"
)
#: Longer lines are no headings.
_LONGEST = 1_000
_ORG_TITLE = re.compile(r"(?im)^#\+title:[ \t]*(\S.*?)[ \t]*$")


def markdown_outline(text: str, begin: int = 0) -> Outline:
    """The headings of a Markdown text, ATX and setext, not those in code, lists or quotes.

    The title is the first of the first level.

    Args:
        text: The whole text.
        begin: Where it begins below its front matter.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark")
    parser.core.ruler.enableOnly(["normalize", "block"])
    inline = MarkdownIt("commonmark")
    body = text[begin:]
    starts = [begin, *(begin + each.end() for each in _LINE_END.finditer(body))]
    tokens = parser.parse(body)
    headings = []
    for token, content in pairwise(tokens):
        if token.type == "heading_open" and token.level == 0 and token.map:
            source = _ATTRIBUTES.sub("", content.content[:_LONGEST])
            spoken = " ".join(_spoken(inline.parseInline(source)).split())
            if spoken:
                headings.append(Heading(starts[token.map[0]], int(token.tag[1:]), spoken))
    title = next((each.text for each in headings if each.level == 1), None)
    return Outline(tuple(headings), title)


def _spoken(tokens: object) -> str:
    """What a reader sees of inline Markdown: no marks, no targets of links, no tags."""
    pieces = []
    for token in tokens or ():  # type: ignore[attr-defined]
        if token.children:
            pieces.append(_spoken(token.children))
        elif token.type in ("text", "code_inline"):
            pieces.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            pieces.append(" ")
    return "".join(pieces)


def rst_outline(text: str) -> Outline:
    """The headings of a reStructuredText, by their adornments; the first one is the title.

    Args:
        text: The whole text.
    """
    lines, starts = _lines(text)
    kinds: list[tuple[str, bool]] = []
    headings: list[Heading] = []
    for number, line in enumerate(lines):
        under = _ADORNMENT.match(lines[number + 1]) if number + 1 < len(lines) else None
        if not line.strip() or under is None or _ADORNMENT.match(line):
            continue
        above = lines[number - 1].rstrip() if number else ""
        over = above == lines[number + 1].rstrip()
        if (above and not over) or (line[0].isspace() and not over):
            continue
        if len(lines[number + 1].rstrip()) < min(len(line.strip()), 4):
            continue
        kind = (under.group(1), over)
        if kind not in kinds:
            kinds.append(kind)
        level = kinds.index(kind) + 1
        headings.append(Heading(starts[number], level, " ".join(line.split())))
    return Outline(tuple(headings), headings[0].text if headings else None)


def asciidoc_outline(text: str) -> Outline:
    """The headings of an AsciiDoc text; the title is the one of the first level.

    Args:
        text: The whole text.
    """
    lines, starts = _lines(text)
    fence = None
    headings = []
    for line, start in zip(lines, starts, strict=True):
        if _ASCIIDOC_FENCE.match(line):
            mark = line.strip()
            fence = mark if fence is None else None if fence == mark else fence
        elif fence is None and (match := _ASCIIDOC.match(line)):
            headings.append(Heading(start, len(match.group(1)), match.group(2)))
    title = next((each.text for each in headings if each.level == 1), None)
    return Outline(tuple(headings), title)


def org_outline(text: str) -> Outline:
    """The headings of an Org text, without keywords and tags; the title is the one it declares.

    Args:
        text: The whole text.
    """
    lines, starts = _lines(text)
    headings = tuple(
        Heading(start, len(match.group(1)), match.group(2))
        for line, start in zip(lines, starts, strict=True)
        if (match := _ORG.match(line))
    )
    title = _ORG_TITLE.search(text)
    return Outline(headings, None if title is None else title.group(1))


def _lines(text: str) -> tuple[list[str], list[int]]:
    ends = list(_LINE_END.finditer(text))
    starts = [0, *(each.end() for each in ends)]
    stops = [*(each.start() for each in ends), len(text)]
    lines = (text[begin:end] for begin, end in zip(starts, stops, strict=True))
    return [line if len(line) <= _LONGEST else "" for line in lines], starts


def outline_of(suffix: str) -> Callable[[str], Outline] | None:
    """The function that finds the headings of a text file.

    Args:
        suffix: The file's, lower case.

    Returns:
        None for a type that marks none.
    """
    return {
        ".tex": latex_outline,
        ".rst": rst_outline,
        ".adoc": asciidoc_outline,
        ".asc": asciidoc_outline,
        ".org": org_outline,
    }.get(suffix)
