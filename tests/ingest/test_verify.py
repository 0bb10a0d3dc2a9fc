"""Manifest, collection and files compared, and put right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from qdrant_client.models import PointStruct

from longembed_rag.ingest.verify import Finding, repair, verify
from longembed_rag.store.manifest import Manifest, ManifestEntry
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.values import DENSE_VECTOR, document_id
from longembed_rag.store.writing import of_documents
from tests.ingest.conftest import Bench, numbers

TEXT = "one two three four five six seven eight nine"


@pytest.fixture
def source(bench: Bench) -> str:
    """A document of three passages, beside another one."""
    bench.options = IndexOptions(passage_tokens=3)
    bench.write("other.txt", "something else")
    written = bench.write("a.txt", TEXT)
    bench.ingest()
    assert verify(bench.store) == []
    return written


def problems(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.source, finding.problem) for finding in findings]


def remove_passages(bench: Bench, source: str, *, keep: int) -> None:
    records, _ = bench.store.client.scroll(
        bench.store.place.passages, scroll_filter=of_documents([document_id(source)]), limit=100
    )
    ids = [record.id for record in records[keep:]]
    bench.store.client.delete(bench.store.place.passages, points_selector=ids)


def test_a_document_that_lost_passages_is_found_and_made_again(bench: Bench, source: str) -> None:
    """Repair takes it out, and the next ingest brings it back whole."""
    remove_passages(bench, source, keep=1)
    findings = verify(bench.store)
    assert problems(findings) == [(source, "missing passages")]
    assert "1 passages in place of" in findings[0].detail
    left = repair(bench.store, findings)
    assert problems(left) == [(source, "missing passages")]
    assert source not in bench.store.sources()
    assert numbers(bench.ingest()) == (1, 0, 1, 0, 0)
    assert verify(bench.store) == []


def test_an_ingest_mends_lost_passages_by_itself(bench: Bench, source: str) -> None:
    """Without any repair, too, a document that is not whole counts as not there."""
    remove_passages(bench, source, keep=0)
    assert numbers(bench.ingest()) == (0, 1, 1, 0, 0)
    assert verify(bench.store) == []


def test_a_damaged_document_whose_file_is_gone_is_kept_until_an_ingest(
    bench: Bench, source: str
) -> None:
    """Repair does not take out what no ingest could bring back; an ingest removes it."""
    remove_passages(bench, source, keep=1)
    Path(source).unlink()
    left = repair(bench.store, verify(bench.store))
    assert {finding.problem for finding in left} == {"missing passages", "file gone"}
    assert source in bench.store.sources()
    assert numbers(bench.ingest()) == (0, 0, 1, 1, 0)
    assert verify(bench.store) == []


def test_a_loss_and_an_orphan_do_not_make_up_for_each_other(bench: Bench, source: str) -> None:
    """One passage lost and one of nobody's: the number of all is right, and yet it is seen."""
    remove_passages(bench, source, keep=2)
    point = PointStruct(
        id=document_id("orphan"),
        vector={DENSE_VECTOR: [1.0] * 16},
        payload={"longembed": {"document": document_id("nobody"), "version": "v"}},
    )
    bench.store.client.upsert(bench.store.place.passages, points=[point])
    assert numbers(bench.ingest()) == (0, 1, 1, 0, 0)
    assert [finding.problem for finding in verify(bench.store)] == ["orphaned passages"]


@pytest.mark.parametrize("which", ["passages", "manifest"])
def test_a_deleted_sibling_can_be_verified_and_repaired(
    bench: Bench, source: str, which: str
) -> None:
    """Verify names what is missing in place of failing, and repair makes the collection anew."""
    place = bench.store.place
    bench.store.client.delete_collection(getattr(place, which))
    assert verify(bench.store)
    repair(bench.store, verify(bench.store))
    bench.ingest()
    assert verify(bench.store) == []


def test_passages_without_a_document_are_removed(bench: Bench, source: str) -> None:
    """Their document's point was deleted by somebody: in the manifest, and not there."""
    bench.store.client.delete(bench.store.collection, points_selector=[document_id(source)])
    findings = verify(bench.store)
    assert (source, "missing document") in problems(findings)
    left = repair(bench.store, findings)
    assert problems(left) == [(source, "missing document")]
    assert verify(bench.store) == []
    assert numbers(bench.ingest()) == (1, 0, 1, 0, 0)


