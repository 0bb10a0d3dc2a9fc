"""Patterns and ignore files: which files of a folder are taken."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from shutil import which

import pytest

from longembed_rag.errors import SettingsError
from longembed_rag.files.discover import Discovery, discover, discover_each
from longembed_rag.files.selection import Selection


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with drafts, logs, and a folder in a folder."""
    root = tmp_path.resolve() / "root"
    for name in ("a.md", "b.log", "drafts/c.md", "drafts/old/d.md", "sub/e.md", "sub/f.log"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    return root


def found(root: Path, *, paths: tuple[str, ...] = (".",), **options: object) -> Discovery:
    """What is found below a root."""
    return discover([root / path for path in paths], selection=Selection(**options))  # type: ignore[arg-type]


def names(discovery: Discovery, root: Path) -> str:
    """The files, from the root on."""
    return " ".join(path.relative_to(root).as_posix() for path in discovery)


def reasons(discovery: Discovery, root: Path) -> dict[str, str]:
    """What was passed over, and why."""
    return {
        Path(each.source).relative_to(root).as_posix(): each.reason for each in discovery.excluded
    }


def test_patterns_exclude_and_say_why(root: Path) -> None:
    """Files one by one, a folder once for all that is in it, each with its pattern."""
    discovery = found(root, exclude=["*.log", "drafts/"])
    assert names(discovery, root) == "a.md sub/e.md"
    assert reasons(discovery, root) == {
        "b.log": "exclude: *.log",
        "sub/f.log": "exclude: *.log",
        "drafts": "exclude: drafts/",
    }
    assert discovery.skipped == ()


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        (["/sub"], "a.md b.log drafts/c.md drafts/old/d.md"),
        (["sub/*.log"], "a.md b.log drafts/c.md drafts/old/d.md sub/e.md"),
        (["/*.log"], "a.md drafts/c.md drafts/old/d.md sub/e.md sub/f.log"),
        (["*.log", "!/b.log"], "a.md b.log drafts/c.md drafts/old/d.md sub/e.md"),
        (["drafts/*", "!drafts/old/"], "a.md b.log drafts/old/d.md sub/e.md sub/f.log"),
        (["**/old"], "a.md b.log drafts/c.md sub/e.md sub/f.log"),
        (["# none", "", "*.tx[t"], "a.md b.log drafts/c.md drafts/old/d.md sub/e.md sub/f.log"),
    ],
)
def test_patterns_are_those_of_gitignore(root: Path, exclude: list[str], expected: str) -> None:
    """Anchored and not, with wildcards, and taken back."""
    assert names(found(root, exclude=exclude), root) == expected


def test_only_what_is_included_is_taken(root: Path) -> None:
    """Of that, nothing that is excluded; what is left out is told."""
    discovery = found(root, include=["*.md"], exclude=["drafts/old/"])
    assert names(discovery, root) == "a.md drafts/c.md sub/e.md"
    assert reasons(discovery, root)["b.log"] == "not among include: *.md"
    assert names(found(root, include=["sub/", "/b.log"]), root) == "b.log sub/e.md sub/f.log"


def test_an_ignore_file_holds_at_its_level_and_below(root: Path) -> None:
    """Deeper ones win, a pattern given by hand wins over all, and hidden files stay aside."""
    (root / ".longembedignore").write_text("*.log\n/sub/e.md\nold/\n")
    (root / "sub" / ".longembedignore").write_text("!f.log\r\n")
    discovery = found(root)
    assert names(discovery, root) == "a.md drafts/c.md sub/f.log"
    assert reasons(discovery, root)["b.log"] == ".longembedignore: *.log"
    assert "b.log" in names(found(root, exclude=["!b.log"]), root)
    assert "sub/f.log" not in names(found(root, exclude=["f.log"]), root)


def test_gitignore_is_followed_where_asked(root: Path) -> None:
    """Not unasked; nested ones too; and .longembedignore wins over it."""
    (root / ".gitignore").write_text("drafts/\n*.log\n!\n")
    (root / "sub" / ".gitignore").write_text("!f.log\n")
    assert names(found(root), root).count("drafts") == 2
    assert names(found(root, gitignore=True), root) == "a.md sub/e.md sub/f.log"
    (root / ".longembedignore").write_text("!drafts/\nsub/f.log\n")
    taken = names(found(root, gitignore=True), root)
    assert taken == "a.md drafts/c.md drafts/old/d.md sub/e.md"


def test_gitignore_of_the_folders_above_is_followed_to_the_top_of_the_tree(root: Path) -> None:
    """A folder of a working tree gives what it gives as a part of the whole, unless it is named."""
    (root / ".git").mkdir()
    (root / ".gitignore").write_text("*.log\n/drafts/\ndrafts/old\n")
    (root.parent / ".gitignore").write_text("*\n")
    assert names(found(root, gitignore=True, paths=("sub",)), root) == "sub/e.md"
    # What is named is taken, and what lies in it.
    assert names(found(root, gitignore=True, paths=("drafts",)), root) == (
        "drafts/c.md drafts/old/d.md"
    )


