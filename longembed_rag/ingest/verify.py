"""Comparing manifest, collection and files, and putting right what can be without a model."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from longembed_rag.errors import ReadError
from longembed_rag.files.reading import FileReader
from longembed_rag.files.remote import Remote
from longembed_rag.files.sources import path_of
from longembed_rag.ingest.comparing import content_hash
from longembed_rag.ingest.deletions import is_gone
from longembed_rag.store.frequencies.settling import miscounted, settle
from longembed_rag.store.listing import lacking_versions, passages_by_document
from longembed_rag.store.manifest import ManifestEntry
from longembed_rag.store.sums import find_damaged
from longembed_rag.store.values import StoredSource, document_id
from longembed_rag.store.writing import remove_passages_of
from longembed_rag.urls import is_url

if TYPE_CHECKING:
    from longembed_rag.store.store import DocumentStore

Problem = Literal[
    "damaged file",
    "damaged",
    "unfinished",
    "missing document",
    "not in manifest",
    "manifest differs",
    "missing passages",
    "orphaned passages",
    "words miscounted",
    "file changed",
    "file gone",
    "file unreadable",
]
_NAMED = 3  # files that a message names
_GONE = "ingest its folder to remove it"
#: Of documents that are there, and not whole.
LOST_PARTS: frozenset[Problem] = frozenset({"missing passages", "damaged"})
#: What :func:`repair` leaves to an ingest, which reads the files.
OF_FILES: frozenset[Problem] = frozenset({"file changed", "file gone", "file unreadable"})


@dataclass(frozen=True)
class Finding:
    """Something that does not agree.

    Attributes:
        source: Which document; of orphaned passages the id of the document they say they are of.
        problem: What is wrong.
        detail: In words.
    """

    source: str
    problem: Problem
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        return {"source": self.source, "problem": self.problem, "detail": self.detail}


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """What was compared, and what came of it.

    Attributes:
        documents: Documents in the collection now; None where damaged files keep it from being
            opened.
        findings: What did not agree.
        left: What is left for an ingest to do; without repair all of the findings.
    """

    documents: int | None
    findings: tuple[Finding, ...]
    left: tuple[Finding, ...]

    @property
    def repaired(self) -> int:
        """How many findings were put right."""
        return len(self.findings) - len(self.left)

    @property
    def damage(self) -> str | None:
        """What was damaged of the store's files, and what became of it; None where none was."""
        files = [each for each in self.findings if each.problem == "damaged file"]
        if not files:
            return None
        named = "; ".join(f"{each.source}: {each.detail}" for each in files[:_NAMED])
        more = f"; and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
        again = [each.source for each in self.left if can_be_ingested(each.source)]
        lost = [each.source for each in self.left if not can_be_ingested(each.source)]
        told = f"{len(again)} documents are embedded again when their folders are ingested"
        if lost:
            told += f"; not whole, and without a file to embed again: {', '.join(lost)}"
        return f"the store was damaged ({named}{more}); what was whole of it is kept; {told}"

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        return {
            "documents": self.documents,
            "findings": [finding.to_dict() for finding in self.findings],
            "repaired": self.repaired,
            "left": [finding.to_dict() for finding in self.left],
        }


def verify(store: DocumentStore, *, files: bool = True) -> list[Finding]:
    """Compare what the manifest says with what is there, and that with the files.

    Args:
        store: The store.
        files: Whether to read the files, too.

    Raises:
        CollectionNotFoundError: There is no collection.
        StoreError: It cannot be read.
    """
    stored, entries, record = store.sources(), store.entries(), store.existing_record()
    fingerprint = record.fingerprint
    true = {
        source: ManifestEntry.of_stored(each, fingerprint=fingerprint)
        for source, each in stored.items()
    }
    lacking = lacking_versions(stored.values(), place=store.place)
    counts = passages_by_document(store.place)
    findings = [*_in_store(stored, entries, true, counts, lacking)]
    for source, detail in find_damaged(store.place):
        findings.append(Finding(source, "damaged", detail))
    if record.frequencies and any(wrong := miscounted(store.place)):
        detail = f"words of {wrong[0]} documents are not counted, and of {wrong[1]} that are gone"
        findings.append(Finding(store.place.words, "words miscounted", detail))
    if files:
        findings.extend(_against_files(stored))
    return findings


