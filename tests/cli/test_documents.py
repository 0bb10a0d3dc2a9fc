"""``list``, ``show`` and ``remove``: single documents, named as people name them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from longembed_rag import Document, Library
from longembed_rag.points.port import scroll
from longembed_rag.store.values import document_id
from tests.cli.conftest import LONG_TEXT, Run, as_json
from tests.points.fake_qdrant import running_fake

NOTE = str(Path("documents", "note.md"))


@pytest.fixture
def own(run: Run, documents: Path) -> Path:
    """The documents, ingested into a store that a test may change."""
    assert run("ingest", "documents").exit_code == 0
    return documents


def test_list_names_every_document(run: Run, filled: Path) -> None:
    """Sources in order, with tokens and passages, for people and for programs."""
    value = as_json(run("list", "--json"))
    assert value["collection"] == "documents"
    names = [Path(each["source"]).name for each in value["documents"]]
    assert names == ["lease.txt", "page.html", "note.md"]
    lease = value["documents"][0]
    assert lease["passages"] >= 1
    assert lease["tokens"] == lease["tokens_read"] > 100
    assert lease["document_id"] == document_id(lease["source"])
    result = run("list")
    row = next(line for line in result.stdout.splitlines() if "lease.txt" in line)
    assert row.split() == [
        str(Path("documents", "lease.txt")),
        f"{lease['tokens']:,}",
        str(lease["passages"]),
    ]
    assert result.stderr == "3 documents\n"


def test_list_goes_over_pages(run: Run, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More documents than a page holds are all listed."""
    monkeypatch.setattr(
        "longembed_rag.points.port.scroll.__kwdefaults__", {**scroll.__kwdefaults__, "limit": 1}
    )
    assert len(as_json(run("list", "--json"))["documents"]) == 3


def test_show_a_file_as_it_is_typed(run: Run, filled: Path) -> None:
    """Text, metadata and passages with their places."""
    shown = run("show", NOTE)
    assert shown.exit_code == 0
    assert "A short note about apples." in shown.stdout
    assert "file_name" in shown.stdout
    assert "0 to " in shown.stdout
    lease = as_json(run("show", "documents/lease.txt", "--json"))
    assert lease["source"] == str(filled / "lease.txt")
    assert lease["text"] == LONG_TEXT
    assert lease["metadata"]["file_name"] == "lease.txt"
    first = lease["passages"][0]
    assert first["text"] == lease["text"][first["start"] : first["end"]]


def test_show_without_the_text(run: Run, filled: Path) -> None:
    """A book can be looked at without its words."""
    value = as_json(run("show", NOTE, "--no-text", "--json"))
    assert "text" not in value
    place = {"page", "last_page", "lines", "heading"}
    assert {"start", "end", "tokens", *place} == set(value["passages"][0])
    assert "apples." not in run("show", NOTE, "--no-text").stdout.partition("passage")[0]


def test_show_by_id_and_by_own_name(run: Run, own: Path) -> None:
    """The id of a point, and the id that a program gave."""
    identity = document_id(str(own / "note.md"))
    assert as_json(run("show", identity, "--json"))["source"] == str(own / "note.md")
    with Library.open() as library:
        library.add(
            Document(
                id="minutes-7",
                text="Old words that stay as they are.\x1b[2J",
                metadata={"by": "a\nb"},
            )
        )
    shown = run("show", "minutes-7").stdout
    assert "Old words" in shown
    assert "\x1b" not in shown


def test_show_what_is_not_there(run: Run, filled: Path) -> None:
    """Wrong use, and the way to what is there."""
    result = run("show", "nothing.txt", "--json")
    assert result.exit_code == 2
    assert "'nothing.txt'" in as_json(result)["error"]["message"]
    assert "longembed-rag list" in result.stderr


def test_remove(run: Run, own: Path) -> None:
    """What is there goes and is named; the unknown is named, too, and ends with 1."""
    result = run("remove", NOTE, "nothing.txt")
    assert result.exit_code == 1
    assert result.stdout == f"removed  {NOTE}\n"
    assert result.stderr == "not in collection documents: nothing.txt\n"
    assert (own / "note.md").exists()
    lease = str(own / "lease.txt")
    done = run("remove", lease, "documents/lease.txt", "--json")
    assert done.exit_code == 0
    assert as_json(done) == {"removed": [lease], "unknown": []}
    assert as_json(run("remove", lease, "--json")) == {"removed": [], "unknown": [lease]}
    assert as_json(run("info", "--json"))["documents"] == 1


def test_remove_and_verify_purge(run: Run, own: Path) -> None:
    """The words of what was removed are in no file; a server is refused before anything is."""

    def holding(word: bytes) -> list[Path]:
        files = (each for each in Path(".longembed").rglob("*") if each.is_file())
        return [each for each in files if word in each.read_bytes()]

    assert run("remove", NOTE).exit_code == 0
    assert holding(b"note.md")
    (own / "note.md").unlink()
    assert run("verify", "--purge").exit_code == 0
    assert holding(b"note.md") == []
    lease = str(own / "lease.txt")
    (own / "lease.txt").unlink()
    assert as_json(run("remove", lease, "--purge", "--json"))["removed"] == [lease]
    assert holding(b"lease.txt") == []
    refused = run("remove", "a", "--purge", "--url", "http://127.0.0.1:1", "--json")
    assert refused.exit_code == 2
    assert "--purge is for embedded stores" in as_json(refused)["error"]["message"]


