"""One object of a bucket: what is known of it, and its bytes."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from longembed_rag.errors import BucketError, SettingsError
from longembed_rag.files.buckets.systems import file_system, is_absent, telling
from longembed_rag.files.remote import Remote
from longembed_rag.files.stamps import Stamp

Kind = Literal["object", "prefix", "nothing"]

#: What file systems call the mark that changes with an object's content.
_TAGS = ("ETag", "etag", "md5Hash", "content_md5", "checksum", "sha")
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "modified", "created")
_NEVER_SURE = sys.maxsize
_SECOND = 1_000_000_000
_TRIES = 3


@dataclass(frozen=True)
class ObjectInfo:
    """What a bucket tells of an object without giving it.

    Attributes:
        size: Bytes; 0 where that is not told.
        modified: When it was last written; None where that is not told.
        tag: What changes with its content (ETag); None where there is no such thing.
    """

    size: int
    modified: datetime | None
    tag: str | None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> ObjectInfo:
        """What a file system of fsspec gives, under whichever names.

        Args:
            told: An entry of a listing, or what ``info`` gives.
        """
        tags = (str(told[name]).strip('" ') for name in _TAGS if told.get(name))
        times = (_moment(told[name]) for name in _TIMES if told.get(name))
        return cls(
            size=int(told.get("size") or 0),
            modified=next((each for each in times if each is not None), None),
            tag=next(tags, None),
        )

    @property
    def stamp(self) -> Stamp:
        """What tells that it is as it was; never to be trusted where nothing tells that."""
        # Listings of some servers have fractions of seconds, and their answers to HEAD have none.
        written = None if self.modified is None else int(self.modified.timestamp()) * _SECOND
        if self.tag is None:
            since = _NEVER_SURE if written is None else written
            return Stamp(modified=since, changed=since, size=self.size, inode=0)
        number = int.from_bytes(hashlib.sha256(self.tag.encode()).digest()[:6], "big")
        return Stamp(modified=written or 0, changed=0, size=self.size, inode=number)


def _moment(value: Any) -> datetime | None:
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, tz=timezone.utc)
        if isinstance(value, str):  # before Python 3.11, Z was not read
            value = datetime.fromisoformat(value.removesuffix("Z").partition(".")[0])
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError, OSError):
        pass  # a time that no calendar has
    return None


def kind_of(remote: Remote) -> Kind:
    """Whether there is an object of this name, or others below it, or nothing in a bucket.

    Args:
        remote: The name.

    Raises:
        SettingsError: There is no such bucket, or no such folder where folders are kept.
        MissingDependencyError: What reads this protocol is not installed.
        BucketError: It cannot be found out.
    """
    system, path = file_system(remote)
    try:
        with telling(remote):
            system.invalidate_cache()
            return "object" if system.info(path)["type"] == "file" else "prefix"
    except BucketError as error:
        if not is_absent(error.__cause__):
            raise
    if has_flat_names(system):
        bucket = path.strip("/").partition("/")[0]
        try:
            with telling(remote):
                system.info(bucket)
            return "nothing"
        except BucketError as error:
            if not is_absent(error.__cause__):
                raise
        raise SettingsError(f"{remote}: there is no bucket {bucket!r}; name one that there is")
    raise SettingsError(f"{remote} does not exist; name files and folders that do")


def require_reached(remote: Remote) -> None:
    """Require that a bucket, or folder, is there and can be looked into.

    Args:
        remote: An object in it, or a prefix; of a bucket, neither need be there.

    Raises:
        SettingsError: It is not, or cannot be reached.
        MissingDependencyError: What reads this protocol is not installed.
    """
    try:
        kind_of(remote)
    except BucketError as error:
        raise SettingsError(str(error)) from error


def has_flat_names(system: Any) -> bool:
    """Whether a file system has a listing of its own of everything below a prefix.

    Such have objects in place of files, and a folder is there while something lies in it. In what
    others list that way, folders that cannot be listed would be left out without a word.
    """
    from fsspec.asyn import AsyncFileSystem
    from fsspec.spec import AbstractFileSystem

    kind = type(system)
    if isinstance(system, AsyncFileSystem):
        return kind._find is not AsyncFileSystem._find
    return kind.find is not AbstractFileSystem.find


def info_of(remote: Remote) -> ObjectInfo:
    """What is known of an object now.

    Raises:
        BucketError: It is gone, or that cannot be found out.
        MissingDependencyError: What reads this protocol is not installed.
    """
    system, path = file_system(remote)
    with telling(remote):
        system.invalidate_cache(path)
        told = system.info(path)
        if told["type"] != "file":
            raise FileNotFoundError(path)
        return ObjectInfo.of(told)


def is_missing(remote: Remote) -> bool:
    """Whether there certainly is no such object; one that is out of reach may be there."""
    try:
        info_of(remote)
    except BucketError as error:
        return is_absent(error.__cause__)
    except (SettingsError, ImportError):
        return False
    return False


def beginning_of(remote: Remote, length: int) -> bytes:
    """The first bytes of an object.

    Args:
        remote: The object.
        length: How many, at most.

    Raises:
        BucketError: It cannot be read.
    """
    system, path = file_system(remote)
    with telling(remote):
        return bytes(system.cat_file(path, start=0, end=length))


def bytes_of(remote: Remote, *, most: int) -> tuple[bytes, ObjectInfo]:
    """An object as it was at one moment, and what is known of it.

    Args:
        remote: The object.
        most: The most bytes that it may have.

    Raises:
        BucketError: It cannot be read, is too large, or keeps changing.
        MissingDependencyError: What reads this protocol is not installed.
    """
    before = info_of(remote)
    system, path = file_system(remote)
    for _ in range(_TRIES):
        if before.size > most:
            raise BucketError(
                str(remote),
                f"it has {before.size:,} bytes, more than the {most:,} that reading a file may "
                "take; raise --read-memory, or cut it into parts",
            )
        # One request gives one version, where several for its parts would not. One byte more is
        # asked for, so that an object that has grown shows it.
        part = {"start": 0, "end": before.size + 1} if before.size else {}
        with telling(remote):
            data = bytes(system.cat_file(path, **part))
        if len(data) == before.size and before.tag is not None:
            return data, before
        after = info_of(remote)
        if after.stamp == before.stamp and len(data) == (after.size or len(data)):
            return data, after
        before = after
    raise BucketError(
        str(remote), "it changes while it is being read; try again when it is at rest"
    )
