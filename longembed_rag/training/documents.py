"""Long documents made of many passages, each of which answers a query of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from longembed_rag.errors import SettingsError
from longembed_rag.training.choosing import Choosing
from longembed_rag.training.document_batch import (
    Answered,
    DocumentBatch,
    DocumentOptions,
    Ints,
    MadeDocument,
    Sort,
    Span,
    passage_id,
)
from longembed_rag.training.drawing import around, up_to_letters
from longembed_rag.training.opening import TextTokens, shorten
from longembed_rag.training.texts import Pair

#: Letters joined for each token wanted: enough for prose, then for text that makes few tokens.
_LETTERS_A_TOKEN = (8, 128)
#: Pairs drawn for each document that is like others, at most.
_TRIES = 20
#: Tokens of the words that stand in a query's place, at least where there are as many, and at most.
_CROP_TOKENS = (4, 24)
#: Letters of another document's hard negatives for each token of a document: less than half of it.
_NEGATIVE_LETTERS = 2
#: Tokens that are kept of a passage unlike all others, at least where it has as many, and at most.
_ODD_TOKENS = (24, 128)


class Documents:
    """Endless batches of long documents, the same each time.

    Args:
        pairs: What documents are made of and asked. Hard negatives of what is asked of one document
            stand in the next one.
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
        self._hard = {(pair.query, pair.passage): pair for pair in pairs if pair.negatives}
        self._choosing = Choosing(pairs, passages)

    def __iter__(self) -> Iterator[DocumentBatch]:
        """The same batches each time."""
        random = np.random.default_rng(self._seed)
        options = self._options
        weights = np.array(options.weights or [1.0] * len(options.lengths), dtype=np.float64)
        weights /= weights.sum()
        while True:
            length = int(random.choice(options.lengths, p=weights))
            documents = max(2, options.batch_tokens // length)
            drawn = random.random()
            sort: Sort = "any"
            if drawn < options.alike + options.odd:
                sort = "alike" if drawn < options.alike else "odd"
            yield self.batch(documents, length, random, sort=sort)

    def batch(
        self, wanted: int, length: int, random: np.random.Generator, *, sort: Sort = "any"
    ) -> DocumentBatch:
        """So many documents of one length.

        Args:
            wanted: How many.
            length: Tokens of each.
            random: Decides every choice.
            sort: What they have to do with one another.

        Raises:
            SettingsError: All texts together do not fill a document.
        """
        documents: list[MadeDocument] = []
        if sort == "alike":
            documents = self._alike(wanted, length, random)
        elif sort == "odd":
            documents = [self._odd(length, random) for _ in range(wanted)]
        if len(documents) < 2:
            documents = self._any(wanted, length, random)
        asked = [
            (number, each)
            for number, document in enumerate(documents)
            for each in document.answered
        ]
        queries, crops = self._queries([each for _, each in asked], length, random)
        return DocumentBatch(
            documents=np.stack([document.ids for document in documents]),
            spans=[
                replace(span, document=number)
                for number, document in enumerate(documents)
                for span in document.spans
            ],
            queries=queries,
            asked_of=[number for number, _ in asked],
            answers=[passage_id(each.text) for _, each in asked],
            contents=[document.contents for document in documents],
            odd=sort == "odd",
            labels=[
                {} if crop else self._labels(each)
                for (_, each), crop in zip(asked, crops, strict=True)
            ],
        )

    def _labels(self, asked: Answered) -> dict[int, float]:
        """The scores of what answers a query, and of its negatives; none where nobody scored."""
        pair = self._hard.get((asked.query, asked.text))
        if pair is None or not pair.scores:
            return {}
        ids = map(passage_id, (pair.passage, *pair.negatives))
        return dict(zip(ids, pair.scores, strict=True))

    def _queries(
        self, asked: Sequence[Answered], length: int, random: np.random.Generator
    ) -> tuple[list[Ints], list[bool]]:
        """Token ids of queries, or of a few words of what answers them; and which are which."""
        read = self._tokens([each.query for each in asked], "query")
        crops = random.random(len(asked)) < self._options.crops
        for at in np.flatnonzero(crops).tolist():
            content = asked[at].tokens
            least, most = _CROP_TOKENS
            count = min(len(content), int(random.integers(least, most + 1)))
            start = int(random.integers(len(content) - count + 1))
            read[at] = self._tokens.closed([content[start : start + count]], "query")
        # No query is longer than what the model shall read: a position table may end there.
        return [shorten(ids, length, tail=self._tokens.tail) for ids in read], crops.tolist()

    def _any(self, wanted: int, length: int, random: np.random.Generator) -> list[MadeDocument]:
        """Documents, each but the first with hard negatives of what is asked of that before it."""
        documents: list[MadeDocument] = []
        beside: list[tuple[str, str]] = []
        for _ in range(wanted):
            documents.append(self._document(length, random, beside))
            asked = ((each.query, each.text) for each in documents[-1].answered)
            found = [
                text for key in asked if key in self._hard for text in self._hard[key].negatives
            ]
            order: list[int] = random.permutation(len(found)).tolist() if found else []
            texts = (("", found[at]) for at in order)
            beside = up_to_letters(_NEGATIVE_LETTERS * length, texts)
        return documents

    def _document(
        self, length: int, random: np.random.Generator, beside: Sequence[tuple[str, str]]
    ) -> MadeDocument:
        """One document, with as many of its queries as are to be asked."""
        document = self._fill(length, random, beside=beside)
        asked = sorted(random.permutation(len(document.answered))[: self._options.queries])
        return replace(document, answered=[document.answered[at] for at in asked])

    def _alike(self, wanted: int, length: int, random: np.random.Generator) -> list[MadeDocument]:
        """The same passages over and over, and in each document one more, at a place of its own.

        Fewer than wanted where there are few pairs.
        """
        common = self._fill(length, random)
        others = [("", text) for text in common.texts]
        documents: list[MadeDocument] = []
        asked = set(common.texts)
        for _ in range(_TRIES * wanted):
            if len(documents) == wanted:
                break
            pair = self._pairs[self._choosing.first(random)]
            if pair.passage in asked:
                continue
            asked.add(pair.passage)
            place = int(random.integers(len(common.spans) + 1))
            documents.append(self._put(pair, others, place, length))
        return documents

    def _odd(self, length: int, random: np.random.Generator) -> MadeDocument:
        """Neighbours in one source, and the head of one passage from elsewhere among them."""
        source, apart = self._around(length, random)
        others = [("", text) for text in apart.texts]
        for _ in range(_TRIES + 1):
            pair = self._pairs[self._choosing.first(random)]
            if pair.source != source and pair.passage not in apart.texts:
                break
        place = int(random.integers(len(apart.spans) + 1))
        least, most = _ODD_TOKENS
        return self._put(pair, others, place, length, most=int(random.integers(least, most + 1)))

    def _around(self, length: int, random: np.random.Generator) -> tuple[str, MadeDocument]:
        """A document of neighbours and its source: passages that nothing is asked of, or pairs."""
        if self._passages and random.random() < 0.5:
            start = int(random.integers(len(self._passages)))
            texts = (self._passages[at] for at in around(start, range(len(self._passages))))
            letters = _LETTERS_A_TOKEN[0] * length
            document = self._join([*up_to_letters(letters, (("", text) for text in texts))], length)
            if document is not None:
                return "", document
        first = self._choosing.first(random)
        return self._pairs[first].source, self._fill(length, random, first=first, coherent=True)

    def _put(
        self,
        pair: Pair,
        others: Sequence[tuple[str, str]],
        place: int,
        length: int,
        *,
        most: int | None = None,
    ) -> MadeDocument:
        """One passage among others, which is all that is asked."""
        one = (pair.query, pair.passage)
        document = self._join([*others[:place], one, *others[place:]], length, most=most)
        if document is None or not document.answered:
            # Too long for what was left there.
            document = self._first(one, others, length, most=most)
        return document

    def _fill(
        self,
        length: int,
        random: np.random.Generator,
        *,
        first: int | None = None,
        coherent: bool | None = None,
        beside: Sequence[tuple[str, str]] = (),
    ) -> MadeDocument:
        """A document with at least one pair that is answered in it, and some passages beside it.

        Raises:
            SettingsError: All texts together do not fill it.
        """
        if first is None:
            first = self._choosing.first(random)
        if coherent is None:
            coherent = bool(random.random() < self._options.coherent)
        for letters in _LETTERS_A_TOKEN:
            chosen = self._choosing.choose(
                first, letters * length, random, beside, coherent=coherent
            )
            document = self._join(chosen, length)
            if document is None:
                continue
            if not document.answered:
                # Only passages that nothing is asked of fit whole: the first pair comes first then,
                # and its query is asked even if the end of its passage is cut off.
                pair = next(each for each in chosen if each[0])
                document = self._first(pair, [each for each in chosen if each != pair], length)
            return document
        raise SettingsError(
            f"the texts are too few or too short to make documents of {length} tokens"
        )

    def _first(
        self,
        pair: tuple[str, str],
        others: Sequence[tuple[str, str]],
        length: int,
        *,
        most: int | None = None,
    ) -> MadeDocument:
        """A document that begins with a passage, which is all that is asked, even if cut off."""
        document = self._join([pair, *others], length, most=most)
        assert document is not None
        return replace(document, answered=[Answered(*pair, document.first)])

    def _join(
        self, chosen: Sequence[tuple[str, str]], length: int, *, most: int | None = None
    ) -> MadeDocument | None:
        """Passages one after the other, up to a length; None where they do not fill it.

        No more than ``most`` tokens are kept of those that have a query.
        """
        head, tail = self._tokens.head, self._tokens.tail
        read = self._tokens.contents([text for _, text in chosen])
        parts: list[NDArray[np.int32]] = []
        answered: list[Answered] = []
        spans: list[Span] = []
        texts: list[str] = []
        room = length - head - tail
        for (query, text), content in zip(chosen, read, strict=True):
            cut = bool(query) and most is not None and len(content) > most
            if cut:
                content = content[:most]
            if 0 < len(content) <= room:
                start = length - tail - room
                if not cut:
                    spans.append(Span(0, start, start + len(content), passage_id(text)))
                if query:
                    answered.append(Answered(query, text, content))
            parts.append(content[:room])
            texts.append(text)
            room -= len(parts[-1])
            if not room:
                ids = self._tokens.closed(parts)
                contents = frozenset(map(passage_id, texts))
                return MadeDocument(ids, spans, contents, answered, tuple(texts), parts[0])
        return None
