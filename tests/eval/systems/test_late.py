"""Exact late interaction, against the product's own MaxSim and against a loop in float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from longembed_eval.systems import late as late_module
from longembed_eval.systems.choose import choose_systems
from longembed_eval.systems.late import best_passages
from longembed_eval.systems.tokens import KeptTokens
from longembed_eval.workshop import BenchOptions, Workshop
from longembed_rag import EncoderSettings, LongEncoder, TokenOptions
from longembed_rag.words.sentences import query_parts
from tests.models import TinyModels
from tests.tokenizers_of_tests import text_of

DOCUMENTS = {f"doc{i}": text_of(15 + 20 * i, seed=i) for i in range(6)}
QUERIES = (text_of(4, 90), text_of(9, 91), f"{text_of(5, 92)}? {text_of(4, 93)}?")


def unit(generator: np.random.Generator, rows: int) -> NDArray[np.float32]:
    vectors = generator.normal(size=(rows, 20))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("block", [1, 7, 4096])
@pytest.mark.parametrize("bits", [False, True])
def test_best_passages_are_maxsim(monkeypatch: pytest.MonkeyPatch, block: int, bits: bool) -> None:
    """However few are compared at once; without tokens the least that there is."""
    monkeypatch.setattr(late_module, "_BLOCK", block)
    monkeypatch.setattr(late_module, "_OF_QUERIES", block)
    generator = np.random.default_rng(3)
    counts, owners = np.array([3, 0, 5, 1, 0, 8]), np.array([0, 0, 1, 3, 4, 5])
    exact = unit(generator, int(counts.sum()))
    kept = np.packbits(exact > 0, axis=1) if bits else exact.astype(np.float16)
    tokens = KeptTokens(counts=counts, vectors=kept, dimension=20, centre=np.zeros(20, np.float32))
    queries = [unit(generator, 4), unit(generator, 0), unit(generator, 9)]
    found = best_passages(queries, tokens, owners, 6)
    bounds = np.cumsum([0, *counts])
    values = np.where(exact > 0, 1, -1) / np.sqrt(20) if bits else exact
    expected = np.full((3, 6), -1.0)
    for q, query in enumerate(queries):
        for part, owner in enumerate(owners):
            rows = values[bounds[part] : bounds[part + 1]].astype(np.float64)
            if len(rows) and len(query):
                score = np.mean([max(float(t @ row) for row in rows) for t in query])
                expected[q, owner] = max(expected[q, owner], score)
    np.testing.assert_allclose(found, expected, atol=1e-6 if bits else 5e-4)


@pytest.mark.parametrize(
    ("word", "options"),
    [
        ("late", TokenOptions(pool=1, bits=False)),
        ("late:pool=4:bits=true", TokenOptions(pool=4, bits=True)),
        ("late:pool=2:pool_by=neighbours", TokenOptions(pool=2, pool_by="neighbours", bits=False)),
    ],
)
def test_late_compares_all_that_the_encoder_gives(
    tiny_models: TinyModels, tmp_path: Path, word: str, options: TokenOptions
) -> None:
    """Scores are the best passages' MaxSim by the product's own function, over all passages."""
    from longembed_rag.encoder.token_vectors import max_similarity

    folder = tiny_models.folder("bert")
    settings = EncoderSettings(model=str(folder), device="cpu", dtype="float32", method="pcw")
    with Workshop(BenchOptions(encoder=settings, passage_tokens=8), folder=tmp_path) as workshop:
        (choice,) = choose_systems([word], methods=["pcw"], auto="pcw")
        system = workshop.build(choice).system
        indexed = system.index(DOCUMENTS, on_progress=lambda done, total: None)
        rankings = system.search(QUERIES, depth=len(DOCUMENTS))
    encoder = LongEncoder.from_settings(settings)
    asked = [encoder.encode_query_tokens(query_parts(query)) for query in QUERIES]
    assert [len(parts) for parts in asked] == [1, 1, 2]
    vectors = 0
    scores: list[dict[str, float]] = [{} for _ in QUERIES]
    for name, text in DOCUMENTS.items():
        tokens = encoder.encode_passages(text, passage_tokens=8, tokens=options).tokens
        assert tokens is not None
        vectors += len(tokens.vectors)
        passages = [tokens.of(number) for number in range(len(tokens.counts))]
        for parts, found in zip(asked, scores, strict=True):
            best = [float(max_similarity(part, passages).max()) for part in parts]
            found[name] = float(np.average(best, weights=[len(part) for part in parts]))
    for ranking, expected in zip(rankings, scores, strict=True):
        assert dict(ranking) == pytest.approx(expected, abs=5e-4)
        assert [s for _, s in ranking] == sorted((s for _, s in ranking), reverse=True)
    assert indexed.vectors == vectors
    assert indexed.index_bytes == vectors * (4 if options.bits else 2 * 32)
