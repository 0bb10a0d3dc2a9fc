"""What is measured while a model learns: texts and documents that it does not learn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from longembed_rag.training.documents import DocumentBatch, DocumentOptions, Documents
from longembed_rag.training.opening import TextTokens, shorten
from longembed_rag.training.texts import TrainingTexts

Ints = NDArray[np.int64]

#: Lengths at which it is measured how close a student is to its teacher, tokens.
_LENGTHS = (32, 128, 256, 500)
_TEXTS = 64
_DOCUMENTS = 16
#: Longest documents that are measured at a checkpoint: longer ones take too long on a CPU.
_UP_TO = 2048


def measured_texts(texts: TrainingTexts, tokens: TextTokens, longest: int) -> list[Ints]:
    """Held-out texts of each measured length, ``[texts, n]``."""
    passages = [*dict.fromkeys(pair.passage for pair in (*texts.held_out, *texts.unseen))]
    read = tokens(passages)
    found = []
    for length in (each for each in _LENGTHS if each <= longest):
        long = [ids for ids in read if len(ids) >= length][:_TEXTS]
        if long:
            found.append(np.stack([shorten(ids, length, tail=tokens.tail) for ids in long]))
    return found


def measured_documents(
    texts: TrainingTexts, tokens: TextTokens, options: DocumentOptions
) -> list[DocumentBatch]:
    """Documents of held-out pairs, the same at every measurement."""
    if len(texts.held_out) < 2:
        return []
    random = np.random.default_rng(0)
    # Mostly fillers, so that a document is about more than what is asked of it, and is filled.
    others = random.permutation(len(texts.pairs))[: max(1000, 2 * len(texts.held_out))]
    documents = Documents(
        texts.held_out,
        [texts.pairs[at].passage for at in others],
        tokens=tokens,
        options=replace(options, coherent=0.0),
        seed=0,
    )
    lengths = [length for length in options.lengths if length <= _UP_TO]
    return [documents.batch(_DOCUMENTS, length, random) for length in lengths]
