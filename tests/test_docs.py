"""The documents for people say what is so: commands, links, methods, constants, figures, demo."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from longembed_rag.cli import main as longembed
from longembed_rag.encoder.families import LEARNED, ROTARY_BIDIRECTIONAL, ROTARY_CAUSAL
from longembed_rag.extension.methods import METHODS, METHODS_BY_POSITIONS
from longembed_rag.extension.plan import PlanRules

PROJECT = Path(__file__).parent.parent
PAGES = sorted(
    [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md"), *(PROJECT / "demo").glob("*.md")]
)
PACKAGE = PROJECT / "longembed_rag"
METHODS_PAGE = PROJECT / "docs" / "methods.md"
COMMANDS_PAGE = PROJECT / "docs" / "command-line.md"

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return [body for kind, body in _BLOCK.findall(text) if kind == language]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


def typed_commands(page: Path) -> Iterator[list[str]]:
    """Every ``longembed-rag ...`` of a page's shell blocks, in words."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = re.findall(r'"[^"]*"|\S+', line.split(" #")[0].removeprefix("$ "))
            if words[:1] == ["longembed-rag"]:
                yield words[1:]


def leaves(group: click.Group, *before: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that is no group, by its words: ``"search"``, ``"train positions"``."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, *before, name)
        else:
            yield " ".join((*before, name)), command


def find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that words lead to, through its groups, and the words that are left."""
    command: click.Command = longembed
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that is there, and an anchor that the file has."""
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{link} does not exist"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_that_are_shown_exist(page: Path) -> None:
    """Every command in a shell block is one of ours, with options that it has."""
    for words in typed_commands(page):
        command, rest = find_command(words)
        known = {
            flag for option in command.params for flag in (*option.opts, *option.secondary_opts)
        }
        for word in rest:
            if word.startswith("-"):
                assert word.partition("=")[0] in {*known, "--help", "-h"}, f"{words[0]} {word}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_that_is_shown_is_python(page: Path) -> None:
    """Every Python block parses, and imports only public names from the package."""
    for block in blocks(page, "python"):
        require_public_names(block)


@pytest.mark.parametrize(
    "program",
    [*sorted((PROJECT / "examples").glob("*.py")), *sorted((PROJECT / "demo").glob("*.py"))],
    ids=name_of,
)
def test_programs_that_are_shown_use_public_names(program: Path) -> None:
    """What people copy from works with the next version, too."""
    require_public_names(program.read_text(encoding="utf-8"))


def require_public_names(source: str) -> None:
    """Refuse imports from rooms of the package; errors and the program itself are public."""
    import longembed_rag

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "longembed_rag":
            assert {alias.name for alias in node.names} <= set(longembed_rag.__all__)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("longembed_rag."):
            assert node.module in ("longembed_rag.errors", "longembed_rag.cli"), node.module
        elif isinstance(node, ast.Import):
            assert not any(alias.name.startswith("longembed_rag.") for alias in node.names)


def test_readme_has_the_two_commands_and_every_command() -> None:
    """A newcomer finds ``make demo`` and ``make test`` first, and each command of ours."""
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    first = blocks(PROJECT / "README.md", "sh")[0]
    assert "make demo" in first
    assert "make test" in first
    for name in longembed.commands:
        assert f"longembed-rag {name}" in text


def test_readme_names_every_architecture() -> None:
    """The table of models leaves out no architecture that can be extended."""
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    for name in (*LEARNED, *ROTARY_BIDIRECTIONAL, *ROTARY_CAUSAL):
        assert {"e5rope": "E5-RoPE"}.get(name, f"`{name}`") in text


def test_make_targets_that_are_shown_exist() -> None:
    """README and CONTRIBUTING name no make target that the Makefile lacks."""
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    for page in ("README.md", "CONTRIBUTING.md"):
        text = (PROJECT / page).read_text(encoding="utf-8")
        named = set(re.findall(r"(?:^|`)make ([a-z]+)", text, flags=re.MULTILINE))
        assert {"demo", "test"} <= named <= targets


def test_methods_page_explains_every_method() -> None:
    """Every method has a paragraph that opens with its name."""
    text = METHODS_PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"^\*\*`(\w+)`\*\*", text, flags=re.MULTILINE)) == set(METHODS)


