"""Words in are words out: what is written into a document of any type comes out of it, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from email.message import EmailMessage
from html import escape
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longembed_rag.files.readers import read_file
from longembed_rag.files.suffixes import OFFICE_SUFFIXES
from tests.files.making_office import (
    make_epub,
    make_fb2,
    make_notebook,
    make_odf,
    make_pptx,
    make_rtf,
    make_xlsx,
    shape,
)
from tests.files.making_ole import make_doc, make_msg, make_ppt, make_xls


def _mail(paragraphs: Sequence[str]) -> bytes:
    message = EmailMessage()
    message["From"] = "a@example.org"
    message.set_content("\n\n".join(paragraphs))
    return bytes(message)


def _odt(paragraphs: Sequence[str]) -> bytes:
    return make_odf("".join(f"<text:p>{escape(each)}</text:p>" for each in paragraphs))


def _ods(paragraphs: Sequence[str]) -> bytes:
    rows = "".join(
        f"<table:table-row><table:table-cell><text:p>{escape(each)}</text:p></table:table-cell>"
        "</table:table-row>"
        for each in paragraphs
    )
    return make_odf(f'<table:table table:name="Sheet">{rows}</table:table>', kind="spreadsheet")


def _odp(paragraphs: Sequence[str]) -> bytes:
    boxes = "".join(
        f"<draw:frame><draw:text-box><text:p>{escape(each)}</text:p></draw:text-box></draw:frame>"
        for each in paragraphs
    )
    return make_odf(f"<draw:page>{boxes}</draw:page>", kind="presentation")


Maker = Callable[[Sequence[str]], bytes]
MAKERS: dict[str, Maker] = {
    ".doc": lambda texts: make_doc("".join(f"{each}\r" for each in texts)),
    ".eml": _mail,
    ".epub": lambda texts: make_epub([f"<p>{escape(each)}</p>" for each in texts]),
    ".fb2": lambda texts: make_fb2("".join(f"<p>{escape(each)}</p>" for each in texts)),
    ".ipynb": lambda texts: make_notebook(*(("markdown", each) for each in texts)),
    ".msg": lambda texts: make_msg(subject="Subject", body="\r\n\r\n".join(texts), sender="Ann"),
    ".odp": _odp,
    ".ods": _ods,
    ".odt": _odt,
    ".ppt": lambda texts: make_ppt([(each, each) for each in texts]),
    ".pptx": lambda texts: make_pptx([shape(each) for each in texts]),
    ".rtf": lambda texts: make_rtf(*texts),
    ".xls": make_xls,
    ".xlsx": lambda texts: make_xlsx({"Sheet": [[each] for each in texts]}),
}
#: What a type writes beside the paragraphs.
BESIDE = {
    ".eml": ("From:", "a@example.org"),
    ".msg": ("From:", "Ann", "Subject:", "Subject"),
    ".ods": ("Sheet",),
    ".xls": ("Sheet",),
    ".xlsx": ("Sheet",),
}
# Letters that cleaning leaves alone: Latin, Greek, Cyrillic, Japanese, beyond the first plane.
WORDS = st.text("abcxyzäßéżłøΩжщ漢あア𐌲𝒳&<>\"'()[]@=", min_size=1, max_size=8)
PARAGRAPHS = st.lists(st.lists(WORDS, min_size=1, max_size=6).map(" ".join), min_size=1, max_size=5)


#: Templates, macros and shows are of the format of what they are made for.
SAME_FORMAT = {
    ".dot": ".doc", ".otp": ".odp", ".ots": ".ods", ".ott": ".odt", ".potx": ".pptx",
    ".pps": ".ppt", ".ppsm": ".pptx", ".ppsx": ".pptx", ".pptm": ".pptx", ".xlsm": ".xlsx",
    ".xltx": ".xlsx",
}  # fmt: skip


def test_every_office_type_is_among_them() -> None:
    """A type is not forgotten."""
    assert set(MAKERS) | set(SAME_FORMAT) == set(OFFICE_SUFFIXES)


@pytest.mark.parametrize("suffix", MAKERS)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(paragraphs=PARAGRAPHS)
def test_words_in_are_words_out(tmp_path: Path, suffix: str, paragraphs: list[str]) -> None:
    """Not a word is lost, changed, doubled or put elsewhere."""
    path = tmp_path / f"a{suffix}"
    path.write_bytes(MAKERS[suffix](paragraphs))
    told = read_file(path).text.split()
    expected = [word for each in paragraphs for word in each.split()]
    if suffix == ".ppt":
        expected = [word for each in paragraphs for word in each.split() * 2]
    assert told == [*BESIDE.get(suffix, ()), *expected]
