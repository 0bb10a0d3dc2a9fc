"""Several queries from a file: one a line, or JSON lines with ``query`` and ``id``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from longembed_rag.errors import InputError

#: The name of a file that stands for standard input.
STANDARD_INPUT = "-"


@dataclass(frozen=True)
class LineQuery:
    """A query of a file.

    Attributes:
        text: The query.
        identity: What the file calls it, a text or number; None where it gives no name.
    """

    text: str
    identity: str | int | None = None

    @property
    def named(self) -> dict[str, Any]:
        """Its id, where it has one, for JSON."""
        return {} if self.identity is None else {"id": self.identity}


def read_queries(name: str) -> list[LineQuery]:
    """The queries of a file.

    Args:
        name: Its path; ``-`` is standard input.

    Raises:
        InputError: It cannot be read, holds no query, or a line of it is none; names the line.
    """
    shown = "standard input" if name == STANDARD_INPUT else name
    try:
        given = sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()
        text = given.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"--queries {shown} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = given.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"--queries {shown}: line {line} is not UTF-8; save it as UTF-8"
        ) from error
    queries = list(_queries(text, shown))
    if not queries:
        raise InputError(f"--queries {shown} is empty; write one query a line")
    return queries


def _queries(text: str, shown: str) -> Iterator[LineQuery]:
    lines = text.split("\n")
    if not lines[-1].strip():
        lines.pop()
    for number, line in enumerate(lines, start=1):
        where = f"--queries {shown}: line {number}"
        line = line.strip()
        query = _of_json(line, where) if line.startswith("{") else LineQuery(line)
        if not query.text.strip():
            raise InputError(f"{where} is empty; write one query a line, or take it out")
        yield query


def _of_json(line: str, where: str) -> LineQuery:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise InputError(
            f'{where} begins with {{ and is no JSON ({error}); write {{"query": "..."}}'
        ) from error
    text, identity = value.get("query"), value.get("id")
    if not isinstance(text, str):
        raise InputError(f'{where} has no "query" that is a text')
    if isinstance(identity, bool) or not isinstance(identity, str | int | None):
        raise InputError(f'{where}: its "id" must be a text or a whole number')
    return LineQuery(text, identity)


def require_one(query: str | None, queries: str | None) -> None:
    """Require QUERY or ``--queries``, and only one of them.

    Raises:
        click.UsageError: Neither is given, or both are, or QUERY is empty.
    """
    if query is None and queries is None:
        raise click.UsageError("Missing argument 'QUERY'; or give --queries FILE.")
    if query is not None and queries is not None:
        raise click.UsageError("QUERY and --queries are both given; give one of them")
    if query is not None and not query.strip():
        raise click.BadParameter("it is empty; say what to look for", param_hint="QUERY")
