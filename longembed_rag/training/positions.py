"""Tuning a longer position table: the model stays, only the rows between its own ones learn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from longembed_rag.errors import SettingsError
from longembed_rag.training.contrast import contrastive_loss, label_loss, same
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
        negatives: Hard negatives of a query, at most, where pairs have some.
        contrast: What the contrastive loss weighs where a pair's candidates have scores, beside
            being like these (E5's ``alpha``).
    """

    method: TableMethod = "pi"
    length: int = 4096
    batch_pairs: int = 128
    batch_tokens: int = 8192
    temperature: float = 0.01
    negatives: int = 7
    contrast: float = 0.2

    def identity(self, *, negatives: bool) -> dict[str, Any]:
        """What a run depends on.

        Args:
            negatives: Whether any pair has some: without, nothing else depends on them.
        """
        values = asdict(self)
        if not negatives:
            del values["negatives"], values["contrast"]
        return values


@dataclass(frozen=True)
class PairBatch:
    """Pairs of one update.

    Attributes:
        queries: Token ids of each query.
        passages: Token ids of each passage, cut to the original length; after those that answer
            the queries come hard negatives.
        answered: The text of each passage, to know equal ones.
        starts: The position of each passage's first token (the bias ``u``).
        scored: Queries whose candidates have scores: which query, its candidates among the
            passages, and their scores.
    """

    queries: list[Ints]
    passages: list[Ints]
    answered: list[str]
    starts: list[int]
    scored: list[tuple[int, list[int], list[float]]] = field(default_factory=list)


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
                places = random.random(len(chosen))
                negatives = [self._drawn(pair, random) for pair in chosen]
                places = np.append(places, random.random(sum(map(len, negatives))))
                yield self._batch(chosen, places, negatives)

    def _drawn(self, pair: Pair, random: np.random.Generator) -> list[int]:
        """Which of a pair's negatives are read this time."""
        most, count = self._options.negatives, len(pair.negatives)
        return [*range(count)] if count <= most else sorted(random.permutation(count)[:most])

    def _batch(
        self,
        pairs: Sequence[Pair],
        places: Iterable[float],
        negatives: Sequence[Sequence[int]] = (),
    ) -> PairBatch:
        """Pairs and some of their negatives, each so far into the room that it has, 0 to 1."""
        limit, tail = self._table.original_length, self._tokens.tail
        queries = self._tokens([pair.query for pair in pairs], "query")
        answered, scored = [pair.passage for pair in pairs], []
        for row, (pair, drawn) in enumerate(zip(pairs, negatives, strict=False)):
            if pair.scores and drawn:
                candidates = [row, *range(len(answered), len(answered) + len(drawn))]
                scores = [pair.scores[0], *(pair.scores[at + 1] for at in drawn)]
                scored.append((row, candidates, scores))
            answered += [pair.negatives[at] for at in drawn]
        passages = self._tokens(answered, "document")
        cut = [shorten(ids, limit, tail=tail) for ids in passages]
        room = [self._table.length - len(ids) + 1 for ids in cut]
        return PairBatch(
            queries=[shorten(ids, limit, tail=tail) for ids in queries],
            passages=cut,
            answered=answered,
            scored=scored,
            starts=[min(int(at * most), most - 1) for at, most in zip(places, room, strict=True)],
        )

    def loss(self, batch: PairBatch) -> Loss:
        """What it costs that passages far into the table are not found by their queries."""
        with torch.no_grad():
            queries = self._embed(batch.queries, None)
        passages = self._embed(batch.passages, batch.starts)
        count, temperature = len(queries), self._options.temperature
        weights, rows = None, [row for row, _, _ in batch.scored]
        if rows:
            weights = torch.ones(count)
            weights[rows] = self._options.contrast
        total, accuracy = contrastive_loss(
            queries,
            passages,
            own=torch.arange(count),
            answering=same(batch.answered[:count], batch.answered),
            temperature=temperature,
            weights=weights,
        )
        values = {"accuracy": accuracy}
        if rows:
            labels = label_loss(
                queries[rows],
                passages,
                candidates=[among for _, among, _ in batch.scored],
                scores=[scores for _, _, scores in batch.scored],
                temperature=temperature,
            )
            total = total + labels * (len(rows) / count)
            values["labels"] = float(labels.detach())
        tokens = sum(len(ids) for ids in (*batch.queries, *batch.passages))
        return Loss(total, tokens, values)

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
