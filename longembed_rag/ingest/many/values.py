"""What goes from one process to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import SettingsError
from longembed_rag.ray_cluster import LOCAL

if TYPE_CHECKING:
    from longembed_rag.files.options import ReadOptions
    from longembed_rag.files.remote import Location
    from longembed_rag.ingest.comparing import Incoming
    from longembed_rag.ingest.encoding import DocumentEncoder
    from longembed_rag.ingest.report import Status
    from longembed_rag.store.store import DocumentStore
    from longembed_rag.store.values import IndexedDocument, StoredSource


@dataclass(frozen=True, kw_only=True)
class Workers:
    """How many processes take part in an ingest.

    Attributes:
        address: The Ray cluster; :data:`~longembed_rag.ray_cluster.LOCAL` for this machine alone.
        models: Processes with a model; None takes one for each GPU that is used, else one for every
            four processors.
        gpus: GPUs that are used, one for each model; None takes all that the cluster has.

    Raises:
        SettingsError: A number is out of range, or there are fewer models than GPUs.
    """

    address: str = LOCAL
    models: int | None = None
    gpus: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("models", 1), ("gpus", 0)):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise SettingsError(f"{name}={value!r} must be a whole number")
            if value is not None and value < least:
                raise SettingsError(f"{name}={value} must be at least {least}")
        if self.gpus and self.models is not None and self.models != self.gpus:
            raise SettingsError(
                f"models={self.models} and gpus={self.gpus}: each GPU has a model of its own; give "
                "one of them"
            )


@dataclass(frozen=True, kw_only=True)
class Job:
    """What every process of an ingest has to know.

    Attributes:
        open_store: Opens the store.
        make_encoder: Loads the model.
        holder: Who claims documents: one name for all processes of an ingest.
        reading: How files are read, and within which bounds.
    """

    open_store: Callable[[], DocumentStore] = field(repr=False)  # it may hold a key
    make_encoder: Callable[[], DocumentEncoder] = field(repr=False)
    holder: str
    reading: ReadOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A file that is to be in the collection.

    Attributes:
        source: What it is called there.
        place: Where it is.
        size: Its bytes.
        position: Which of the files it is, from 1.
        earlier: What the collection has of it.
        is_whole: Whether that is there with every passage.
    """

    source: str
    place: Location
    size: int
    position: int
    earlier: StoredSource | None
    is_whole: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of a file.

    Attributes:
        task: The file.
        status: What is told of it; None where nothing is: it failed, or somebody else has it.
        failure: Why it could not be taken in.
        tokens: Tokens in its text.
        tokens_read: Tokens that reached the model.
        windows: Forward windows that it was read in.
        seconds: What it took.
        notes: What to know of it.
        remarks: What its reader remarked.
        digest: Hash of its text.
        stamp: Its stamp when it was read, where a reader tells it.
        is_embedded: Whether the model has read it.
        language: What it is written in, if it is another language than English and known.
    """

    task: Task
    status: Status | None = None
    failure: str | None = None
    tokens: int = 0
    tokens_read: int = 0
    windows: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    digest: str = ""
    stamp: Any = None
    is_embedded: bool = False
    language: str | None = None

    @property
    def source(self) -> str:
        """What the file is called."""
        return self.task.source


@dataclass(frozen=True, kw_only=True)
class ReadText:
    """A file that was read.

    Attributes:
        task: The file.
        incoming: Its text.
        seconds: What that took.
        only_known_anew: Whether its text is there, and only what is known of it is new.
    """

    task: Task
    incoming: Incoming
    seconds: float
    only_known_anew: bool = False


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """A text that the model has read.

    Attributes:
        outcome: What will have come of it once it is written.
        document: The document.
    """

    outcome: Outcome
    document: IndexedDocument


#: What one stage gives to the next: what it has done, and what is done already.
Parcel = ReadText | Embedded | Outcome
