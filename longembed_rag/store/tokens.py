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
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from longembed_rag.encoder.token_vectors import TokenOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.encoder.token_vectors import TokenVectors

LateChoice = Literal["auto", "on", "off"]


@dataclass(frozen=True)
class TokenRecord:
    """What a collection says of how it keeps token vectors.

    Attributes:
        options: How they are pooled and quantised.
        numbers: :attr:`centre`, as the bytes of little-endian float32.
    """

    options: TokenOptions
    numbers: bytes

    @classmethod
    def of(cls, options: TokenOptions, centre: NDArray[np.float32]) -> TokenRecord:
        """A record of vectors that are pooled so, with the model's mean token."""
        import numpy as np

        return cls(options, np.asarray(centre, dtype="<f4").tobytes())

    @cached_property
    def centre(self) -> NDArray[np.float32]:
        """The model's mean token, taken off before they became bits; shape ``[dimension]``."""
        import numpy as np

        return np.frombuffer(self.numbers, dtype="<f4").astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a collection's record, ready for JSON."""
        return {**asdict(self.options), "centre": base64.b64encode(self.numbers).decode()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TokenRecord:
        """What :meth:`to_dict` gave.

        Raises:
            ValueError: The numbers of the mean token are cut.
        """
        options = TokenOptions(
            pool=int(values["pool"]), pool_by=values["pool_by"], bits=bool(values["bits"])
        )
        numbers = base64.b64decode(values["centre"])
        if len(numbers) % 4:
            raise ValueError(f"{len(numbers)} bytes are no float32 numbers")
        return cls(options, numbers)


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
