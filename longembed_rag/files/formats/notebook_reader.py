"""Jupyter notebooks, which are JSON.

kreuzberg 4.10 takes their UTF-8 for another encoding (``weâ€™``) and keeps the colours of a
terminal; nbformat would check them against a schema and bring four packages for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.building import TextBuilder
from longembed_rag.files.text.decoding import decode
from longembed_rag.files.text.markup import markdown_outline
from longembed_rag.files.values import Content
from longembed_rag.layout import Layout

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
#: What is taken of an output that comes in several forms, the best first.
_FORMS = ("text/plain", "text/markdown", "text/latex")


def read_notebook(data: bytes, name: str) -> Content:
    """Every cell in order, and below a cell of code what it printed, returned or failed with.

    Headings are those of Markdown cells; the title is the first of the first level.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        ReadError: It is no notebook.
    """
    decoded = decode(data, name=name)
    try:
        notebook = json.loads(decoded.text.lstrip("\ufeff"))
        cells = list(_cells(notebook))
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise ReadError(
            f"{name}: the notebook is damaged ({type(error).__name__}: {error}); open it in "
            "Jupyter and save it again, or give it the suffix it should have"
        ) from error
    builder = TextBuilder()
    title = None
    for cell in cells:
        source = _joined(cell.get("source", cell.get("input")))
        if cell.get("cell_type") == "markdown":
            outline = markdown_outline(source)
            title = title or outline.title
            builder.add_content(Content(source, layout=Layout(headings=outline.headings)))
        elif cell.get("cell_type") == "heading":  # of notebooks before 2014
            builder.add(source, level=int(cell.get("level", 1)))
        else:
            builder.add(source)
        for output in cell.get("outputs", ()):
            builder.add(_COLOURS.sub("", _output(output)))
    metadata: dict[str, Any] = {} if title is None else {"title": title}
    return builder.content(metadata, () if decoded.note is None else (decoded.note,))


def _cells(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The cells of a notebook, also of one before version 4.

    Raises:
        KeyError: It has none.
    """
    sheets = notebook.get("worksheets", [notebook])
    for sheet in sheets:
        for cell in sheet["cells"]:
            yield dict(cell)


def _output(output: dict[str, Any]) -> str:
    if output.get("output_type") in ("error", "pyerr"):
        trace = "\n".join(map(str, output.get("traceback", ())))
        return trace or f"{output.get('ename')}: {output.get('evalue')}"
    forms = output.get("data", output)
    for form in (*_FORMS, "text", "html"):
        if form in forms:
            return _joined(forms[form])
    return ""


def _joined(lines: object) -> str:
    return "".join(map(str, lines)) if isinstance(lines, list) else str(lines or "")
