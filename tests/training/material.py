"""Pairs, texts and options that the tests of training share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from longembed_rag.encoder.planner import Planner
from longembed_rag.training.options import TrainingOptions
from longembed_rag.training.texts import Pair, TrainingTexts
from tests.tokenizers_of_tests import text_of

KINDS = ("positions", "rotary", "length")


def some_pairs(count: int, *, words: int = 14, source: str = "made") -> tuple[Pair, ...]:
    """Pairs of which no two are alike; a query is made of its passage's words.

    Every word is a token of the tiny tokenizers.
    """
    passages = [text_of(words + number % 5, seed=1000 + number) for number in range(count)]
    return tuple(Pair(" ".join(passage.split()[1:6]), passage, source) for passage in passages)


def some_texts(count: int = 24, *, held_out: int = 6, words: int = 14) -> TrainingTexts:
    """Texts to train on and to measure on."""
    pairs = some_pairs(count + held_out, words=words)
    return TrainingTexts(
        pairs=pairs[:count],
        passages=tuple(text_of(words, seed=5000 + number) for number in range(6)),
        held_out=pairs[count:],
        unseen=(),
    )


def as_line(pair: Pair) -> dict[str, str]:
    """A pair as a line of a file holds it."""
    return {"query": pair.query, "pos": pair.passage}


def write_lines(path: Path, lines: Sequence[Any]) -> Path:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def planner_of(folder: Path, **settings: Any) -> Planner:
    """A planner on the CPU in float32 unless asked otherwise."""
    return Planner.from_pretrained(folder, **{"device": "cpu", "dtype": "float32"} | settings)


def quick(steps: int = 4, **changes: Any) -> TrainingOptions:
    """Options of a short run without warm-up."""
    values: dict[str, Any] = {"learning_rate": 1e-2, "warmup_steps": 0, "log_every": 1}
    return TrainingOptions(steps=steps, **{**values, **changes})


def one_of(usual: str) -> list[ParameterSet]:
    """Each kind of training, those but one as slow tests: what all share is tried with one.

    Each kind is that one of some tests.
    """
    return [pytest.param(each, marks=() if each == usual else pytest.mark.slow) for each in KINDS]
