"""Jupyter notebooks."""

from __future__ import annotations

import json

import pytest

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.notebook_reader import read_notebook
from longembed_rag.layout import Heading
from tests.files.making_office import make_notebook


def test_cells_and_what_they_gave() -> None:
    """Code as it is, below it what it printed, returned and failed with, without colours."""
    outputs = [
        {"output_type": "stream", "text": ["three\n", "ducks\n"]},
        {"output_type": "display_data", "data": {"image/png": "iVBOR", "text/plain": "<Figure>"}},
        {"output_type": "execute_result", "data": {"text/html": ["<b>4</b>"], "text/plain": ["4"]}},
        {
            "output_type": "error",
            "ename": "E",
            "evalue": "v",
            "traceback": ["\x1b[0;31mE\x1b[0m: v"],
        },
    ]
    data = make_notebook(("markdown", "# Über Enten\n\nText"), ("code", "f()"), outputs=outputs)
    content = read_notebook(data, "a.ipynb")
    assert content.text == "# Über Enten\n\nText\n\nf()\n\nthree\nducks\n\n<Figure>\n\n4\n\nE: v"
    assert content.metadata == {"title": "Über Enten"}


def test_headings_are_those_of_markdown_cells() -> None:
    """Not comments in code, and not hashes in a code block."""
    cells = (
        ("code", "# no heading"),
        ("markdown", "\n## Pond\n```\n# no\n```"),
        ("markdown", "text\n\n### Deep"),
    )
    content = read_notebook(make_notebook(*cells), "a.ipynb")
    assert content.layout.headings == (Heading(14, 2, "Pond"), Heading(42, 3, "Deep"))
    assert [content.text[h.start :].lstrip("# ")[:4] for h in content.layout.headings] == [
        "Pond",
        "Deep",
    ]


def test_notebooks_before_2014_are_read() -> None:
    """They lie in worksheets, and their code is called input."""
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Pond"]},
        {"cell_type": "code", "input": "f()", "outputs": [{"output_type": "pyout", "text": ["4"]}]},
    ]
    data = json.dumps({"worksheets": [{"cells": cells}], "nbformat": 3}).encode()
    content = read_notebook(data, "a.ipynb")
    assert content.text == "Pond\n\nf()\n\n4"
    assert content.layout.headings == (Heading(0, 2, "Pond"),)


@pytest.mark.parametrize("data", [b"{", b"[]", b"{}", b'{"cells": [3]}', b"[" * 100_000])
def test_what_is_no_notebook_says_so(data: bytes) -> None:
    """With a way out."""
    with pytest.raises(ReadError, match=r"^a.ipynb: the notebook is damaged.*Jupyter"):
        read_notebook(data, "a.ipynb")
