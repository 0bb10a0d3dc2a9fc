"""What stands above a Markdown text: YAML between ``---``, TOML between ``+++``."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from longembed_rag.files.text.decoding import without_surrogates

if TYPE_CHECKING:
    import yaml

#: Characters of front matter that are looked at; what is longer is no front matter.
LONGEST = 64 << 10
#: Values in it, those counted again that an alias repeats, and how deep they lie.
MOST_VALUES = 10_000
_DEEPEST = 20
_LARGEST_INTEGER = 2**63
_OPENING = re.compile(r"\ufeff?(---|\+\+\+)[ \t]*(?:\r\n?|\n)")
_CLOSING = {
    "---": re.compile(r"(?<=[\r\n])(?:---|\.\.\.)[ \t]*(?:\r\n?|\n|\Z)"),
    "+++": re.compile(r"(?<=[\r\n])\+\+\+[ \t]*(?:\r\n?|\n|\Z)"),
}
# YAML 1.2's rules, by which `no` is Norwegian and `12:30` no number; what begins with a zero is
# a code, not a number.
_SCALARS = (
    ("null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("int", re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})$"), list("-+0123456789")),
    (
        "float",
        re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][-+]?[0-9]+)?|[1-9][0-9]*[eE][-+]?[0-9]+)$"),
        list("-+.0123456789"),
    ),
    (
        "timestamp",
        re.compile(
            r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
            r"(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?"
            r"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?)?$"
        ),
        list("0123456789"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class FrontMatter:
    """What stands above a text.

    Attributes:
        metadata: What it says, as JSON has it: dates as ISO 8601, keys as strings.
        end: Where the text begins below it; 0 where there is none.
        note: Why it was not understood; None where it was.
    """

    metadata: dict[str, Any] = field(default_factory=dict)
    end: int = 0
    note: str | None = None


def front_matter(text: str) -> FrontMatter:
    """The front matter of a text, never an error: what is wrong with it is noted.

    Args:
        text: The whole text, with its front matter.
    """
    opening = _OPENING.match(text)
    if opening is None:
        return FrontMatter()
    fence = opening.group(1)
    closing = _CLOSING[fence].search(text, opening.end(), opening.end() + LONGEST)
    if closing is None:
        return FrontMatter()  # a rule, as Markdown has them
    source = text[opening.end() : closing.start()]
    try:
        found = _yaml(source) if fence == "---" else _toml(source)
        if isinstance(found, str):
            return FrontMatter()  # a paragraph between two rules
        if found is None:
            return FrontMatter(end=closing.end())
        if not isinstance(found, dict):
            raise ValueError("it is a list, not names with values")
        metadata = _plain(found, [MOST_VALUES], 0)
    except (ValueError, RecursionError, TypeError) as error:
        told = " ".join(str(error).split())[:200]
        return FrontMatter(end=closing.end(), note=f"its front matter was left out: {told}")
    return FrontMatter(_named(metadata), closing.end())


def _yaml(source: str) -> Any:
    import yaml

    try:
        return yaml.load(source, _loader(yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ValueError(f"it is no YAML ({error})") from error


def _loader(base: type[yaml.SafeLoader]) -> type[yaml.SafeLoader]:
    """PyYAML's safe loader with the scalars of YAML 1.2, and without merging of mappings.

    Merges copy, so that a few lines of them make millions of values.
    """

    class Loader(base):  # type: ignore[valid-type,misc]
        yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    for tag, pattern, first in _SCALARS:
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", pattern, first)
    Loader.add_constructor("tag:yaml.org,2002:timestamp", _moment)
    built: type[yaml.SafeLoader] = Loader
    return built


def _moment(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        return node.value  # a 31st of April is a text


def _toml(source: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        return tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"it is no TOML ({error})") from error


def _plain(value: Any, room: list[int], depth: int) -> Any:
    """A value as JSON has it.

    Raises:
        ValueError: It is too much, too deep, or goes round in circles.
    """
    room[0] -= 1
    if room[0] < 0:
        raise ValueError(f"it stands for more than {MOST_VALUES:,} values")
    if depth > _DEEPEST:
        raise ValueError(f"its values lie more than {_DEEPEST} deep")
    if isinstance(value, dict):
        return {_key(key): _plain(each, room, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(each, room, depth + 1) for each in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, int) and not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _key(key: Any) -> str:
    if isinstance(key, bool) or key is None:
        return {True: "true", False: "false", None: "null"}[key]
    return key.isoformat() if isinstance(key, date | datetime) else without_surrogates(str(key))


def _named(metadata: dict[str, Any]) -> dict[str, Any]:
    """The same under the keys that other types use, without what is empty."""
    found = {key: value for key, value in metadata.items() if value not in (None, "", [], {})}
    for name, key in (("lang", "language"), ("authors", "author")):
        if name in found and key not in found:
            found[key] = found.pop(name)
    keywords = found.get("keywords")
    if isinstance(keywords, str):
        found["keywords"] = [each for each in re.split(r"\s*[,;]\s*", keywords) if each]
    if isinstance(found.get("title"), int | float):
        found["title"] = str(found["title"])
    return found
