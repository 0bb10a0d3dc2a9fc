"""A collection at a glance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from longembed_rag.points.nearness import Comparing
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.values import (
    DENSE_VECTOR,
    TERMS_VECTOR,
    CollectionRecord,
    StoredSource,
)
from longembed_rag.words.languages import AUTO_LANGUAGE

if TYPE_CHECKING:
    from longembed_rag.points.spread import Spread
    from longembed_rag.store.place import Place


@dataclass(frozen=True, kw_only=True)
class CollectionInfo:
    """A collection at a glance.

    Attributes:
        collection: Its name.
        location: Folder or address of its store.
        documents: Documents in it.
        passages: Passages of them.
        tokens: Tokens in their texts, together.
        tokens_read: Tokens that reached the model, together.
        model: Name of the model that made its vectors.
        settings: The settings as they were given.
        description: The model and its settings, resolved.
        fingerprint: Hash of the model's files and of every setting that changes a vector.
        dimension: Length of the vectors.
        dense_vector: Name of the vector of a whole document, and of a passage.
        sparse_vector: Name of the vector of its terms.
        passages_collection: Name of the collection of its passages.
        options: What it keeps of its documents.
        engine: What keeps it: ``"edge"``, ``"local"`` or ``"server"``.
        version: Version of this package that made the collection.
        analyzer: Version of the analyzer that found its words.
        readers: Version of the readers that its files were read by.
        weighing: Version of how its words are weighed for ``hybrid``.
        outdated: What this release does otherwise, and how the collection comes to it; None where
            there is nothing.
        languages: What documents are written in, each with how many are; those of which it is not
            known are under ``"unknown"``. Empty where one language is for all.
        late_documents: Documents of which the vectors of passages' tokens are kept.
        shards: Parts that a server spreads it over; None of an embedded store.
        replicas: Nodes of a server that are to hold each shard; None of an embedded store.
        write_consistency: Replicas that have to confirm a write; None of an embedded store.
        comparing: How a query's vector is compared with those of the passages, or of the documents
            where there are none.
        remarks: What is to be known of its answers, such as replicas that are missing.
    """

    collection: str
    location: str
    documents: int
    passages: int
    tokens: int
    tokens_read: int
    model: str | None
    settings: dict[str, Any]
    description: dict[str, Any]
    fingerprint: str
    dimension: int
    dense_vector: str
    sparse_vector: str
    passages_collection: str
    options: IndexOptions
    engine: str
    version: str
    analyzer: int
    readers: int
    weighing: int
    outdated: str | None
    languages: dict[str, int]
    late_documents: int = 0
    shards: int | None = None
    replicas: int | None = None
    write_consistency: int | None = None
    comparing: Comparing = field(default_factory=Comparing)
    remarks: tuple[str, ...] = ()

    @property
    def late_interaction_in_words(self) -> str:
        """Whether the vectors of passages' tokens are kept, and what to do where they are not."""
        if self.options.late_interaction != "on":
            return "off"
        lacking = self.documents - self.late_documents
        if lacking:
            return f"on; {lacking:,} of {self.documents:,} documents get it when next ingested"
        return "on"

    @classmethod
    def of(
        cls,
        record: CollectionRecord,
        stored: Iterable[StoredSource],
        *,
        place: Place,
        passages: int,
        spread: Spread | None = None,
    ) -> CollectionInfo:
        """Put together what a collection says of itself and what is in it.

        Args:
            record: What it says of itself.
            stored: Its documents.
            place: Where it is.
            passages: How many there are.
            spread: How a server spreads it over nodes.
        """
        served = place.points.served
        largest = place.passages if record.options.passages else place.documents
        documents = list(stored)
        return cls(
            collection=place.documents,
            location=place.location,
            documents=len(documents),
            passages=passages,
            tokens=sum(each.tokens for each in documents),
            tokens_read=sum(each.tokens_read for each in documents),
            model=record.description.get("model"),
            settings=record.settings,
            description=record.description,
            fingerprint=record.fingerprint,
            dimension=record.dimension,
            dense_vector=DENSE_VECTOR,
            sparse_vector=TERMS_VECTOR,
            passages_collection=place.passages,
            options=record.options,
            engine=place.points.engine,
            version=record.version,
            analyzer=record.analyzer,
            readers=record.readers,
            weighing=record.weighing,
            outdated=record.outdated,
            languages=_languages(documents, record.options),
            late_documents=sum(each.late_interaction for each in documents),
            comparing=Comparing() if served is None else served.comparing(largest),
            remarks=place.remarks(),
            **({} if spread is None else asdict(spread)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        compared = {**asdict(self.comparing), "exact": self.comparing.exact}
        return {**asdict(self), "comparing": compared, "remarks": list(self.remarks)}


def _languages(documents: Iterable[StoredSource], options: IndexOptions) -> dict[str, int]:
    if options.language != AUTO_LANGUAGE:
        return {}
    return dict(Counter(each.language or "unknown" for each in documents).most_common())
