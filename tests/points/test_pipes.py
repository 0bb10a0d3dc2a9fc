"""A pipe in the place of one of a store's own files is told, and not waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from longembed_rag.errors import LongEmbedError
from longembed_rag.store.store import DocumentStore
from tests.store.fakes import make_document
from tests.stores import ensure, find, make_local

pytestmark = [
    pytest.mark.sealed,
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes"),
]


def _make(folder: Path, engine: str) -> None:
    if engine == "local":
        make_local(folder)
    with DocumentStore.open(path=folder) as store:
        ensure(store).upsert(make_document("/a.txt", "apples and pears"))


@pytest.mark.parametrize("engine", ["edge", "local"])
def test_no_pipe_is_waited_for(tmp_path: Path, engine: str) -> None:
    """Each file in turn: the store answers as before, or one error says why it does not."""
    _make(folder := tmp_path / "store", engine)
    of_each_kind = {path.name: path for path in folder.rglob("*") if path.is_file()}
    assert {"longembed.engine", "longembed.lock", "longembed.seal", "meta.json"} <= {*of_each_kind}
    for path in [*of_each_kind.values(), folder / "longembed.holder"]:
        aside = tmp_path / "aside"
        if path.exists():
            path.rename(aside)
        os.mkfifo(path)
        try:
            with DocumentStore.open(path=folder) as store:
                assert [each.source for each in find(store, "apples")] == ["/a.txt"]
        except LongEmbedError as error:
            assert str(tmp_path) in str(error)  # noqa: PT017 - either end is right
        path.unlink(missing_ok=True)
        if aside.exists():
            aside.rename(path)
    with DocumentStore.open(path=folder) as store:
        assert [each.source for each in find(store, "apples")] == ["/a.txt"]
