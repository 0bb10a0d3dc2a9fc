"""The file systems behind URLs, by fsspec, and what is said where one fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from longembed_rag.errors import BucketError, LongEmbedError, MissingDependencyError, SettingsError
from longembed_rag.files.remote import Remote
from longembed_rag.urls import is_page

#: What reads a protocol, as an extra of this package.
_EXTRAS = {"s3": "s3", "gs": "gs", "abfs": "az", "abfss": "az", "az": "az"}
_LONGEST = 300
# What follows the question mark of a request may be a signature.
_QUERY = re.compile(r"\?\S+")
_NO_CREDENTIALS = re.compile(r"credential", re.IGNORECASE)
_FORBIDDEN = re.compile(r"forbidden|authenticat|authoriz|\b40[13]\b", re.IGNORECASE)
_NO_WAY = re.compile(r"connect|timeout|endpoint|dns|network|ssl", re.IGNORECASE)


def file_system(remote: Remote) -> tuple[Any, str]:
    """The file system that has an object, and what it calls the object.

    Credentials come from where its package looks for them: the environment, its own settings.

    Args:
        remote: An object, or a prefix.

    Raises:
        MissingDependencyError: The package that reads this protocol is not installed; says how.
        SettingsError: Nothing reads this protocol.
        BucketError: The file system cannot be set up, for instance without credentials.
    """
    try:
        from fsspec import get_filesystem_class

        kind = get_filesystem_class(remote.protocol)
    except ImportError as error:
        raise MissingDependencyError(
            f"{remote}: what reads {remote.protocol}:// is not installed; {_install(remote, error)}"
        ) from error
    except ValueError as error:
        raise SettingsError(
            f"{remote}: {remote.protocol}:// is no protocol that anything reads; buckets are "
            "s3://, gs:// and az://, and others are those that fsspec lists"
        ) from error
    with telling(remote):
        # Not by its own parser of URLs, to which :: and ? in an object's name mean something.
        system = kind(**kind._get_kwargs_from_urls(remote.url))
        return system, str(kind._strip_protocol(remote.url))


def is_known(remote: Remote) -> bool:
    """Whether a URL may be a file's, whether or not what reads its protocol is installed.

    Args:
        remote: What may be an object.
    """
    try:
        from fsspec.registry import known_implementations, registry
    except ImportError:
        return False
    if is_page(remote.url):
        return False
    return remote.protocol in known_implementations or remote.protocol in registry


def _install(remote: Remote, error: ImportError) -> str:
    extra = _EXTRAS.get(remote.protocol)
    if extra is not None:
        return f"pip install 'longembed-rag[{extra}]'"
    return " ".join(str(error).split())


@contextmanager
def telling(remote: Remote) -> Iterator[None]:
    """Make one sentence of whatever a file system's package raises meanwhile.

    Args:
        remote: What it was about.

    Raises:
        BucketError: It raised something.
    """
    try:
        yield
    except LongEmbedError:
        raise
    except MemoryError as error:
        raise BucketError(
            str(remote), "reading it takes more memory than it may; raise --read-memory"
        ) from error
    except Exception as error:  # each package has exceptions of its own
        raise BucketError(str(remote), _reason(error)) from error


def is_absent(error: BaseException | None) -> bool:
    """Whether it was because there is no such thing, which one may ask."""
    return isinstance(error, FileNotFoundError)


def _reason(error: Exception) -> str:
    told = _QUERY.sub("?...", " ".join(str(error).split()))[:_LONGEST] or type(error).__name__
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    if is_absent(error):
        return "it is gone"
    if _NO_CREDENTIALS.search(f"{kind} {told}"):
        return (
            f"there are no credentials that can be used ({told}); set them in the environment or "
            "in the settings of the package that reads this protocol"
        )
    if isinstance(error, PermissionError) or _FORBIDDEN.search(told):
        return f"no permission to read it ({told}); see whose credentials the environment gives"
    if isinstance(error, TimeoutError | ConnectionError) or _NO_WAY.search(kind):
        return f"it cannot be reached ({told}); see to the network and the address, and try again"
    return f"it cannot be read ({type(error).__name__}: {told})"
