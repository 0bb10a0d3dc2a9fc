"""Rescale factors from somebody's documents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from longembed_eval.rope_factors import search_factors
from longembed_eval.tasks.values import Query, Task
from longembed_rag import EncoderSettings, Planner
from longembed_rag.errors import SettingsError
from tests.models import TinyModels
from tests.tokenizers_of_tests import text_of

OPTIONS: dict[str, Any] = {"dtype": "float32", "device": "cpu"}


def task_of(words: int, documents: int = 3) -> Task:
    """Documents of drawn words, and a query of words of each."""
    texts = {f"d{i}": text_of(words, seed=i) for i in range(documents)}
    return Task(
        name="own-documents",
        documents=texts,
        queries=tuple(Query(id=f"q{i}", text=text_of(8, seed=i)) for i in range(documents)),
        gold={f"q{i}": {f"d{i}": 1} for i in range(documents)},
        kind="held_out",
    )


@pytest.mark.parametrize("by", ["both", "passages"])
def test_factors_are_found_that_the_model_takes(by: Any, tiny_models: TinyModels) -> None:
    """No worse than what the search began with, and for the longest document."""
    settings = EncoderSettings(model=str(tiny_models.folder("gte")), **OPTIONS)
    told: list[tuple[int, float]] = []
    ticks = iter(range(1000))
    found = search_factors(
        task_of(90),
        settings,
        by=by,
        minutes=0.2,
        passage_tokens=32,
        on_tried=lambda *each: told.append(each),
        clock=lambda: float(next(ticks)),
    )
    assert (found.documents, found.queries) == (3, 3)
    assert [number for number, _ in told] == list(range(1, found.tried + 1))
    assert found.fitness == max(fitness for _, fitness in told) >= found.start_fitness
    assert found.start_fitness == max(fitness for _, fitness in told[:4])
    assert len({fitness for _, fitness in told}) > 1  # factors make a difference
    planner = Planner.from_settings(
        replace(settings, method="longrope", rope_factors=found.factors.to_json())
    )
    assert planner.plan(found.length).rope_factors == found.factors.factors
    assert found.length == planner.original_length * found.factors.scale


@pytest.mark.parametrize(
    ("family", "words", "reason"), [("bert", 90, "does not rotate"), ("gte", 10, "0 of the")]
)
def test_what_cannot_be_searched_is_told(
    family: str, words: int, reason: str, tiny_models: TinyModels
) -> None:
    """A model without a rotation, and documents that are read as they are."""
    settings = EncoderSettings(model=str(tiny_models.folder(family)), **OPTIONS)
    with pytest.raises(SettingsError, match=reason):
        search_factors(task_of(words), settings)
