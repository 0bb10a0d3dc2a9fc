"""Long documents made of many passages, each of which answers a query of its own."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from longembed_rag.errors import SettingsError
from longembed_rag.training.opening import TextTokens, shorten
from longembed_rag.training.texts import Pair

Ints = NDArray[np.int64]

#: Letters joined for each token wanted: enough for prose, then for text that makes few tokens.
_LETTERS_A_TOKEN = (8, 128)


@dataclass(frozen=True, kw_only=True)
class DocumentOptions:
    """How documents are made.

    Attributes:
        lengths: Tokens of a document; one of them is drawn for each batch.
        weights: How often each length is drawn.
        batch_tokens: Tokens of a batch's documents.
        queries: Queries asked of each document.
        coherent: Share of documents made of neighbours in one source, such as the sections of one
            article; the others are made of passages from anywhere.
    """

    lengths: tuple[int, ...] = (512, 1024, 2048, 4096)
    weights: tuple[float, ...] = (0.2, 0.3, 0.3, 0.2)
    batch_tokens: int = 16384
    queries: int = 4
    coherent: float = 0.5

    def __post_init__(self) -> None:
        if len(self.lengths) != len(self.weights) or not self.lengths:
            raise SettingsError(
                f"lengths={self.lengths} and weights={self.weights} must be as many, one at least"
            )


@dataclass(frozen=True)
class DocumentBatch:
    """Documents of one length, and what they answer.

    Attributes:
        documents: Token ids, ``[documents, n]``.
        queries: Token ids of each query.
        asked_of: Which document each query is asked of.
        answers: The passage that answers each query, as :func:`passage_id`.
        contents: The passages that stand in each document, whole or begun.
    """

    documents: Ints
    queries: list[Ints]
    asked_of: list[int]
    answers: list[int]
    contents: list[frozenset[int]]

    def answering(self, contents: Sequence[frozenset[int]]) -> NDArray[np.bool_]:
        """Which documents of some contents answer each query, ``[queries, documents]``."""
        rows = [[answer in each for each in contents] for answer in self.answers]
        return np.array(rows, dtype=np.bool_)


def passage_id(text: str) -> int:
    """A number of 63 bits that stands for a passage."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@dataclass(frozen=True)
class _Document:
    """Token ids of a document, its passages, and those of its pairs that stand in it whole."""

    ids: Ints
    contents: frozenset[int]
    answered: list[tuple[str, str]]


