"""How a collection keeps the vectors of its passages' tokens, as bits in the passages' payloads.

The engines' own multivectors would compare them by themselves, but keep at least two bytes a
number, thirty times as many as all else that is kept of a passage; one bit is enough, and only
the passages that are candidates anyway are ever compared. In the payload they are wherever the
passage is: in an embedded store, on a server, in a copy.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from longembed_rag.encoder.token_vectors import TokenOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.encoder.token_vectors import TokenVectors

LateChoice = Literal["auto", "on", "off"]


@dataclass(frozen=True, eq=False)
class TokenRecord:
    """What a collection says of how it keeps token vectors.

    Attributes:
        options: How they are pooled and quantised.
        centre: The mean token of the model, taken off before they became bits; float32, shape
            ``[dimension]``.
    """

    options: TokenOptions
    centre: NDArray[np.float32]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TokenRecord) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.options, self.centre.tobytes()))

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a collection's record, ready for JSON."""
        import numpy as np

        numbers = np.asarray(self.centre, dtype="<f4").tobytes()
        return {**asdict(self.options), "centre": base64.b64encode(numbers).decode()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TokenRecord:
        """What :meth:`to_dict` gave."""
        import numpy as np

        options = TokenOptions(
            pool=int(values["pool"]), pool_by=values["pool_by"], bits=bool(values["bits"])
        )
        centre = np.frombuffer(base64.b64decode(values["centre"]), dtype="<f4")
        return cls(options, centre.astype(np.float32))


def bits_payload(tokens: TokenVectors, passage: int) -> str:
    """The bits of one passage's tokens as they are stored."""
    return base64.b64encode(tokens.of(passage).tobytes()).decode()


def read_bits(stored: object, *, dimension: int) -> NDArray[np.uint8]:
    """The bits of a passage's tokens, uint8 ``[n, ceil(dimension / 8)]``.

    Args:
        stored: What :func:`bits_payload` gave; anything else has none.
        dimension: Of the collection's vectors.
    """
    import numpy as np

    width = -(-dimension // 8)
    try:
        given = base64.b64decode(stored, validate=True) if isinstance(stored, str) else b""
    except ValueError:  # somebody has changed it
        given = b""
    whole = len(given) // width * width
    return np.frombuffer(given[:whole], dtype=np.uint8).reshape(-1, width)


def tokens_of(stored: Sequence[object], *, dimension: int) -> TokenVectors:
    """The token vectors of a document from what is stored of each of its passages, in order."""
    import numpy as np

    from longembed_rag.encoder.token_vectors import TokenVectors

    bits = [read_bits(each, dimension=dimension) for each in stored]
    empty = read_bits(None, dimension=dimension)
    counts = np.array([len(each) for each in bits], dtype=np.int64)
    return TokenVectors(counts, np.concatenate([empty, *bits]), dimension)
