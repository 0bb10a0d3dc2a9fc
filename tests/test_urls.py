"""Names of what lies in buckets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.urls import folders_of, is_page, is_url, one_form, protocol_of

KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def test_urls_are_told_from_paths() -> None:
    """By their protocol; a path has none, nor has Windows' drive."""
    assert all(map(is_url, ("s3://b/a.txt", "GS://b", "x+y.z-1://h", "memory:///a")))
    assert not any(map(is_url, ("/a/b", "s3:/b/a", "a/s3://b", "C:\\a", "", "1x://a")))
    assert (protocol_of("S3A://b"), protocol_of("gcs://b"), protocol_of("a/b")) == ("s3", "gs", "")
    assert is_page("HTTPS://example.org/a")
    assert not is_page("s3://b/a")


@given(KEYS, st.integers(0, 3))
def test_one_form_is_one(key: str, slashes: int) -> None:
    """It stays as it is once made, with whichever slashes at its end; other characters stay."""
    url = one_form(f"s3://bucket/{key}")
    assert one_form(url) == url == one_form(f"S3A://bucket/{key}" + "/" * slashes)
    assert url == f"s3://bucket/{key}".rstrip("/")


@given(KEYS)
def test_an_object_lies_below_each_of_its_folders(key: str) -> None:
    """The innermost first, the bucket last, each once."""
    url = f"s3://bucket/{key}x"
    folders = folders_of(url)
    assert folders[-1] == "s3://bucket"
    assert len(set(folders)) == len(folders)
    assert all(url.startswith(f"{folder}/") and one_form(folder) == folder for folder in folders)
    assert folders == sorted(folders, key=len, reverse=True)


def test_pages_and_buckets_lie_nowhere() -> None:
    """A page is no file of a folder, and nothing is above a bucket."""
    assert folders_of("s3://bucket") == folders_of("https://example.org/a/b") == []
    assert folders_of("s3://b/x//y.txt") == ["s3://b/x", "s3://b"]
