"""Tuning a longer position table: the model stays, only the rows between its own ones learn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from longembed_rag.errors import SettingsError
from longembed_rag.training.contrast import contrastive_loss, same
from longembed_rag.training.loop import Loss
from longembed_rag.training.opening import TextTokens, shorten
from longembed_rag.training.reading import TrainingModel
from longembed_rag.training.table import LongTable, TableMethod
from longembed_rag.training.texts import Pair

Ints = NDArray[np.int64]
#: Pairs on which it is measured whether the new rows are read as well as the old ones.
_MEASURED = 256


@dataclass(frozen=True, kw_only=True)
class TuningOptions:
    """How a table's new rows are trained.

    Attributes:
        method: What they start from: ``"pi"`` or ``"rp"``.
        length: Positions of the new table (``T``).
        batch_pairs: Pairs of an update; each query's negatives are the others' passages.
        batch_tokens: Tokens of a forward pass.
        temperature: Cosines are divided by it in the contrastive loss.
    """

    method: TableMethod = "pi"
    length: int = 4096
    batch_pairs: int = 128
    batch_tokens: int = 8192
    temperature: float = 0.01


@dataclass(frozen=True)
class PairBatch:
    """Pairs of one update.

    Attributes:
        queries: Token ids of each query.
        passages: Token ids of each passage, cut to the original length.
        answered: The text of each passage, to know equal ones.
        starts: The position of each passage's first token (the bias ``u``).
    """

    queries: list[Ints]
    passages: list[Ints]
    answered: list[str]
    starts: list[int]


class PositionTuning:
    """Contrastive loss over pairs whose passages start anywhere in the longer table.

    A passage of ``n <= L0`` tokens gets a bias ``u`` drawn uniformly from ``0 ... T - n``
    (LongEmbed, section 4.2: skipped positions), so that every new row is trained by short texts.
    The paper draws from ``0 ... T - L0``, which would leave the last rows to the longest passages.
    Queries are read as they will be: at the original positions, where nothing learns.

    Args:
        reader: The model, its position table replaced by ``table``, everything else frozen; its
            rules place short texts at the original rows.
        table: The longer table.
        pairs: To learn from.
        measured: To measure on.
        tokens: Texts to token ids.
        options: How the rows are trained.
        seed: Decides every random choice.

    Raises:
        SettingsError: There are fewer pairs than an update takes.
    """

    def __init__(
        self,
        reader: TrainingModel,
        table: LongTable,
        *,
        pairs: Sequence[Pair],
        measured: Sequence[Pair] = (),
        tokens: TextTokens,
        options: TuningOptions,
        seed: int,
    ) -> None:
        if not 2 <= options.batch_pairs <= len(pairs):
            raise SettingsError(
                f"batch_pairs={options.batch_pairs} must be at least 2 and at most the "
                f"{len(pairs):,} pairs that there are"
            )
        self._reader = reader
        self._table = table
        self._pairs = pairs
        self._measured = list(measured[:_MEASURED])
        self._tokens = tokens
        self._options = options
        self._seed = seed

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """The new rows."""
        return {"new": self._table.new}

    def memory(self) -> Mapping[str, Tensor]:
        """Nothing: a batch does not depend on those before it."""
        return {}

    def remember(self, memory: Mapping[str, Tensor]) -> None:
        """Nothing to take up."""

    def keep(self) -> None:
        """Nothing to keep."""

    def batches(self) -> Iterator[PairBatch]:
        """Pairs in random order, over and over."""
        random = np.random.default_rng(self._seed)
        count = self._options.batch_pairs
        while True:
            order = random.permutation(len(self._pairs))
            for start in range(0, len(order) - count + 1, count):
                chosen = [self._pairs[at] for at in order[start : start + count]]
                yield self._batch(chosen, random.random(len(chosen)))

    def _batch(self, pairs: Sequence[Pair], places: Iterable[float]) -> PairBatch:
        """Pairs, each passage so far into the room that it has, 0 to 1."""
        limit, tail = self._table.original_length, self._tokens.tail
        queries = self._tokens([pair.query for pair in pairs], "query")
        passages = self._tokens([pair.passage for pair in pairs], "document")
        cut = [shorten(ids, limit, tail=tail) for ids in passages]
        room = [self._table.length - len(ids) + 1 for ids in cut]
        return PairBatch(
            queries=[shorten(ids, limit, tail=tail) for ids in queries],
            passages=cut,
            answered=[pair.passage for pair in pairs],
            starts=[min(int(at * most), most - 1) for at, most in zip(places, room, strict=True)],
        )

    def loss(self, batch: PairBatch) -> Loss:
        """What it costs that passages far into the table are not found by their queries."""
        with torch.no_grad():
            queries = self._embed(batch.queries, None)
        passages = self._embed(batch.passages, batch.starts)
        total, accuracy = contrastive_loss(
            queries,
            passages,
            own=torch.arange(len(passages)),
            answering=same(batch.answered, batch.answered),
            temperature=self._options.temperature,
        )
        tokens = sum(len(ids) for ids in (*batch.queries, *batch.passages))
        return Loss(total, tokens, {"accuracy": accuracy})

    def _embed(self, texts: list[Ints], starts: list[int] | None) -> Tensor:
        """Vectors of texts at the original positions, or each from a start of its own."""
        placed = None
        if starts is not None:
            placed = [at + np.arange(len(ids)) for at, ids in zip(starts, texts, strict=True)]
        with self._reader.precision():
            return self._reader.embed(texts, budget=self._options.batch_tokens, placed=placed)

    @torch.no_grad()
    def measure(self) -> Mapping[str, float]:
        """Accuracy on held-out pairs, passages at the start, in the middle and at the end."""
        if len(self._measured) < 2:
            return {}
        found = {}
        for name, place in (("start", 0.0), ("middle", 0.5), ("end", 1.0)):
            batch = self._batch(self._measured, [place] * len(self._measured))
            found[f"accuracy@{name}"] = self.loss(batch).values["accuracy"]
        return found
