"""What the tasks that hide a piece of text in long documents have in common.

Lengths are in tokens, as LongEmbed's are (arXiv 2404.12096, section 3.1), but documents are made
by words: every model cuts the same text into another number of tokens.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Literal, NamedTuple

from longembed_eval.tasks.values import Query, Task
from longembed_rag.errors import SettingsError

#: Lengths of the published tasks, in tokens.
LENGTHS = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
#: English words per token, nearly enough for every tokenizer.
WORDS_PER_TOKEN = 0.75
#: Documents of a task, each with a hidden piece of its own.
DOCUMENTS = 100
#: Queries of a task, each for another document's piece.
QUERIES = 50
#: Shortest and longest document that can be made, in tokens.
SHORTEST, LONGEST = 64, 1_048_576
#: Words above which :func:`sentences` cuts a sentence, so that a document can be filled closely.
LONGEST_SENTENCE = 40

_LENGTH_NOTE = (
    f"The length is nominal: a document has at most {WORDS_PER_TOKEN} words for each of its tokens."
)
_PARAGRAPH_GAP = "\n\n"
_PARAGRAPHS = re.compile(r"\n[ \t\r\f\v]*\n\s*")
# Not those of tasks/sentences.py, which are right more often: scores that were measured are of
# documents that were cut here, and other cuts are other documents.
_SENTENCE_END = re.compile(r"""[.!?…][.!?…]*['"’”)\]]*\s+(?=[`'"‘“(\[]*[^\W_a-z])|[。！？]\s*""")
_ABBREVIATION = re.compile(
    r"(?:\b[A-Z]|\b(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|No|Nos|Art|Sec|Fig|Vol|pp|cf|vs|etc|e\.g|i\.e))\.\s+$"
)
_CLAUSE_ENDS = ((";",), (":", "--", "—"), (",",))
# Words above which what has no full stop is no sentence but a list or a table.
_NO_SENTENCE = 300


class Sentence(NamedTuple):
    """A sentence, or a clause of one that is longer than 40 words.

    Attributes:
        text: It, in one line.
        words: How many words it has.
        gap: What follows it: a space, or an empty line at the end of a paragraph.
        closed: Whether something else may come after it; not so after most clauses.
    """

    text: str
    words: int
    gap: str
    closed: bool


class Hidden(NamedTuple):
    """A document with a piece of text hidden in it.

    Attributes:
        text: The document.
        depth: First character of the piece divided by the characters of the document: 0 when it
            stands first, and less than 1 always; None where several are hidden.
    """

    text: str
    depth: float | None


def require_length(length: int) -> None:
    """Refuse a length that no document can be made of.

    Args:
        length: Tokens of a document.

    Raises:
        SettingsError: It is no whole number from 64 to 1,048,576.
    """
    if not _is_whole(length) or not SHORTEST <= length <= LONGEST:
        raise SettingsError(
            f"length={length!r} is no whole number of tokens from {SHORTEST} to {LONGEST:,}; "
            f"the usual lengths are {', '.join(map(str, LENGTHS))}"
        )


def require_counts(documents: int, queries: int, *, available: int, what: str) -> None:
    """Refuse numbers of documents and queries that a task cannot have.

    Args:
        documents: Documents of the task.
        queries: Queries of the task.
        available: How many different pieces there are to hide.
        what: What these are, in the plural, for the message.

    Raises:
        SettingsError: Not every document can have a piece, or not every query a document.
    """
    if not _is_whole(documents) or not 1 <= documents <= available:
        raise SettingsError(
            f"documents={documents!r} is no whole number from 1 to {available}, of which each "
            f"takes one of the {available} {what}"
        )
    if not _is_whole(queries) or not 1 <= queries <= documents:
        raise SettingsError(
            f"queries={queries!r} is no whole number from 1 to documents={documents}, of which "
            "each is asked for at most once; ask for fewer queries or more documents"
        )


def words_of(length: int) -> int:
    """Most words that a document of a length in tokens has."""
    return int(length * WORDS_PER_TOKEN)


def random_for(kind: str, length: int | None, seed: int) -> random.Random:
    """A source of chance of its own for every kind of task, length and seed, on any platform.

    Without a length it is for what all lengths have in common: what is asked, so that scores at
    two lengths differ by the length and not by the questions.
    """
    return random.Random(f"{kind}:{length}:{seed}")


def count_words(text: str) -> int:
    """How many words a text has: runs of characters between white space."""
    return len(text.split())


def sentences(text: str) -> tuple[Sentence, ...]:
    """Cut a text into sentences, each in one line.

    A sentence of more than :data:`LONGEST_SENTENCE` words is cut further: after a semicolon, or
    else a colon, a dash or a comma, or else after that many words.

    Args:
        text: A text whose paragraphs are separated by empty lines.
    """
    return tuple(found for part in _PARAGRAPHS.split(text) for found in _of_paragraph(part))


def hide(piece: str, filler: Iterable[Sentence], *, words: int, rng: random.Random) -> Hidden:
    """Put a piece of text between two sentences, at a depth that is uniformly random.

    Args:
        piece: What is hidden.
        filler: What it is hidden in, from the beginning of the document on; may be endless. Of
            it, as many sentences are taken as there is room for. The piece stands at its beginning
            or after a sentence that is closed.
        words: Most words of the document, the piece included.
        rng: Decides the depth.

    Returns:
        The document: at most ``words`` words, and fewer by less than the sentence of the filler
        that did not fit.

    Raises:
        SettingsError: The piece alone is longer than the document.
    """
    taken = _taken(filler, words, hidden=count_words(piece))
    before, after = _parted(taken, [rng.random()])
    document = f"{before}{piece} {after}".rstrip()
    return Hidden(document, len(before) / len(document))


