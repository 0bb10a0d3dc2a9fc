"""Parts of documents that a task names, each with the vector that it has in its whole document.

Late chunking (arXiv 2409.04701) with given chunks: one reading of the whole, of which each part
takes the token states between its ends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longembed_eval.systems.protocol import Indexed, Progress, Ranking
from longembed_eval.systems.readers import WholeReader, cutting_on_purpose
from longembed_eval.systems.readings import Reading, Readings
from longembed_eval.systems.vectors import VectorSystem
from longembed_rag.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: What stands between two parts of a whole.
_BETWEEN = "\n"


@dataclass(frozen=True)
class PartReader:
    """Reads whole documents and gives each of their parts its vector.

    Attributes:
        whole: How documents are read.
        wholes: For each whole document the ids of its parts, in their order.
        texts: The parts' texts, by id.
    """

    whole: WholeReader
    wholes: Mapping[str, tuple[str, ...]]
    texts: Mapping[str, str]

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that its vectors depend on."""
        content = [[name, [[p, self.texts[p]] for p in ps]] for name, ps in self.wholes.items()]
        digest = hashlib.blake2b(json.dumps(content).encode(), digest_size=16)
        return {**self.whole.settings, "in_wholes": digest.hexdigest()}

    def prepare(self) -> None:
        """Load the model, and let it read something."""
        self.whole.prepare()

    def read(self, documents: Mapping[str, str], *, on_progress: Progress) -> Reading:
        """Read every whole that one of the parts belongs to, and keep these parts' vectors."""
        import numpy as np

        encoder = self.whole.load()
        vectors: dict[str, NDArray[np.float32]] = {}
        tokens = dict.fromkeys(documents, 0)
        read = dict.fromkeys(documents, 0)
        done, total = 0, sum(map(len, documents.values()))
        for name, parts in self.wholes.items():
            wanted = [part for part in parts if part in documents]
            if not wanted:
                continue
            text, spans = _joined([self.texts[part] for part in parts])
            with cutting_on_purpose():
                encoding = encoder.encode_passages(text, passages=spans, name=name)
            for part, passage, vector in zip(
                parts, encoding.passages, encoding.embeddings, strict=False
            ):
                if part in documents:
                    vectors[part], tokens[part] = vector, passage.tokens
            # The whole is read once; what it cost is told with its first part.
            read[wanted[0]] += encoding.coverage.tokens_read
            done += sum(len(documents[part]) for part in wanted)
            on_progress(done, total)
        nothing = np.zeros_like(next(iter(vectors.values())))  # what truncation left unread
        return Reading(
            vectors=np.stack([vectors.get(part, nothing) for part in documents]),
            parts=np.zeros((0, len(nothing)), dtype=np.float32),
            owners=np.zeros(0, dtype=np.int64),
            spans=np.zeros((0, 2), dtype=np.int64),
            part_tokens=np.zeros(0, dtype=np.int64),
            tokens=np.array([tokens[part] for part in documents], dtype=np.int64),
            tokens_read=np.array([read[part] for part in documents], dtype=np.int64),
        )

    def embed_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of queries."""
        return self.whole.embed_queries(queries)


@dataclass
class ContextualSystem:
    """Compares the query with each part's vector from a reading of its whole document.

    Attributes:
        reader: How whole documents are read.
        readings: Where readings are kept.
        wholes: What the documents that are indexed are parts of; whoever runs a task sets it.
    """

    reader: WholeReader
    readings: Readings
    wholes: Mapping[str, tuple[str, ...]] | None = None
    _system: VectorSystem | None = field(default=None, init=False)

    def index(self, documents: Mapping[str, str], *, on_progress: Progress) -> Indexed:
        """Read the whole documents.

        Raises:
            InputError: The task does not say which documents its texts are parts of.
        """
        if self.wholes is None:
            raise InputError(
                "contextual ranks parts of documents, and this task has none: it is for the tasks "
                "of ConTEB (--tasks conteb); passages ranks documents by their own parts"
            )
        reader = PartReader(self.reader, self.wholes, dict(documents))
        self._system = VectorSystem(reader, "documents", self.readings)
        return self._system.index(documents, on_progress=on_progress)

    def search(self, queries: Sequence[str], *, depth: int) -> list[Ranking]:
        """Rank parts by cosine."""
        assert self._system is not None, "index documents first"
        return self._system.search(queries, depth=depth)


def _joined(parts: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """The text of a whole, and where its parts stand in it."""
    spans, start = [], 0
    for part in parts:
        spans.append((start, start + len(part)))
        start += len(part) + len(_BETWEEN)
    return _BETWEEN.join(parts), spans
