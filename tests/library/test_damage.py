"""Damage to the files of an embedded store is told, and mended as far as it can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from longembed_rag import Document
from longembed_rag.errors import StoreDamagedError
from longembed_rag.points.port import scroll
from longembed_rag.points.seal import SEAL_FILE
from longembed_rag.points.values import Point
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import DENSE_VECTOR
from tests.library.conftest import Open
from tests.library.damage import Damaged, Engine, campaign
from tests.store.fakes import FakeEncoder, vector_of

pytestmark = pytest.mark.sealed


@pytest.mark.parametrize(
    ("engine", "count"),
    [
        ("edge", 4),
        ("local", 2),
        pytest.param("edge", 40, marks=pytest.mark.slow),
        pytest.param("local", 20, marks=pytest.mark.slow),
    ],
)
def test_damage_never_changes_an_answer_in_silence(
    tmp_path: Path, engine: Engine, count: int
) -> None:
    """Bytes overwritten, files cut or gone: ``verify`` tells, a search does not answer."""
    found = campaign(Damaged(tmp_path, engine), count, seed=7, mend_every=6)
    assert found["search told"] > count // 2 or engine == "local"
    assert found["mended"] + found["mended, texts without files lost"] >= 1


def test_an_ingest_mends_what_is_damaged_and_says_so(opened: Open, folder: Path) -> None:
    """Of the damaged collection all that is whole stays; the rest is embedded again."""
    with opened() as library:
        library.ingest("reports/")
    (page,) = Path(".longembed").glob("edge/documents_passages-*/**/payload_storage/page_0.dat")
    page.write_bytes(bytes(page.stat().st_size))
    with pytest.raises(StoreDamagedError, match=r"page_0\.dat: it holds something else"):
        opened().search("lease")
    encoder = FakeEncoder()
    with opened(encoder=encoder) as library:
        report = library.ingest("reports/")
        assert sorted(encoder.encoded) == sorted(map(str, folder.iterdir()))
        assert report.remarks
        assert "page_0.dat" in report.remarks[0]
        assert library.verify().findings == ()
    assert "lease" in opened().search("lease")[0].source


def test_a_text_without_a_file_is_embedded_again_from_what_is_stored(opened: Open) -> None:
    """Its vector was changed by another program: ``verify --repair`` needs no file for it."""
    with opened() as library:
        library.add([Document(id=name, text=f"apples {name}") for name in ("one", "two")])
    with DocumentStore.open(path=Path(".longembed")) as store:
        point = next(
            each
            for each in scroll(store.place.points, "documents", what="x", vectors=True)
            if each.payload["longembed"]["source"] == "one"
        )
        store.place.points.revise(
            "documents", [Point(point.id, {DENSE_VECTOR: vector_of("pears")}, {})], what="x"
        )
    with opened() as library:
        (finding,) = library.verify().findings
        assert (finding.source, finding.problem) == ("one", "damaged")
        encoder = FakeEncoder()
    with opened(encoder=encoder) as library:
        report = library.verify(repair=True)
        assert report.left == ()
        assert encoder.encoded == ["one"]
        assert library.verify().findings == ()


def test_a_store_without_a_seal_is_checked_point_by_point(opened: Open, folder: Path) -> None:
    """As a killed process leaves it; the next that writes seals it again."""
    with opened() as library:
        library.ingest("reports/")
    seal = Path(".longembed") / "edge" / SEAL_FILE
    seal.unlink()
    with opened() as library:
        assert library.verify().findings == ()
    assert seal.exists() is False  # it was only read
    with opened() as library:
        library.add(Document(id="more", text="more"))
    assert seal.exists()


def test_a_removed_document_does_not_come_back_with_an_old_file(opened: Open) -> None:
    """Where the list of points is cut, what was removed is there again; the manifest knows."""
    with opened() as library:
        library.add([Document(id=name, text=f"apples {name}") for name in ("one", "two")])
    with opened() as library:
        library.remove("two")
    for name in ("documents-", "documents_passages-"):
        (ids,) = Path(".longembed").glob(f"edge/{name}*/**/mutable_id_tracker.mappings")
        content = ids.read_bytes()
        ids.write_bytes(content[: 2 * len(content) // 3])
    with opened() as library:
        library.verify(repair=True)
        assert [each.source for each in library.all_documents()] in (["one"], [])
        assert library.verify().findings == ()
