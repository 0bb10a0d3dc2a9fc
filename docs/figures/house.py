"""Draw the house: its rooms and which imports which, read off the code itself.

    python docs/figures/house.py [FOLDER]

writes ``house.svg`` into the folder, beside this file unless told. An arrow leads from a room to
one that it imports; those that other arrows imply already are left out, and so is the ground that
every room stands on. ``tests/test_docs.py`` holds the committed picture to the code.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from html import escape
from pathlib import Path
from textwrap import wrap

HERE = Path(__file__).parent
PACKAGE = HERE.parent.parent / "longembed_rag"
GROUND = ("errors", "whole_files")

#: In which column a room stands, so that no arrow has to go behind another; others find a place.
COLUMNS = {
    **dict.fromkeys(("ingest", "files"), 0),
    **dict.fromkeys(("llama_index", "library", "search", "store", "points"), 1),
    **dict.fromkeys(("cli", "server", "words"), 2),
    **dict.fromkeys(("training", "encoder", "extension"), 3),
}
WIDTH, BOX, HEIGHT, GAP, STEP = 980, 212, 84, 24, 132
INK, LINE, PAPER = "#1c2733", "#5b7083", "#eef3f7"


def imports() -> dict[str, set[str]]:
    """The rooms, each with those that its modules import anywhere, the ground aside."""
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    found: dict[str, set[str]] = {room: set() for room in sorted(rooms)}
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and room in found:
                parts = str(node.module).split(".")
                if parts[0] == PACKAGE.name and len(parts) > 1 and parts[1] in rooms - {room}:
                    found[room].add(parts[1])
    return found


def reachable(room: str, edges: Mapping[str, set[str]]) -> set[str]:
    """The rooms that a room leads to, over others too."""
    return {far for near in edges[room] for far in (near, *reachable(near, edges))}


def reduced(edges: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The arrows that no others imply."""
    return {
        room: {
            near
            for near in there
            if not any(near in reachable(other, edges) for other in there - {near})
        }
        for room, there in edges.items()
    }


def levels(edges: Mapping[str, set[str]]) -> dict[str, int]:
    """How high above the ground each room stands: above everything that it imports."""

    def level(room: str) -> int:
        return 1 + max((level(near) for near in edges[room]), default=0)

    return {room: level(room) for room in edges}


def sentence(room: str) -> str:
    """What a room is for: the first words of its own description."""
    tree = ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8"))
    said = " ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split())
    return said.replace("``", "").replace(":class:", "").replace("`", "")


def places(height: Mapping[str, int]) -> dict[str, tuple[float, float]]:
    """The upper left corner of each room's box."""
    found: dict[str, tuple[float, float]] = {}
    top = max(height.values())
    for level in range(1, top + 1):
        row = sorted((COLUMNS.get(room, 9), room) for room in height if height[room] == level)
        free = [column for column in range(4) if column not in {column for column, _ in row}]
        for column, room in row:
            column = column if column in COLUMNS.values() else free.pop(0)
            x = (WIDTH - 4 * BOX - 3 * GAP) / 2 + column * (BOX + GAP)
            found[room] = (x, 16 + (top - level) * STEP)
    return found


def box(room: str, x: float, y: float) -> str:
    """A room, with what it is for."""
    lines = wrap(sentence(room), 34)
    lines = [*lines[:3], *(["…"] if len(lines) > 3 else [])]
    told = "".join(
        f'<text x="{x + 10:.0f}" y="{y + 36 + 13 * n:.0f}" font-size="10.5">{escape(line)}</text>'
        for n, line in enumerate(lines)
    )
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{BOX}" height="{HEIGHT}" rx="6" fill="{PAPER}" '
        f'stroke="{LINE}"/><text x="{x + 10:.0f}" y="{y + 19:.0f}" font-size="14" '
        f'font-weight="bold">{room}/</text>{told}'
    )


def arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    """From the lower edge of one box to the upper edge of another."""
    (x1, y1), (x2, y2) = start, end
    x1, y1, x2 = x1 + BOX / 2 + (x2 - x1) / 12, y1 + HEIGHT, x2 + BOX / 2 - (x2 - x1) / 12
    bend = (y2 - y1) / 2
    return (
        f'<path d="M{x1:.0f} {y1:.0f} C{x1:.0f} {y1 + bend:.0f} {x2:.0f} {y2 - bend:.0f} '
        f'{x2:.0f} {y2 - 2:.0f}" fill="none" stroke="{LINE}" stroke-width="1.3" '
        'marker-end="url(#head)"/>'
    )


def draw() -> str:
    """The picture as SVG."""
    edges = imports()
    at = places(levels(edges))
    bottom = max(y for _, y in at.values()) + HEIGHT + 28
    kept = reduced(edges)
    arrows = [arrow(at[room], at[near]) for room in kept for near in sorted(kept[room])]
    boxes = [box(room, *at[room]) for room in at]
    ground = " and ".join(f"{name}.py" for name in GROUND)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 44:.0f}" '
            f'font-family="Helvetica, Arial, sans-serif" fill="{INK}">',
            f'<rect width="{WIDTH}" height="{bottom + 44:.0f}" fill="#ffffff"/>',
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{LINE}"/></marker>'
            "</defs>",
            *arrows,
            *boxes,
            f'<rect x="16" y="{bottom:.0f}" width="{WIDTH - 32}" height="28" rx="6" fill="{INK}"/>',
            f'<text x="{WIDTH / 2:.0f}" y="{bottom + 18:.0f}" font-size="12" fill="#ffffff" '
            f'text-anchor="middle">{ground}: the ground that every room stands on</text>',
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    (folder / "house.svg").write_text(draw(), encoding="utf-8")