class Documents:
    """Endless batches of long documents, the same each time.

    Args:
        pairs: What documents are made of and asked.
        passages: Texts that nothing is asked of; they stand in documents from anywhere.
        tokens: Texts to token ids.
        options: How documents are made.
        seed: Decides every random choice.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        passages: Sequence[str],
        *,
        tokens: TextTokens,
        options: DocumentOptions,
        seed: int,
    ) -> None:
        self._pairs = pairs
        self._passages = passages
        self._tokens = tokens
        self._options = options
        self._seed = seed
        self._sources: dict[str, list[int]] = defaultdict(list)
        for at, pair in enumerate(pairs):
            self._sources[pair.source].append(at)

    def __iter__(self) -> Iterator[DocumentBatch]:
        """The same batches each time."""
        random = np.random.default_rng(self._seed)
        weights = np.asarray(self._options.weights) / sum(self._options.weights)
        while True:
            length = int(random.choice(self._options.lengths, p=weights))
            documents = max(2, self._options.batch_tokens // length)
            yield self.batch(documents, length, random)

    def batch(self, wanted: int, length: int, random: np.random.Generator) -> DocumentBatch:
        """So many documents of one length."""
        documents = [self._document(length, random) for _ in range(wanted)]
        asked = [
            (number, query, text)
            for number, document in enumerate(documents)
            for query, text in document.answered
        ]
        # No query is longer than what the model shall read: a position table may end there.
        read = self._tokens([query for _, query, _ in asked], "query")
        return DocumentBatch(
            documents=np.stack([document.ids for document in documents]),
            queries=[shorten(ids, length, tail=self._tokens.tail) for ids in read],
            asked_of=[number for number, _, _ in asked],
            answers=[passage_id(text) for _, _, text in asked],
            contents=[document.contents for document in documents],
        )

    def _document(self, length: int, random: np.random.Generator) -> _Document:
        """One document, with as many of its queries as are to be asked."""
        document = self._fill(length, random)
        asked = sorted(random.permutation(len(document.answered))[: self._options.queries])
        return replace(document, answered=[document.answered[at] for at in asked])

    def _fill(self, length: int, random: np.random.Generator) -> _Document:
        """A document with at least one pair that is answered in it.

        Raises:
            SettingsError: All texts together do not fill it.
        """
        first = int(random.integers(len(self._pairs)))
        coherent = bool(random.random() < self._options.coherent)
        for letters in _LETTERS_A_TOKEN:
            chosen = self._choose(first, letters * length, random, coherent=coherent)
            document = self._join(chosen, length)
            if document is None:
                continue
            if not document.answered:
                # Only passages that nothing is asked of fit whole: the first pair comes first then,
                # and its query is asked even if the end of its passage is cut off.
                pair = next(each for each in chosen if each[0])
                rest = (each for each in chosen if each != pair)
                document = self._join([pair, *rest], length)
                assert document is not None
                document = replace(document, answered=[pair])
            return document
        raise SettingsError(
            f"the texts are too few or too short to make documents of {length} tokens"
        )

    def _join(self, chosen: Sequence[tuple[str, str]], length: int) -> _Document | None:
        """Passages one after the other, up to a length; None where they do not fill it."""
        head, tail = self._tokens.head, self._tokens.tail
        read = self._tokens([text for _, text in chosen], "document")
        parts: list[Ints] = []
        answered: list[tuple[str, str]] = []
        contents: set[int] = set()
        room = length - head - tail
        for (query, text), ids in zip(chosen, read, strict=True):
            content = ids[head : len(ids) - tail]
            if query and len(content) <= room:
                answered.append((query, text))
            parts.append(content[:room])
            contents.add(passage_id(text))
            room -= len(parts[-1])
            if not room:
                ids = np.concatenate([read[0][:head], *parts, ids[len(ids) - tail :]])
                return _Document(ids, frozenset(contents), answered)
        return None

    def _choose(
        self, first: int, letters: int, random: np.random.Generator, *, coherent: bool
    ) -> list[tuple[str, str]]:
        """Passages of so many letters in all, each with its query or an empty one."""
        candidates = self._anything(first, random)
        if coherent:
            # A small source does not fill a document alone.
            candidates = chain(self._neighbours(first), candidates)
        chosen: dict[str, str] = {}
        joined = 0
        for query, text in islice(candidates, letters):
            if text not in chosen:
                chosen[text] = query
                joined += len(text)
            if joined >= letters:
                break
        found = [(query, text) for text, query in chosen.items()]
        return found if coherent else [found[at] for at in random.permutation(len(found))]

    def _neighbours(self, first: int) -> Iterator[tuple[str, str]]:
        """A pair and those that follow in its source, around its end."""
        source = self._sources[self._pairs[first].source]
        at = int(np.searchsorted(source, first))
        for number in (*source[at:], *source[:at]):
            yield self._pairs[number].query, self._pairs[number].passage

    def _anything(self, first: int, random: np.random.Generator) -> Iterator[tuple[str, str]]:
        """A pair, then passages from anywhere."""
        yield self._pairs[first].query, self._pairs[first].passage
        while True:
            at = int(random.integers(len(self._pairs) + len(self._passages)))
            if at < len(self._pairs):
                yield self._pairs[at].query, self._pairs[at].passage
            else:
                yield "", self._passages[at - len(self._pairs)]
