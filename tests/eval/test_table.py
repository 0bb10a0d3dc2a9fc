"""The Markdown tables hold the rows' numbers, and say what must be said of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from longembed_eval.results import Difference, Failure
from longembed_eval.table import markdown_table, mean_over_groups
from tests.eval.report.sample import LABELLED, LENGTHS, SYSTEMS, sample


@pytest.fixture(scope="module")
def results():
    return sample()


@pytest.fixture(scope="module")
def tables(results):
    return tables_of(markdown_table(results))


def tables_of(text: str) -> list[list[list[str]]]:
    """The cells of each table, without marks of bold and code."""
    found: list[list[list[str]]] = []
    before = False
    for line in text.splitlines():
        inside = line.startswith("|")
        if inside and not before:
            found.append([])
        if inside and not line.startswith("|---"):
            cells = line.replace("\\|", "\0").strip("| ").split(" | ")
            found[-1].append([cell.replace("\0", "|").strip("*` ") for cell in cells])
        before = inside
    return found


def table(tables, *titles: str) -> list[list[str]]:
    """The first table whose head begins like this."""
    return next(each for each in tables if each[0][: len(titles)] == list(titles))


def test_scores_are_those_of_the_rows(results, tables):
    """Every cell of the main table is the mean of its rows."""
    head, *lines = tables[0]
    assert head[1:] == [
        *(f"{name} (nDCG@10)" for name in LABELLED),
        "passkey (accuracy@1)",
        "needle (accuracy@1)",
        "mean",
    ]
    assert [line[0] for line in lines] == list(SYSTEMS)
    for system, *cells in lines:
        means = []
        for group, cell in zip(results.groups, cells, strict=False):
            rows = [row for row in results.rows if (row.system, row.group) == (system, group)]
            means.append(sum(row.score for row in rows) / len(rows))
            assert cell == f"{means[-1]:.1f}"
        assert cells[-1] == f"{sum(means) / len(means):.1f}"


def test_the_best_of_each_column_is_bold(results):
    """Bold marks the highest of a column and nothing else."""
    lines = markdown_table(results).splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")][:9]
    for column in range(1, 7):
        values = [float(row[column].strip("*")) for row in cells]
        bold = [value for value, row in zip(values, cells, strict=True) if "**" in row[column]]
        assert set(bold) == {max(values)}


def test_differences_are_those_of_the_rows(results, tables):
    """Difference, interval, and a mark exactly where the interval leaves zero out."""
    seen = set()
    for baseline in ("bm25", "chunked"):
        compared = [
            each
            for each in tables
            if each[0] == ["system", *LABELLED] and baseline not in [row[0] for row in each]
        ]
        assert len(compared) == 1
        for system, *cells in compared[0][1:]:
            for group, cell in zip(LABELLED, cells, strict=True):
                found = results.of(group=group, system=system)[0].versus[baseline]
                assert cell.replace("−", "-").startswith(f"{found.mean:+.1f} ({found.low:+.1f} to")
                mark = "▲" if found.low > 0 else "▼" if found.high < 0 else ")"
                assert cell.endswith(mark)
                seen.add(mark)
    assert seen == {"▲", "▼", ")"}


def test_means_over_lengths_have_no_interval(tables):
    """Passkey and needle are in no table of differences."""
    heads = [each[0] for each in tables if "to" in each[1][1]]
    assert heads
    assert all("passkey" not in " ".join(head) for head in heads)


def test_lengths_are_those_of_the_rows(results, tables):
    """One row for each system, one column for each length, and what is published of these."""
    passkey = table(tables, "system", *map(str, LENGTHS))
    for system, *cells in passkey[1 : 1 + len(SYSTEMS)]:
        rows = results.of(group="passkey", system=system)
        assert cells == [f"{row.score:.1f}" for row in rows]
    assert ["E5-Base 512 (published)", "100.0", "96.0", "62.0", "22.0", "14.0"] in passkey


def test_costs_are_those_of_the_rows(results, tables):
    """Costs of a single task are its rows'; those of lengths are added up."""
    costs = [each for each in tables if each[0][1] == "tokens read"]
    assert len(costs) == len(results.groups)
    qmsum = {line[0]: line[1:] for line in costs[0][1:]}
    cost = results.of(group="qmsum", system="chunked")[0].cost
    assert qmsum["chunked"] == [
        f"{100 * cost.tokens_read / cost.tokens:.0f} %",
        f"{cost.tokens_read / cost.index_seconds:,.0f}",
        f"{cost.index_seconds:.1f}",
        f"{cost.peak_memory_bytes / 2**30:.1f} GiB",
        f"{cost.vectors / cost.documents:.0f}",
        f"{cost.index_bytes / cost.documents / 1024:.1f} KiB",
        f"{cost.query_ms:.2f}",
    ]
    assert qmsum["bm25"][:2] == ["–", "–"]
    passkey = {line[0]: line[1:] for line in costs[3][1:]}
    rows = results.of(group="passkey", system="rp")
    assert passkey["rp"][2] == f"{sum(row.cost.index_seconds for row in rows):.0f}"


