"""Looking through what lies below a URL, by the rules that hold for folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longembed_rag.errors import BucketError
from longembed_rag.files.found import (
    LOOK,
    Found,
    is_passed_over,
    reason_to_refuse,
    reason_to_skip,
)
from longembed_rag.files.looking import LOOKED_AT, reason_bytes_are_not_text
from longembed_rag.files.remote import Remote
from longembed_rag.files.selection import Layer, Rules, Selection

if TYPE_CHECKING:
    from longembed_rag.files.buckets.listing import Entry, Listing

#: Bytes of an ignore file, at most.
_MOST_PATTERNS = 16 << 20


def take_remote(found: Found, root: Remote, selection: Selection) -> None:
    """Take an object that was named itself, or everything below a prefix.

    Args:
        found: Is given what there is; what cannot be listed is among its failures.
        root: The object or prefix.
        selection: What is taken; of ``.gitignore`` files those below the prefix are followed.

    Raises:
        SettingsError: There is no such bucket, or a pattern in an ignore file cannot be read.
        MissingDependencyError: What reads this protocol is not installed.
    """
    from longembed_rag.files.buckets.listing import Listing
    from longembed_rag.files.buckets.objects import kind_of

    try:
        kind = kind_of(root)
        if kind == "object":
            _take_named(found, root, selection)
        elif kind == "prefix":
            _walk(found, root, Listing(root), selection)
    except BucketError as error:
        found.fail(root.url, error.reason)


def _walk(found: Found, root: Remote, listing: Listing, selection: Selection) -> None:
    rules = Rules(selection, read=_read)
    waiting = [(root.url, "", rules.at_root())]
    while waiting:
        folder, way, layers = waiting.pop()
        if not found.enter(folder, way):
            continue
        try:
            entries = listing.entries(way)
            names = {entry.name for entry in entries}
            if found.is_store(folder, way, names):
                continue
            layers = rules.entering(folder, way, names, layers)
        except BucketError as error:
            at = error.where
            what = "it cannot be listed" if at == folder else f"{at} cannot be read"
            found.fail(folder, f"{what}: {error.reason}")
            continue
        for entry in entries:
            url = f"{folder}/{entry.name}"
            if _is_taken(found, url, entry, way, rules, layers, selection):
                waiting.append((url, f"{way}{entry.name}/", layers))


def _is_taken(
    found: Found,
    url: str,
    entry: Entry,
    way: str,
    rules: Rules,
    layers: tuple[Layer, ...],
    selection: Selection,
) -> bool:
    """Take an object of a folder; say of a folder whether to look into it."""
    is_folder = entry.info is None
    passed_over = is_passed_over(entry.name, is_folder=is_folder)
    if passed_over:
        if isinstance(passed_over, str):
            found.skip(url, passed_over)
        return False
    why = rules.reason_against(f"{way}{entry.name}{'/' if is_folder else ''}", layers)
    if why is not None:
        found.excluded[url] = why
        return False
    if entry.info is None:
        return True
    why = reason_to_skip(entry.name, entry.info.size, all_text=selection.all_text)
    try:
        if why == LOOK:
            why = _reason_not_text(url)
    except BucketError as error:
        found.fail(url, error.reason)
        return False
    if why is None:
        found.files[url] = entry.info.stamp
    else:
        found.skip(url, why)
    return False


def _take_named(found: Found, root: Remote, selection: Selection) -> None:
    from longembed_rag.files.buckets.objects import info_of

    found.skipped.pop(root.url, None)
    info = info_of(root)
    why = reason_to_refuse(root.name, all_text=selection.all_text)
    if why == LOOK:
        why = _reason_not_text(root.url)
    if why is None:
        found.files[root.url] = info.stamp
    else:
        found.fail(root.url, why)


def _reason_not_text(url: str) -> str | None:
    """Why an object is not taken for text, by a look at its beginning; None where it is."""
    from longembed_rag.files.buckets.objects import beginning_of

    return reason_bytes_are_not_text(beginning_of(Remote(url), LOOKED_AT))


def _read(folder: str, name: str) -> bytes:
    from longembed_rag.files.buckets.objects import bytes_of

    return bytes_of(Remote(f"{folder}/{name}"), most=_MOST_PATTERNS)[0]
