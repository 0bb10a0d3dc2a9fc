"""The harness stands beside the product: what it imports, what imports it, no prints."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import longembed_eval
import longembed_rag

PACKAGE = Path(longembed_eval.__file__).parent
PRODUCT = Path(longembed_rag.__file__).parent
HEAVY = (
    "torch",
    "transformers",
    "llama_index",
    "matplotlib",
    "jinja2",
    "scipy",
    "ir_measures",
    "psutil",
    "datasets",
    "mteb",
    "sentence_transformers",
    "bm25s",
    "qdrant_client",
    "qdrant_edge",
    "ray",
)


def named(root: Path) -> dict[str, Path]:
    """Modules of a package, by name."""
    return {
        ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in sorted(root.rglob("*.py"))
    }


OURS, THEIRS = named(PACKAGE), named(PRODUCT)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(tree: ast.AST, *, late: bool) -> Iterator[tuple[str, str | None]]:
    """Imported modules with the name that is taken of them; ``late``: wherever they stand."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not used here"
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif late or not runs_later(node):
            yield from imports(node, late=late)


def runs_later(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return True
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def of_package(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def test_imports_are_seen() -> None:
    """The checks below would hold for everything if nothing was found."""
    tree = ast.parse(
        "import a.b\nfrom c import d\nif TYPE_CHECKING:\n    import e\n"
        "def f():\n    import g\nclass K:\n    import h\n"
    )
    assert list(imports(tree, late=False)) == [("a.b", None), ("c", "d"), ("h", None)]
    assert [name for name, _ in imports(tree, late=True)] == ["a.b", "c", "e", "g", "h"]
    assert {"longembed_eval", "longembed_eval.runner", "longembed_eval.systems.words"} <= set(OURS)


def test_only_what_the_product_exports_is_used() -> None:
    """Top-level names and errors: what any other project could use as well."""
    for module in OURS:
        for source, name in imports(parsed(OURS[module]), late=True):
            if not of_package(source, "longembed_rag") or source == "longembed_rag.errors":
                continue
            assert source == "longembed_rag", f"{module} imports {source}"
            assert name in (*longembed_rag.__all__, "errors"), f"{module} imports {name}"


def test_heavy_packages_are_imported_late() -> None:
    """Inside functions or for types only, so that ``--help`` and mistakes cost nothing."""
    for module in OURS:
        for source, _ in imports(parsed(OURS[module]), late=False):
            assert source.partition(".")[0] not in HEAVY, f"{module} imports {source} at its top"


def test_importing_the_harness_loads_nothing_heavy() -> None:
    """Neither by itself nor through the product."""
    program = (
        "import sys, longembed_eval, longembed_eval.runner, longembed_eval.tasks.choose, "
        "longembed_eval.report.html, longembed_eval.table, longembed_rag.cli; "
        f"print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_nothing_prints() -> None:
    """Whoever calls it decides what is shown."""
    for module in OURS:
        calls = [node for node in ast.walk(parsed(OURS[module])) if isinstance(node, ast.Call)]
        names = {node.func.id for node in calls if isinstance(node.func, ast.Name)}
        assert "print" not in names, module
        assert not any("sys.stdout" in ast.unparse(node.func) for node in calls), module


def test_the_product_works_without_the_harness() -> None:
    """Only commands import it, when they are run."""
    users = set()
    for module, path in THEIRS.items():
        tree = parsed(path)
        early = {name for name, _ in imports(tree, late=False)}
        assert not any(of_package(name, "longembed_eval") for name in early), module
        if any(of_package(name, "longembed_eval") for name, _ in imports(tree, late=True)):
            users.add(module)
    assert {module.rpartition(".")[0] for module in users} == {"longembed_rag.cli"}


def test_public_names_are_sorted_and_there() -> None:
    """``__all__`` is what can be had."""
    assert longembed_eval.__all__ == sorted(longembed_eval.__all__)
    for name in longembed_eval.__all__:
        assert getattr(longembed_eval, name) is not None
