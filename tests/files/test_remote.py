"""Places as people name them."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from longembed_rag.errors import SettingsError
from longembed_rag.files.remote import Remote, as_location, located


def test_paths_stay_paths_and_urls_are_remote(tmp_path: Path) -> None:
    """A URL of this machine's files is a path, too."""
    assert as_location("reports/a.txt") == Path("reports/a.txt")
    assert as_location(tmp_path) == tmp_path
    assert as_location("file:///a%20b/c") == Path("/a b/c")
    made = as_location("s3a://bucket/reports/Größe #1?.tar.PDF/")
    assert isinstance(made, Remote)
    assert made.url == str(made) == "s3://bucket/reports/Größe #1?.tar.PDF"
    assert (made.protocol, made.name, made.suffix) == ("s3", "Größe #1?.tar.PDF", ".PDF")
    assert as_location(made) is made
    assert located(made.url) == made == pickle.loads(pickle.dumps(made))
    assert as_location("abfs://files@account.dfs.core.windows.net/a") == Remote(
        "abfs://files@account.dfs.core.windows.net/a"
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("https://example.org/a.pdf", "https://example.org/a.pdf: pages of the web"),
        ("s3://", "names no bucket; give one as in s3://bucket"),
        ("sftp://me:geheim@host/a", r"sftp://me:\*\*\*@host/a: leave the password out"),
        ("s3://b/\udcff", "not valid text"),
        (Path("s3://bucket/a"), "s3:/bucket/a is a path made of a URL"),
    ],
)
def test_what_cannot_be_used_is_refused(given: str | Path, told: str) -> None:
    """In a sentence, which shows no password."""
    with pytest.raises(SettingsError, match=told) as caught:
        as_location(given)
    assert "geheim" not in str(caught.value)
