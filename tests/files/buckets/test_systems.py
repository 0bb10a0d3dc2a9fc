"""The file systems behind URLs, and what is said where one fails."""

from __future__ import annotations

import pytest

from longembed_rag.errors import BucketError, MissingDependencyError, SettingsError
from longembed_rag.files.buckets.systems import file_system, is_known, telling
from longembed_rag.files.remote import Remote

HERE = Remote("s3://bucket/a.txt")


def test_what_is_not_installed_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the known buckets the extra, of others what fsspec says."""

    def missing(protocol: str) -> None:
        raise ImportError("Install zebrafs to read stripes")

    monkeypatch.setattr("fsspec.get_filesystem_class", missing)
    for protocol, extra in (("s3", "s3"), ("gs", "gs"), ("az", "az"), ("abfs", "az")):
        with pytest.raises(MissingDependencyError, match=rf"pip install 'longembed-rag\[{extra}\]"):
            file_system(Remote(f"{protocol}://bucket"))
    with pytest.raises(MissingDependencyError, match=r"sftp://host/a: .* Install zebrafs"):
        file_system(Remote("sftp://host/a"))


def test_an_unknown_protocol_is_a_setting() -> None:
    """And no document of that name is looked for."""
    with pytest.raises(SettingsError, match="nope://b: nope:// is no protocol that anything reads"):
        file_system(Remote("nope://b"))
    known = [is_known(Remote(f"{each}://b")) for each in ("s3", "gs", "nope", "https")]
    assert known == [True, True, False, False]


class NoCredentialsError(Exception):
    """Named as botocore's."""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FileNotFoundError("bucket/a.txt"), "it is gone"),
        (PermissionError("Forbidden"), "no permission to read it (Forbidden); see whose"),
        (OSError("Forbidden: b/bucket"), "no permission to read it (Forbidden: b/bucket); see"),
        (OSError("Server failed to authenticate"), "no permission to read it (Server failed to"),
        (NoCredentialsError("Unable to locate"), "there are no credentials that can be used"),
        (ValueError("Must provide credentials"), "there are no credentials that can be used"),
        (ConnectionRefusedError("no"), "it cannot be reached (no); see to the network"),
        (OSError("GET /a?sig=geheim\nfailed"), "it cannot be read (OSError: GET /a?... failed)"),
        (MemoryError(), "reading it takes more memory than it may; raise --read-memory"),
        (KeyError(), "it cannot be read (KeyError: KeyError)"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
def test_whatever_is_raised_becomes_a_sentence(error: Exception, told: str) -> None:
    """With the URL, and without what may be a signature."""
    with pytest.raises(BucketError) as caught, telling(HERE):
        raise error
    assert str(caught.value).startswith(f"s3://bucket/a.txt: {told}")
    assert "geheim" not in str(caught.value)
