"""What is measured while a model learns: texts and documents that it does not learn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from longembed_rag.training.document_batch import DocumentBatch, DocumentOptions
from longembed_rag.training.documents import Documents
from longembed_rag.training.opening import TextTokens, shorten
from longembed_rag.training.texts import TrainingTexts

Ints = NDArray[np.int64]

#: Lengths at which it is measured how close a student is to its teacher, tokens.
_LENGTHS = (32, 128, 200, 256, 470)
_TEXTS = 48
#: Held-out passages among which texts of each length are looked for.
_READ = 4000
_DOCUMENTS = 48
#: Documents that differ in one passage only, or have one that is unlike the rest.
_ALIKE = 24
#: Longest documents that are measured at a checkpoint: longer ones take too long on a CPU.
_UP_TO = 1024


def measured_texts(texts: TrainingTexts, tokens: TextTokens, longest: int) -> dict[str, list[Ints]]:
    """Held-out texts cut to each measured length, and held-out queries."""
    pairs = (*texts.held_out, *texts.unseen)
    order = np.random.default_rng(0).permutation(len(pairs))
    passages = [*dict.fromkeys(pairs[at].passage for at in order)]
    read = tokens(passages[:_READ])
    found: dict[str, list[Ints]] = {}
    if len(pairs):
        queries = tokens([pairs[at].query for at in order[:_TEXTS]], "query")
        found["query"] = [shorten(ids, longest, tail=tokens.tail) for ids in queries]
    for length in (each for each in _LENGTHS if each <= longest):
        long = [ids for ids in read if len(ids) >= length][:_TEXTS]
        if long:
            found[str(length)] = [shorten(ids, length, tail=tokens.tail) for ids in long]
    return found


def measured_documents(
    texts: TrainingTexts, tokens: TextTokens, options: DocumentOptions
) -> dict[str, DocumentBatch]:
    """Documents of held-out pairs by length, such as differ in one passage, and odd ones.

    They are the same at every measurement.
    """
    if len(texts.held_out) < 2:
        return {}
    random = np.random.default_rng(0)
    # Mostly fillers, so that a document is about more than what is asked of it, and is filled.
    others = random.permutation(len(texts.pairs))[: max(1000, 2 * len(texts.held_out))]
    documents = Documents(
        texts.held_out,
        [texts.pairs[at].passage for at in others],
        tokens=tokens,
        options=replace(options, coherent=0.0, crops=0.0),
        seed=0,
    )
    lengths = [length for length in options.lengths if length <= _UP_TO]
    found = {str(length): documents.batch(_DOCUMENTS, length, random) for length in lengths}
    for length in lengths:
        found[f"{length}-alike"] = documents.batch(_ALIKE, length, random, sort="alike")
        found[f"{length}-odd"] = documents.batch(_ALIKE, length, random, sort="odd")
    return found
