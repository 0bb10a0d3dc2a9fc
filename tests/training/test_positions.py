"""Tuning a table: short texts stay bit for bit, long ones change, and the folder is a model."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from longembed_rag.encoder.planner import Planner
from longembed_rag.errors import SettingsError, UnsupportedModelError
from longembed_rag.training import runs
from longembed_rag.training.loop import Loss
from longembed_rag.training.opening import TextTokens, open_reader
from longembed_rag.training.positions import PairBatch, PositionTuning, TuningOptions
from longembed_rag.training.runs import tune_positions
from longembed_rag.training.table import LongTable, TableMethod
from longembed_rag.training.texts import Pair
from tests.families import LEARNED, ORIGINAL_LENGTH
from tests.models import TinyModels, edit_json, open_encoder
from tests.tokenizers_of_tests import text_of
from tests.training.material import planner_of, quick, some_pairs, some_texts

LENGTH = 3 * ORIGINAL_LENGTH
TABLE = "embeddings.position_embeddings.weight"
#: Each family with one of both methods, in turn; with the other it is a slow test.
CASES = [
    pytest.param(family, method, marks=() if (number + turn) % 2 == 0 else pytest.mark.slow)
    for number, family in enumerate(LEARNED)
    for turn, method in enumerate(("pi", "rp"))
]
Tuned = Callable[..., Path]


@pytest.fixture(scope="session")
def tuned(tiny_models: TinyModels, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    """``tuned("bert", "pi", steps=4)``: a tiny model with a longer table, each made once."""

    @cache
    def make(family: str, method: TableMethod, *, steps: int = 4, rate: float = 0.05) -> Path:
        return tune_positions(
            planner_of(tiny_models.folder(family)),
            some_texts(),
            tuning=TuningOptions(method=method, length=LENGTH, batch_pairs=6),
            options=quick(steps, learning_rate=rate),
            folder=tmp_path_factory.mktemp(f"{family}-{method}-{steps}"),
        ).folder

    return make


def vectors(folder: Path, texts: list[str], **settings: object) -> np.ndarray:
    return open_encoder(folder, **settings).encode(texts).embeddings


@pytest.mark.parametrize(("family", "method"), CASES)
def test_short_texts_stay_bit_for_bit(
    family: str, method: TableMethod, tuned: Tuned, tiny_models: TinyModels
) -> None:
    """Up to the original length, in a batch with longer ones too, vectors are the original's."""
    texts = [text_of(words, seed=words) for words in (1, 2, 9, 17, 29, ORIGINAL_LENGTH - 2)]
    before = vectors(tiny_models.folder(family), texts)
    folder = tuned(family, method)
    assert np.array_equal(before, vectors(folder, texts))
    longer = [text_of(60), *texts, text_of(90)]
    assert np.abs(vectors(folder, longer)[1:-1] - before).max() <= 1e-6


@pytest.mark.parametrize(("family", "method"), CASES)
def test_long_texts_learn(family: str, method: TableMethod, tuned: Tuned) -> None:
    """Beyond it, and up to the new length, vectors are not those of the table at the start."""
    texts = [text_of(words, seed=words) for words in (ORIGINAL_LENGTH - 1, 60, LENGTH - 2)]
    still = tuned(family, method, rate=1e-30)
    learned = vectors(tuned(family, method), texts)
    assert (np.abs(vectors(still, texts) - learned).max(axis=1) > 1e-3).all()


@pytest.mark.parametrize(("family", "method"), CASES)
def test_original_rows_and_all_else_are_saved_as_they_were(
    family: str, method: TableMethod, tuned: Tuned, tiny_models: TinyModels
) -> None:
    """Every tensor but the table is the original's; of the table every original row."""
    before = load_file(tiny_models.folder(family) / "model.safetensors")
    after = load_file(tuned(family, method) / "model.safetensors")
    offset = 0 if family == "bert" else 2
    step = 3 if method == "pi" else 1
    rows = after.pop(TABLE)
    assert rows.shape[0] == offset + LENGTH
    old = torch.tensor([*range(offset), *(offset + step * at for at in range(ORIGINAL_LENGTH))])
    assert torch.equal(rows[old], before[TABLE])
    assert {name for name in before if name not in after} - {TABLE} <= {
        name for name in before if name.startswith("pooler.")
    }
    assert all(torch.equal(tensor, before[name]) for name, tensor in after.items())


