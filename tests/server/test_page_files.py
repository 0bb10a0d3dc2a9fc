"""The page's files, as they lie there: nothing inline, nothing of another site, nothing as HTML."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import longembed_rag
from longembed_rag.server.app import _TYPES

PAGE = Path(longembed_rag.__file__).parent / "server" / "page"
FILES = sorted(path for path in PAGE.iterdir() if path.is_file())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
INDEX = (PAGE / "index.html").read_text(encoding="utf-8")
#: What makes HTML or code of a text.
_DANGEROUS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|"
    r"setHTML|srcdoc|\beval\(|new Function|javascript:"
)


def name_of(path: Path) -> str:
    return path.name


def test_nothing_is_inline() -> None:
    """The policy would refuse styles, scripts and handlers in the HTML itself."""
    assert not re.search(r"\sstyle=|<style|\son\w+=", INDEX)
    assert re.findall(r"<script(?![^>]*\ssrc=)", INDEX) == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_other_site_is_named(path: Path) -> None:
    """No file holds an address, but the names of namespaces, which nobody asks."""
    found = re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"')]*", path.read_text(encoding="utf-8"))
    assert set(found) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_no_text_becomes_html(path: Path) -> None:
    """Elements are made one by one, and texts are put into them as texts."""
    assert _DANGEROUS.findall(path.read_text(encoding="utf-8")) == []


def test_every_file_is_there_and_used() -> None:
    """What is referred to lies there and is served, and nothing else does."""
    used = {"index.html", *re.findall(r'(?:src|href)="page/([^"]+)"', INDEX)}
    for path in SCRIPTS:
        used |= set(re.findall(r'from "\./([^"]+)"', path.read_text(encoding="utf-8")))
    assert used == {path.name for path in FILES}
    assert {path.suffix for path in FILES} == {*_TYPES, ".html"}


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_scripts_are_short(path: Path) -> None:
    """A file fits on a few screens, as those in Python do."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_every_element_that_is_asked_for_exists() -> None:
    """Scripts find elements by ids that the HTML, or the scripts themselves, give."""
    scripts = "".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    given = set(re.findall(r'\bid="([\w-]+)"', INDEX)) | set(
        re.findall(r'\bid: "([\w-]+)"', scripts)
    )
    asked = set(re.findall(r'(?:getElementById|\$)\("([\w-]+)"\)', scripts))
    assert asked
    assert asked <= given
