"""Stretches of texts, with the words that match."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import SettingsError
from longembed_rag.words.analyzer import get_analyzer
from longembed_rag.words.snippet import Snippet, make_snippet

FILLER = "Nothing of note stands here, and it goes on for a while. "
LATIN = ["lease", "leases", "Leasing", "tenant", "12.3", "a_name", "don't", "C++", "the", "e.g."]
OTHER = ["东京都", "東京", "カタカナ", "cafe\u0301", "naïve", "語。", "x" * 70, "क्\u200dष", "-"]
WORDS = st.sampled_from([*LATIN, *OTHER])
BLANKS = st.sampled_from([" ", "\n", "  ", "\t\n ", "", ". "])
TEXTS = st.lists(st.tuples(WORDS, BLANKS), max_size=60).map(
    lambda pairs: "".join(word + blank for word, blank in pairs)
)


def snippet(text: str, query: str, *, language: str = "english", width: int = 320) -> Snippet:
    """The snippet for a query in words."""
    stems = get_analyzer(language).stems(query)
    return make_snippet(text, set(stems), analyzer=get_analyzer(language), width=width)


@given(TEXTS, st.lists(WORDS, max_size=4), st.integers(3, 200))
def test_marks_point_at_words_that_match(text: str, query: list[str], width: int) -> None:
    """Marks ascend without touching, and each holds a word whose stem the query has."""
    analyzer = get_analyzer()
    stems = set(analyzer.stems(" ".join(query)))
    found = make_snippet(text, stems, analyzer=get_analyzer(), width=width)
    assert len(found.text) <= width
    end = -1
    for start, stop in found.marks:
        assert end < start < stop <= len(found.text)
        assert stems & set(analyzer.stems(found.text[start:stop]))
        end = stop


@given(TEXTS, st.lists(WORDS, max_size=4), st.integers(3, 200))
def test_a_snippet_is_a_stretch_of_the_text(text: str, query: list[str], width: int) -> None:
    """Between its ellipses stands what the text says, blanks aside, whole when that fits."""
    whole = " ".join(text.split())
    found = snippet(text, " ".join(query), width=width).text
    if len(whole) <= width:
        assert found == whole
    else:
        assert found.removeprefix("…").removesuffix("…") in whole
    assert "\n" not in found
    assert "  " not in found


@given(TEXTS, st.lists(WORDS, min_size=1, max_size=4), st.integers(80, 200))
def test_something_is_marked_where_something_matches(
    text: str, query: list[str], width: int
) -> None:
    """A text that holds a word of the query has a snippet that shows one."""
    stems = set(get_analyzer().stems(" ".join(query)))
    found = make_snippet(text, stems, analyzer=get_analyzer(), width=width)
    assert bool(found.marks) == bool(stems & set(get_analyzer().stems(text)))


def test_more_different_words_win_over_more_matches() -> None:
    """Two words of the query at once are worth more than one of them five times."""
    text = "lease " * 5 + FILLER * 20 + "The tenant signed the lease. " + FILLER * 20
    assert "tenant" in snippet(text, "tenant lease").text


def test_more_matches_win_over_earlier_ones() -> None:
    """Of stretches with the same words, the one with more of them is shown."""
    text = "One lease. " + FILLER * 20 + "Of a lease the leasing. " + FILLER * 20
    found = snippet(text, "lease")
    assert [found.text[start:end] for start, end in found.marks] == ["lease", "leasing"]


def test_the_earliest_of_equals_is_shown() -> None:
    """A sentence that comes twice is shown where it comes first."""
    text = FILLER * 10 + "A lease first. " + FILLER * 20 + "A lease second. " + FILLER * 10
    assert "A lease first." in snippet(text, "lease").text


def test_it_begins_with_a_sentence_near_the_match() -> None:
    """A sentence or line that begins shortly before the match is shown from its beginning."""
    text = "word " * 100 + "end. Here e.g. the tenant signs a lease. " + "word " * 100
    assert snippet(text, "lease").text.startswith("…Here e.g. the tenant signs a lease.")
    text = "word " * 100 + "\na line with a lease " + "word " * 100
    assert snippet(text, "lease").text.startswith("…a line with a lease")


def test_it_is_cut_between_words() -> None:
    """Where no sentence begins, it is cut at blanks on both sides."""
    found = snippet("wording " * 100 + "lease " + "wording " * 100, "lease", width=100)
    assert set(found.text.strip("…").split()) == {"wording", "lease"}
    assert found.text[0] == found.text[-1] == "…"
    assert 80 < len(found.text) <= 100


def test_a_match_at_the_end_is_shown_with_what_precedes_it() -> None:
    """What the end of the text leaves free is filled from before the match."""
    found = snippet(FILLER * 30 + "At last a lease.", "lease")
    assert found.text.endswith("At last a lease.")
    assert 260 < len(found.text) <= 320


def test_without_a_match_it_is_the_beginning() -> None:
    """A text found by meaning alone shows how it begins; so does an empty query."""
    for query in ("rent", ""):
        found = snippet("  " + FILLER * 20, query, width=100)
        assert found.text.startswith("Nothing of note stands here")
        assert found.text.endswith("…")
        assert found.marks == ()
    assert snippet("", "rent") == Snippet("", ())


def test_marks_can_be_written_in_any_way() -> None:
    """Stars by default, or whatever is asked for."""
    found = snippet("The  tenants\nsigned.", "tenant sign")
    assert found.marked() == "The **tenants** **signed**."
    assert found.marked("<b>", "</b>") == "The <b>tenants</b> <b>signed</b>."
    assert Snippet("plain", ()).marked() == "plain"


def test_a_number_and_its_parts_are_one_mark() -> None:
    """Terms that overlap or touch are marked once."""
    assert snippet("Section 12.3 of it", "12.3").marked() == "Section **12.3** of it"
    assert snippet("Section 12.3 of it", "3").marked() == "Section 12.**3** of it"


def test_chinese_and_japanese() -> None:
    """Pairs of characters are one mark; the stretch begins with a sentence and has its width."""
    text = "今日は天気がいい。" * 40 + "東京都の賃貸契約。" + "今日は天気がいい。" * 40
    found = snippet(text, "東京都 契約", language="none", width=60)
    assert "**東京都**の賃貸**契約**" in found.marked()
    assert found.text.startswith("…今日は") or found.text.startswith("…東京都")
    assert 50 <= len(found.text) <= 60


def test_accents_stay_with_their_letters() -> None:
    """Neither a mark nor a cut parts a letter from its combining marks."""
    word = "cafe\u0301"
    found = snippet(f"le {word} " * 40, word, language="french", width=50)
    assert {found.text[start:end] for start, end in found.marks} == {word}
    endless = snippet("e\u0301" * 300, "lease", width=40).text
    assert endless == "e\u0301" * 19 + "…"


def test_a_book_takes_no_longer_than_its_analysis() -> None:
    """Time grows with the length, even where every other word matches."""
    text = "tenant word lease word " * 30_000
    began = time.perf_counter()
    get_analyzer().terms(text)
    analysis = time.perf_counter() - began
    began = time.perf_counter()
    assert len(snippet(text, "tenant lease").text) <= 320
    assert time.perf_counter() - began < 5 * analysis + 1


def test_a_width_without_room_is_refused() -> None:
    """Two ellipses and nothing between them are no snippet."""
    with pytest.raises(SettingsError, match="width=2"):
        snippet("text", "text", width=2)
