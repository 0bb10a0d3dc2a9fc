"""What a library takes in and gives up."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from longembed_rag import Document, DocumentDone, Library
from longembed_rag.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    InputError,
    SettingsError,
)
from longembed_rag.store.values import document_id
from tests.ingest.conftest import numbers
from tests.library.conftest import Open
from tests.points.fake_qdrant import running_fake
from tests.store.fakes import FakeEncoder


def test_ingest_takes_one_path_or_several(library: Library, folder: Path) -> None:
    """Strings and paths, files and folders; events tell what happens."""
    events: list[Any] = []
    assert library.ingest(folder / "lease.txt", on_event=events.append).added == 1
    assert [each.status for each in events if isinstance(each, DocumentDone)] == ["added"]
    assert numbers(library.ingest(["reports", folder / "lease.txt"])) == (1, 0, 1, 0, 0)


def test_a_dry_run_does_nothing(library: Library, encoder: FakeEncoder) -> None:
    """Its numbers are those of the ingest, and it makes no store."""
    plan = library.ingest("reports", dry_run=True)
    assert (plan.count("add"), encoder.encoded) == (2, [])
    assert not Path(".longembed").exists()
    library.ingest("reports")
    assert library.ingest("reports", dry_run=True).count("keep") == 2


@pytest.mark.parametrize("dry_run", [False, True])
def test_the_stores_own_folder_holds_no_documents(
    opened: Open, folder: Path, *, dry_run: bool
) -> None:
    """It is refused by whatever name: nothing would be found there, and a store be made."""
    Path("link").symlink_to("reports")
    before = sorted(Path("reports").iterdir())
    with opened(path="link") as library, pytest.raises(SettingsError, match="folder of the store"):
        library.ingest(["reports"], dry_run=dry_run)  # type: ignore[call-overload]
    assert sorted(Path("reports").iterdir()) == before


def test_added_texts_are_found_by_their_ids(library: Library) -> None:
    """Texts without files are documents like others, with their metadata to filter by."""
    report = library.add(
        [
            Document(id="minutes-7", text="The lease was signed.", metadata={"year": 2024}),
            Document(id="minutes-8", text="The lease was ended.", metadata={"year": 2025}),
        ]
    )
    assert numbers(report) == (2, 0, 0, 0, 0)
    (hit,) = library.search("the lease", filter="year=2025")
    assert (hit.source, hit.text) == ("minutes-8", "The lease was ended.")
    assert hit.metadata == {"year": 2025}
    assert library.verify().findings == ()


def test_added_texts_are_embedded_when_they_change(library: Library, encoder: FakeEncoder) -> None:
    """The same text is passed over, other metadata written without the model, other text read."""
    library.add(Document(id="a", text="one two", metadata={"n": [1, 2]}))
    library.add(Document(id="b", text="three"))
    before = library.search("one two", mode="dense")[0]
    encoder.encoded.clear()
    same = library.add(Document(id="a", text="one two", metadata={"n": (1, 2)}))
    assert numbers(same) == (0, 0, 1, 0, 0)
    other = library.add(Document(id="a", text="one two", metadata={"n": 3}))
    assert (numbers(other), other.tokens) == ((0, 1, 0, 0, 0), 0)
    assert encoder.encoded == []
    after = library.search("one two", mode="dense")[0]
    assert after.metadata == {"n": 3}
    assert after.score == pytest.approx(before.score, abs=1e-6)
    assert after.passages[0].scores["vector"] == pytest.approx(before.passages[0].scores["vector"])
    encoder.encoded.clear()
    assert numbers(library.add(Document(id="a", text="four"))) == (0, 1, 0, 0, 0)
    assert encoder.encoded == ["a"]
    assert library.get("b") is not None
    assert library.verify().findings == ()


def test_one_that_fails_leaves_the_others(library: Library) -> None:
    """What cannot be embedded or written is named, and the rest is there."""
    documents = [
        Document(id="empty", text=" "),
        Document(id="odd", text="words \ud800"),
        Document(id="good", text="words"),
    ]
    report = library.add(documents)
    assert (report.added, [each.source for each in report.failed]) == (1, ["empty", "odd"])
    assert report.failed[0].reason == "nothing to read"
    assert library.info().documents == 1


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"id": ""}, "id='' is not a name"),
        ({"id": 7}, "id=7 is not a name"),
        ({"text": b"bytes"}, "a: its text is bytes, not str"),
        ({"metadata": {"when": object()}}, "a: its metadata does not fit into JSON"),
        ({"metadata": {"n": float("nan")}}, "a: its metadata does not fit into JSON"),
        ({"metadata": {1: 2}}, "a: its metadata is not a dictionary with names"),
        ({"metadata": ["x"]}, "a: its metadata is not a dictionary with names"),
    ],
)
def test_what_is_no_document(values: dict[str, Any], told: str) -> None:
    """A document is checked when it is made, and says what is wrong with it."""
    with pytest.raises(InputError, match=told):
        Document(**{"id": "a", "text": "words", **values})


def test_two_of_one_id_are_refused(library: Library) -> None:
    """Before anything is made, as is what is no document at all."""
    with pytest.raises(InputError, match="id='a' is given to several"):
        library.add([Document(id="a", text="one"), Document(id="a", text="two")])
    with pytest.raises(InputError, match="str is not a Document"):
        library.add(["text"])  # type: ignore[list-item]
    assert not Path(".longembed").exists()


def test_a_collection_without_passages(opened: Open) -> None:
    """Options of a new collection are kept; metadata changes there, too."""
    library = opened(passages=False)
    library.add(Document(id="a", text="one two"))
    assert library.info().options.passages is False
    assert numbers(library.add(Document(id="a", text="one two", metadata={"n": 1})))[1] == 1
    document = library.get("a")
    assert document is not None
    assert (document.passages, document.metadata["n"]) == ((), 1)


def test_another_encoder_is_refused(filled: Library, opened: Open, folder: Path) -> None:
    """Its vectors never get in, by whichever way."""
    filled.close()
    other = opened(encoder=FakeEncoder(fingerprint="e" * 32))
    for use in (
        lambda: other.add(Document(id="a", text="one")),
        lambda: other.ingest(folder),
        lambda: other.search("one"),
    ):
        with pytest.raises(CollectionMismatchError):
            use()
    assert other.info().documents == 2


def test_remove_by_source_and_by_id(filled: Library, folder: Path) -> None:
    """What is known goes with its passages, the unknown is passed over, files stay."""
    lease, garden = str(folder / "lease.txt"), str(folder / "garden.txt")
    assert filled.remove("unknown") == ()
    assert filled.remove([lease, document_id(lease), document_id("nothing")]) == (lease,)
    assert filled.get(lease) is None
    assert filled.search("lease", mode="sparse") == []
    assert filled.remove(document_id(garden)) == (garden,)
    assert filled.info().passages == 0
    assert filled.verify().findings == ()
    assert (folder / "lease.txt").exists()
    assert numbers(filled.ingest(folder)) == (2, 0, 0, 0, 0)


def test_verify_and_repair(filled: Library, folder: Path) -> None:
    """A passage that somebody deleted and a file that changed: one is put right, one is left."""
    (folder / "garden.txt").write_text("Plums.")
    lease = str(folder / "lease.txt")
    filled.store.client.delete(filled.store.collection, points_selector=[document_id(lease)])
    report = filled.verify()
    told = {each.problem for each in report.findings}
    assert told == {"missing document", "file changed"}
    assert report.left == report.findings
    repaired = filled.verify(repair=True)
    assert {each.problem for each in repaired.left} == {"missing document", "file changed"}
    assert repaired.to_dict()["documents"] == 1
    assert filled.verify(files=False).findings == ()


async def test_async_twins(library: Library, encoder: FakeEncoder) -> None:
    """They do what the others do, on another thread."""
    threads = set()
    encoder.before = lambda text: threads.add(threading.get_ident())
    assert (await library.aingest("reports")).added == 2
    assert (await library.aadd(Document(id="a", text="one"))).added == 1
    assert (await library.aingest("reports", dry_run=True)).count("keep") == 2
    assert threading.get_ident() not in threads


def test_writers_take_turns(library: Library) -> None:
    """Threads that write at the same time leave everything there, and in step."""
    with ThreadPoolExecutor(4) as pool:
        reports = list(
            pool.map(lambda n: library.add(Document(id=f"d{n}", text=f"word{n} here")), range(12))
        )
    assert sum(report.added for report in reports) == 12
    assert library.info().documents == 12
    assert library.verify().findings == ()


def test_a_copy_goes_to_a_folder_a_server_or_an_open_library(filled: Library, opened: Open) -> None:
    """Without any model, to be searched there; an open one stays open, others are closed."""
    with running_fake() as fake:
        assert filled.copy("backup").copied == 2
        assert filled.copy("backup").unchanged == 2
        assert filled.copy(fake.url).copied == 2
        with opened(url=fake.url) as server, opened("again", collection="mine") as last:
            report = server.copy(last)
            assert (report.copied, report.failed) == (2, {})
            found = [each.search("lease", limit=1)[0] for each in (filled, server, last)]
        with opened("backup") as backup:
            found.append(backup.search("lease", limit=1)[0])
    assert len({(each.source, each.passage) for each in found}) == 1
    assert [each.score for each in found] == pytest.approx([found[0].score] * 4)


def test_nothing_is_copied_from_nothing(library: Library) -> None:
    """And no store is made for it."""
    with pytest.raises(CollectionNotFoundError):
        library.copy("backup")
    assert not Path("backup").exists()
