"""What is measured: held out, the same each time, of the lengths that it is called by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from longembed_rag.training import measured as module
from longembed_rag.training.document_batch import DocumentBatch, DocumentOptions, passage_id
from longembed_rag.training.measured import measured_documents, measured_texts
from longembed_rag.training.opening import TextTokens
from longembed_rag.training.texts import Pair, TrainingTexts
from tests.models import TinyModels
from tests.tokenizers_of_tests import text_of
from tests.training.material import planner_of, some_pairs, some_texts

TEXTS = some_texts(40, held_out=8)


@pytest.fixture(scope="module")
def tokens(tiny_models: TinyModels) -> TextTokens:
    return TextTokens(planner_of(tiny_models.folder("bert"), query_prompt="query "))


def of_lengths(*words: int) -> TrainingTexts:
    """Held-out pairs with passages of so many words, and unseen ones of as many."""
    pairs = [Pair(f"able {text_of(3, seed=n)}", text_of(n, seed=n), "s") for n in words]
    unseen = [Pair(f"acid {text_of(3, seed=n)}", text_of(n, seed=1000 + n), "u") for n in words]
    return replace(TEXTS, held_out=tuple(pairs), unseen=tuple(unseen))


def test_texts_are_cut_to_the_lengths_that_they_are_called_by(tokens: TextTokens) -> None:
    """Every length has the held-out texts that are as long, of unseen sources too, no others."""
    texts = of_lengths(20, 30, 31, 126, 500)
    found = measured_texts(texts, tokens, 512)
    assert list(found) == ["query", "32", "128", "200", "256", "470"]
    counts = {"32": 8, "128": 4, "200": 2, "256": 2, "470": 2}
    assert {name: len(found[name]) for name in counts} == counts
    whole = {tuple(ids) for ids in tokens([p.passage for p in (*texts.held_out, *texts.unseen)])}
    for name in counts:
        length = int(name)
        cut = {(*ids[: length - 1], ids[-1]) for ids in whole if len(ids) >= length}
        assert {tuple(ids) for ids in found[name]} == cut


def test_queries_are_read_as_queries(tokens: TextTokens) -> None:
    """With their prompt, cut only where the teacher ends."""
    found = measured_texts(TEXTS, tokens, 32)["query"]
    wanted = tokens([pair.query for pair in TEXTS.held_out], "query")
    assert {tuple(ids) for ids in found} == {tuple(ids) for ids in wanted}
    cut = measured_texts(TEXTS, tokens, 4)["query"]
    assert {len(ids) for ids in cut} == {4}
    assert {int(ids[-1]) for ids in cut} == {int(wanted[0][-1])}


@pytest.mark.parametrize(("longest", "names"), [(31, []), (32, ["32"]), (199, ["32", "128"])])
def test_no_text_is_longer_than_the_teacher_reads(
    longest: int, names: list[str], tokens: TextTokens
) -> None:
    """Lengths beyond that are left out."""
    found = measured_texts(of_lengths(500, 501), tokens, longest)
    assert [name for name in found if name != "query"] == names


def test_only_so_many_texts_are_measured(
    tokens: TextTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each kind, and looked for among so many; equal passages are measured once."""
    monkeypatch.setattr(module, "_TEXTS", 3)
    many = replace(TEXTS, held_out=some_pairs(30, words=35), unseen=())
    found = measured_texts(many, tokens, 32)
    assert {name: len(each) for name, each in found.items()} == {"query": 3, "32": 3}
    twice = replace(many, held_out=(*many.held_out[:2], *many.held_out[:2]))
    assert len(measured_texts(twice, tokens, 32)["32"]) == 2
    monkeypatch.setattr(module, "_READ", 1)
    assert len(measured_texts(many, tokens, 32)["32"]) == 1


def test_nothing_held_out_is_nothing_measured(tokens: TextTokens) -> None:
    """Neither texts nor documents, and one pair makes no documents."""
    none = replace(TEXTS, held_out=(), unseen=())
    assert measured_texts(none, tokens, 512) == {}
    assert measured_documents(none, tokens, DocumentOptions()) == {}
    one = replace(TEXTS, held_out=TEXTS.held_out[:1])
    assert measured_documents(one, tokens, DocumentOptions()) == {}


def measured(tokens: TextTokens, texts: TrainingTexts = TEXTS) -> dict[str, DocumentBatch]:
    return measured_documents(texts, tokens, DocumentOptions(lengths=(64, 100, 1025)))


def test_documents_ask_what_is_held_out_alone(tokens: TextTokens) -> None:
    """Of every length up to a limit; they are filled with passages that are known, not asked."""
    held_out = {passage_id(pair.passage) for pair in TEXTS.held_out}
    known = {passage_id(pair.passage) for pair in TEXTS.pairs}
    queries = {tuple(ids) for ids in tokens([pair.query for pair in TEXTS.held_out], "query")}
    found = measured(tokens)
    shapes = {name: batch.documents.shape for name, batch in found.items()}
    assert list(shapes) == [
        "64",
        "100",
        *("64-alike", "64-odd"),
        *("100-alike", "100-odd"),
    ]
    assert (shapes["64"], shapes["100"]) == ((48, 64), (48, 100))
    for name in ("64-alike", "100-alike"):
        # Eight pairs are held out, and what all documents share is not asked.
        assert 2 <= shapes[name][0] <= 8
        assert shapes[name][1] == int(name.split("-")[0])
        assert found[name].asked_of == list(range(shapes[name][0]))
    for name in ("64-odd", "100-odd"):
        assert shapes[name] == (24, int(name.split("-")[0]))
        assert found[name].odd
    for batch in found.values():
        assert set(batch.answers) <= held_out
        assert {tuple(ids) for ids in batch.queries} <= queries
        contents = frozenset().union(*batch.contents)
        assert contents <= held_out | known
        assert contents & known
        assert sorted(set(batch.asked_of)) == list(range(len(batch.documents)))


def test_all_is_the_same_each_time(tokens: TextTokens) -> None:
    """What one measurement found can be compared with what the next finds."""
    for one, two in zip(measured(tokens).values(), measured(tokens).values(), strict=True):
        assert np.array_equal(one.documents, two.documents)
        assert (one.asked_of, one.answers, one.spans) == (two.asked_of, two.answers, two.spans)
    first, again = (measured_texts(of_lengths(40, 150), tokens, 512) for _ in range(2))
    assert list(first) == list(again)
    for name, texts in first.items():
        assert all(np.array_equal(*each) for each in zip(texts, again[name], strict=True))
