"""Headings and title of a LaTeX text."""

from __future__ import annotations

import re

from longembed_rag.files.text.outline import Outline
from longembed_rag.layout import Heading

_LEVELS = ("part", "chapter", "section", "subsection", "subsubsection", "paragraph", "subparagraph")
_HEADING = re.compile(rf"\\({'|'.join(_LEVELS)}|title)\b\*?[ \t]*")
_COMMENT = re.compile(r"(?<!\\)(?:\\\\)*%[^\n]*")
_VERBATIM = re.compile(r"\\begin\{(verbatim\*?|lstlisting|minted|comment|Verbatim)\}")
_VISIBLE = re.compile(r"[^\n]")
#: A heading's argument that is longer is none.
_LONGEST = 2_000
_BRACKETS = {
    "{}": re.compile(r"\\.|[{}]", re.DOTALL),
    "[]": re.compile(r"\\.|[\[\]]", re.DOTALL),
}
_SILENT = re.compile(
    r"\\(?:label|footnote|thanks|index|vspace|hspace|cite[a-z]*)\*?(?:\[[^\]]*\])?\{"
)
_COMMAND = re.compile(r"\\([a-zA-Z@]+)\*?[ \t]*(\{\}|(?=[\{\[]))?")
# Commands without argument that say nothing; others are the author's own words for something.
_SWITCHES = re.compile(
    r"(?:bf|em|it|rm|sc|sf|sl|tt|tiny|small|footnotesize|normalsize|large|Large|LARGE|huge|Huge"
    r"|[a-z]+(?:series|family|shape)|par|newline|linebreak|protect|noindent|centering|quad|qquad"
    r"|left|right|maketitle|ensuremath)"
)


def latex_outline(text: str) -> Outline:
    r"""The headings of a LaTeX text from ``\part`` to ``\subparagraph``, and its ``\title``.

    Not those in comments or verbatim. The highest kind that it uses is level 1.

    Args:
        text: The whole text.
    """
    read = _COMMENT.sub(lambda match: " " * len(match.group()), _without_verbatim(text))
    braces, squares = _pairs(read, "{}"), _pairs(read, "[]")
    found: list[tuple[int, int, str]] = []
    title = None
    for match in _HEADING.finditer(read):
        begin = match.end()
        begin = squares[begin] + 1 if begin in squares else begin
        end = braces.get(begin, -1)
        if not begin < end < begin + _LONGEST:
            continue
        spoken = _spoken(read[begin + 1 : end])
        if not spoken:
            continue
        if match.group(1) == "title":
            title = title or spoken
        else:
            found.append((match.start(), _LEVELS.index(match.group(1)), spoken))
    highest = min((level for _, level, _ in found), default=0)
    headings = tuple(Heading(start, level - highest + 1, name) for start, level, name in found)
    return Outline(headings, title)


def _without_verbatim(text: str) -> str:
    """The text with blanks for what is shown as it is."""
    pieces, begin = [], 0
    while (match := _VERBATIM.search(text, begin)) is not None:
        end = text.find(f"\\end{{{match.group(1)}}}", match.end())
        end = len(text) if end < 0 else end
        pieces += [text[begin : match.start()], _VISIBLE.sub(" ", text[match.start() : end])]
        begin = end
    return "".join([*pieces, text[begin:]])


def _pairs(text: str, brackets: str) -> dict[int, int]:
    """For each bracket that is closed, where."""
    pairs: dict[int, int] = {}
    waiting: list[int] = []
    for match in _BRACKETS[brackets].finditer(text):
        if match.group() == brackets[0]:
            waiting.append(match.start())
        elif match.group() == brackets[1] and waiting:
            pairs[waiting.pop()] = match.start()
    return pairs


def _name(command: re.Match[str]) -> str:
    """What is left of a command: nothing where its argument speaks, else its name."""
    if command.group(2) == "" or _SWITCHES.fullmatch(command.group(1)):
        return ""
    return command.group(1) + " " * command.group().endswith((" ", "\t"))


def _spoken(source: str) -> str:
    """An argument without commands and braces."""
    braces = _pairs(source, "{}")
    pieces, begin = [], 0
    while (match := _SILENT.search(source, begin)) is not None:
        pieces.append(source[begin : match.start()])
        begin = braces.get(match.end() - 1, match.end() - 1) + 1
    source = "".join([*pieces, source[begin:]])
    source = source.replace("\\\\", " ").replace("~", " ")
    source = re.sub(r"\\([&%$#_{}])", "\\1", _COMMAND.sub(_name, source))
    return " ".join(source.replace("{", "").replace("}", "").split())
