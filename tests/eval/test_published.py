"""The paper's numbers are carried over whole, and never set beside another task's."""

from __future__ import annotations

import pytest

from longembed_eval.published import column_of, is_published, published, published_tasks

EIGHT = [256, 512, 1024, 2048, 4096, 8192, 16384, 32768]


def test_bm25_leads_the_table():
    """BM25 is there, with the highest average of all."""
    best = max(published().runs, key=lambda run: run.average)
    assert (best.name, best.average) == ("BM25", 90.4)
    assert best.scores["qmsum"] == 81.3


def test_pcw_is_there_for_both_models():
    """No table is complete without PCW."""
    means = {run.model: run.average for run in published().runs if run.method == "PCW"}
    assert means == {"E5-RoPE": 52.9, "E5-Mistral": 68.7}


@pytest.mark.parametrize("run", published().runs, ids=lambda run: run.name)
def test_averages_are_means_of_the_six(run):
    """Each average follows from its row, to the rounding of six numbers, or the row says so."""
    assert len(run.scores) == 6
    told = f"mean of the six is given as {run.average}; it is {sum(run.scores.values()) / 6:.1f}"
    if told not in run.source:
        assert sum(run.scores.values()) / 6 == pytest.approx(run.average, abs=0.06)


def test_lengths_add_up_to_the_mean():
    """Accuracies by length have the mean that the table gives."""
    checked = 0
    for run in published().runs:
        for column, points in run.lengths.items():
            assert list(points) == EIGHT
            assert sum(points.values()) / 8 == pytest.approx(run.scores[column], abs=0.051)
            checked += 1
    assert checked == 9


def test_a_mean_of_a_hundred_holds_at_each_length():
    """BM25's passkey accuracy is known at each length, its needle accuracy is not."""
    bm25 = published().runs[0]
    assert bm25.at(column="passkey", length=32768) == 100
    assert bm25.at(column="needle", length=32768) is None


@pytest.mark.parametrize(
    ("group", "column"),
    [
        ("passkey", "passkey"),
        ("longembed_needle", "needle"),
        ("qmsum", "qmsum"),
        ("2wikimqa", "2wikimqa"),
        ("2wikimqa_rebuilt", None),
        ("held_out", None),
    ],
)
def test_only_the_same_task_has_a_column(group, column):
    """A rebuilt task is another task."""
    assert column_of(group) == column


def test_means_compare_only_over_the_same_lengths():
    """Means of passkey and needle are the paper's over eight lengths, and over no others."""
    table = published()
    assert table.comparable(group="passkey", lengths=EIGHT)
    assert not table.comparable(group="passkey", lengths=EIGHT[:5])
    assert not table.comparable(group="needle", lengths=[*EIGHT, 65536])
    assert table.comparable(group="qmsum", lengths=[])
    assert not table.comparable(group="2wikimqa_rebuilt", lengths=[])


def test_by_length_gives_what_is_known_and_nothing_else():
    """Other lengths and other tasks have no published number."""
    table = published()
    found = table.by_length("needle", [256, 300, 4096])
    assert found == {
        "E5-Base 512": {256: 80, 4096: 10},
        "GTE-Base 512": {256: 86, 4096: 8},
        "BGE-Base 512": {256: 88, 4096: 10},
        "Contriever 512": {256: 84, 4096: 12},
    }
    assert set(table.by_length("passkey", [8192])) == {
        "BM25",
        "E5-Base 512",
        "E5-RoPE SelfExtend 4k",
        "GTE-Base 512",
        "BGE-Base 512",
        "Contriever 512",
    }
    assert table.by_length("passkey", [300]) == {}
    assert table.by_length("qmsum", [256]) == {}


def test_another_task_of_a_name_is_not_the_papers() -> None:
    """A folder that happens to be called as one of the paper's tasks has no published number."""
    assert is_published("narrativeqa", documents=355, queries=10_449)
    assert not is_published("narrativeqa", documents=3, queries=1)
    assert is_published("passkey", documents=100, queries=50)
    assert not is_published("reports", documents=355, queries=10_449)


def test_rows_beside_the_third_version_name_their_source() -> None:
    """The five models of the first version are there, each with where it stands."""
    named = {run.model: run for run in published().runs if run.source}
    assert set(named) == {"GTE-Base", "BGE-Base", "Contriever", "GTR-Base", "Ada-002"}
    assert all("arXiv 2404.12096v1" in run.source for run in named.values())
    assert named["Ada-002"].context == 8192


def test_single_tasks_are_told_in_a_sentence() -> None:
    """Scores stand best first, with who published them; a task of other sizes has no note."""
    known = published_tasks()
    (told,) = known.note("mldr_ja", documents=9_999, queries=200)
    assert told == (
        "ndcg@10 published (MTEB's results repository, "
        "https://github.com/embeddings-benchmark/results @ f4cc6c8b): bge-m3 (dense) 51.3, "
        "embeddinggemma-300m 38.0, multilingual-e5-base 25.5, bm25s 11.3, all-MiniLM-L6-v2 2.9."
    )
    assert known.note("mldr_ja", documents=3, queries=200) == ()
    assert known.note("mldr_ja", documents=10_000, queries=1) == ()
    assert known.note("loco_qmsum", documents=197, queries=1_527) == ()
    assert known.sizes.keys() == known.tasks.keys()
    for scores in known.tasks.values():
        assert list(scores.values()) == sorted(scores.values(), reverse=True)
