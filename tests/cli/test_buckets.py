"""Buckets on the command line; the slow ones through S3's own protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run, as_json
from tests.files.making import make_pdf
from tests.shelf import DENIED

DOCUMENTS = {
    "reports/lease.txt": b"The lease was signed by the tenant.",
    "reports/more/page.html": b"<title>Fruit</title><p>Pears are ripe.</p>",
    "reports/more/paper.pdf": make_pdf(["Quinces are yellow.", "And hard."]),
    "reports/drafts/note.md": b"# Draft\n\nPlums.",
    "reports/picture.png": b"\x89PNG",
}


def _sources(run: Run) -> list[str]:
    return [each["source"] for each in as_json(run("list", "--json"))["documents"]]


def _take_all_commands(run: Run, start: str) -> None:
    """Every command knows an object by its URL, in any of its forms."""
    done = as_json(run("ingest", f"{start}/reports/", "--exclude", "drafts/", "--json"))
    assert (done["added"], done["failed"], done["skipped"]["count"]) == (3, [], 1)
    assert done["excluded"][0]["source"] == f"{start}/reports/drafts"
    names = ("lease.txt", "more/page.html", "more/paper.pdf")
    assert _sources(run) == [f"{start}/reports/{name}" for name in names]
    again = run("ingest", f"{start.upper()[:4]}{start[4:]}/reports", "--exclude", "drafts/")
    assert "3 unchanged" in again.stderr
    shown = as_json(run("show", f"{start}/reports/more/paper.pdf", "--json"))
    assert shown["metadata"]["file_name"] == "paper.pdf"
    assert shown["metadata"]["page_count"] == 2
    assert "T" in shown["metadata"]["last_modified"]
    assert run("show", f"{start}/reports/lease.txt/").exit_code == 0
    asked = ("search", "ripe", "--mode", "sparse", "--json", "--filter")
    for path, number in ((f"{start}/reports/more/", 1), (start, 1), (f"{start}/reports/drafts", 0)):
        assert len(as_json(run(*asked, f"path={path}"))["results"]) == number, path
    assert f"{start}/reports/lease.txt" in run("list").stdout
    assert run("verify").exit_code == 0
    removed = run("remove", f"{start}/reports/lease.txt")
    assert removed.stdout == f"removed  {start}/reports/lease.txt\n"
    assert run("remove", f"{start}/reports/lease.txt").exit_code == 1
    planned = as_json(run("ingest", f"{start}/reports", "--dry-run", "--json"))
    assert (planned["added"], planned["unchanged"]) == (2, 2)


def test_every_command_takes_urls(run: Run, shelf: Path) -> None:
    """As it takes paths."""
    for name, data in DOCUMENTS.items():
        (shelf / name).parent.mkdir(parents=True, exist_ok=True)
        (shelf / name).write_bytes(data)
    _take_all_commands(run, "shelf://box")


def test_what_cannot_be_reached_is_one_line(
    run: Run, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a bucket the whole command, of an object that object, each with its URL."""
    for name in ("a.html", "b.html"):
        (shelf / name).write_text(f"<p>{name}</p>")
    monkeypatch.setenv(DENIED, "a.html")
    one = run("ingest", "shelf://box")
    assert one.exit_code == 1
    assert "failed shelf://box/a.html: no permission to read it" in " ".join(one.stderr.split())
    monkeypatch.setenv(DENIED, "box")
    whole = run("ingest", "shelf://box")
    assert whole.exit_code == 2
    assert "error: shelf://box: no permission to read it (denied box?...)" in whole.stderr
    assert run("ingest", "https://example.org/a.pdf").exit_code == 2
    assert "no protocol that anything reads" in run("ingest", "nope://box").stderr
    assert "secret" not in one.stderr + whole.stderr


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of an S3 server on loopback, whose credentials the environment has."""
    moto = pytest.importorskip("moto.server")
    boto3, s3fs = pytest.importorskip("boto3"), pytest.importorskip("s3fs")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    values = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.get_host_and_port()[1]}",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "geheim",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    client = boto3.client("s3")
    client.create_bucket(Bucket="papers")
    yield client
    client.close()
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_bucket_of_s3(run: Run, s3: Any) -> None:
    """What its own protocol gives is taken in, followed and refused as folders are."""
    for name, data in DOCUMENTS.items():
        s3.put_object(Bucket="papers", Key=name, Body=data)
    s3.put_object(Bucket="papers", Key="reports/more/", Body=b"")  # as consoles make folders
    _take_all_commands(run, "s3://papers")
    odd = "reports/more//q?x=1#a%20b::Ä*.txt"
    s3.put_object(Bucket="papers", Key=odd, Body=b"Odd apples.")
    s3.put_object(Bucket="papers", Key="reports/lease.txt", Body=b"The lease has ended today.")
    s3.delete_object(Bucket="papers", Key="reports/more/page.html")
    done = as_json(run("ingest", "s3a://papers/reports", "--json"))
    counts = [done[each] for each in ("added", "updated", "unchanged", "deleted")]
    assert counts == [3, 0, 1, 1]
    assert f"s3://papers/{odd}" in _sources(run)
    assert as_json(run("show", f"s3://papers/{odd}", "--json"))["text"] == "Odd apples."
    looked = run("search", "apples", "--mode", "sparse", "--refresh", "--json")
    assert as_json(looked)["results"][0]["source"] == f"s3://papers/{odd}"
    for each in s3.list_objects_v2(Bucket="papers")["Contents"]:
        s3.delete_object(Bucket="papers", Key=each["Key"])
    refused = run("ingest", "s3://papers/reports")
    assert refused.exit_code == 2
    assert "s3://papers/reports: 4 of the 4 documents from it would be deleted" in refused.stderr
    assert "there is no bucket 'pages'" in run("ingest", "s3://pages/reports").stderr
    mistyped = run("ingest", "s3://papers/reprots")
    assert (mistyped.exit_code, "nothing of that name" in mistyped.stderr) == (2, True)
    done = as_json(run("ingest", "s3://papers/reports", "--allow-deletions", "--json"))
    assert done["deleted"] == 4


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_an_s3_that_is_not_there(
    run: Run, s3: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither credentials nor a server: a sentence with the URL, soon, and no store."""
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    s3fs.S3FileSystem.clear_instance_cache()
    lacking = run("ingest", "s3://papers/reports")
    assert lacking.exit_code == 2
    assert "s3://papers/reports: there are no credentials that can be used" in lacking.stderr
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "geheim")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3fs.S3FileSystem.clear_instance_cache()
    away = run("ingest", "s3://papers/reports")
    assert away.exit_code == 2
    assert "s3://papers/reports: it cannot be reached" in away.stderr
    assert "geheim" not in away.stderr + lacking.stderr
