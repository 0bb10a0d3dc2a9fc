"""What people and programs read: JSON values, tables, paths, numbers."""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longembed_rag.interrupts import interrupts

if TYPE_CHECKING:
    from longembed_rag.layout import Place

#: Longer lines are hard to read even on a wide terminal.
_WIDEST = 100
# Controls, marks of direction and their like, and halves of characters.
_STEERING = ("Cc", "Cf", "Cs")


def write_json(value: Any) -> None:
    """Write one JSON value on standard output, whatever the encoding of that stream."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:  # a narrow stream, or a file name that is not valid text
        text = json.dumps(value, indent=2)
    interrupts.is_answered = True  # a second value, or half of one, would be no answer
    click.echo(re.sub(r"[^\x20-\x7e\n]", _escaped, text))


def _escaped(match: re.Match[str]) -> str:
    """A character as it is, or, where it could steer a terminal, as JSON's escape of it."""
    character = match.group()
    steers = unicodedata.category(character) in _STEERING
    return json.dumps(character)[1:-1] if steers else character


def printable(text: str) -> str:
    """The text without characters that could steer a terminal; line breaks and tabs stay.

    Passages and file names come from other people's documents.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character in "\n\t" or unicodedata.category(character) not in _STEERING
        else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )


def shown_path(source: str) -> str:
    """A document's source for people: relative where it lies below the working directory."""
    path = Path(source)
    try:
        return one_line(str(path.relative_to(Path.cwd())))
    except ValueError:
        return one_line(source)


def one_line(text: str) -> str:
    """The text as a part of one line: line breaks and tabs, too, become visible marks."""
    return re.sub(r"[\n\t\u2028\u2029]", "\N{REPLACEMENT CHARACTER}", printable(text))


def wrapped(text: str, *, indent: str = "") -> str:
    """The text as one paragraph that fits the terminal, each line after ``indent``."""
    return textwrap.fill(
        " ".join(printable(text).split()),
        width=line_width(),
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )


def marked(text: str, marks: Sequence[tuple[int, int]], *, indent: str = "") -> str:
    """The text as one paragraph that fits the terminal, with places in it in bold.

    Args:
        text: Without line breaks.
        marks: Places in it, ascending.
        indent: What every line begins with.
    """
    lines, position = [], 0
    for line in wrapped(text, indent=indent).split("\n"):
        content = line[len(indent) :]
        start = printable(text).find(content, position)
        position = max(start, position) + len(content)
        out, done = [], 0
        for left, right in marks:
            begin, end = max(left - start, 0), min(right - start, len(content))
            if start >= 0 and begin < end:
                out += [content[done:begin], click.style(content[begin:end], bold=True)]
                done = end
        lines.append(indent + "".join(out) + content[done:])
    return "\n".join(lines)


def line_width() -> int:
    """Columns that a line of prose may take."""
    return max(40, min(shutil.get_terminal_size((80, 24)).columns, _WIDEST))


def place_in_words(place: Place) -> str:
    """Where a passage stands: ``page 3, lines 10 to 24, Terms > Payment``."""
    told = []
    if place.page is not None:
        told.append(_from_to("page", (place.page, place.last_page or place.page)))
    told.append(_from_to("line", place.lines))
    told.extend([" > ".join(one_line(each) for each in place.heading)] if place.heading else [])
    return ", ".join(told)


def _from_to(noun: str, ends: tuple[int, int]) -> str:
    first, last = ends
    return f"{noun} {first:,}" if first == last else f"{noun}s {first:,} to {last:,}"


def count(number: int, noun: str) -> str:
    """A number with its noun: ``1 document``, ``12,345 tokens``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """A time for people: ``4.1 s``, ``2 min 05 s``, ``1 h 02 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def skipped_line(sources: Sequence[str]) -> str:
    """One line on the files that no reader takes, with the first few names."""
    names = ", ".join(Path(source).name for source in sources[:3])
    more = ", ..." if len(sources) > 3 else ""
    return f"skipped {count(len(sources), 'file')} of other kinds: {one_line(names)}{more}"


def write_pairs(pairs: Sequence[tuple[str, str]], *, indent: str = "") -> None:
    """Write names and values on standard output, the values below each other and wrapped."""
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        start = f"{indent}{one_line(name):<{width}}  "
        lines = textwrap.wrap(
            printable(value),
            width=line_width(),
            initial_indent=start,
            subsequent_indent=" " * len(start),
            break_long_words=False,
            break_on_hyphens=False,
        )
        click.echo("\n".join(lines) or start.rstrip())


def write_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()
) -> None:
    """Write a table on standard output.

    Args:
        columns: Headings.
        rows: Cells; every row has as many as there are columns.
        right: Indices of the columns that are aligned to the right.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, column in enumerate(columns):
        is_right = index in right
        table.add_column(
            Text(printable(column)),
            justify="right" if is_right else "left",
            no_wrap=is_right,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:  # a file or a pipe has no width: one line per row
        console.width = 10_000
    console.print(table)