def test_methods_page_says_which_model_can_do_what() -> None:
    """The first table lists for each kind of positions exactly the methods that it allows."""
    text = METHODS_PAGE.read_text(encoding="utf-8")
    for opening, positions in (
        ("a learned position table", "learned"),
        ("rotation, and sees both ways", "rotary"),
        ("rotation, and sees only backwards", "rotary"),
        ("ALiBi's biases", "alibi"),
        ("a bias for each bucket of distances", "relative"),
    ):
        row = next(line for line in text.splitlines() if line.startswith(f"| {opening}"))
        _, _, _, auto, others, _ = row.split("|")
        named = set(re.findall(r"`(\w+)`", auto + others))
        assert named == set(METHODS_BY_POSITIONS[positions])


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_constants_on_the_methods_page_are_those_of_the_code(scale: int) -> None:
    """The table of λ, g and w is what plans really hold, for both original lengths."""
    text = METHODS_PAGE.read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith(f"| {scale} |"))
    said = [float(cell.replace(",", "")) for cell in row.strip("| ").split("|")]
    found = [float(scale)]
    for length in (512, 4096):
        rules = {"positions": "rotary", "original_length": length, "max_length": 32768}
        extended = PlanRules(method="self_extend", rotary_dim=64, **rules).plan(scale * length)
        if length == 512:
            ntk = PlanRules(method="ntk", rotary_dim=64, **rules).plan(scale * length)
            assert ntk.ntk_lambda is not None
            assert extended.group_size is not None
            found += [ntk.ntk_lambda, float(extended.group_size)]
        assert extended.neighbor_window is not None
        found.append(float(extended.neighbor_window))
    assert said == found


def test_figures_are_drawn_by_the_committed_script(tmp_path: Path) -> None:
    """The script draws every picture that the methods page shows."""
    script = PROJECT / "docs" / "figures" / "positions.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    shown = set(re.findall(r"!\[[^\]]*\]\(figures/([^)]+)\)", METHODS_PAGE.read_text("utf-8")))
    assert shown == {path.name for path in tmp_path.iterdir()}
    assert len(shown) == 3


def test_choosing_names_every_method_and_what_was_measured() -> None:
    """Each method has its sentence, and the table is that of the committed results."""
    page = (PROJECT / "docs" / "choosing.md").read_text(encoding="utf-8")
    advice = page.partition("## What `auto` goes by")[0]
    assert all(f"`{method}`" in advice for method in METHODS)
    table = runpy.run_path(str(PROJECT / "docs" / "figures" / "choosing.py"))["table"]()
    assert [line for line in table.splitlines() if line and line not in page] == []
    assert "(figures/choosing.png)" in page


def test_the_picture_of_the_house_is_that_of_the_code() -> None:
    """It is drawn anew where a room or an arrow has changed: ``make figures``."""
    drawn = runpy.run_path(str(PROJECT / "docs" / "figures" / "house.py"))["draw"]()
    assert (PROJECT / "docs" / "figures" / "house.svg").read_text(encoding="utf-8") == drawn
    design = (PROJECT / "docs" / "design.md").read_text(encoding="utf-8")
    assert "(figures/house.svg)" in design
    for path in set(re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", design)):
        place = PROJECT / path if path.startswith(("tests", "docs")) else PACKAGE / path
        assert place.is_file(), path


def test_command_line_page_is_complete() -> None:
    """Every command and option is on the page, and no option that does not exist."""
    text = COMMANDS_PAGE.read_text(encoding="utf-8")
    known = {"--help", "--version"}
    for name, command in leaves(longembed):
        assert re.search(rf"^## `{name}[ `]", text, flags=re.MULTILINE), name
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                flags = [flag for flag in option.opts if flag.startswith("--")]
                assert all(f"`{flag}" in text for flag in flags), f"{name} {flags}"
            known.update((*option.opts, *option.secondary_opts))
    assert set(re.findall(r"`(--[a-z0-9-]+)", text)) <= known


def test_demo_documents_have_a_source_and_a_licence() -> None:
    """Every document is in the table of sources, none is too large, and all formats are there."""
    documents = sorted((PROJECT / "demo" / "documents").iterdir())
    sources = (PROJECT / "demo" / "SOURCES.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([^`]+)` \|", sources, flags=re.MULTILINE))
    assert listed == {path.name for path in documents}
    assert {path.suffix for path in documents} == {".txt", ".md", ".html", ".pdf", ".docx"}
    assert sum(path.stat().st_size for path in documents) < 5_000_000


def test_demo_questions_are_answered_deep_inside() -> None:
    """The words that answer a question stand in its document, beyond the middle."""
    from longembed_rag.files.readers import read_file

    questions = runpy.run_path(str(PROJECT / "demo" / "run.py"))["read_questions"]()
    assert len(questions) >= 5
    for question in questions:
        text = read_file(PROJECT / "demo" / "documents" / question.document).text
        words = " ".join(text.split())
        assert question.words in words, question
        assert words.index(question.words) > len(words) / 2, question
        assert len(words.split()) > 5000


@pytest.mark.slow
def test_demo_finds_what_it_asks_for(tmp_path: Path) -> None:
    """The whole demo runs, and every question finds its document first."""
    script = PROJECT / "demo" / "run.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "store")],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "7 of 7 questions found their document first" in done.stdout


def test_the_page_on_security_names_tests_that_are_there() -> None:
    """Each row of what is not trusted says by which tests it holds."""
    page = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert rows
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)`", row)
        assert named, row
        assert all((PROJECT / each).is_file() for each in named), row
