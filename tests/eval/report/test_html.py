"""The page: whole, safe, without anything that a browser would fetch, and nothing empty in it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import pytest
from bs4 import BeautifulSoup

from longembed_eval.report.html import render_report
from longembed_eval.results import Failure
from longembed_eval.tasks.values import Query
from tests.eval.report.sample import LENGTHS, SYSTEMS, sample

VOID = {"meta", "br", "hr", "img", "link", "input"}
#: Enough for every part of the page; the page grows with them.
QUERIES = 12
LONG = "st:model=some-organisation/some-very-long-name-of-a-model"
CASES = {
    "all": {},
    "one task, two systems": {
        "labelled": ("qmsum",),
        "synthetic": (),
        "systems": ("bm25", "pcw"),
    },
    "one system": {"labelled": ("qmsum",), "synthetic": (), "systems": ("pcw",)},
    "only synthetic": {"labelled": ()},
    "one length": {"labelled": (), "lengths": (1024,)},
    "only held out": {"labelled": (), "synthetic": (), "held_out": True},
    "twelve systems": {"systems": (*SYSTEMS, "chunked:window=128:overlap=64", LONG, LONG + "2")},
}


class Balance(HTMLParser):
    """Fails where a tag is closed that is not the last one open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, self.getpos()


@cache
def rendered(name):
    """The results of a case and their page, made once."""
    results = sample(**CASES[name], queries=QUERIES)
    return results, render_report(results)


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request):
    results, page = rendered(request.param)
    return request.param, results, page, BeautifulSoup(page, "html.parser")


@pytest.fixture(scope="module")
def full():
    results, page = rendered("all")
    return results, BeautifulSoup(page, "html.parser")


@pytest.fixture(scope="module")
def small():
    results, page = rendered("one task, two systems")
    return results, BeautifulSoup(page, "html.parser")


def lines_of(table) -> dict[str, list[str]]:
    """The rows of a table: first lines of cells, by the row's head."""
    return {
        row.th.get_text(strip=True): [next(cell.stripped_strings) for cell in row.find_all("td")]
        for row in table.find_all("tr")
        if row.find("td")
    }


def table_of(soup, caption: str):
    captions = [each for each in soup.find_all("figcaption") if caption in each.text]
    return captions[0].parent.table


def test_tags_are_balanced(case):
    """Every tag that is opened is closed, in order."""
    parser = Balance()
    parser.feed(case[2])
    parser.close()
    assert parser.open == []


def test_nothing_is_fetched(case):
    """No source, no style sheet, no import; the only address is the paper's, as a link."""
    soup = case[3]
    assert not soup.find_all(src=True)
    assert not soup.find_all("link")
    assert "@import" not in case[2]
    assert "url(http" not in case[2]
    links = {each["href"] for each in soup.find_all(href=True)}
    assert {link for link in links if not link.startswith("#")} == {
        "https://arxiv.org/abs/2404.12096"
    }
    assert case[2].count("http") == 1


def test_ids_are_unique_and_links_lead_somewhere(case):
    """Also across the charts."""
    ids = [each["id"] for each in case[3].find_all(id=True)]
    assert len(ids) == len(set(ids))
    inner = {each["href"][1:] for each in case[3].find_all(href=True) if each["href"][0] == "#"}
    assert inner <= set(ids)


def test_sections_are_those_that_have_data(case):
    """A section is there if there is something to show, and its link with it."""
    name, _, _, soup = case
    found = {section["id"] for section in soup.find_all("section")}
    linked = {each["href"][1:] for each in soup.nav.find_all("a")}
    expected = {"verdict", "scores", "score-cost", "queries", "costs", "made"}
    if name == "one system":
        expected -= {"verdict", "score-cost", "queries"}
    if name in ("all", "only synthetic", "one length", "twelve systems"):
        expected |= {"lengths", "depth"}
    if name == "only held out":
        expected |= {"depth"}
    assert found == linked == expected


def test_nothing_is_empty(case):
    """No section, table, row, list or paragraph without content."""
    for tag in ("section", "table", "tbody", "tr", "ul", "dl", "dd", "p", "h3", "h4", "figcaption"):
        for each in case[3].find_all(tag):
            assert each.get_text(strip=True), each
    assert "None" not in case[3].get_text()


def test_rows_have_as_many_cells_as_columns(case):
    """Tables are rectangular."""
    for table in case[3].find_all("table"):
        width = len(table.thead.find_all("th"))
        for row in table.tbody.find_all("tr"):
            assert len(row.find_all(["th", "td"])) == width


def test_scores_are_those_of_the_rows(full):
    """The main table holds the means of the rows."""
    results, soup = full
    lines = lines_of(table_of(soup, "Scores in points"))
    assert list(lines) == list(SYSTEMS)
    for system, cells in lines.items():
        scores = [results.score(group=group, system=system) for group in results.groups]
        assert cells == [f"{score:.1f}" for score in [*scores, sum(scores) / len(scores)]]


def test_differences_are_those_of_the_rows(full):
    """Difference, interval and colour are the rows' own."""
    results, soup = full
    for row in table_of(soup, "Difference to bm25").tbody.find_all("tr"):
        system = row.th.get_text(strip=True)
        for group, cell in zip(results.groups, row.find_all("td"), strict=False):
            found = results.of(group=group, system=system)[0].versus["bm25"]
            texts = [text.replace("−", "-") for text in cell.stripped_strings]
            mean, low, high = (
                f"{value:+.1f}" if round(value, 1) else "0.0"
                for value in (found.mean, found.low, found.high)
            )
            assert texts[0].split()[0] == mean
            assert texts[1] == f"{low} to {high}"
            tone = "better" if found.low > 0 else "worse" if found.high < 0 else None
            assert [c for c in cell["class"] if c in ("better", "worse")] == (
                [tone] if tone else []
            )


