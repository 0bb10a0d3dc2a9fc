"""Charts: whole elements with ids of their own, labels that do not cover each other."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_eval.report.charts import Point, cost_chart, length_chart, unbeaten
from longembed_eval.report.placing import Box, beside, spread
from longembed_eval.report.styles import styles_of
from tests.eval.report.sample import SYSTEMS

ODD = "st:model=<b>$x^2$ & 模型"


def texts_of(svg: str) -> list[str]:
    return ["".join(each.itertext()) for each in ElementTree.fromstring(svg).iter("text")]


def test_a_line_for_each_system():
    """Every label and length is there as text, in the system's colour."""
    systems = ["bm25", "pcw", ODD]
    styles = styles_of(systems)
    series = {system: {256: 90.0, 512: 80.0 - 9 * i} for i, system in enumerate(systems)}
    svg = length_chart(series, styles, name="one", metric="accuracy@1")
    texts = texts_of(svg)
    assert {"256", "512", *(styles[system].label for system in systems)} <= set(texts)
    for system in systems:
        assert styles[system].colour in svg


def test_names_are_taken_as_they_are():
    """Signs that mean something to matplotlib or HTML mean nothing in a name."""
    points = [Point(system=ODD, x=1.0, y=50.0), Point(system="bm25", x=0.001, y=90.0)]
    svg = cost_chart(points, styles_of([ODD, "bm25"]), name="c", cost="seconds", metric="x")
    assert ODD in texts_of(svg)
    assert "<b>" not in svg


def test_ids_are_the_charts_own():
    """Each id begins with the chart's name, and each reference points to one of them."""
    series = {"bm25": {256: 90.0, 512: 80.0}}
    svg = length_chart(series, styles_of(["bm25"]), name="mine", metric="x")
    ids = re.findall(r'\bid="([^"]+)"', svg)
    assert ids
    assert all(id_.startswith("mine-") for id_ in ids)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', svg)) <= set(ids)
    assert "http" not in svg
    assert "<style" not in svg


def test_the_same_chart_each_time():
    """No date and no chance in it."""
    points = [Point(system="bm25", x=1.0, y=50.0), Point(system="pcw", x=2.0, y=50.0)]
    styles = styles_of(["bm25", "pcw"])
    first, again = (
        cost_chart(points, styles, name="c", cost="seconds", metric="x") for _ in range(2)
    )
    assert first == again


def test_equal_costs_can_be_drawn():
    """All in one place is no error."""
    points = [Point(system=system, x=1.0, y=100.0) for system in SYSTEMS]
    svg = cost_chart(points, styles_of(SYSTEMS), name="c", cost="seconds", metric="x")
    assert set(SYSTEMS) <= set(texts_of(svg))


def test_settings_of_matplotlib_are_left_alone():
    """Drawing a chart changes nothing for whoever else draws."""
    import matplotlib

    before = dict(matplotlib.rcParams)
    length_chart({"bm25": {256: 1.0}}, styles_of(["bm25"]), name="x", metric="x")
    assert dict(matplotlib.rcParams) == before


def test_unbeaten_by_hand():
    """Dearer and no better is beaten; as cheap and better is not."""
    points = [
        Point(system="cheap", x=1, y=10),
        Point(system="better", x=1, y=20),
        Point(system="beaten", x=2, y=20),
        Point(system="best", x=3, y=30),
    ]
    assert [point.system for point in unbeaten(points)] == ["better", "best"]


def test_styles_tell_systems_apart():
    """Colours differ while there are enough; a bare name keeps its own, whoever stands before."""
    systems = ["chunked:window=1", "chunked", *(f"st:model={i}" for i in range(9)), "hybrid"]
    styles = styles_of(systems)
    assert len({style.colour for style in styles.values()}) == len(systems)
    assert styles["chunked"].colour == styles_of(["chunked"])["chunked"].colour
    assert styles["hybrid"].colour == styles_of(["hybrid"])["hybrid"].colour
    assert styles_of(["late:pool=4", "late"])["late"].colour == styles_of(["late"])["late"].colour
    many = styles_of([f"st:model={i}" for i in range(40)])
    assert len({(s.colour, s.marker, s.dashes) for s in many.values()}) == 40


@given(
    st.lists(st.floats(0, 100), max_size=14),
    st.sampled_from([1.0, 8.0, 15.0]),
)
def test_spread_keeps_distance_order_and_bounds(wanted, gap):
    """Heights are as far apart as the room allows, in the order wanted, within bounds."""
    found = spread(wanted, gap=gap, low=0, high=100)
    assert len(found) == len(wanted)
    assert all(-1e-6 <= height <= 100 + 1e-6 for height in found)
    ordered = [found[i] for i in sorted(range(len(wanted)), key=lambda i: (wanted[i], i))]
    least = min(gap, 100 / max(len(wanted) - 1, 1))
    assert all(b - a >= least - 1e-6 for a, b in pairwise(ordered))


def test_spread_moves_nothing_that_has_room():
    """Labels that do not touch stay where they belong."""
    assert spread([10, 50, 30], gap=15, low=0, high=100) == [10, 50, 30]
    assert spread([50, 50], gap=10, low=0, high=100) == pytest.approx([45, 55])


def test_labels_beside_points_do_not_overlap():
    """A dozen points in a small place, each label free of the others and inside."""
    anchors = [(100.0 + 40 * (i % 3), 100.0 + 12 * i) for i in range(12)]
    within = Box(0, 0, 700, 400)
    boxes = beside(anchors, [(60, 15)] * 12, within=within)
    for i, box in enumerate(boxes):
        assert box.outside(within) == 0
        assert all(box.overlap(other) == 0 for other in boxes[:i])
