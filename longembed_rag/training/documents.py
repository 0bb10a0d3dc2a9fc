"""Long documents made of many passages, each of which answers a query of its own."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from longembed_rag.errors import SettingsError
from longembed_rag.training.drawing import Sources
from longembed_rag.training.opening import TextTokens, shorten
from longembed_rag.training.texts import Pair, text_number

Ints = NDArray[np.int64]

#: Letters joined for each token wanted: enough for prose, then for text that makes few tokens.
_LETTERS_A_TOKEN = (8, 128)
#: Pairs drawn for each document that is like others, at most.
_TRIES = 20


@dataclass(frozen=True, kw_only=True)
class DocumentOptions:
    """How documents are made.

    Attributes:
        lengths: Tokens of a document; one of them is drawn for each batch. Long ones are dear.
        weights: How often each length is drawn; none draws all alike.
        batch_tokens: Tokens of a batch's documents.
        queries: Most queries asked of a document.
        coherent: Share of documents made of neighbours in one source, such as the sections of one
            article; the others are made of passages from anywhere.
        alike: Share of batches whose documents have all their passages in common but one each,
            which is what is asked of them: nothing else tells them apart (hard negatives).
    """

    lengths: tuple[int, ...] = (1024, 2048, 4096)
    weights: tuple[float, ...] = ()
    batch_tokens: int = 8192
    queries: int = 16
    coherent: float = 0.5
    alike: float = 0.2

    def __post_init__(self) -> None:
        if not self.lengths or len(self.weights) not in (0, len(self.lengths)):
            raise SettingsError(
                f"lengths={self.lengths} must be one at least, and weights={self.weights} as many"
            )
        if min(self.weights, default=1.0) < 0 or not 0 < sum(self.weights or (1.0,)) < math.inf:
            raise SettingsError(f"weights={self.weights} must not be negative, nor all zero")


@dataclass(frozen=True)
class Span:
    """A passage that stands in a document whole.

    Attributes:
        document: Which document.
        start: Its first token in the document.
        stop: One past its last token.
        passage: Which passage, as :func:`passage_id`.
    """

    document: int
    start: int
    stop: int
    passage: int


@dataclass(frozen=True)
class DocumentBatch:
    """Documents of one length, and what they answer.

    Attributes:
        documents: Token ids, ``[documents, n]``.
        spans: Passages that stand in them whole.
        queries: Token ids of each query.
        asked_of: Which document each query is asked of.
        answers: The passage that answers each query, as :func:`passage_id`.
        contents: The passages that stand in each document, whole or begun.
    """

    documents: Ints
    spans: list[Span]
    queries: list[Ints]
    asked_of: list[int]
    answers: list[int]
    contents: list[frozenset[int]]

    def bounds(self, spans: Sequence[Span]) -> list[tuple[int, int]]:
        """First token of each span, and one past its last, among those of all documents."""
        length = self.documents.shape[1]
        offsets = [span.document * length for span in spans]
        return [
            (offset + span.start, offset + span.stop)
            for offset, span in zip(offsets, spans, strict=True)
        ]

    def answering(self, contents: Sequence[frozenset[int]]) -> NDArray[np.bool_]:
        """Which documents of some contents answer each query, ``[queries, documents]``."""
        rows = [[answer in each for each in contents] for answer in self.answers]
        return np.array(rows, dtype=np.bool_)


def passage_id(text: str) -> int:
    """A number of 63 bits that stands for a passage."""
    return text_number(text) >> 1


@dataclass(frozen=True)
class _Document:
    """Token ids of a document, its passages, and the pairs that are asked of it."""

    ids: Ints
    spans: list[Span]
    contents: frozenset[int]
    answered: list[tuple[str, str]]
    texts: tuple[str, ...]


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
        self._tokens = tokens
        self._options = options
        self._seed = seed
        self._sources: dict[str, list[int]] = defaultdict(list)
        for at, pair in enumerate(pairs):
            self._sources[pair.source].append(at)
        self._firsts = Sources((pair.source, at) for at, pair in enumerate(pairs))
        fillers = (("", ("", text)) for text in passages)
        asked = ((pair.source, (pair.query, pair.passage)) for pair in pairs)
        self._anywhere: Sources[tuple[str, str]] = Sources((*asked, *fillers))

    def __iter__(self) -> Iterator[DocumentBatch]:
        """The same batches each time."""
        random = np.random.default_rng(self._seed)
        options = self._options
        weights = np.asarray(options.weights or [1.0] * len(options.lengths))
        weights /= weights.sum()
        while True:
            length = int(random.choice(options.lengths, p=weights))
            documents = max(2, options.batch_tokens // length)
            alike = bool(random.random() < options.alike)
            yield self.batch(documents, length, random, alike=alike)

    def batch(
        self, wanted: int, length: int, random: np.random.Generator, *, alike: bool = False
    ) -> DocumentBatch:
        """So many documents of one length.

        Args:
            wanted: How many.
            length: Tokens of each.
            random: Decides every choice.
            alike: Whether they have all passages in common but one each, which is asked.

        Raises:
            SettingsError: All texts together do not fill a document.
        """
        documents = self._alike(wanted, length, random) if alike else []
        if len(documents) < 2:
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
            spans=[
                replace(span, document=number)
                for number, document in enumerate(documents)
                for span in document.spans
            ],
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

    def _alike(self, wanted: int, length: int, random: np.random.Generator) -> list[_Document]:
        """The same passages over and over, and in each document one more, at a place of its own.

        Fewer than wanted where there are few pairs.
        """
        common = self._fill(length, random)
        others = [("", text) for text in common.texts]
        documents: list[_Document] = []
        asked = set(common.texts)
        for _ in range(_TRIES * wanted):
            if len(documents) == wanted:
                break
            pair = self._pairs[self._firsts.pick(random)]
            if pair.passage in asked:
                continue
            asked.add(pair.passage)
            one = (pair.query, pair.passage)
            place = int(random.integers(len(common.spans) + 1))
            joined = self._join([*others[:place], one, *others[place:]], length)
            if joined is None or not joined.answered:
                # Too long for what was left there: it comes first, even if it is cut off.
                joined = self._join([one, *others], length)
                assert joined is not None
            documents.append(replace(joined, answered=[one]))
        return documents

    def _fill(self, length: int, random: np.random.Generator) -> _Document:
        """A document with at least one pair that is answered in it.

        Raises:
            SettingsError: All texts together do not fill it.
        """
        first = self._firsts.pick(random)
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
        spans: list[Span] = []
        texts: list[str] = []
        room = length - head - tail
        for (query, text), ids in zip(chosen, read, strict=True):
            content = ids[head : len(ids) - tail]
            if 0 < len(content) <= room:
                start = length - tail - room
                spans.append(Span(0, start, start + len(content), passage_id(text)))
                if query:
                    answered.append((query, text))
            parts.append(content[:room])
            texts.append(text)
            room -= len(parts[-1])
            if not room:
                ids = np.concatenate([read[0][:head], *parts, ids[len(ids) - tail :]])
                contents = frozenset(map(passage_id, texts))
                return _Document(ids, spans, contents, answered, tuple(texts))
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
            yield self._anywhere.pick(random)