@pytest.mark.parametrize("arguments", [["list"], ["show", "a"], ["remove", "a"]])
def test_there_has_to_be_a_store(run: Run, arguments: list[str]) -> None:
    """Nothing to look at is wrong use, and makes no store."""
    assert run(*arguments).exit_code == 2
    assert not Path(".longembed").exists()


def test_copy_moves_a_collection_to_a_server_and_back(run: Run, documents: Path) -> None:
    """Without a model; again nothing is left to do, and each place answers alike."""
    run("ingest", "documents")
    with running_fake() as fake:
        first = as_json(run("copy", "--to", fake.url, "--quantization", "scalar", "--json"))
        total = first["copied"]
        assert (total, first["failed"], first["location"]) == (3, [], fake.url)
        again = run("copy", "--to", fake.url)
        assert "0 documents copied, 3 there already" in again.stderr
        back = ("--to", "back", "--to-collection", "mine")
        assert as_json(run("copy", "--url", fake.url, *back, "--json"))["copied"] == 3
        other = run("copy", "--to", fake.url, "--replicas", "2")
        assert other.exit_code == 2
        assert "replicas is 1 in the collection and 2 now" in other.stderr
    here = as_json(run("list", "--json"))["documents"]
    assert as_json(run("list", "--path", "back", "--collection", "mine", "--json")) == {
        "collection": "mine",
        "documents": here,
    }


def test_what_a_cluster_lacks_is_told_with_the_answer(run: Run, documents: Path) -> None:
    """One line for people, one of the values for programs; and info tells it, too."""
    run("ingest", "documents")
    with running_fake() as fake:
        fake.living = ("http://10.0.0.2:6335/",)
        run("copy", "--to", fake.url, "--replicas", "2")
        fake.missing = {0: "http://10.0.0.3:6335/"}
        words = ("search", "apple", "--mode", "sparse", "--url", fake.url)
        (told,) = as_json(run(*words, "--json"))["remarks"]
        shown = run(*words)
        info = run("info", "--url", fake.url, "--exact-below", "0", "--hnsw-ef", "99")
    assert "replicas are missing (no answer from http://10.0.0.3:6335)" in told
    assert f"note: {told}" in shown.stderr
    assert "note.md" in shown.stdout
    assert "1 shard, 2 replicas of each, a write waits for 1" in info.stdout
    assert "by HNSW, approximately" in info.stdout
    assert "hnsw_ef 99" in info.stdout
    assert told.partition(":")[0] in " ".join(info.stdout.split())


def test_copy_without_a_collection_or_onto_itself_is_refused(run: Run, documents: Path) -> None:
    """Nothing is made."""
    assert run("copy", "--to", "back").exit_code == 2
    assert not Path("back").exists()
    run("ingest", "documents")
    refused = run("copy", "--to", ".longembed")
    assert refused.exit_code == 2
    assert "onto itself" in refused.stderr
    assert run("copy", "--to", "localhost:6333").exit_code == 2
    assert not Path("localhost:6333").exists()
    beside = as_json(run("copy", "--to", ".longembed", "--to-collection", "more", "--json"))
    assert (beside["copied"], beside["collection"]) == (3, "more")
    assert beside["location"] == str(Path(".longembed").absolute())
    assert len(as_json(run("list", "--collection", "more", "--json"))["documents"]) == 3


def test_copy_onto_itself_by_another_name_is_refused(run: Run, documents: Path) -> None:
    """A link to the store is the store, not one that somebody else has open."""
    run("ingest", "documents")
    Path("link").symlink_to(".longembed")
    refused = run("copy", "--to", "link")
    assert refused.exit_code == 2
    assert "onto itself" in refused.stderr
    beside = as_json(run("copy", "--to", "link", "--to-collection", "more", "--json"))
    assert beside["copied"] == 3


def test_copy_waits_for_the_other_server_as_long_as_it_is_told(
    run: Run, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--timeout holds for the place that is copied to, too."""
    opened: list[Any] = []
    run("ingest", "documents")
    plain = Library.open

    def noting(*given: Any, **options: Any) -> Library:
        opened.append((options.get("url"), options.get("timeout")))
        return plain(*given, **options)

    monkeypatch.setattr(Library, "open", noting)
    with running_fake() as fake:
        assert run("copy", "--to", fake.url, "--timeout", "7").exit_code == 0
        assert (fake.url, 7.0) in opened


def test_names_that_are_no_text_are_shown_and_removed(run: Run, own: Path) -> None:
    """A file whose name is not UTF-8 is known by how that is written."""
    name = b"caf\xe9.txt"
    path = Path(os.fsdecode(bytes(own) + b"/" + name))
    path.write_text("a short text")
    run("ingest", str(own))
    shown = run("show", str(path), "--json")
    assert as_json(shown)["text"] == "a short text"
    assert as_json(run("remove", str(path), "--json"))["removed"]
    assert run("show", "caf\udce9.md").exit_code == 2


def test_a_dry_run_is_told_that_deletions_are_meant(run: Run, own: Path) -> None:
    """Then it says what would be deleted, and no refusal."""
    for file in own.rglob("*.*"):
        file.unlink()
    plain = as_json(run("ingest", str(own), "--dry-run", "--json"))
    meant = as_json(run("ingest", str(own), "--dry-run", "--allow-deletions", "--json"))
    assert plain["deleted"] == meant["deleted"] > 0
    assert (plain["refused"] is None, meant["refused"] is None) == (False, True)
