"""A store and queries that look like real ones to a search, made without a model.

Words are as frequent as Zipf's law says; a third of a document's are its topic's own, which other
topics hardly say. Vectors gather around their topic, passages around their document, and tokens'
bits around their passage. A query asks for a topic, in words of a passage among others.

    python benchmarks/lifelike.py --documents 1000 --out FOLDER
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longembed_rag.encoder.token_vectors import TokenOptions, TokenVectors, unit_length
from longembed_rag.encoder.values import Passage
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.tokens import TokenRecord
from longembed_rag.store.values import IndexedDocument

DIMENSION = 384
PASSAGES = 60
WORDS = 190  # of a passage
TOKENS = 55  # vectors of a passage's tokens: a quarter of its tokens
VOCABULARY = 40_000
TOPICS = 100
TOPIC_WORDS = 400

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Asked:
    """A query, ready for :func:`longembed_rag.search_documents`.

    Attributes:
        text: Its words.
        vector: Its vector, shape ``[DIMENSION]``.
        tokens: The vectors of its tokens, shape ``[tokens, DIMENSION]``.
    """

    text: str
    vector: Floats
    tokens: Floats


class World:
    """What documents and queries are drawn from; the same for every seed."""

    def __init__(self) -> None:
        chance = np.random.default_rng(22)
        self.words = np.array([_word(number) for number in range(VOCABULARY)])
        self._shares = _zipf(VOCABULARY)
        self._topic_shares = _zipf(TOPIC_WORDS)
        self._topics = chance.integers(500, VOCABULARY, size=(TOPICS, TOPIC_WORDS))
        self._centres = chance.standard_normal((TOPICS, DIMENSION))

    def words_of(self, topic: int, count: int, chance: np.random.Generator) -> NDArray[np.str_]:
        """So many words of a text on a topic."""
        common = chance.choice(VOCABULARY, size=count, p=self._shares)
        own = self._topics[topic][chance.choice(TOPIC_WORDS, size=count, p=self._topic_shares)]
        return self.words[np.where(chance.random(count) < 1 / 3, own, common)]

    def around(
        self, topic: int, shape: tuple[int, ...], chance: np.random.Generator, *, spread: float
    ) -> Floats:
        """Vectors of unit length around a topic's."""
        noise = spread * chance.standard_normal((*shape, DIMENSION))
        return unit_length(self._centres[topic] + noise)

    def document(self, number: int, *, late: bool = True) -> IndexedDocument:
        """A document, always the same one of a number."""
        chance = np.random.default_rng([22, number])
        topic = int(chance.integers(TOPICS))
        parts = [" ".join(self.words_of(topic, WORDS, chance)) for _ in range(PASSAGES)]
        starts = np.cumsum([0, *(len(part) + 1 for part in parts)])
        text = " ".join(parts)
        own = self.around(topic, (), chance, spread=1.0)
        vectors = unit_length(own + 0.05 * chance.standard_normal((PASSAGES, DIMENSION)))
        tokens = unit_length(
            vectors[:, None] + 0.1 * chance.standard_normal((PASSAGES, TOKENS, DIMENSION))
        )
        bits = np.packbits(tokens.reshape(-1, DIMENSION) > 0, axis=-1)
        return IndexedDocument(
            source=f"/documents/{number}.txt",
            text=text,
            metadata={"file_name": f"{number}.txt", "file_type": "txt", "language": "en"},
            content_hash=hashlib.sha256(text.encode()).hexdigest(),
            tokens=256 * PASSAGES,
            tokens_read=256 * PASSAGES,
            windows=PASSAGES,
            embedding=own,
            passages=tuple(
                Passage(int(start), int(start) + len(part), 256)
                for start, part in zip(starts, parts, strict=False)
            ),
            passage_embeddings=vectors,
            token_vectors=TokenVectors(np.full(PASSAGES, TOKENS), bits, DIMENSION)
            if late
            else None,
        )

    def query(self, number: int) -> Asked:
        """A query of 5 to 20 words, always the same one of a number."""
        chance = np.random.default_rng([2222, number])
        topic, count = int(chance.integers(TOPICS)), int(chance.integers(5, 21))
        words = self.words_of(topic, count, chance)
        tokens = self.around(topic, (count + 8,), chance, spread=1.0)
        return Asked(" ".join(words), self.around(topic, (), chance, spread=1.0), tokens)


def _zipf(count: int) -> NDArray[np.float64]:
    shares = 1 / np.arange(1, count + 1)
    return shares / shares.sum()


def _word(number: int) -> str:
    """A word that no stemmer cuts, and that is no number."""
    letters = "bdfgklmnprtvz"
    vowels = "aou"
    syllables = []
    for _ in range(4):
        number, consonant = divmod(number, len(letters))
        number, vowel = divmod(number, len(vowels))
        syllables.append(letters[consonant] + vowels[vowel])
    return "".join(syllables) + "k"


def make_store(folder: Path, documents: int, *, late: bool = True) -> None:
    """Fill a store; one that is there is gone on with."""
    world = World()
    with DocumentStore.open(path=folder) as store:
        store.ensure(
            fingerprint="benchmark",
            dimension=DIMENSION,
            description={},
            tokens=TokenRecord(TokenOptions(), np.zeros(DIMENSION, dtype=np.float32))
            if late
            else None,
        )
        there = set(store.sources())
        for number in range(documents):
            if f"/documents/{number}.txt" not in there:
                store.upsert(world.document(number, late=late))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--no-tokens", dest="late", action="store_false")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    make_store(given.out, given.documents, late=given.late)


if __name__ == "__main__":
    main()
