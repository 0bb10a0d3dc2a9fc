"""The map of the house, held to: import direction, late heavy imports, public names, file sizes."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import longembed_rag

PACKAGE = Path(longembed_rag.__file__).parent
PROJECT = PACKAGE.parent
MODULES = {
    ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

#: What every room may import, and what imports nothing of ours.
GROUND = ("errors", "interrupts", "layout", "limits", "urls", "whole_files")
#: Which rooms a room may import, beside itself and the ground.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(GROUND, ()),
    "extension": (),
    "encoder": ("extension",),
    "training": ("extension", "encoder", "words"),
    "words": (),
    "points": (),
    "store": ("words", "points", "encoder"),
    "search": ("words", "points", "encoder", "store"),
    "files": (),
    "ray_cluster": (),
    "ingest": ("words", "points", "encoder", "store", "files", "ray_cluster"),
    "library": (
        *("words", "points", "encoder", "store", "search", "files", "ingest"),
        "ray_cluster",
    ),
    "llama_index": ("words", "points", "encoder", "store", "search", "ingest", "library"),
    "server": ("encoder", "words", "store", "search", "files", "ingest", "library"),
}
EVERYTHING = (*MAY_IMPORT, "cli")
MAY_IMPORT["cli"] = EVERYTHING
MAY_IMPORT["__main__"] = ("cli",)
_FACADE = ("longembed_rag", "longembed_rag._version")

#: Packages that take long to import, and the rooms whose modules may do so at their top.
HEAVY: dict[str, tuple[str, ...]] = {
    "torch": ("extension", "encoder", "training"),
    "transformers": ("extension", "encoder", "training"),
    "llama_index": ("llama_index",),
    "bm25s": (),
    "bs4": (),
    "docx": (),
    "fastapi": ("server",),
    "fastapi_offline": ("server",),
    "fsspec": (),
    "kreuzberg": (),
    "lxml": (),
    "markdown_it": (),
    "mcp": ("server",),
    "olefile": (),
    "prometheus_client": ("server",),
    "py3langid": (),
    "pypdfium2": (),
    "qdrant_client": (),
    "qdrant_edge": (),
    "ray": (),
    "rich": (),
    "sentence_transformers": (),
    "Stemmer": (),
    "starlette": ("server",),
    "striprtf": (),
    "tokenizers": (),
    "uvicorn": ("server",),
    "watchfiles": ("server",),
    "yaml": (),
}

#: Lines of the longest file allowed; what holds tests may be long lists of cases.
LONGEST_FILES = {
    "longembed_rag": 330,
    "docs": 330,
    "demo": 330,
    "examples": 330,
    "benchmarks": 330,
    "eval": 330,
    "integrations": 330,
    "tests": 600,
}
SOURCES = [
    str(path.relative_to(PROJECT))
    for folder in LONGEST_FILES
    for path in sorted((PROJECT / folder).rglob("*.py"))
]


def room_of(module: str) -> str:
    """The room a module belongs to; the empty string for the facade."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and module not in _FACADE else ""


