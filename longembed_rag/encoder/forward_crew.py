"""Forward passes on several devices at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longembed_rag.encoder.crew import Crew
from longembed_rag.encoder.devices import pick_devices
from longembed_rag.encoder.forward import Forward
from longembed_rag.encoder.loading import LoadedModel
from longembed_rag.encoder.planner import Planner
from longembed_rag.encoder.reading import DocumentReading
from longembed_rag.encoder.settings import Kind
from longembed_rag.encoder.token_vectors import TokenOptions
from longembed_rag.encoder.turns import Turns
from longembed_rag.encoder.values import Coverage, Encoding, PassageEncoding


def forward_on(planner: Planner, loaded: LoadedModel, turns: Turns) -> Forward:
    """What reads on the devices of a planner's settings.

    Args:
        planner: Says how texts are read.
        loaded: The model, on the first of the devices.
        turns: Those of everybody who reads with the model.
    """
    devices = pick_devices(planner.settings.device)
    if len(devices) == 1:
        return Forward(planner, loaded, turns)
    return CrewForward(planner, loaded, turns, devices)


class CrewForward(Forward):
    """A :class:`Forward` that has other devices read parts of what it is given.

    A single text is read here, and so are queries: few words are read before they could be sent.

    Args:
        planner: Says how texts are read.
        loaded: The model, on the first of the devices.
        turns: Those of everybody who reads with the model.
        devices: All of them.
    """

    def __init__(
        self, planner: Planner, loaded: LoadedModel, turns: Turns, devices: Sequence[object]
    ) -> None:
        super().__init__(planner, loaded, turns)
        self._together = Lock()
        dtype = str(loaded.dtype).removeprefix("torch.")
        settings = replace(planner.settings, dtype=dtype)
        self._crew = Crew(settings, [str(device) for device in devices[1:]])

    @property
    def devices(self) -> int:
        """How many read at once."""
        return self._crew.size

    def close(self) -> None:
        """End the other devices' processes; what is read later starts them again."""
        self._crew.close()

    def encode(
        self, texts: Sequence[str], kind: Kind, names: Sequence[str] | None, *, budget: int
    ) -> Encoding:
        """As :meth:`Forward.encode`, each device a part of the texts."""
        texts = texts if isinstance(texts, str) else list(texts)
        if len(texts) < 2 or kind == "query" or not all(isinstance(each, str) for each in texts):
            return super().encode(texts, kind, names, budget=budget)
        labels = list(names) if names is not None else [f"text {i}" for i in range(len(texts))]
        pairs = list(zip(texts, labels, strict=True))
        shares, places = self._crew.share(pairs, [len(text) for text in texts])
        parts = [
            ([text for text, _ in share], kind, [label for _, label in share]) for share in shares
        ]
        with self._together:
            encodings = self._crew.run("encode", parts, super().encode, budget=budget)
        vectors = np.empty((len(texts), encodings[0].embeddings.shape[1]), dtype=np.float32)
        coverage: list[Coverage | None] = [None] * len(texts)
        for encoding, at in zip(encodings, places, strict=True):
            vectors[at] = encoding.embeddings
            for place, each in zip(at, encoding.coverage, strict=True):
                coverage[place] = each
        return Encoding(vectors, tuple(each for each in coverage if each is not None))

    def encode_documents(
        self,
        documents: Sequence[DocumentReading],
        *,
        tokens: TokenOptions | None,
        token_centre: NDArray[np.float32] | None,
        on_progress: Callable[[str, int, int], None] | None,
        budget: int,
    ) -> list[PassageEncoding]:
        """As :meth:`Forward.encode_documents`, each device a part of the documents.

        Of what other devices read, ``on_progress`` is told once it is there.
        """
        shares, places = self._crew.share(documents, [each.tokens for each in documents])
        with self._together:
            encodings = self._crew.run(
                "encode_documents",
                [(share,) for share in shares],
                partial(self._own_documents, told=on_progress),
                tokens=tokens,
                token_centre=token_centre,
                on_progress=None,
                budget=budget,
            )
        if on_progress is not None:
            for each in (each for share in shares[1:] for each in share):
                done = sum(window.stop - window.fresh for window in each.reading.windows)
                on_progress(each.name, done, each.reading.coverage.tokens_read)
        found = {
            place: encoding
            for at, part in zip(places, encodings, strict=True)
            for place, encoding in zip(at, part, strict=True)
        }
        return [found[place] for place in range(len(documents))]

    def _own_documents(
        self,
        documents: Sequence[DocumentReading],
        *,
        told: Callable[[str, int, int], None] | None,
        **options: Any,
    ) -> list[PassageEncoding]:
        return super().encode_documents(documents, **{**options, "on_progress": told})
