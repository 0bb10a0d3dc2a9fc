"""A library: where it lies, and what a search of it is to return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args

from pydantic import SecretStr

from longembed_rag import Library
from longembed_rag.errors import SettingsError

if TYPE_CHECKING:
    import os

    from longembed_rag import RetryPolicy, SearchResult

Mode = Literal["hybrid", "dense", "sparse", "passages", "late"]
Returns = Literal["passages", "documents"]


class Place(TypedDict, total=False):
    """Where a collection lies, and how it is kept; see :meth:`longembed_rag.Library.open`."""

    url: str | None
    client: Any
    collection: str | None
    timeout: float | None
    wait: float | None
    retries: RetryPolicy | None
    passages: bool | None
    passage_tokens: int | None
    language: str | None
    late_interaction: Literal["auto", "on", "off"] | None
    k1: float | None
    b: float | None
    tenant_field: str | None
    quantization: Literal["none", "scalar", "binary"] | None
    on_disk: bool | None
    shards: int | None
    replicas: int | None
    write_consistency: int | None
    exact_below: int | None
    hnsw_ef: int | None


def opened(
    path: str | os.PathLike[str] | None, api_key: SecretStr | str | None, **options: Any
) -> Library:
    """Open a library; options that are None are as if left out.

    Args:
        path: Folder of an embedded store.
        api_key: Key of a server.
        **options: The others of :meth:`longembed_rag.Library.open`.

    Raises:
        LongEmbedError: As :meth:`longembed_rag.Library.open`.
    """
    key = api_key.get_secret_value() if isinstance(api_key, SecretStr) else api_key
    given = {name: value for name, value in options.items() if value is not None}
    return Library.open(path, api_key=key, **given)


def require_returns(returns: str, passages_per_document: int) -> None:
    """Refuse what cannot be returned.

    Args:
        returns: Passages or documents.
        passages_per_document: Most passages of a document.

    Raises:
        SettingsError: It is unknown, or no passage could be returned.
    """
    if returns not in get_args(Returns):
        raise SettingsError(f"returns={returns!r} is not one of: {', '.join(get_args(Returns))}")
    if passages_per_document < 1:
        raise SettingsError(f"passages_per_document={passages_per_document} must be at least 1")


def search(
    library: Library, query: str, *, returns: Returns, passages: int, **options: Any
) -> list[SearchResult]:
    """Search a library for what is to be returned.

    Args:
        library: The library.
        query: What to look for.
        returns: Passages or documents.
        passages: Most passages of a document.
        **options: The others of :meth:`longembed_rag.Library.search`.

    Raises:
        SettingsError: Passages are to be returned, and the collection keeps none.
        LongEmbedError: As :meth:`longembed_rag.Library.search`.
    """
    most = passages if returns == "passages" else 0
    results: list[SearchResult] = library.search(query, passages=most, **options)
    lacking = returns == "passages" and any(not each.passages for each in results)
    # A single document without passages, which another program has added, comes whole.
    if lacking and not library.store.existing_record().options.passages:
        raise SettingsError(
            f"collection {library.collection!r} keeps no passages: give returns='documents', or "
            "add the documents to another collection with passages"
        )
    return results


def refuse_unknown(options: Mapping[str, Any], *, known: Sequence[str]) -> None:
    """Refuse options that would be ignored.

    Args:
        options: Those that are left when the known ones are taken.
        known: Those that there are.

    Raises:
        SettingsError: There is one.
    """
    if options:
        raise SettingsError(
            f"unknown option {', '.join(sorted(options))}; known are: {', '.join(known)}"
        )