def test_published_numbers_stand_beside_ours(results, tables):
    """BM25 and PCW are always there, and a task without a column is named."""
    published = {line[0]: line[-1] for line in table(tables, "published run")}
    assert published["BM25"] == "90.4"
    assert published["E5-Mistral PCW 32k"] == "68.7"
    text = markdown_table(results)
    assert "Without a published column: 2wikimqa_rebuilt, crd3_segments." in text
    assert "The paper's means of passkey (BM25 100.0, " in text


def test_eight_lengths_compare():
    """Nothing is said against comparing where the lengths are the paper's."""
    every = [256 * 2**power for power in range(8)]
    text = markdown_table(sample(labelled=(), lengths=every, systems=("bm25", "pcw")))
    assert "The paper's means of" not in text
    assert "passkey is made in the manner of the paper's task" in text


def test_a_missing_length_leaves_the_mean_out(results):
    """A mean over fewer lengths is not shown as if it compared."""
    rows = [row for row in results.rows if (row.task, row.system) != ("passkey-256", "rp")]
    fewer = replace(results, rows=tuple(rows))
    line = next(line for line in tables_of(markdown_table(fewer))[0] if line[0] == "rp")
    assert line[4] == line[6] == "–"
    assert "rp was run on some lengths of passkey only" in markdown_table(fewer)
    assert mean_over_groups(fewer, system="rp") is None
    assert mean_over_groups(fewer, system="rp", groups=["qmsum"]) is not None


def test_one_task_and_one_system():
    """Nothing is bold, and there is no mean and no difference."""
    text = markdown_table(sample(labelled=("qmsum",), synthetic=(), systems=("bm25",)))
    assert [len(line) for line in tables_of(text)[0]] == [2, 2]
    assert "**" not in text.split("Published")[0]
    assert "Difference to" not in text


def test_bars_and_line_breaks_do_not_end_cells(results):
    """Names and notes with the table's own marks stay within their cell."""
    odd = "st:model=a|b"
    one = sample(labelled=("qmsum",), synthetic=(), systems=("bm25", odd))
    info = replace(one.tasks["qmsum"], notes=("two\nlines | here",))
    text = markdown_table(replace(one, tasks={"qmsum": info}))
    assert "`st:model=a\\|b`" in text
    assert "two lines \\| here" in text
    assert tables_of(text)[0][2][0] == odd


def test_failures_and_command_are_told(results):
    """What could not be run is named, and the command stands at the end."""
    failure = Failure(task="qmsum", system="yarn", reason="the model has no rotation")
    text = markdown_table(replace(results, failed=(failure,)))
    assert "- yarn on qmsum: the model has no rotation" in text
    assert text.endswith(f"```sh\n{results.command}\n```\n")


def test_a_difference_that_rounds_to_zero_has_no_sign(results):
    """Neither +0.0 nor −0.0 is written."""
    row = results.of(group="qmsum", system="hybrid")[0]
    even = replace(row, versus={"bm25": Difference(mean=-0.01, low=-1.0, high=0.04)})
    text = markdown_table(replace(results, rows=(even,)))
    assert "0.0 (−1.0 to 0.0) |" in text
    assert "−0.0" not in text
