"""Cutting a document into passages at the best boundaries that its tokens allow."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from longembed_rag.encoder.values import Passage
from longembed_rag.errors import InputError

# What stands between two tokens, best place to cut first. Closing quotes and brackets stay with
# the sentence they close.
_PARAGRAPH, _SENTENCE, _LINE, _WORD, _INSIDE = 4, 3, 2, 1, 0
_SENTENCE_END = re.compile(r"""[.!?…。！？]["'”’»)\]]*$""")
_FULL_WIDTH_END = re.compile(r"[。！？]$")
_LOOK_BACK = 8


def split_passages(
    text: str, spans: NDArray[np.int64], passage_tokens: int
) -> list[tuple[tuple[int, int], Passage]]:
    """Cut a text into passages of at most ``passage_tokens`` tokens.

    A passage ends at the best boundary in its second half: between paragraphs, else sentences,
    else lines, else words; the latest of equally good ones.

    Args:
        text: The document.
        spans: Characters of each content token, ``[n, 2]``.
        passage_tokens: Most content tokens in a passage.

    Returns:
        For each passage its first and one-past-last content token, and where it stands in the
        text. Every content token is in exactly one passage.
    """
    count = len(spans)
    passages = []
    start = 0
    while start < count:
        stop = min(start + passage_tokens, count)
        if stop < count:
            stop = _best_cut(text, spans, start, stop)
        left, right = int(spans[start, 0]), int(spans[start:stop, 1].max())
        passages.append(((start, stop), Passage(left, right, stop - start)))
        start = stop
    return passages


def given_passages(
    passages: Sequence[tuple[int, int]], spans: NDArray[np.int64], *, name: str
) -> list[tuple[tuple[int, int], Passage]]:
    """The tokens of passages whose places are given.

    Args:
        passages: First character of each in the document, and one past its last; in order, none
            over another.
        spans: Characters of each content token that is read, ``[n, 2]``.
        name: What the document is called.

    Returns:
        As :func:`split_passages`; a token belongs to the passage that it begins in.

    Raises:
        InputError: A passage holds no token that is read, or begins before another's end.
    """
    found, before = [], 0
    for number, (start, end) in enumerate(passages):
        if start < before:
            raise InputError(f"{name}: passage {number} begins before the end of the one before")
        first, stop = np.searchsorted(spans[:, 0], [start, end]).tolist()
        if first >= stop:
            raise InputError(
                f"{name}: passage {number}, characters {start} to {end}, holds nothing that the "
                "model reads; leave it out, or raise max_length where the text is cut before it"
            )
        found.append(((first, stop), Passage(start, end, stop - first)))
        before = end
    return found


def _best_cut(text: str, spans: NDArray[np.int64], start: int, limit: int) -> int:
    earliest = start + max(1, (limit - start) // 2)
    best, best_rank = limit, -1
    for cut in range(limit, earliest - 1, -1):
        rank = _rank(text, int(spans[cut - 1, 1]), int(spans[cut, 0]))
        if rank > best_rank:
            best, best_rank = cut, rank
        if rank == _PARAGRAPH:
            break
    return best


def _rank(text: str, end: int, begin: int) -> int:
    """How good a place to cut the gap between two tokens is."""
    gap = text[end:begin]
    before = text[max(0, end - _LOOK_BACK) : end]
    if not gap:
        # Byte-level tokenizers give the space to the token that follows it.
        tail = before[len(before.rstrip()) :] or text[begin : begin + 2]
        gap = tail[: len(tail) - len(tail.lstrip())]
        if not gap:
            return _SENTENCE if _FULL_WIDTH_END.search(before) else _INSIDE
    if gap.count("\n") > 1:
        return _PARAGRAPH
    if _SENTENCE_END.search(before.rstrip()):
        return _SENTENCE
    return _LINE if "\n" in gap else _WORD
