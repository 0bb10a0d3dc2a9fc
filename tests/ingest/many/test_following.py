"""What comes out of the processes, and what does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from longembed_rag.ingest.many import following
from longembed_rag.ingest.many.following import Many
from longembed_rag.ingest.many.pipeline import Step
from longembed_rag.ingest.many.values import Outcome, Workers
from longembed_rag.ingest.synchronise import synchronise
from longembed_rag.points.port import scroll
from longembed_rag.ray_cluster import RayCluster
from longembed_rag.store.reweighing import made_with
from longembed_rag.store.store import DocumentStore
from tests.points.fake_qdrant import FakeQdrant
from tests.store.corpora import random_texts
from tests.store.fakes import FakeEncoder
from tests.stores import folder, server

__all__ = ["folder", "server"]


def one_process(items: Iterable[Any], steps: Iterable[Step]) -> list[Any]:
    """The steps, one after the other, here."""
    found = list(items)
    for step in steps:
        found = list(step.make()(found))
    return found


def many_into(server: FakeQdrant) -> Many:
    """Processes that write to a server, of a cluster that nobody started."""
    return Many(
        workers=Workers(),
        cluster=RayCluster(address="local", processors=2, gpus=0, dashboard=None),
        open_store=partial(DocumentStore.open, url=server.url),
        make_encoder=FakeEncoder,
    )


def test_what_is_lost_on_the_way_is_taken_once_more(
    server: FakeQdrant, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what comes twice counts once: a process that is started again may say other things."""
    for number, text in enumerate(random_texts(6, seed=8)):
        (folder / f"{number}.txt").write_text(text)
    turns: list[list[str]] = []

    def unsteady(items: Iterable[Any], steps: Iterable[Step]) -> Iterator[Outcome]:
        given = list(items)
        turns.append([Path(task.source).name for task in given])
        if len(turns) > 1:
            yield from one_process(given, steps)
            return
        # The first is not even read, of the second only the outcome is lost, the third comes twice.
        outcomes = one_process(given[1:], steps)
        yield from (*outcomes[1:], outcomes[1])

    monkeypatch.setattr(following, "run_steps", unsteady)
    with DocumentStore.open(url=server.url) as store:
        report = synchronise([folder], encoder=FakeEncoder(), store=store, many=many_into(server))
        assert turns == [[f"{number}.txt" for number in range(6)], ["0.txt", "1.txt"]]
        assert report.added + report.unchanged == 6
        assert len(store.sources()) == 6
        left = [each.payload for each in scroll(store.place.points, store.place.manifest, what="x")]
        assert all("content_hash" in each for each in left)  # nothing is claimed any more


def test_many_files_are_taken_share_by_share(
    server: FakeQdrant, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this process holds of them does not grow with all; nor when their words are weighed."""
    for number, text in enumerate(random_texts(7, seed=8)):
        (folder / f"{number}.txt").write_text(text)
    shares: list[int] = []

    def noted(items: Iterable[Any], steps: Iterable[Step]) -> list[Any]:
        given = list(items)
        shares.append(len(given))
        return one_process(given, steps)

    monkeypatch.setattr(following, "run_steps", noted)
    monkeypatch.setattr(following, "_SHARE", 3)
    monkeypatch.setattr(following, "_FEW", 2)
    with DocumentStore.open(url=server.url) as store:
        report = synchronise([folder], encoder=FakeEncoder(), store=store, many=many_into(server))
        assert report.added == 7
        assert shares == [3, 3, 1, 3, 3]  # and the last one is weighed here
        averages = store.existing_record().averages
        assert averages is not None
        assert all(averages.weighed(*made_with(each)[:2]) for each in store.sources().values())
