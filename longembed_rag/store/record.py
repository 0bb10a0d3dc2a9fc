"""The record that a collection carries of how its vectors were made.

The record lies in Qdrant's own metadata of a collection (server 1.16 and later; embedded stores
keep it in their ``meta.json``), so it comes into being in the same step as the collection and
cannot be lost without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longembed_rag._version import __version__
from longembed_rag.errors import CollectionMismatchError, StoreError
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.payload import OWN_KEY
from longembed_rag.store.tokens import TokenRecord
from longembed_rag.store.values import READERS_VERSION, CollectionRecord
from longembed_rag.words.analyzer import ANALYZER_VERSION, DEFAULT_LANGUAGE
from longembed_rag.words.lengths import Averages
from longembed_rag.words.terms import WEIGHING_VERSION

if TYPE_CHECKING:
    from longembed_rag.points.values import Described

#: Beside the record: the file system that each folder lay on when it was last ingested.
ROOTS_KEY = f"{OWN_KEY}_roots"
# What may differ between two machines without changing a vector.
_RUNTIME = frozenset(
    {
        "device",
        "dtype",
        "batch_tokens",
        "model_path",
        "model_hash",
        "method_reason",
        "late_interaction",
        "late_interaction_reason",
    }
)
_ABSENT = "(not set)"


def write_record(
    *,
    fingerprint: str,
    dimension: int,
    description: Mapping[str, Any],
    settings: Mapping[str, Any],
    options: IndexOptions,
    embedded: bool,
    tokens: TokenRecord | None = None,
    frequencies: bool = False,
) -> dict[str, Any]:
    """The collection's metadata.

    Args:
        fingerprint: Of the encoder.
        dimension: Length of its vectors.
        description: How it describes itself.
        settings: Its settings as given.
        options: What is kept of documents.
        embedded: Whether the collection stays on this machine; else paths of this machine are
            left out, and a model in a folder goes by the folder's name.
        tokens: How the vectors of passages' tokens are kept; None where they are not.
        frequencies: Whether how rare words are is counted beside it.
    """
    described = {name: value for name, value in description.items() if name != "model_path"}
    own = {
        "fingerprint": fingerprint,
        "dimension": dimension,
        "description": described,
        "settings": dict(settings),
        "index": replace(options, late_interaction="off" if tokens is None else "on").to_dict(),
        "version": __version__,
        "analyzer": ANALYZER_VERSION,
        "weighing": WEIGHING_VERSION,
        "readers": READERS_VERSION,
    }
    if tokens is not None:
        own["tokens"] = tokens.to_dict()
    if frequencies:
        own["frequencies"] = True
    return {OWN_KEY: own if embedded else without_paths(own)}


def moved_record(
    metadata: Mapping[str, Any], *, embedded: bool, frequencies: bool = False
) -> dict[str, Any]:
    """The metadata of a copy of a collection, in an embedded store or on a server."""
    own = {name: value for name, value in metadata[OWN_KEY].items() if name != "frequencies"}
    if frequencies:
        own["frequencies"] = True
    return {OWN_KEY: dict(own) if embedded else without_paths(own)}


def without_paths(own: Mapping[str, Any]) -> dict[str, Any]:
    """A record as it may leave this machine: of a model's folder only the name."""
    plain = dict(own)
    for part in ("description", "settings"):
        values = {k: v for k, v in (own.get(part) or {}).items() if k != "model_path"}
        model = values.get("model")
        if isinstance(model, str) and (Path(model).is_absolute() or Path(model).is_dir()):
            values["model"] = Path(model).name
            plain["model_folder"] = True
        plain[part] = values
    return plain


