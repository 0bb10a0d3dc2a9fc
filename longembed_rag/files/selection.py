"""Which files of a folder are meant: patterns, ignore files, and whether any text is taken."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import SettingsError
from longembed_rag.whole_files import read_plain

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

#: What is read in every folder, in gitignore's form.
IGNORE_FILE = ".longembedignore"
_GITIGNORE = ".gitignore"
# What programs write for programs, and nobody searches.
_GENERATED_FOLDERS = frozenset({"__pycache__", "bower_components", "node_modules"})
_GENERATED_FILES = frozenset(
    {"go.sum", "npm-shrinkwrap.json", "package-lock.json", "pnpm-lock.yaml", "packages.lock.json"}
)
_GENERATED_ENDINGS = (".lock", ".min.css", ".min.js", ".min.mjs", ".js.map", ".css.map")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which files below the given folders are taken; a file that is named itself always is.

    Patterns are gitignore's, relative to the folder that was given: ``*.log`` anywhere,
    ``/drafts/`` in it, ``!keep.log`` takes back what an earlier one says.

    Attributes:
        include: Take only files that one of these fits; none takes all.
        exclude: Pass over files and folders that these fit. They win over ``.longembedignore``,
            and that over ``.gitignore``.
        gitignore: Whether ``.gitignore`` files are followed, too: of the folders, those below
            them, and those above as far as the top of the working tree.
        all_text: Whether whatever holds text is taken, and not only what has a name or suffix of
            a known kind.

    Raises:
        SettingsError: A pattern cannot be read.

    Example:
        >>> Selection(exclude=["drafts/", "*.log"]).exclude
        ('drafts/', '*.log')
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    gitignore: bool = False
    all_text: bool = False

    def __post_init__(self) -> None:
        for name in ("include", "exclude"):
            value = getattr(self, name)
            if isinstance(value, str) or not all(isinstance(each, str) for each in value):
                raise SettingsError(f"{name}={value!r} is not a list of patterns")
            object.__setattr__(self, name, tuple(value))
            compiled(value, told=f"{name}=")

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        return {
            "include": list(self.include),
            "exclude": list(self.exclude),
            "gitignore": self.gitignore,
            "all_text": self.all_text,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Selection:
        """What :meth:`to_dict` gave."""
        return cls(**values)


def compiled(patterns: Iterable[str], *, told: str) -> GitIgnoreSpec:
    """Patterns in gitignore's form, ready to be asked.

    Args:
        patterns: One a line.
        told: Where they stand, for messages.

    Raises:
        SettingsError: One cannot be read; names it.
    """
    from pathspec import GitIgnoreSpec

    given = list(patterns)
    try:
        return GitIgnoreSpec.from_lines(given)
    except (ValueError, re.error):
        wrong = next(each for each in given if not _is_pattern(each))
    raise SettingsError(
        f"{told}{wrong!r} is not a pattern as in a .gitignore, such as 'drafts/' or '*.log'"
    )


def _is_pattern(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True


@dataclass(frozen=True)
class Layer:
    """The patterns of one ignore file, and what they are relative to.

    Attributes:
        base: The folder that the file lies in, relative to the given one: ``""`` or ``"sub/"``.
        above: Where the file lies above the given folder: the way down to it, ``"docs/"``.
        spec: The patterns.
        told: What the file is called in reasons.
    """

    base: str
    above: str
    spec: GitIgnoreSpec
    told: str

    @cached_property
    def _any(self) -> re.Pattern[str]:
        """What fits where one of the patterns does: asked first, since of most paths none does."""
        each = (str(one.regex.pattern) for one in self.spec.patterns if one.regex is not None)
        return re.compile("|".join(re.sub(r"\(\?P<\w+>", "(?:", one) for one in each) or r"(?!)")

    def decide(self, path: str) -> tuple[bool | None, str]:
        """Whether a path is passed over (None: nothing is said of it), and by which pattern."""
        if self._any.search(self.above + path[len(self.base) :]) is None:
            return None, ""
        found = self.spec.check_file(self.above + path[len(self.base) :])
        if found.include is None or found.index is None:
            return None, ""
        pattern = str(self.spec.patterns[found.index].pattern)
        return found.include, f"{self.told}: {pattern}"


class Rules:
    """What a selection says of the files below one given folder.

    Args:
        selection: The selection.
        above: The ignore files above the folder, from the top down.
        read: Gives the bytes of an ignore file, by folder and name.
    """

    def __init__(
        self,
        selection: Selection,
        above: tuple[Layer, ...] = (),
        *,
        read: Callable[[str, str], bytes] | None = None,
    ) -> None:
        self._selection = selection
        self._read = read or _read_here
        self._include = compiled(selection.include, told="include=") if selection.include else None
        exclude = compiled(selection.exclude, told="exclude=")
        self._exclude = Layer("", "", exclude, "exclude") if selection.exclude else None
        self._above = above

    def at_root(self) -> tuple[Layer, ...]:
        """The ignore files that hold in the given folder, those above it; the strongest last."""
        return self._above

    def entering(
        self, folder: str, base: str, names: Iterable[str], layers: tuple[Layer, ...]
    ) -> tuple[Layer, ...]:
        """The ignore files that hold in a folder: those of the one above, and its own.

        Args:
            folder: The folder.
            base: The way to it from the given one, ``""`` or ``"sub/"``.
            names: What lies in it.
            layers: Those of the folder above.

        Raises:
            OSError: One cannot be read.
            SettingsError: A pattern in one cannot be read.
        """
        wanted = (_GITIGNORE, IGNORE_FILE) if self._selection.gitignore else (IGNORE_FILE,)
        for name in wanted:
            if name in names:
                spec = _spec(self._read(folder, name), name, told=f"{folder}{os.sep}{name}")
                layers = (*layers, Layer(base, "", spec, name))
        # One kind wins over the other, whatever the depth: people exclude what git keeps.
        return tuple(sorted(layers, key=lambda layer: layer.told == IGNORE_FILE))

    def reason_against(self, path: str, layers: tuple[Layer, ...]) -> str | None:
        """Why a file or folder is passed over; None where it is not.

        Args:
            path: From the given folder on, with ``/``, and one at the end of a folder's.
            layers: The ignore files that hold where it lies.
        """
        strongest_first = (*([self._exclude] if self._exclude else []), *reversed(layers))
        for layer in strongest_first:
            is_against, why = layer.decide(path)
            if is_against is not None:
                return why if is_against else self._not_included(path)
        name = path.rstrip("/").rpartition("/")[2]
        if _is_generated(name, is_folder=path.endswith("/")):
            return "generated by a program"
        return self._not_included(path)

    def _not_included(self, path: str) -> str | None:
        if self._include is None or path.endswith("/") or self._include.match_file(path):
            return None
        return f"not among include: {', '.join(self._selection.include)}"


def _is_generated(name: str, *, is_folder: bool) -> bool:
    if is_folder:
        return name in _GENERATED_FOLDERS
    return name in _GENERATED_FILES or name.endswith(_GENERATED_ENDINGS)


def layers_above(root: Path) -> Iterable[Layer]:
    """The .gitignore files above a folder, to the top of its working tree, from there down.

    Args:
        root: The folder, resolved.

    Raises:
        OSError: One cannot be read.
    """
    if (root / ".git").exists():
        return
    top = next((parent for parent in root.parents if (parent / ".git").exists()), None)
    if top is None:
        return
    for folder in [each for each in reversed(root.parents) if each.is_relative_to(top)]:
        file = folder / _GITIGNORE
        if file.is_file():
            spec = _spec(read_plain(file), _GITIGNORE, told=str(file))
            above = f"{root.relative_to(folder).as_posix()}/"
            # A folder that was named itself is taken, and what else lies there with it.
            if not spec.match_file(above):
                yield Layer("", above, spec, _GITIGNORE)


def _read_here(folder: str, name: str) -> bytes:
    return read_plain(Path(folder, name))


def _spec(data: bytes, name: str, *, told: str) -> GitIgnoreSpec:
    text = data.decode("utf-8-sig", "surrogateescape")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    if name == _GITIGNORE:  # somebody else's: what git passes over is passed over
        lines = [line for line in lines if _is_pattern(line)]
    return compiled(lines, told=f"{os.fsencode(told).decode('utf-8', 'backslashreplace')}: ")