def test_heat_map_holds_each_length(full):
    """Score and shade of each system at each length, and what is published of it."""
    results, soup = full
    table = table_of(soup, "passkey: accuracy@1 by tokens")
    lines = lines_of(table)
    for system in SYSTEMS:
        rows = results.of(group="passkey", system=system)
        assert lines[system] == [f"{row.score:.1f}" for row in rows]
    assert lines["E5-Base 512"] == ["100.0", "96.0", "62.0", "22.0", "14.0"]
    shades = [cell["class"] for cell in table.tbody.tr.find_all("td")]
    scores = [row.score for row in results.of(group="passkey", system="bm25")]
    assert shades == [["heat", f"h{round(score / 10)}"] for score in scores]
    assert len(lines["bm25"]) == len(LENGTHS)


def test_costs_are_those_of_the_rows(full):
    """The cost table of a single task is its rows'."""
    results, soup = full
    lines = lines_of(table_of(soup, f"qmsum: {QUERIES} documents"))
    for system in SYSTEMS:
        cost = results.of(group="qmsum", system=system)[0].cost
        assert lines[system][4] == f"{cost.vectors / cost.documents:,.0f}"
        assert float(lines[system][6]) == pytest.approx(cost.query_ms, rel=0.01)


def test_published_numbers_stand_beside_ours(full):
    """Only the column that compares; BM25 and PCW among the runs; the rest named."""
    _, soup = full
    table = table_of(soup, "The paper's runs beside ours")
    heads = [th.get_text(" ", strip=True) for th in table.thead.find_all("th")]
    assert heads == ["run", "QMSum nDCG@10", "mean of six"]
    lines = lines_of(table)
    assert lines["BM25"] == ["81.3", "90.4"]
    assert lines["E5-RoPE PCW 4k"] == ["34.9", "52.9"]
    notes = table.find_parent("figure").get_text()
    assert "2wikimqa_rebuilt, crd3_segments, passkey and needle" in notes


def test_without_a_task_of_the_papers_its_table_stands_alone():
    """No number of ours is set beside one that does not compare."""
    soup = BeautifulSoup(render_report(sample(labelled=("own",), synthetic=())), "html.parser")
    details = soup.find("details")
    assert "BM25 90.4" in details.summary.text
    lines = lines_of(details.table)
    assert lines["BM25"][-1] == "90.4"
    assert "bm25" not in lines


def test_charts_stand_where_there_is_something_to_draw(full):
    """Two of length, two of cost."""
    assert len(full[1].find_all("svg")) == 4
    one = sample(labelled=(), synthetic=("passkey",), lengths=(1024,))
    assert len(BeautifulSoup(render_report(one), "html.parser").select("#lengths svg")) == 0


def test_markup_in_data_is_text():
    """Names, queries, ids, notes and reasons with HTML in them are shown, not obeyed."""
    evil = "<script>alert('x')</script>&<b>日本"
    results = sample(
        labelled=("qmsum",), synthetic=(), systems=("bm25", "hybrid", f"st:model={evil}")
    )
    task = results.tasks["qmsum"]
    queries = {q: Query(id=q, text=f"{evil} {q}") for q in task.queries}
    gold = {q: {f"{evil}{document}": 1 for document in found} for q, found in task.gold.items()}
    results = replace(
        results,
        tasks={"qmsum": replace(task, queries=queries, gold=gold, notes=(evil,), source=evil)},
        command=f"longembed-rag eval {evil}",
        model=evil,
        failed=(Failure(task=evil, system=evil, reason=evil),),
    )
    page = render_report(results)
    soup = BeautifulSoup(page, "html.parser")
    assert len(soup.find_all("script")) == 1
    assert page.count("<script") == 1
    assert "alert" not in soup.script.text
    assert evil in soup.find("pre").text
    assert any(evil in q.text for q in soup.find_all("q"))
    parser = Balance()
    parser.feed(page)
    assert parser.open == []


def test_failures_are_told(small):
    """What could not be run stands with the scores."""
    failure = Failure(task="qmsum", system="yarn", reason="the model has no rotation")
    soup = BeautifulSoup(render_report(replace(small[0], failed=(failure,))), "html.parser")
    assert "yarn on qmsum: the model has no rotation" in soup.find(id="scores").get_text()
    assert "Could not be run" not in small[1].get_text()


def test_rows_of_two_machines_are_warned_of(small):
    """Times of different machines do not compare, and the page says so."""
    results, soup = small
    assert "different machines" not in soup.get_text()
    other = replace(results.rows[0], machine={"processor": "Another"})
    page = render_report(replace(results, rows=(other, *results.rows[1:])))
    assert "Rows were made on different machines" in page
    beside = replace(results.rows[0], machine={**results.rows[0].machine, "spread": "by Ray"})
    page = render_report(replace(results, rows=(beside, *results.rows[1:])))
    assert f"1 of {len(results.rows)} rows ran spread over a Ray cluster" in page
    assert "different machines" not in page


def test_the_same_page_each_time():
    """Nothing in it depends on when or where it is made."""
    assert rendered("all")[1] == render_report(sample(queries=QUERIES))
