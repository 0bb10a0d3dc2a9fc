"""The options that say which files of a folder are taken: flags, variables, ``longembed.toml``."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from longembed_rag.cli.option_specs import OptionSpec
from longembed_rag.cli.output import one_line

if TYPE_CHECKING:
    from longembed_rag.files.values import Skipped

SELECTION_SECTION = "Files"


class PatternList(click.ParamType[str]):
    """Patterns, one a flag; several of them in a variable stand apart as paths do in ``PATH``."""

    name = "pattern"
    envvar_list_splitter = os.pathsep


SELECTION_SPECS = (
    OptionSpec(
        name="include",
        type=PatternList(),
        help="Take only files that fit, such as '*.md' or 'contracts/'; may be given several "
        "times.",
        metavar="PATTERN",
        section=SELECTION_SECTION,
        shown_default="all",
        multiple=True,
    ),
    OptionSpec(
        name="exclude",
        type=PatternList(),
        help="Pass over files and folders that fit, as in a .gitignore: '*.log', '/drafts/', "
        "'!keep.log'; may be given several times. A .longembedignore says the same for good.",
        metavar="PATTERN",
        section=SELECTION_SECTION,
        shown_default="none",
        multiple=True,
    ),
    OptionSpec(
        name="gitignore",
        type=click.BOOL,
        help="Pass over what .gitignore files say, too.",
        section=SELECTION_SECTION,
        default=False,
        shown_default="no-gitignore",
    ),
    OptionSpec(
        name="all_text",
        type=click.BOOL,
        help="Take whatever holds text, whatever its suffix.",
        section=SELECTION_SECTION,
        default=False,
        shown_default="no-all-text",
    ),
)


def selection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add these options; the function gets ``selection``, a :class:`Selection`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **parameters: Any) -> Any:
        from longembed_rag.files.selection import Selection

        values = {spec.name: parameters.pop(spec.name) for spec in SELECTION_SPECS}
        return function(*args, selection=Selection(**values), **parameters)

    for spec in reversed(SELECTION_SPECS):
        wrapper = spec.decorate(wrapper)
    return wrapper


def excluded_line(excluded: Iterable[Skipped]) -> str:
    """One line on what the selection passes over, with the patterns that do most of it."""
    reasons = Counter(each.reason for each in excluded)
    told = "; ".join(f"{reason} ({number:,})" for reason, number in reasons.most_common(3))
    return f"passed over: {one_line(told)}{'; ...' if len(reasons) > 3 else ''}"
