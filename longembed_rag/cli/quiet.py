"""Keeping the libraries underneath from writing into the command line's output."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import click

from longembed_rag.cli.output import printable
from longembed_rag.errors import LongEmbedWarning, ModelLoadError
from longembed_rag.limits import lack_of_address_space

# Bytes of address space that torch, transformers, a small model and a store take.
_FOR_MODELS = 3 << 30


class _LineHandler(logging.Handler):
    """Writes this package's own log records as one line each on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"{record.levelname.lower()}: {printable(record.getMessage())}", err=True)


def _show_own_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if issubclass(category, LongEmbedWarning):
        click.echo(f"warning: {printable(str(message))}", err=True)


@contextmanager
def quiet_libraries(*, debug: bool) -> Iterator[None]:
    """Let only this package's own warnings and log records through, one line each on stderr.

    Args:
        debug: Let everything through.
    """
    if debug:
        yield
        return
    root, own = logging.getLogger(), logging.getLogger("longembed_rag")
    # A root logger without any handler prints other libraries' warnings by itself.
    silence, lines = logging.NullHandler(), _LineHandler(logging.WARNING)
    root.addHandler(silence)
    own.addHandler(lines)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", LongEmbedWarning)
            warnings.showwarning = _show_own_warning
            yield
    finally:
        root.removeHandler(silence)
        own.removeHandler(lines)


def quiet_transformers() -> None:
    """Switch off transformers' load reports and bars; downloads show theirs on a terminal.

    Raises:
        ModelLoadError: The process may not map what it and a model need; so early, since the
            libraries themselves end the process, or wait for ever.
    """
    lack = lack_of_address_space(_FOR_MODELS)
    if lack is not None:
        raise ModelLoadError(f"no model can be loaded: {lack}")
    from huggingface_hub.utils.tqdm import enable_progress_bars
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()  # this one silences the hub's bars as well
    if sys.stderr.isatty():
        enable_progress_bars()