def with_changes(metadata: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """What to note down of what has changed in a record; None takes one away."""
    own = {**metadata[OWN_KEY], **changes}
    return {OWN_KEY: {name: value for name, value in own.items() if value is not None}}


def with_languages(metadata: Mapping[str, Any], languages: Iterable[str]) -> dict[str, Any]:
    """What to note down when documents come that are stemmed in other languages."""
    own = metadata[OWN_KEY]
    return {OWN_KEY: {**own, "languages": sorted({*(own.get("languages") or ()), *languages})}}


def with_tokens(metadata: Mapping[str, Any], tokens: TokenRecord) -> dict[str, Any]:
    """What to note down when a collection begins to keep token vectors."""
    own = metadata[OWN_KEY]
    index = {**own["index"], "late_interaction": "on"}
    return {OWN_KEY: {**own, "index": index, "tokens": tokens.to_dict()}}


def read_record(metadata: Mapping[str, Any]) -> CollectionRecord | None:
    """The record in a collection's metadata; None when it was not made by this package.

    Raises:
        StoreError: It is damaged, or somebody has changed it; says what is wrong.
    """
    own = metadata.get(OWN_KEY)
    if not isinstance(own, dict) or "fingerprint" not in own or "index" not in own:
        return None
    try:
        return _parsed(own)
    except (TypeError, KeyError, ValueError, OverflowError, AttributeError) as error:
        raise StoreError(
            "the record that the collection keeps of how it was made is damaged "
            f"({type(error).__name__}: {error}); ingest its documents into another collection"
        ) from error


def _parsed(own: Mapping[str, Any]) -> CollectionRecord:
    # Those that were made before late interaction, or before languages, say nothing of them.
    before = {"late_interaction": "off", "language": DEFAULT_LANGUAGE}
    options = IndexOptions.from_dict({**before, **own["index"]})
    return CollectionRecord(
        fingerprint=str(own["fingerprint"]),
        dimension=int(own.get("dimension", 0)),
        description=dict(own.get("description") or {}),
        settings=dict(own.get("settings") or {}),
        options=options,
        version=str(own.get("version", "")),
        analyzer=int(own.get("analyzer", 1)),
        readers=int(own.get("readers", 1)),
        model_folder=bool(own.get("model_folder", False)),
        analyzer_next=int(own["analyzer_next"]) if own.get("analyzer_next") else None,
        tokens=TokenRecord.from_dict(own["tokens"]) if own.get("tokens") else None,
        weighing=int(own.get("weighing", 1)),
        languages=tuple(own.get("languages") or ()),
        frequencies=bool(own.get("frequencies", False)),
        averages=Averages(*map(float, own["averages"])) if own.get("averages") else None,
    )


def read_roots(metadata: Mapping[str, Any]) -> dict[str, int]:
    """The folders that were ingested, each by an id, with the device that it lay on."""
    roots = metadata.get(ROOTS_KEY)
    return {str(root): int(device) for root, device in roots.items()} if roots else {}


def not_kept(location: str) -> StoreError:
    """What is raised of a server that has silently dropped the record (before 1.16)."""
    return StoreError(
        f"the server at {location} does not keep a collection's metadata, which "
        "holds the settings that its vectors were made with; it needs Qdrant 1.16 or later"
    )


def require_match(
    record: CollectionRecord,
    *,
    fingerprint: str,
    description: Mapping[str, Any],
    collection: str,
    location: str,
) -> None:
    """Refuse to mix vectors of different settings.

    Raises:
        CollectionMismatchError: The collection was made with others; names each one that
            differs, with the collection's value and the one in use.
    """
    if record.fingerprint == fingerprint:
        return
    lines = differences(record.description, description)
    if not lines:
        lines = ["the files of the model are not the same"]
    raise CollectionMismatchError(
        f"collection {collection!r} at {location} was made with other settings "
        f"({record.description.get('model', 'unknown model')}, fingerprint {record.fingerprint}) "
        f"than those in use ({description.get('model', 'unknown model')}, fingerprint "
        f"{fingerprint}): {'; '.join(lines)}. Use the collection's settings, or another "
        "collection for these"
    )


def require_options(
    record: CollectionRecord, options: IndexOptions, *, collection: str, location: str
) -> None:
    """Refuse to add documents that would be kept in another way than those that are there.

    Raises:
        CollectionMismatchError: The options are others; names each one that differs.
    """
    lines = differences(record.options.to_dict(), options.to_dict())
    # It may begin to keep token vectors, but those that are kept are not taken away.
    if (record.options.late_interaction, options.late_interaction) == ("on", "off"):
        lines.append("late_interaction is 'on' in the collection and 'off' now")
    if lines:
        raise CollectionMismatchError(
            f"collection {collection!r} at {location} keeps its documents in another way: "
            f"{'; '.join(lines)}. Leave these options out, or name another collection for them"
        )


def require_spread(found: Described, said: Mapping[str, int], *, location: str) -> None:
    """Refuse to go on as if a collection were spread over nodes in another way than it is.

    Args:
        found: The collection; an embedded one is spread over none, and nothing is refused.
        said: What was said of it, by name.
        location: Folder or address, for messages.

    Raises:
        CollectionMismatchError: It is spread in another way; names what differs.
    """
    if found.spread is None:
        return
    lines = [
        f"{name} is {there} in the collection and {value} now"
        for name, value in said.items()
        if (there := getattr(found.spread, name)) != value
    ]
    if lines:
        raise CollectionMismatchError(
            f"collection {found.name!r} at {location} is spread over its nodes in another way: "
            f"{'; '.join(lines)}. Leave these options out, or name another collection: 'copy' "
            "fills one without the model"
        )


def differences(stored: Mapping[str, Any], used: Mapping[str, Any]) -> list[str]:
    """What differs between two descriptions, a phrase for each setting, by name."""
    names = sorted((set(stored) | set(used)) - _RUNTIME)
    return [
        f"{name} is {_shown(stored, name)} in the collection and {_shown(used, name)} now"
        for name in names
        # Through JSON a tuple comes back as a list, which is no difference.
        if _plain(stored.get(name)) != _plain(used.get(name))
        and not (name == "model" and is_named(used.get(name), stored.get(name)))
    ]


def is_named(folder: object, name: object) -> bool:
    """Whether a model's folder is likely the one that a record names, wherever that lay.

    A record on a server tells no paths, and a folder may have moved. Whether the files are the
    same ones, the fingerprint tells.
    """
    if not isinstance(folder, str) or not isinstance(name, str) or not Path(folder).is_absolute():
        return False
    return Path(folder).name == Path(name).name


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _shown(values: Mapping[str, Any], name: str) -> str:
    return repr(values[name]) if name in values else _ABSENT