def imports(tree: ast.AST, *, module: str, late: bool) -> Iterator[str]:
    """Modules that a module imports, absolute names.

    Args:
        tree: The module, parsed.
        module: Its name, to resolve relative imports.
        late: Also those inside functions and under ``if TYPE_CHECKING``.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports are not used here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif late or not _runs_later(node):
            yield from imports(node, module=module, late=late)


def _runs_later(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return True
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def imported(module: str, *, late: bool) -> tuple[str, ...]:
    """What a module of ours imports; many of the tests ask for the same."""
    return tuple(imports(parsed(MODULES[module]), module=module, late=late))


@cache
def internal(name: str) -> str | None:
    """The module of ours that an imported name lies in."""
    while name:
        if name in MODULES:
            return name
        name = name.rpartition(".")[0]
    return None


def test_every_module_is_in_a_room() -> None:
    """The map of the house shows all of it."""
    lost = {module for module in MODULES if room_of(module) not in ("", *MAY_IMPORT)}
    assert not lost, f"in no room of the map: {', '.join(MAY_IMPORT)}"


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_point_down(room: str) -> None:
    """No room imports one that it may not, not even inside a function or for types only."""
    allowed = {room, *MAY_IMPORT[room], *(() if room in GROUND else GROUND)}
    for module in (each for each in MODULES if room_of(each) == room):
        for name in imported(module, late=True):
            target = internal(name)
            if target is None or target == "longembed_rag._version":
                continue
            assert target != "longembed_rag", f"{module} imports {name} through the facade"
            assert room_of(target) in allowed, f"{module} imports {name}"


def test_no_module_leads_back_to_itself() -> None:
    """There is no circle of imports, not even of those inside functions or for types only."""
    leads = {
        module: {
            target
            for name in imported(module, late=True)
            if (target := internal(name)) is not None and target not in (module, *_FACADE)
        }
        for module in MODULES
        if module not in _FACADE
    }
    # What leads nowhere any more is taken away, again and again; a circle is what is left.
    while free := {module for module, there in leads.items() if not there}:
        leads = {m: there - free for m, there in leads.items() if m not in free}
    assert leads == {}


def test_heavy_packages_are_imported_late() -> None:
    """Heavy packages are imported inside functions, or by the few rooms that are made of them."""
    early = [
        f"{module} imports {package} at its top"
        for module in MODULES
        for package in {name.partition(".")[0] for name in imported(module, late=False)}
        if package in HEAVY and room_of(module) not in HEAVY[package]
    ]
    assert early == []


LIGHT_ROOMS = ("cli", "words", "points", "store", "search", "files", "ingest", "library")
LIGHT = [
    "longembed_rag",
    "longembed_rag.errors",
    "longembed_rag.whole_files",
    "longembed_rag.encoder.settings",
    "longembed_rag.encoder.values",
    "longembed_rag.extension.plan",
    "longembed_rag.extension.positions",
    "longembed_rag.extension.frequencies",
    "longembed_rag.extension.windows",
    "longembed_rag.training.options",
    "longembed_rag.training.texts",
    *(module for module in MODULES if room_of(module) in LIGHT_ROOMS),
]


def test_light_modules_reach_nothing_heavy() -> None:
    """What the command line and the plain values import at their top never leads to torch."""
    seen, waiting = set(), list(LIGHT)
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        for name in imported(current, late=False):
            assert name.partition(".")[0] not in HEAVY, f"{current} imports {name} at its top"
            target = internal(name)
            if target is not None:
                # Importing a module runs the packages around it first.
                parents = [target.rsplit(".", cut)[0] for cut in range(target.count(".") + 1)]
                waiting.extend(parents)


def test_importing_the_package_is_quick_and_loads_no_torch() -> None:
    """``import longembed_rag`` and the command line's help cost well under half a second."""
    program = (
        "import sys, time; start = time.perf_counter(); import longembed_rag; "
        "took = time.perf_counter() - start; import longembed_rag.cli; "
        f"print(took, *sorted(set({tuple(HEAVY)!r}) & set(sys.modules)))"
    )
    took, *loaded = min(
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(3)
    )
    assert loaded == []
    assert float(took) < 0.5


def test_public_names_are_sorted_and_all_there() -> None:
    """``__all__`` is sorted, every name in it can be had, and ``dir()`` shows exactly those."""
    assert longembed_rag.__all__ == sorted(longembed_rag.__all__)
    assert len(set(longembed_rag.__all__)) == len(longembed_rag.__all__)
    assert dir(longembed_rag) == longembed_rag.__all__
    for name in longembed_rag.__all__:
        assert getattr(longembed_rag, name) is not None


def test_what_is_exported_equals_all() -> None:
    """The names for type checkers, the homes of the lazy ones and ``__all__`` are the same."""
    tree = parsed(PACKAGE / "__init__.py")
    block = next(n for n in tree.body if isinstance(n, ast.If) and _runs_later(n))
    typed = {name.rpartition(".")[2] for name in imports(block, module="longembed_rag", late=True)}
    lazy = set(longembed_rag._HOMES)
    assert typed == lazy
    assert lazy | {"__version__"} == set(longembed_rag.__all__)


def test_unknown_public_name_is_an_attribute_error() -> None:
    """The lazy facade does not swallow misspelt names."""
    with pytest.raises(AttributeError, match="LongEncodr"):
        _ = longembed_rag.LongEncodr


def test_nothing_below_the_command_line_prints() -> None:
    """Only ``cli/`` writes to the terminal; everything else returns, warns or raises."""
    for module, path in MODULES.items():
        if room_of(module) == "cli":
            continue
        calls = (node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call))
        names = {node.func.id for node in calls if isinstance(node.func, ast.Name)}
        assert "print" not in names, f"{module} prints"


def test_files_are_readable_in_one_sitting() -> None:
    """No file is longer than a few screens."""
    lengths = {
        source: len((PROJECT / source).read_text(encoding="utf-8").splitlines())
        for source in SOURCES
    }
    assert {
        source: length
        for source, length in lengths.items()
        if length > LONGEST_FILES[source.partition("/")[0]]
    } == {}
