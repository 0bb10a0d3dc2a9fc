"""Files that are made to take long: none takes longer than its length explains."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from longembed_rag.errors import ReadError
from longembed_rag.files.options import ReadOptions
from longembed_rag.files.readers import read_file
from tests.files.hostile import shapes

#: Where it is linear, a shape of this size takes a few tenths of a second.
SIZE = 5_000
MOST_SECONDS = 2.5


@pytest.mark.parametrize("shape", shapes().items(), ids=lambda shape: shape[0])
def test_a_file_of_one_shape_is_read_or_refused_in_time(
    shape: tuple[str, Callable[[int], bytes]], tmp_path: Path
) -> None:
    """By a text or a sentence with its name, whatever nests, repeats or never ends in it."""
    name, make = shape
    path = tmp_path / name
    path.write_bytes(make(SIZE))
    began = time.process_time()
    told = ""
    try:
        text = read_file(path, options=ReadOptions(ocr_language="none")).text
    except ReadError as error:
        text, told = "", str(error)
    assert time.process_time() - began < MOST_SECONDS
    assert bool(text) != told.startswith(f"{path}: ")
