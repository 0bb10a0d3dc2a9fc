"""From words on a command line to systems: ``bm25``, ``pcw:max_length=8192``, ``chunked``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from longembed_eval.systems.protocol import shown_model
from longembed_rag import EncoderSettings
from longembed_rag.errors import SettingsError

#: Methods of context extension, as the encoder knows them; ``"auto"`` picks one of them.
METHODS: tuple[str, ...] = get_args(get_type_hints(EncoderSettings)["method"])
#: What a user who says nothing wants compared. Not ``late``: it reads nothing a second time, but
#: keeps 768 bytes a token at 384 dimensions on disk and compares them all.
DEFAULT_SYSTEMS = ("bm25", "truncate", "auto", "chunked", "passages", "hybrid")
_OTHERS = ("bm25", "chunked", "chunked_mean", "passages", "late", "hybrid", "st")
#: Not among ``all``: it ranks parts of documents, which few tasks have.
_OF_PARTS = "contextual"
#: Names that stand for several systems.
GROUPS = ("all", "methods")

#: Settings of the encoder, which whatever reads with the model can be given.
ENCODER = frozenset(get_type_hints(EncoderSettings)) - {"trust_remote_code"}
_OPTIONS: dict[str, frozenset[str]] = {
    "bm25": frozenset({"language"}),
    "chunked": ENCODER | {"window", "overlap"},
    "chunked_mean": ENCODER | {"window", "overlap"},
    "passages": ENCODER | {"passage_tokens"},
    "late": ENCODER | {"passage_tokens", "pool", "pool_by", "bits"},
    "contextual": ENCODER,
    "hybrid": ENCODER | {"passage_tokens", "language", "late_interaction"},
    "st": frozenset({"model"}),
}
_OF_METHODS = (ENCODER - {"method"}) | {"passage_tokens"}
_NUMBERS = ("window", "overlap", "passage_tokens", "pool")
_TRUTHS = ("bits",)
#: A setting begins where a colon is followed by a name and an equals sign, so that values may
#: hold colons, as paths do.
_SETTING = re.compile(r":(?=[a-z_]+=)")


@dataclass(frozen=True)
class SystemChoice:
    """A system as it was asked for.

    Attributes:
        label: The words themselves; what rows of results call it.
        name: Which system.
        options: Its own settings, which come before those of the command.
    """

    label: str
    name: str
    options: Mapping[str, Any]


def choose_systems(
    words: Sequence[str], *, methods: Sequence[str], auto: str
) -> list[SystemChoice]:
    """Resolve what was asked for.

    Args:
        words: Names, with settings if any: ``NAME[:SETTING=VALUE]...``; none for the usual ones.
        methods: The extension methods that the model can be read with.
        auto: The one that ``auto`` stands for.

    Returns:
        Each system once, in the order asked for.

    Raises:
        SettingsError: A name or setting is unknown, or a value of the wrong kind.
    """
    found: dict[str, SystemChoice] = {}
    shown: set[str] = set()
    for word in words or DEFAULT_SYSTEMS:
        # Only a name loses blanks at its end: a prompt's last one counts.
        clean = word.lstrip() if "=" in word else word.strip()
        for each in _expanded(clean, methods=methods, auto=auto):
            if each in found:
                continue
            choice = _parsed(each)
            if choice.label in shown:
                raise SettingsError(
                    f"systems: two of them would be called {choice.label!r} in the results; rename "
                    "the folder of one of the models"
                )
            shown.add(choice.label)
            found[each] = choice
    return list(found.values())


def _expanded(word: str, *, methods: Sequence[str], auto: str) -> list[str]:
    name, *settings = _SETTING.split(word)
    if name == "methods":
        names = list(methods)
    elif name == "all":
        names = ["bm25", *methods, *_OTHERS[1:]]
    elif name == "auto" and not any(setting.startswith("model=") for setting in settings):
        names = [auto]
    else:
        names = [name]
    if settings and name in GROUPS:
        raise SettingsError(f"systems: {word!r}: settings are given to one system, not to a group")
    return [":".join((each, *settings)) for each in names]


def _parsed(label: str) -> SystemChoice:
    name, *settings = _SETTING.split(label)
    known = (*METHODS, *_OTHERS, _OF_PARTS)
    if name not in known:
        close = difflib.get_close_matches(name, (*known, *GROUPS), n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise SettingsError(
            f"systems: {label!r}: {hint}known are: {', '.join((*known, *GROUPS))}; settings are "
            "written NAME:SETTING=VALUE"
        )
    allowed = _OPTIONS.get(name, _OF_METHODS)
    options = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        if key not in allowed:
            raise SettingsError(
                f"systems: {label!r}: {name} has no setting {key!r}; it has: "
                f"{', '.join(sorted(allowed))}"
            )
        if key in options:
            raise SettingsError(f"systems: {label!r}: {key} is set twice")
        options[key] = _value(key, value, label)
    return SystemChoice(_shown(label), name, options)


def _shown(label: str) -> str:
    """The words without folders of this machine: results are passed on."""
    name, *settings = _SETTING.split(label)
    told = [
        f"model={shown_model(setting[6:])}" if setting.startswith("model=") else setting
        for setting in settings
    ]
    return ":".join((name, *told))


def _value(key: str, text: str, label: str) -> Any:
    """A setting's value, of the type that it has."""
    own = {**dict.fromkeys(_NUMBERS, int), **dict.fromkeys(_TRUTHS, bool)}
    hint = own.get(key) or get_type_hints(EncoderSettings).get(key, str)
    kinds = {hint, *get_args(hint)} - {type(None)}
    if bool in kinds:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise SettingsError(f"systems: {label!r}: {key}={text!r} is neither true nor false")
    for kind in (int, float):
        if kind in kinds:
            try:
                return kind(text)
            except ValueError as error:
                raise SettingsError(
                    f"systems: {label!r}: {key}={text!r} is not a number"
                ) from error
    return text