@pytest.mark.parametrize("family", LEARNED)
def test_transformers_reads_the_folder(family: str, tuned: Tuned) -> None:
    """Plain AutoModel loads every weight; texts beyond the anchors get our vectors."""
    from transformers import AutoModel, AutoTokenizer

    folder = tuned(family, "pi")
    model, report = AutoModel.from_pretrained(
        folder, add_pooling_layer=False, output_loading_info=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.model_max_length == LENGTH
    text = text_of(50)
    with torch.no_grad():
        states = model.eval()(**tokenizer(text, return_tensors="pt")).last_hidden_state
    vector = states[0].mean(dim=0)
    ours = vectors(folder, [text])[0]
    assert np.abs((vector / vector.norm()).numpy() - ours).max() <= 1e-5


@pytest.mark.parametrize("family", LEARNED)
def test_sentence_transformers_reads_the_folder(family: str, tuned: Tuned) -> None:
    """To the new length, with the pooling and the normalisation that LongEncoder has."""
    from sentence_transformers import SentenceTransformer

    folder = tuned(family, "rp")
    model = SentenceTransformer(str(folder), device="cpu")
    texts = [text_of(50), text_of(20)]
    assert model.max_seq_length == LENGTH
    found = model.encode(texts, show_progress_bar=False)
    assert np.abs(found - vectors(folder, texts)).max() <= 1e-5


def test_the_planner_knows_the_new_length(tuned: Tuned, tmp_path: Path) -> None:
    """Even where the folder's name is that of a model of which a shorter one is known."""
    folder = tmp_path / "all-MiniLM-L6-v2"
    folder.symlink_to(tuned("bert", "pi"))
    planner = planner_of(folder)
    assert planner.original_length == LENGTH
    assert (planner.rules.anchors, planner.rules.anchor_step) == (ORIGINAL_LENGTH, 3)
    assert planner.plan(ORIGINAL_LENGTH).position_step == 3
    assert planner.plan(ORIGINAL_LENGTH + 1).position_step == 1
    assert planner.plan(LENGTH).scale == 1
    assert planner.plan(LENGTH + 1).windows == 2


@pytest.mark.parametrize("method", ["gp", "rp", "pi", "pcw"])
@pytest.mark.parametrize("table", ["pi", "rp"])
def test_methods_go_on_beyond_the_new_table(method: str, table: TableMethod, tuned: Tuned) -> None:
    """Texts beyond it are read whole by every method, and texts within it by none."""
    folder = tuned("bert", table)
    texts = [text_of(250, seed=1), text_of(250, seed=2)]
    long = open_encoder(folder, method=method).encode(texts)
    assert all(each.tokens_read == each.tokens for each in long.coverage)
    assert bool(np.isfinite(long.embeddings).all())
    assert np.abs(long.embeddings[0] - long.embeddings[1]).max() > 1e-3
    within = [text_of(20), text_of(60)]
    assert np.array_equal(vectors(folder, within, method=method), vectors(folder, within))


def test_a_shorter_original_length_keeps_fewer_rows(
    tiny_models: TinyModels, tmp_path: Path
) -> None:
    """The planner's original length says how many; short texts are those of that many tokens."""
    planner = planner_of(tiny_models.folder("bert"), original_length=16)
    trained = tune_positions(
        planner,
        some_texts(words=9),
        tuning=TuningOptions(length=50, batch_pairs=6),
        options=quick(2, learning_rate=0.05),
        folder=tmp_path,
    )
    assert Planner.from_pretrained(trained.folder).original_length == 64
    texts = [text_of(14, seed=3), text_of(5, seed=4)]
    before = vectors(tiny_models.folder("bert"), texts, original_length=16)
    assert np.array_equal(vectors(trained.folder, texts), before)


def test_rows_of_a_table_tuned_by_pi_belong_together(tuned: Tuned) -> None:
    """An original length of its own is refused, for reading and for training; RP's may have one."""
    with pytest.raises(SettingsError, match=r"original_length=16 cannot be set .* belong together"):
        planner_of(tuned("bert", "pi"), original_length=16)
    planner = planner_of(tuned("bert", "rp"), original_length=16)
    assert planner.original_length == 16
    assert planner_of(tuned("bert", "pi")).original_length == LENGTH


def test_a_table_tuned_by_pi_is_not_tuned_again(tuned: Tuned, tmp_path: Path) -> None:
    """Its short texts stand at anchors that another table would not have."""
    with pytest.raises(SettingsError, match="tuned by PI already"):
        tune_positions(
            planner_of(tuned("bert", "pi")),
            some_texts(),
            tuning=TuningOptions(length=2 * LENGTH, batch_pairs=6),
            options=quick(),
            folder=tmp_path,
        )


def test_a_table_tuned_by_rp_may_be_tuned_again(
    tuned: Tuned, tiny_models: TinyModels, tmp_path: Path
) -> None:
    """Short texts keep their vectors through both."""
    trained = tune_positions(
        planner_of(tuned("bert", "rp")),
        some_texts(),
        tuning=TuningOptions(length=2 * LENGTH, batch_pairs=6),
        options=quick(2),
        folder=tmp_path,
    )
    texts = [text_of(words, seed=words) for words in (3, 20)]
    assert np.array_equal(vectors(trained.folder, texts), vectors(tuned("bert", "rp"), texts))
    assert np.array_equal(
        vectors(trained.folder, texts), vectors(tiny_models.folder("bert"), texts)
    )


def test_models_without_a_table_are_refused(tiny_models: TinyModels, tmp_path: Path) -> None:
    """What they have instead is named."""
    with pytest.raises(UnsupportedModelError, match=r"no position table to tune.*rotary"):
        tune_positions(
            planner_of(tiny_models.folder("gte")),
            some_texts(),
            tuning=TuningOptions(length=64),
            options=quick(),
            folder=tmp_path,
        )


def tuning_of(
    tiny_models: TinyModels, made: Sequence[Pair] | None = None, **options: object
) -> PositionTuning:
    planner = planner_of(tiny_models.folder("bert"))
    reader = open_reader(planner)
    embeddings = reader.model.embeddings
    table = LongTable(
        embeddings.position_embeddings,
        method="pi",
        original_length=ORIGINAL_LENGTH,
        length=LENGTH,
    )
    embeddings.position_embeddings = table
    return PositionTuning(
        reader,
        table,
        pairs=some_pairs(12, words=40) if made is None else made,
        measured=some_pairs(5),
        tokens=TextTokens(planner),
        options=TuningOptions(**{"length": LENGTH, "batch_pairs": 4, **options}),  # type: ignore[arg-type]
        seed=0,
    )


@pytest.fixture(scope="module")
def passage_tuning(tiny_models: TinyModels) -> PositionTuning:
    """Shared by examples, none of which changes it."""
    return tuning_of(tiny_models)


def test_batches_are_the_same_each_time(tiny_models: TinyModels) -> None:
    """Every pair once before any comes twice, starts within the table, passages cut to fit."""
    tuning = tuning_of(tiny_models)
    first, second = (list(zip(range(30), tuning.batches(), strict=False)) for _ in range(2))
    for (_, one), (_, two) in zip(first, second, strict=True):
        assert one.answered == two.answered
        assert one.starts == two.starts
        assert all(np.array_equal(*each) for each in zip(one.passages, two.passages, strict=True))
    batches = [batch for _, batch in first]
    assert len({text for batch in batches[:3] for text in batch.answered}) == 12
    starts = [start for batch in batches for start in batch.starts]
    assert 0 <= min(starts) <= 8
    assert LENGTH - ORIGINAL_LENGTH - 8 <= max(starts) <= LENGTH - ORIGINAL_LENGTH
    # Passages that are cut off are alike: their starts spread evenly over the room.
    assert abs(np.mean(starts) - (LENGTH - ORIGINAL_LENGTH) / 2) < 6
    for ids in (ids for batch in batches for ids in batch.passages):
        assert len(ids) == ORIGINAL_LENGTH
        assert ids[-1] == batches[0].queries[0][-1], "closed as the tokenizer closes texts"


@settings(max_examples=40)
@given(
    places=st.lists(st.floats(0, 1), min_size=2, max_size=5),
    words=st.integers(1, 40),
)
def test_passages_stay_within_the_table(
    passage_tuning: PositionTuning, places: list[float], words: int
) -> None:
    """Wherever they are placed; those at the very end reach the last row, however short."""
    pairs = [Pair("able", text_of(words, seed=at), "s") for at, _ in enumerate(places)]
    batch = passage_tuning._batch(pairs, places)
    ends = [start + len(ids) for start, ids in zip(batch.starts, batch.passages, strict=True)]
    for place, start, end, ids in zip(places, batch.starts, ends, batch.passages, strict=True):
        assert len(ids) == min(words + 2, ORIGINAL_LENGTH)
        assert 0 <= start < end <= LENGTH
        assert abs(start - place * (LENGTH - len(ids))) <= 1
    last = passage_tuning._batch(pairs, [1.0] * len(pairs))
    assert {start + len(ids) for start, ids in zip(last.starts, last.passages, strict=True)} == {
        LENGTH
    }
    first = passage_tuning._batch(pairs, [0.0] * len(pairs))
    assert set(first.starts) == {0}


def with_negatives(count: int, *, scores: bool = False, of: int = 3) -> list[Pair]:
    """Pairs with so many negatives each."""
    made = some_pairs(of + of * count, words=8)
    rest = [pair.passage for pair in made[of:]]
    return [
        replace(
            pair,
            negatives=tuple(rest[row * count : (row + 1) * count]),
            scores=tuple(float(-at) for at in range(count + 1)) if scores else (),
        )
        for row, pair in enumerate(made[:of])
    ]


def test_negatives_come_after_the_answers(tiny_models: TinyModels) -> None:
    """Some of them each time, with their scores, at places within the table."""
    pairs = with_negatives(5, scores=True)
    tuning = tuning_of(tiny_models, made=pairs, batch_pairs=3, negatives=2)
    batches, again = (list(islice(tuning.batches(), 12)) for _ in range(2))
    by_answer = {pair.passage: pair for pair in pairs}
    drawn: set[str] = set()
    for batch, same_batch in zip(batches, again, strict=True):
        assert batch.answered == same_batch.answered
        assert batch.starts == same_batch.starts
        assert len(batch.queries) == 3
        assert len(batch.passages) == len(batch.answered) == len(batch.starts) == 9
        for start, ids in zip(batch.starts, batch.passages, strict=True):
            assert 0 <= start <= LENGTH - len(ids)
        for row, among, scores in batch.scored:
            pair = by_answer[batch.answered[row]]
            texts = [batch.answered[at] for at in among]
            assert texts[0] == pair.passage
            known = dict(zip((pair.passage, *pair.negatives), pair.scores, strict=True))
            assert scores == [known[text] for text in texts]
            drawn.update(texts[1:])
        assert len(batch.scored) == 3
    assert len(drawn) == 15, "every negative has its turn"
    assert (
        next(tuning_of(tiny_models, made=pairs, batch_pairs=3, negatives=0).batches()).scored == []
    )


def test_negatives_make_it_harder(tiny_models: TinyModels) -> None:
    """They are further passages to be told from the answer; measuring leaves them out."""
    pairs = with_negatives(4)
    tuning = tuning_of(tiny_models, made=pairs, batch_pairs=3)
    places, drawn = [0.5] * 15, [[*range(4)]] * 3
    with torch.no_grad():
        alone = tuning.loss(tuning._batch(pairs, places[:3]))
        hard = tuning.loss(tuning._batch(pairs, places, drawn))
        assert float(hard.total) > float(alone.total)
        scored = [replace(pair, scores=(1.0,) * 5) for pair in pairs]
        found = tuning.loss(tuning._batch(scored, places, drawn))
    wanted = 0.2 * float(hard.total) + found.values["labels"]
    assert float(found.total) == pytest.approx(wanted, rel=1e-5)
    assert found.values["labels"] > 0
    assert "labels" not in hard.values


def test_short_passages_reach_every_row(tiny_models: TinyModels) -> None:
    """The last rows too, which would never learn if no passage were as long as the window."""
    pairs = [Pair("able", text_of(2, seed=at), "s") for at in range(8)]
    tuning = tuning_of(tiny_models, made=pairs)
    reached = np.zeros(LENGTH, dtype=np.int64)
    for batch in islice(tuning.batches(), 300):
        for start, ids in zip(batch.starts, batch.passages, strict=True):
            assert len(ids) == 4
            reached[start : start + len(ids)] += 1
    assert reached.min() > 0
    inner = reached[3:-3]
    assert inner.min() > 0.4 * inner.mean()


@pytest.mark.parametrize("method", ["pi", "rp"])
def test_queries_are_read_as_they_will_be(
    method: TableMethod, tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the table learns, at the original rows: their vectors are the original model's."""
    seen: list[PositionTuning] = []

    def look(objective: PositionTuning, *rest: object) -> None:
        seen.append(objective)
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "run", look)
    planner = planner_of(tiny_models.folder("bert"))
    tuning = TuningOptions(method=method, length=LENGTH, batch_pairs=6)
    with pytest.raises(KeyboardInterrupt):
        tune_positions(planner, some_texts(), tuning=tuning, options=quick(), folder=tmp_path)
    batch = next(seen[0].batches())
    with torch.no_grad():
        wanted = open_reader(planner).embed(batch.queries, budget=1000)
        assert torch.allclose(seen[0]._embed(batch.queries, None), wanted, atol=1e-6)


@pytest.mark.parametrize("pairs", [1, 13])
def test_updates_need_that_many_pairs(pairs: int, tiny_models: TinyModels) -> None:
    """More than there are, or one alone, is refused before anything is trained."""
    with pytest.raises(SettingsError, match=f"batch_pairs={pairs} must be .* 12 pairs"):
        tuning_of(tiny_models, batch_pairs=pairs)


def test_only_the_new_rows_get_gradients(tiny_models: TinyModels) -> None:
    """Everything else in the model, the original rows included, has none."""
    tuning = tuning_of(tiny_models)
    tuning.loss(next(tuning.batches())).total.backward()
    assert set(tuning.parameters()) == {"new"}
    grad = tuning.parameters()["new"].grad
    assert grad is not None
    assert float(grad.abs().max()) > 0
    others = (p for name, p in tuning._reader.model.named_parameters() if not name.endswith(".new"))
    assert all(parameter.grad is None for parameter in others)


def test_it_measures_three_places(tiny_models: TinyModels, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start, in the middle and at the end of the table, by each passage's own room."""
    tuning = tuning_of(tiny_models)
    seen: list[PairBatch] = []
    loss = tuning.loss

    def look(batch: PairBatch) -> Loss:
        seen.append(batch)
        return loss(batch)

    monkeypatch.setattr(tuning, "loss", look)
    found = tuning.measure()
    assert list(found) == ["accuracy@start", "accuracy@middle", "accuracy@end"]
    assert all(0 <= value <= 1 for value in found.values())
    lengths = [len(ids) for ids in seen[0].passages]
    assert len(set(lengths)) > 1
    assert seen[0].starts == [0] * len(lengths)
    middle = zip(seen[1].starts, lengths, strict=True)
    assert all(abs(start - (LENGTH - length) / 2) <= 1 for start, length in middle)
    assert seen[2].starts == [LENGTH - length for length in lengths]


def test_a_config_that_speaks_of_no_method(tuned: Tuned, tmp_path: Path) -> None:
    """A folder without the note is read as any model with that many positions."""
    folder = tmp_path / "plain"
    shutil.copytree(tuned("bert", "pi"), folder)

    def forget(values: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in values.items() if name != "longembed_rag_table"}

    edit_json(folder / "config.json", forget)
    planner = planner_of(folder)
    assert planner.original_length == LENGTH
    assert planner.rules.anchors == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        short = vectors(folder, [text_of(20)])
    assert np.abs(short - vectors(tuned("bert", "pi"), [text_of(20)])).max() > 1e-3