def _in_store(
    stored: Mapping[str, StoredSource],
    entries: Mapping[str, ManifestEntry],
    true: Mapping[str, ManifestEntry],
    passages: Mapping[str, int],
    lacking: Container[str],
) -> Iterator[Finding]:
    for source, entry in sorted(entries.items()):
        there = stored.get(source)
        if entry.state != "stored":
            yield Finding(source, "unfinished", f"a process ended while it was {entry.state} it")
        elif there is None:
            yield Finding(source, "missing document", "in the manifest, and not in the collection")
        elif entry != true[source]:
            detail = "the collection holds something else than the manifest says"
            yield Finding(source, "manifest differs", detail)
    for source, there in sorted(stored.items()):
        if source not in entries:
            yield Finding(source, "not in manifest", "in the collection, and not in the manifest")
        count = passages.get(there.document_id, 0)
        if count != there.passages:
            detail = f"{count} passages in place of {there.passages}"
            problem: Problem = "missing passages" if count < there.passages else "orphaned passages"
            yield Finding(source, problem, detail)
        elif there.content_hash in lacking:
            detail = "some of its passages are of another version of the text"
            yield Finding(source, "missing passages", detail)
    known = {document_id(source) for source in (*stored, *entries)}
    for identity in sorted(set(passages) - known):
        detail = f"{passages[identity]} passages of a document that is not there"
        yield Finding(identity, "orphaned passages", detail)


def _against_files(stored: Mapping[str, StoredSource]) -> Iterator[Finding]:
    # Others were put there by a program.
    files = [source for source in sorted(stored) if is_named_as_file(source)]
    # Each object is asked for by who reads it, and once more only where that fails.
    there = [source for source in files if is_url(source) or not is_gone(source)]
    for source in sorted(set(files) - set(there)):
        yield Finding(source, "file gone", _GONE)
    with FileReader() as reader:
        for source, read in zip(there, reader.ahead(map(path_of, there)), strict=True):
            try:
                text = read().text
            except ReadError as error:
                if is_url(source) and is_gone(source):
                    yield Finding(source, "file gone", _GONE)
                else:
                    yield Finding(source, "file unreadable", str(error))
                continue
            if content_hash(text) != stored[source].content_hash:
                yield Finding(source, "file changed", "ingest it to bring it up to date")


def repair(
    store: DocumentStore, findings: list[Finding], *, salvaged: bool = False
) -> list[Finding]:
    """Put right what can be without the files.

    What was begun is finished or undone; passages without a document go; the manifest is made to
    say what is there. A document that has lost passages is taken out, so that the next ingest
    makes it anew.

    Args:
        store: The store.
        findings: What :func:`verify` found.
        salvaged: Whether damaged files were made anew, and the manifest was not among them: what
            it does not know had been removed, and came back with an earlier state of a file.

    Returns:
        What is left for an ingest to do.

    Raises:
        StoreError: The store cannot be read or written to.
    """
    if salvaged:
        back = ("not in manifest", "manifest differs")
        store.delete({f.source for f in findings if f.problem in back})
    store.recover()
    damaged = {f.source for f in findings if f.problem in LOST_PARTS}
    # One whose file is gone is better found by its text and its own vector than not at all.
    replaceable = {source for source in damaged if can_be_ingested(source)}
    store.delete(sorted(replaceable))
    stored = store.sources()
    for finding in findings:
        if finding.problem == "orphaned passages":
            there = stored.get(finding.source)
            identity = finding.source if there is None else there.document_id
            version = None if there is None else there.content_hash
            remove_passages_of(identity, but=version, place=store.place)
    if any(finding.problem == "words miscounted" for finding in findings):
        settle(store.place)
    return [_left(finding, replaceable) for finding in findings if _is_left(finding)]


def can_be_ingested(source: str) -> bool:
    """Whether a document comes from a file that is there.

    Args:
        source: What it is called.
    """
    path = path_of(source)
    if isinstance(path, Remote):
        return is_named_as_file(source) and not is_gone(source)
    return path.is_absolute() and path.is_file()


def is_named_as_file(source: str) -> bool:
    """Whether a document may come from a file: it is called as one, here or in a bucket.

    Args:
        source: What it is called.
    """
    path = path_of(source)
    if isinstance(path, Remote):
        from longembed_rag.files.buckets.systems import is_known

        return is_known(path)
    return path.is_absolute()


def _is_left(finding: Finding) -> bool:
    return finding.problem in {"missing document", *LOST_PARTS} or finding.problem in OF_FILES


def _left(finding: Finding, replaceable: set[str]) -> Finding:
    """What is to do about a finding that could not be put right."""
    if finding.problem == "missing document" or finding.source in replaceable:
        return replace(finding, detail="taken out; ingest it again")
    if finding.problem in LOST_PARTS:
        return replace(finding, detail=f"{finding.detail}; it stays, since its file is not there")
    return finding