def test_passages_that_nobody_knows_of_are_removed(bench: Bench, source: str) -> None:
    """Neither document nor manifest know of them; what they say of themselves is enough."""
    Manifest(bench.store.place).remove([source])
    bench.store.client.delete(bench.store.collection, points_selector=[document_id(source)])
    findings = verify(bench.store)
    assert problems(findings) == [(document_id(source), "orphaned passages")]
    assert repair(bench.store, findings) == []
    assert verify(bench.store) == []


def test_a_lost_manifest_is_written_anew(bench: Bench, source: str) -> None:
    """Documents that the manifest does not know are taken into it as they are."""
    Manifest(bench.store.place).remove([source])
    findings = verify(bench.store)
    assert problems(findings) == [(source, "not in manifest")]
    assert repair(bench.store, findings) == []
    assert verify(bench.store) == []
    entry = bench.store.entries()[source]
    assert entry.state == "stored"
    assert entry.passages == bench.store.sources()[source].passages


@pytest.mark.parametrize("state", ["writing", "deleting"])
def test_what_a_killed_process_left_is_finished(bench: Bench, source: str, state: str) -> None:
    """An entry in the middle of something is found, and finished or undone."""
    entry = bench.store.entries()[source]
    Manifest(bench.store.place).put([replace(entry, state=state)])  # type: ignore[arg-type]
    findings = verify(bench.store)
    assert problems(findings) == [(source, "unfinished")]
    assert repair(bench.store, findings) == []
    assert verify(bench.store) == []
    assert (source in bench.store.sources()) is (state == "writing")


def test_a_manifest_that_tells_another_version_is_corrected(bench: Bench, source: str) -> None:
    """The collection is what counts; the manifest is made to say the same."""
    entry = bench.store.entries()[source]
    Manifest(bench.store.place).put([replace(entry, content_hash="another")])
    findings = verify(bench.store)
    assert problems(findings) == [(source, "manifest differs")]
    assert repair(bench.store, findings) == []
    assert verify(bench.store) == []


def test_files_are_compared_and_left_to_an_ingest(bench: Bench, source: str) -> None:
    """Changed, gone and unreadable files are named; repair leaves them to the next ingest."""
    bench.write("gone.txt", "words")
    bad = bench.write("bad.txt", "words")
    bench.ingest()
    Path(source).write_text("changed")
    (bench.folder / "gone.txt").unlink()
    Path(bad).write_text("")
    findings = verify(bench.store)
    told = {Path(name).name: problem for name, problem in problems(findings)}
    assert told == {"a.txt": "file changed", "gone.txt": "file gone", "bad.txt": "file unreadable"}
    assert repair(bench.store, findings) == findings
    assert verify(bench.store, files=False) == []
    assert numbers(bench.ingest()) == (0, 1, 1, 1, 1)


def test_an_entry_says_all_that_a_manifest_should(bench: Bench, source: str) -> None:
    """Source, hash, fingerprint, point id and state come back as they went in."""
    entry = bench.store.entries()[source]
    assert entry.fingerprint == bench.encoder.fingerprint
    assert entry.content_hash == bench.store.sources()[source].content_hash
    payload = entry.to_payload()
    assert payload["point_id"] == document_id(source)
    assert ManifestEntry.from_payload(payload) == entry


def test_a_passage_of_another_version_is_found(bench: Bench) -> None:
    """There are as many as there should be, and one is of a text that is no longer there."""
    source = bench.write("a.txt", "one two three four five")
    bench.ingest()
    place = bench.store.place
    passage = place.points.page(place.passages, what="reading", limit=1).points[0]
    own = {"version": "0" * 64}
    place.points.set_payload(place.passages, passage.id, own, key="longembed", what="breaking")
    found = verify(bench.store)
    assert problems(found) == [(source, "missing passages"), (source, "damaged")]
    assert "another version" in found[0].detail
    assert bench.store.complete_sources() == {}
    assert numbers(bench.ingest()) == (0, 1, 0, 0, 0)
    assert verify(bench.store) == []