@pytest.mark.skipif(which("git") is None, reason="git is not installed")
def test_git_agrees(root: Path) -> None:
    """What git would not add is what is passed over."""
    (root / ".gitignore").write_text(
        "*.log\n!b.log\ndrafts/*\n!drafts/old\nsub/**/x\n\\!odd.md\n/a.m[a-d]\n[z-a]\n"
        "trailing.md  \n"
    )
    (root / "drafts" / ".gitignore").write_text("old/*\n!old/d.md\n")
    for name in ("!odd.md", "trailing.md", "sub/deep/x/g.md", "drafts/old/h.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    for arguments in (("init", "-q"), ("add", "-A")):
        subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)
    listed = subprocess.run(["git", "ls-files"], cwd=root, check=True, capture_output=True)
    ours = {name for name in listed.stdout.decode().split("\n") if not name.endswith("ignore")}
    assert set(names(found(root, gitignore=True), root).split(" ")) == ours - {""}


def test_a_file_that_is_named_is_taken(root: Path) -> None:
    """Whatever a pattern says; so is a folder."""
    discovery = found(root, exclude=["*.log", "drafts/"], paths=(".", "b.log", "drafts"))
    assert names(discovery, root) == "a.md b.log drafts/c.md drafts/old/d.md sub/e.md"
    assert reasons(discovery, root) == {"sub/f.log": "exclude: *.log"}
    assert not discovery.is_excluded(str(root / "b.log"))
    assert not discovery.is_excluded(str(root / "drafts" / "never.md"))
    assert discovery.is_excluded(str(root / "sub" / "f.log"))


def test_what_lies_in_an_excluded_folder_is_excluded(root: Path) -> None:
    """To its bottom, without a look at it."""
    discovery = found(root, exclude=["drafts/"])
    assert discovery.is_excluded(str(root / "drafts" / "old" / "d.md"))
    assert not discovery.is_excluded(str(root / "drafts.md"))


def test_each_root_has_its_own_selection(root: Path) -> None:
    """Patterns are relative to the folder that was given."""
    discovery = discover_each(
        {root / "sub": Selection(exclude=["/e.md"]), root / "drafts": Selection(exclude=["/old"])}
    )
    assert names(discovery, root) == "drafts/c.md sub/f.log"


