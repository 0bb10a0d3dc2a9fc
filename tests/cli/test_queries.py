"""Searching for all queries of a file in one go."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from longembed_rag.cli.queries import LineQuery, read_queries
from longembed_rag.errors import InputError
from tests.cli.conftest import Run, as_json


def written(path: Path, *lines: str) -> str:
    """A file of these lines."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def test_each_query_is_answered_as_by_itself(run: Run, filled: Path, tmp_path: Path) -> None:
    """A list, in the file's order, each as a search for it alone writes it."""
    queries = ["apples and a lease", '"the lease"', "zzz"]
    file = written(tmp_path / "queries.txt", *queries)
    answers = as_json(run("search", "--queries", file, "--json", "--mode", "sparse"))
    alone = [as_json(run("search", each, "--json", "--mode", "sparse")) for each in queries]
    assert answers == alone
    assert answers[0]["results"]


def test_ids_of_json_lines_come_back(run: Run, filled: Path, tmp_path: Path) -> None:
    """Texts and numbers; a query without one has none."""
    lines = [{"id": "a", "query": "apples"}, {"id": 7, "query": "lease"}, {"query": "apples"}]
    file = written(tmp_path / "queries.jsonl", *map(json.dumps, lines))
    answers = as_json(run("search", "--queries", file, "--json", "--mode", "sparse"))
    assert [each.get("id") for each in answers] == ["a", 7, None]
    assert "id" not in answers[2]
    assert answers[0]["results"] == answers[2]["results"]


def test_people_see_each_query_above_its_answers(run: Run, filled: Path, tmp_path: Path) -> None:
    """With its id; and of one that finds nothing, why."""
    file = written(tmp_path / "queries", '{"id": "q1", "query": "apples"}', "zzz")
    result = run("search", "--queries", file, "--mode", "sparse")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "q1: apples"
    assert "zzz" in result.stdout.splitlines()
    assert "note.md" in result.stdout
    assert "nothing found" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--queries"),
        (("apples", "--queries", "queries"), "both given"),
        (("",), "empty"),
        (("--queries", "missing.txt"), "missing.txt cannot be read"),
        (("--queries", "."), "cannot be read"),
    ],
)
def test_wrong_use_is_told(run: Run, filled: Path, arguments: tuple[str, ...], told: str) -> None:
    """Neither, both, no query, no file."""
    result = run("search", *arguments, "--mode", "sparse")
    assert result.exit_code != 0
    assert told in result.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"apples\n\nlease\n", "line 2 is empty"),
        (b"apples\n{broken\n", "line 2 begins with"),
        (b'{"text": "apples"}\n', 'line 1 has no "query"'),
        (b'{"query": 7}\n', 'line 1 has no "query"'),
        (b'{"query": " "}\n', "line 1 is empty"),
        (b'{"query": "a", "id": 1.5}\n', '"id" must be'),
        (b"apples\n\xff\n", "line 2 is not UTF-8"),
    ],
)
def test_a_line_that_is_no_query_is_named(tmp_path: Path, content: bytes, told: str) -> None:
    """Which line, and what to do about it."""
    file = tmp_path / "queries"
    file.write_bytes(content)
    with pytest.raises(InputError, match="--queries") as caught:
        read_queries(str(file))
    assert told in str(caught.value)


def test_standard_input_and_other_programs_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line ends of Windows and a mark of UTF-8 are no part of a query."""
    content = "\ufeffapples\r\nwho signed?\r\n".encode()
    expected = [LineQuery("apples"), LineQuery("who signed?")]
    file = tmp_path / "queries"
    file.write_bytes(content)
    assert read_queries(str(file)) == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert read_queries("-") == expected
