"""Queries to what is compared: a vector each, and the tokens of each thing that they ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longembed_rag.words.sentences import query_parts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.encoder.values import QueryEncoding
    from longembed_rag.search.syntax import Query


@dataclass(frozen=True)
class AskedQuery:
    """One of several queries.

    Attributes:
        query: The query as it is understood.
        vector: Its vector, shape ``[dimension]``; not needed for mode ``"sparse"``.
        tokens: The vectors of its tokens, shape ``[tokens, dimension]``, or of those of each of its
            parts; None compares none.
    """

    query: Query
    vector: NDArray[np.float32] | None = None
    tokens: NDArray[np.float32] | Sequence[NDArray[np.float32]] | None = None

    @property
    def parts(self) -> tuple[NDArray[np.float32], ...] | None:
        """The tokens of each part; None compares none."""
        if self.tokens is None:
            return None
        import numpy as np

        return (self.tokens,) if isinstance(self.tokens, np.ndarray) else tuple(self.tokens)


def embed_queries(
    texts: Sequence[str],
    encode: Callable[..., QueryEncoding],
    *,
    names: Sequence[str] | None = None,
) -> list[tuple[NDArray[np.float32], tuple[NDArray[np.float32], ...]]]:
    """Embed queries, and those that ask several things also one thing by one.

    A sentence that is read between others takes on what they are about, and its tokens find what
    is like the whole. Read by themselves they find what each asks for.

    Args:
        texts: The queries.
        encode: :meth:`LongEncoder.encode_queries`, or what does the same; called once.
        names: What to call each in warnings and errors; parts are called as their query.

    Returns:
        Of each query its vector, and the vectors of the tokens of its parts
        (:func:`~longembed_rag.words.sentences.query_parts`), as
        :func:`~longembed_rag.search_documents` takes them.
    """
    parts = [query_parts(text) for text in texts]
    more = [(part, n) for n, each in enumerate(parts) if len(each) > 1 for part in each]
    every = [*texts, *(part for part, _ in more)]
    if names is None:
        encoding = encode(every)
    else:
        encoding = encode(every, names=[*names, *(names[n] for _, n in more)])
    left = iter(encoding.tokens[len(texts) :])
    found = zip(parts, encoding.embeddings, encoding.tokens, strict=False)
    return [
        (vector, tuple(next(left) for _ in each) if len(each) > 1 else (own,))
        for each, vector, own in found
    ]