def test_a_link_is_known_by_the_way_that_leads_to_it(root: Path, tmp_path: Path) -> None:
    """A pattern for the link passes over what it leads to, and nothing else."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "g.md").write_text("x")
    (root / "link").symlink_to(outside)
    assert [path.name for path in found(root, exclude=["/link/g.md", "drafts", "sub"])] == [
        "a.md",
        "b.log",
    ]
    assert [path.name for path in found(root, exclude=["/sub", "drafts"])] == [
        "g.md",
        "a.md",
        "b.log",
    ]


def test_what_programs_generate_is_passed_over_unless_taken_back(root: Path) -> None:
    """Lock files of package managers, minified scripts, folders of packages."""
    for name in ("package-lock.json", "x.min.js", "node_modules/p/index.js", "app.js"):
        (root / "sub" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "sub" / name).write_text("x")
    discovery = found(root / "sub", include=["*.js*"])
    assert names(discovery, root / "sub") == "app.js"
    assert reasons(discovery, root / "sub")["package-lock.json"] == "generated by a program"
    assert set(reasons(discovery, root / "sub")) >= {"x.min.js", "node_modules"}
    back = found(root / "sub", exclude=["!package-lock.json", "!node_modules/"])
    assert "package-lock.json" in names(back, root / "sub")
    assert "node_modules/p/index.js" in names(back, root / "sub")


def test_lock_files_of_open_documents_are_skipped(root: Path) -> None:
    """Those of Word and of LibreOffice are counted, and are no failure unless they are named."""
    for name in ("~$a.docx", ".~lock.a.odt#"):
        (root / name).write_bytes(b"\x05Ada\x00\x00")
    discovery = found(root)
    assert {Path(each.source).name for each in discovery.skipped} == {"~$a.docx", ".~lock.a.odt#"}
    assert discovery.unreadable == ()
    (failure,) = found(root, paths=("~$a.docx",)).unreadable
    assert "name the document itself" in failure.reason


def test_debris_of_systems_and_editors_is_skipped(root: Path) -> None:
    """Counted, even where all text is taken; a folder of such a name is entered."""
    debris = {
        "Thumbs.db",
        "desktop.ini",
        "._a.md",
        "a.md~",
        "#a.md#",
        "a.swp",
        "a.BAK",
        "a.md.orig",
    }
    for name in (*debris, "a.tmp", ".DS_Store", ".a.md.swp", "~", "##"):
        (root / name).write_text("text")
    (root / "old.bak").mkdir()
    (root / "old.bak" / "kept.md").write_text("text")
    discovery = found(root, all_text=True)
    skipped = {Path(each.source).name for each in discovery.skipped}
    assert skipped >= debris | {"a.tmp"}
    taken = set(names(discovery, root).split())
    assert {"old.bak/kept.md", "~", "##"} <= taken
    assert not (debris | {"a.tmp", ".DS_Store", ".a.md.swp"}) & taken
    assert [path.name for path in found(root, paths=("desktop.ini",))] == ["desktop.ini"]


def test_all_text_takes_whatever_holds_text(root: Path) -> None:
    """Of any suffix or none; what holds none is skipped with the reason, and no failure."""
    files = {
        "notes.xyz": "Grüße".encode("cp1252"),
        "plain": b"text",
        "wide.dat": "text of two bytes".encode("utf-16-le"),
        "picture.png": b"\x89PNG\r\n\x1a\n",
        "program": b"\x7fELF\x02\x01",
        "numbers.bin": bytes(range(256)),
        "empty.abc": b"",
    }
    for name, data in files.items():
        (root / name).write_bytes(data)
    assert {Path(each.source).name for each in found(root).skipped} == set(files)
    discovery = found(root, all_text=True, include=["/*", "!*.md", "!*.log"])
    assert names(discovery, root) == "notes.xyz plain wide.dat"
    told = {Path(each.source).name: each.reason for each in discovery.skipped}
    assert told["numbers.bin"] == "no text: it holds binary data"
    assert told["picture.png"] == "no text: it holds a PNG image"
    assert told["empty.abc"] == "empty"
    assert names(found(root, all_text=True, paths=("plain",)), root) == "plain"
    (failure,) = found(root, all_text=True, paths=("program",)).unreadable
    assert "a program" in failure.reason


def test_source_and_settings_are_taken(root: Path) -> None:
    """By suffix or by name, upper case or lower; secrets and films are not, empty ones neither."""
    taken = ("README", "Makefile", "license", "a.py", "b.RS", "c.toml", "e.ts")
    for name in taken:
        (root / "sub" / name).write_text("x = 1\n")
    (root / "sub" / "__init__.py").write_text("")
    (root / "sub" / "secrets.env").write_text("KEY=1")
    (root / "sub" / "film.ts").write_bytes(b"G\x40\x00\x10\x00\x00" * 99)
    discovery = found(root / "sub")
    assert set(names(discovery, root / "sub").split()) == {*taken, "e.md", "f.log"}
    told = {Path(each.source).name: each.reason for each in discovery.skipped}
    assert told["__init__.py"] == "empty"
    assert told["film.ts"] == "no text: it holds binary data"
    assert told["secrets.env"] == "no reader for .env"


@pytest.mark.parametrize("wrong", ["!", "\\"])
def test_a_pattern_that_is_none_is_named(root: Path, wrong: str) -> None:
    """Given by hand, with the option; in a .longembedignore, with the file."""
    with pytest.raises(SettingsError, match=r"exclude=.* is not a pattern"):
        Selection(exclude=["*.log", wrong])
    (root / ".longembedignore").write_text(f"*.log\n{wrong}\n")
    with pytest.raises(SettingsError, match=r"root/\.longembedignore: .* is not a pattern"):
        found(root)


def test_a_single_string_is_no_list_of_patterns() -> None:
    """Its letters would be patterns."""
    with pytest.raises(SettingsError, match=r"include='\*.md' is not a list"):
        Selection(include="*.md")


def test_a_folder_whose_ignore_file_cannot_be_read_is_not_entered(root: Path) -> None:
    """What it would keep out must not come in."""
    (root / "sub" / ".longembedignore").mkdir()
    discovery = found(root)
    assert names(discovery, root) == "a.md b.log drafts/c.md drafts/old/d.md"
    (failure,) = discovery.unreadable
    assert failure.source == str(root / "sub")
    assert ".longembedignore cannot be read" in failure.reason


def test_patterns_fit_names_that_are_no_text(root: Path) -> None:
    """Bytes of a name that are not UTF-8 stand in an ignore file as they are."""
    (root / ".longembedignore").write_bytes(b"caf\xe9.md\n")
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.md")).write_text("x")
    assert "caf" not in names(found(root), root)


def test_a_selection_survives_json() -> None:
    """What was used is kept for later."""
    selection = Selection(include=["*.md"], exclude=["a"], gitignore=True, all_text=True)
    assert Selection.from_dict(selection.to_dict()) == selection