def hide_apart(
    pieces: tuple[str, str], filler: Iterable[Sentence], *, words: int, rng: random.Random
) -> Hidden:
    """Put two pieces of text between sentences, with half of the filler or more between them.

    The first stands uniformly in the first half of the filler, the second uniformly in what is
    left behind the half that follows. Places are at sentences, as :func:`hide` chooses them.

    Args:
        pieces: What is hidden, in the order in which it shall stand.
        filler: As in :func:`hide`.
        words: Most words of the document, the pieces included.
        rng: Decides the places.

    Returns:
        The document; its depth is None, since there is not one.

    Raises:
        SettingsError: The pieces alone are longer than the document.
    """
    one, other = pieces
    taken = _taken(filler, words, hidden=count_words(one) + count_words(other))
    first = rng.random() / 2
    second = first + 1 / 2 + rng.random() * (1 / 2 - first)
    before, between, after = _parted(taken, [first, second])
    return Hidden(f"{before}{one} {between}{other} {after}".rstrip(), None)


def task_of_hidden(
    kind: Literal["passkey", "needle", "two_facts"],
    length: int,
    *,
    hidden: Sequence[Hidden],
    questions: Sequence[str],
    queries: int,
    chance: random.Random,
    source: str,
    notes: tuple[str, ...],
    labels: Sequence[str] = (),
) -> Task:
    """The task of finding each question's document.

    Args:
        kind: What kind of task it is; it is called ``<kind>-<length>``.
        length: Tokens of each document, nominally.
        hidden: The documents.
        questions: For each document what its piece answers.
        queries: How many of the questions are asked.
        chance: Decides which.
        source: Where the pieces and what hides them come from.
        notes: What a reader of results must know; that lengths are nominal is added.
        labels: For each document what the id of its query ends with, to tell kinds of queries
            apart; none to leave it out.
    """
    asked = sorted(chance.sample(range(len(hidden)), queries))
    ids = {index: "-".join(["query", str(index), *labels[index : index + 1]]) for index in asked}
    return Task(
        name=f"{kind}-{length}",
        documents={f"document-{index}": found.text for index, found in enumerate(hidden)},
        queries=tuple(
            Query(id=ids[index], text=questions[index], depth=hidden[index].depth)
            for index in asked
        ),
        gold={ids[index]: {f"document-{index}": 1} for index in asked},
        kind=kind,
        metric="accuracy@1",
        length=length,
        source=source,
        notes=(*notes, _LENGTH_NOTE),
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _taken(filler: Iterable[Sentence], words: int, *, hidden: int) -> list[Sentence]:
    """The sentences that a document has room for beside so many hidden words."""
    if words < hidden:
        raise SettingsError(
            f"a document of {words} words has no room for {hidden} hidden ones; "
            "ask for a greater length"
        )
    return list(_fitting(filler, words - hidden))


def _parted(taken: Sequence[Sentence], shares: Sequence[float]) -> list[str]:
    """The text of sentences, parted at the places nearest to these shares of it, ascending.

    Places are the beginning and behind closed sentences.
    """
    offsets = list(accumulate((len(part.text + part.gap) for part in taken), initial=0))
    places = [0, *(index for index, part in enumerate(taken, start=1) if part.closed)]
    targets = [share * offsets[-1] for share in shares]
    cuts = [min(places, key=lambda place: abs(offsets[place] - target)) for target in targets]
    text = "".join(part.text + part.gap for part in taken)
    edges = [0, *(offsets[cut] for cut in cuts), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


def _fitting(filler: Iterable[Sentence], room: int) -> Iterator[Sentence]:
    for sentence in filler:
        room -= sentence.words
        if room < 0:
            return
        yield sentence


def _of_paragraph(paragraph: str) -> Iterator[Sentence]:
    """The sentences of a paragraph, the last one with the gap after it."""
    found = [piece for text in _split(" ".join(paragraph.split())) for piece in _pieces(text)]
    for index, (words, closed) in enumerate(found, start=1):
        gap = _PARAGRAPH_GAP if index == len(found) else " "
        yield Sentence(" ".join(words), len(words), gap, closed)


def _split(text: str) -> Iterator[str]:
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if not _ABBREVIATION.search(text, max(start, match.start() - 5), match.end()):
            yield text[start : match.end()]
            start = match.end()
    yield text[start:]


def _pieces(sentence: str) -> Iterator[tuple[list[str], bool]]:
    """The words of a sentence, cut where it is too long, and whether each piece is closed."""
    words = sentence.split()
    prose = len(words) <= _NO_SENTENCE
    start = 0
    while len(words) - start > LONGEST_SENTENCE:
        end = start + _clause(words[start : start + LONGEST_SENTENCE])
        yield words[start:end], words[end - 1].endswith(";") or not prose
        start = end
    if words[start:]:
        yield words[start:], True


def _clause(words: list[str]) -> int:
    """How many of the words to keep together: up to the last clause's end among them."""
    for ends in _CLAUSE_ENDS:
        for count in range(len(words), 1, -1):
            if words[count - 1].endswith(ends):
                return count
    return len(words)
