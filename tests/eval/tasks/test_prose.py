"""Tests of which sentences can be queries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_eval.tasks.prose import is_query, normal, query_spans, word_count

GOOD = "The harbour master closed the northern basin after the storm had broken two moorings."


@pytest.mark.parametrize(
    "sentence",
    [
        GOOD,
        GOOD.replace(" basin ", "\n basin "),
        f'"{GOOD}"',
        "Der Hafenmeister schloss das nördliche Becken, nachdem der Sturm zwei Leinen zerriss.",
        "Начальник порта закрыл северный бассейн после того, как шторм порвал швартовы кораблей.",
        "港口负责人在暴风雨扯断两条缆绳之后关闭了北面的码头。",
        "أغلق مدير الميناء الحوض الشمالي بعد أن قطعت العاصفة حبال السفن الراسية.",
    ],
)
def test_prose(sentence: str) -> None:
    """Whole sentences of prose are taken in any language, wrapped or not."""
    assert is_query(sentence)


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("The harbour master closed the northern basin.", "too short"),
        (f"{GOOD[:-1]}, and {GOOD.lower()[:-1]}, and {GOOD.lower()}", "too long"),
        (GOOD[:-1], "no end"),
        (GOOD[0].lower() + GOOD[1:], "no beginning"),
        (f"- {GOOD}", "an item of a list"),
        (f"3. {GOOD}", "an item of a list"),
        ("So it is as it was to be, and so it has to be for all of us now.", "says nothing"),
        ("The Harbour Master Closed The Northern Basin After The Storm Had Broken.", "a heading"),
        ("THE HARBOUR MASTER CLOSED THE NORTHERN BASIN AFTER THE STORM HAD BROKEN.", "a heading"),
        (GOOD.replace("storm", "storm_level"), "code"),
        (GOOD.replace("storm", "`storm`"), "code"),
        (GOOD.replace("storm", "storm()"), "code"),
        (GOOD.replace("storm", "[storm](x)"), "a link"),
        (GOOD.replace("storm", "https://storm.example"), "an address"),
        (GOOD.replace("storm", "(storm"), "an open bracket"),
        (GOOD.replace("storm", '"storm'), "an open quote"),
        (GOOD.replace(" the ", "\tthe "), "a table"),
        (GOOD.replace("storm", "st;::rm"), "a bad scan"),
        (GOOD.replace("basin after", "basin     after"), "a table"),
        (GOOD.replace("northern", "north-\nern"), "a cut word"),
        ("Moorings Harbour Masters Basins Storms . . . . . . . . . . 12 13.", "contents"),
        ("Readings of gauges 12, 13, 14, 15, 16, 17, 18, 19, 20 and 21 follow.", "numbers"),
    ],
)
def test_no_prose(sentence: str, why: str) -> None:
    """What nobody would look for is not taken."""
    assert not is_query(sentence), why


def test_code_blocks_are_passed_over() -> None:
    """Fenced blocks of Markdown hold no queries, closed or not; what stands around them does."""
    text = f"{GOOD}\n\n```\n{GOOD}\n```\n\n{GOOD}\n\n~~~\n{GOOD}\n"
    spans = query_spans(text)
    assert [text[start:end] for start, end in spans] == [GOOD, GOOD]
    assert spans[1][0] > text.index("```\n\n")


def test_words() -> None:
    """Marks are no words; two characters of a script without spaces are one."""
    assert word_count("One, two -- three!") == 3
    assert word_count("四个汉字") == 2
    assert word_count("") == 0


def test_normal_form() -> None:
    """Case, marks, line breaks and the shape of letters do not tell sentences apart."""
    assert normal("The ﬁle,\n  NOT “found”!") == " the file not found "
    assert normal("file") not in normal("files")


@given(st.text(max_size=80), st.text(max_size=20))
def test_normal_form_of_a_part(text: str, more: str) -> None:
    """Between spaces, the normal form of a text is part of that of a longer one."""
    assert normal(text) in normal(f"{more} {text} {more}") or normal(text) == "  "
