"""What the small files of a model's folder state: read within bounds, each value of its type."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from longembed_rag.errors import LongEmbedError, ModelLoadError
from longembed_rag.whole_files import read_plain

#: More than any size of a model counts, apart from positions and layers.
MOST = 2**31 - 1
_REASON = 300


@contextmanager
def told(subject: str, *, look: Callable[[], None] | None = None) -> Iterator[None]:
    """Turn whatever a library raises over a model's files into one sentence.

    What a damaged file makes of a library is in no documentation: transformers, tokenizers and
    torch raise bare exceptions, failed assertions and Rust's panics.

    Args:
        subject: What is read, with its folder or file; the sentence begins with it.
        look: Is called when something went wrong, and may raise what says it better.

    Raises:
        ModelLoadError: In place of the library's exception.
    """
    try:
        yield
    except (LongEmbedError, MemoryError):
        raise
    except Exception as error:
        if look is not None:
            look()
        raise _sentence(subject, error) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of Rust, which is no Exception
            raise
        raise _sentence(subject, error) from error


def _sentence(subject: str, error: BaseException) -> ModelLoadError:
    reason = " ".join(str(error).split())
    if not reason or isinstance(error, (LookupError, AttributeError, TypeError, AssertionError)):
        reason = f"{type(error).__name__} {reason}".strip()
    if len(reason) > _REASON:
        reason = f"{reason[:_REASON]}..."
    return ModelLoadError(
        f"{subject} cannot be loaded: {reason.rstrip('.')}. Take a whole copy of the model, or "
        "name another"
    )


def require_files(folder: Path, patterns: tuple[str, ...]) -> None:
    """Require that what has the name of a model's file is one: no folder, pipe or device.

    Raises:
        ModelLoadError: It is something else, or a link that leads nowhere; names it.
    """
    for path in sorted(path for pattern in patterns for path in folder.glob(pattern)):
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise ModelLoadError(
                f"{path} cannot be opened ({error.strerror}); download the model again"
            ) from error
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
            raise ModelLoadError(f"{path} is {kind} and not a file; take a whole copy of the model")


def read_json(path: Path) -> Any:
    """Parse a JSON file of a model folder; an empty dict where there is none.

    Raises:
        ModelLoadError: It is no file of reasonable size, or broken; names it.
    """
    if not path.exists():
        return {}
    require_files(path.parent, (path.name,))
    try:
        return json.loads(read_plain(path).decode("utf-8"), parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ModelLoadError(
            f"{path} is not valid JSON: {reason.partition(';')[0]}; take a whole copy of the model"
        ) from error


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON's")


class Stated(Mapping[str, Any]):
    """The values of one JSON file, each asked for by its type; null says nothing.

    Attributes:
        file: Where they are from, for errors.

    Args:
        file: The file; without one, nothing is stated.
        values: What stands in it, where that is read already.
        name: Where in the file they stand; nothing for the whole.

    Raises:
        ModelLoadError: The file is broken, or holds no JSON object.
    """

    def __init__(self, file: Path, values: Any = None, *, name: str = "") -> None:
        self.file, self._name = file, name
        if values is None:
            values = read_json(file)
        if not isinstance(values, dict):
            raise ModelLoadError(f"{file} holds {shown(values)} and no JSON object")
        self._values: dict[str, Any] = values

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def refuse(self, key: str, expected: str) -> NoReturn:
        """Say that a value is not what it has to be.

        Raises:
            ModelLoadError: Always; names file, key and value.
        """
        raise ModelLoadError(
            f"{self.file}: {self._name}{key} is {shown(self.get(key))} and not {expected}"
        )

    def flag(self, key: str, default: bool = False) -> bool:
        """A value that is true or false."""
        value = self._of(key, (bool,), "true or false")
        return default if value is None else bool(value)

    def text(self, key: str) -> str | None:
        """A value that is a text."""
        value: str | None = self._of(key, (str,), "a text")
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A value that is a list of texts."""
        value = self._of(key, (list,), "a list of texts")
        if value is not None and not all(isinstance(each, str) for each in value):
            self.refuse(key, "a list of texts")
        return None if value is None else tuple(value)

    def words(self, key: str) -> dict[str, str]:
        """A value that gives texts by their names; those without a text are left out."""
        value = self._of(key, (dict,), "an object of texts") or {}
        if not all(each is None or isinstance(each, str) for each in value.values()):
            self.refuse(key, "an object of texts")
        return {name: text for name, text in value.items() if text is not None}

    def inner(self, key: str) -> Stated | None:
        """A value that is an object; None where nothing is said."""
        value = self._of(key, (dict,), "an object")
        return None if value is None else Stated(self.file, value, name=f"{self._name}{key}.")

    def count(self, key: str, *, most: int = MOST) -> int | None:
        """A value that is a whole number of one or more."""
        value: int | None = self._of(key, (int,), "a whole number of one or more")
        if value is not None and not 1 <= value <= most:
            self.refuse(key, f"a whole number from 1 to {most:,}")
        return value

    def _of(self, key: str, kinds: tuple[type, ...], expected: str) -> Any:
        value = self.get(key)
        right = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
        if value is not None and not right:
            self.refuse(key, expected)
        return value


def shown(value: object) -> str:
    """A value of a file as JSON, shortened, for a sentence."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
