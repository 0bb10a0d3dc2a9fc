"""Forward passes on several devices at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from longembed_rag.encoder.crew import Crew
from longembed_rag.encoder.devices import pick_devices
from longembed_rag.encoder.forward import Forward
from longembed_rag.encoder.loading import LoadedModel
from longembed_rag.encoder.planner import Planner
from longembed_rag.encoder.settings import Kind
from longembed_rag.encoder.values import Coverage, Encoding


def forward_on(planner: Planner, loaded: LoadedModel) -> Forward:
    """What reads on the devices of a planner's settings.

    Args:
        planner: Says how texts are read.
        loaded: The model, on the first of the devices.
    """
    devices = pick_devices(planner.settings.device)
    return Forward(planner, loaded) if len(devices) == 1 else CrewForward(planner, loaded, devices)


class CrewForward(Forward):
    """A :class:`Forward` that has other devices read parts of what it is given.

    A single text is read here, and so are queries: a few words are read before they could be sent.

    Args:
        planner: Says how texts are read.
        loaded: The model, on the first of the devices.
        devices: All of them.
    """

    def __init__(self, planner: Planner, loaded: LoadedModel, devices: Sequence[object]) -> None:
        super().__init__(planner, loaded)
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
        encodings = self._crew.run("encode", parts, super().encode, budget=budget)
        vectors = np.empty((len(texts), encodings[0].embeddings.shape[1]), dtype=np.float32)
        coverage: list[Coverage | None] = [None] * len(texts)
        for encoding, at in zip(encodings, places, strict=True):
            vectors[at] = encoding.embeddings
            for place, each in zip(at, encoding.coverage, strict=True):
                coverage[place] = each
        return Encoding(vectors, tuple(each for each in coverage if each is not None))
