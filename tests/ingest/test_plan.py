"""What an ingest would do, told beforehand."""

from __future__ import annotations

from pathlib import Path

from longembed_rag.ingest.plan import plan_ingest
from tests.ingest.conftest import Bench, numbers


def test_the_plan_is_what_the_ingest_then_does(bench: Bench) -> None:
    """Every number of a dry run is the number of the run after it; nothing is done before."""
    for name in ("keep.txt", "change.txt", "gone.txt"):
        bench.write(name, f"words of {name}")
    bench.ingest()
    bench.write("change.txt", "other words")
    new = bench.write("new.txt", "new words")
    (bench.folder / "gone.txt").unlink()
    bad = bench.write("bad.txt", "")
    picture = bench.write("picture.png", "x")
    before = bench.store.sources()
    bench.encoder.encoded.clear()
    plan = plan_ingest([bench.folder], stored=before)
    assert bench.encoder.encoded == []
    assert bench.store.sources() == before
    counts = tuple(plan.count(action) for action in ("add", "update", "keep", "delete"))
    assert (*counts, len(plan.failed)) == numbers(bench.ingest())
    told = plan.to_dict()
    assert told["dry_run"] is True
    assert [told[key] for key in ("added", "updated", "unchanged", "deleted")] == [1, 1, 1, 1]
    assert {"source": new, "action": "add", "characters": 9} in told["steps"]
    assert told["failed"] == [{"source": bad, "reason": "no text: the file is empty"}]
    assert told["skipped"] == {"count": 1, "names": [picture]}


def test_without_a_collection_everything_would_be_added(tmp_path: Path) -> None:
    """A plan needs no store; the store's own folder is passed over."""
    (tmp_path / "a.txt").write_text("words")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "b.txt").write_text("words")
    plan = plan_ingest([tmp_path], stored={}, exclude=tmp_path / "store")
    assert [(Path(step.source).name, step.action) for step in plan.steps] == [("a.txt", "add")]
