"""Files under ids of your own."""

from __future__ import annotations

from pathlib import Path

import pytest

from longembed_rag import Library
from longembed_rag.errors import InputError

HTML = "<html><head><title>The lease</title></head><body><h1>Rent</h1><p>It is due in May.</p>"


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    """A file whose name says nothing, as one that was sent is kept."""
    path = tmp_path / "0001.html"
    path.write_text(HTML, encoding="utf-8")
    return path


def test_a_file_is_known_by_its_id(library: Library, upload: Path) -> None:
    """... with what its reader found, and may be gone afterwards."""
    report = library.add_files({"leases/2024.html": upload})
    assert (report.added, report.failed) == (1, ())
    upload.unlink()
    found = library.get("leases/2024.html")
    assert found is not None
    assert "due in May" in found.text
    assert found.metadata["title"] == "The lease"
    assert found.metadata["file_name"] == "2024.html"
    assert not any(str(upload.parent) in str(value) for value in found.metadata.values())
    assert [each.text for each in found.layout.headings] == ["Rent"]


def test_the_same_file_again_changes_nothing(library: Library, upload: Path) -> None:
    """It is not embedded again, wherever it lies now."""
    library.add_files({"lease": upload})
    moved = upload.rename(upload.with_name("0002.html"))
    report = library.add_files({"lease": moved})
    assert (report.added, report.updated, report.unchanged) == (0, 0, 1)


def test_one_that_cannot_be_read_is_named_by_its_id(
    library: Library, upload: Path, tmp_path: Path
) -> None:
    """... and the others are there."""
    damaged = tmp_path / "0003.docx"
    damaged.write_bytes(b"no archive")
    report = library.add_files({"damaged.docx": damaged, "lease": upload})
    assert report.added == 1
    (failure,) = report.failed
    assert failure.source == "damaged.docx"
    assert str(tmp_path) not in failure.reason


def test_an_id_is_a_name(library: Library, upload: Path) -> None:
    """An empty one is refused before anything is written."""
    with pytest.raises(InputError, match="is not a name"):
        library.add_files({" ": upload})
