"""Words as they stand: which phrases stand in which texts, and where."""

from __future__ import annotations

import unicodedata
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.words.analyzer import ANALYZERS, get_analyzer
from longembed_rag.words.exact import FoldedText, Phrase, folded, read_phrase

#: Letters that look alike in several ways, signs, blanks, and scripts without blanks.
ALPHABET = "abcABC12 0\n.,'’-_*+#…½ßﬁéÉ\u0301İΣς東京の語ーภาก\u0e34\u00a0"
TEXTS = st.text(alphabet=ALPHABET, max_size=40)


def phrase(text: str) -> Phrase:
    """The phrase of a text that has words."""
    found = read_phrase(text)
    assert found is not None
    return found


def stretches(wanted: str, text: str) -> list[str]:
    """What of a text is a phrase's."""
    return [text[start:end] for start, end in phrase(wanted).spans(FoldedText(text))]


@pytest.mark.parametrize(
    ("wanted", "text", "expected"),
    [
        ("force majeure", "Of FORCE\n\n  Majeure.", ["FORCE\n\n  Majeure"]),
        ("force majeure", "force of majeure; forces majeure; a tour de force", []),
        ("the lease", "The lease is the Lease.", ["The lease", "the Lease"]),
        ("to be or not to be", "To be, or not to be: that", ["To be, or not to be"]),
        ("majeure", "*force* **majeure**", ["majeure"]),
        ("lease", "leases release lease-holder", ["lease"]),
        ("e-mail", "E-mail, e mail, email", ["E-mail", "e mail"]),
        ("tenant's", "the tenant’s lease", ["tenant’s"]),
        ("C++", "C, C++ and C#", ["C++"]),
        ("C", "C++ and C# before C", ["C"]),
        ("12", "12.3 and 123 and 3,12", ["12", "12"]),
        ("foo", "foo_bar __foo__", ["foo", "foo"]),
        ("東京", "東京都は東\n京", ["東京", "東\n京"]),
        ("iphone手机", "新iPhone手机", ["iPhone手机"]),
        ("ภาษา", "ภาษาไทย", ["ภาษา"]),
        ("ก", "กิ ก", ["ก"]),
        ("café", "Cafe\u0301 CAFÉ cafe", ["Cafe\u0301", "CAFÉ"]),
        ("film", "… ﬁlm™", ["ﬁlm"]),
        ("strasse", "Straße STRASSE", ["STRASSE"]),
        ("οδος", "ΟΔΟΣ", ["ΟΔΟΣ"]),
    ],
)
def test_where_phrases_stand(wanted: str, text: str, expected: list[str]) -> None:
    """Side by side, in this order, neither stemmed nor part of another word."""
    assert stretches(wanted, text) == expected
    assert phrase(wanted).stands_in(folded(text)) == bool(expected)


@pytest.mark.parametrize("text", ["", "...", "--", "\u0301", "❤\ufe0f", "_"])
def test_a_phrase_has_words(text: str) -> None:
    """Signs alone are no phrase."""
    assert read_phrase(text) is None


def words(text: str) -> list[str]:
    """The words of a text, told letter by letter; for texts without symbols and marks."""
    found = [""]
    for character in text.lower():
        if not unicodedata.category(character).startswith(("L", "N")):
            found.append("")
        elif ord(character) > 0x2E80:
            found += [character, ""]
        else:
            found[-1] += character
    return [word for word in found if word]


PLAIN = st.text(alphabet="ab AB.\n'_-東京é", max_size=30)


@given(wanted=PLAIN, text=PLAIN)
def test_a_phrase_is_a_run_of_words(wanted: str, text: str) -> None:
    """As it is told by going through all runs of words of a text."""
    asked, there = words(wanted), words(text)
    if not asked:
        assert read_phrase(wanted) is None
        return
    assert phrase(wanted).words == tuple(asked)
    runs = [there[start : start + len(asked)] for start in range(len(there))]
    assert phrase(wanted).stands_in(folded(text)) == (asked in runs)


def _is_mark(letter: str) -> bool:
    return bool(letter) and unicodedata.category(letter).startswith("M")


@given(before=TEXTS, wanted=TEXTS, after=TEXTS)
def test_what_is_found_is_the_phrase(before: str, wanted: str, after: str) -> None:
    """What spans mark is made of the phrase's words; a phrase between blanks is found."""
    text = f"{before}\n{wanted} \n{after}"
    # Only made-up texts begin with a mark: it belongs to what stands before it, past a blank, too.
    if read_phrase(wanted) is None or _is_mark(after[:1]):
        return
    found = phrase(wanted).spans(FoldedText(text))
    if not _is_mark(wanted[0]):
        assert found
    for start, end in found:
        assert phrase(text[start:end]).words == phrase(wanted).words
    assert found == sorted(found)


@given(text=TEXTS)
def test_folding_keeps_places(text: str) -> None:
    """A place in the folded text is one in the text, in the same order, and no line is changed."""
    as_it_is = FoldedText(text)
    assert as_it_is.folded == folded(text)
    assert as_it_is.folded.count("\n") == text.count("\n")
    assert as_it_is.place(0, len(as_it_is.folded)) == (0, len(text))
    places = [as_it_is.place(i, i)[0] for i in range(len(as_it_is.folded) + 1)]
    assert places == sorted(places)


@given(wanted=TEXTS, text=TEXTS)
def test_the_analyzer_finds_what_is_said_to_be_indexed(wanted: str, text: str) -> None:
    """Where a phrase stands, each of its indexed words is a term of the text."""
    if read_phrase(wanted) is None or not phrase(wanted).stands_in(folded(text)):
        return
    for language, version in product(("none", "english", "german"), ANALYZERS):
        analyzer = get_analyzer(language, version=version)
        there = {term.stem for term in analyzer.terms(text)}
        for word in phrase(wanted).indexed_words:
            stems = set(analyzer.stems(word))
            assert stems & there or not stems


@given(wanted=TEXTS, before=TEXTS, after=TEXTS)
def test_the_analyzer_finds_them_in_any_surroundings(wanted: str, before: str, after: str) -> None:
    """Likewise where the phrase does stand, whatever is around it."""
    test_the_analyzer_finds_what_is_said_to_be_indexed.hypothesis.inner_test(  # type: ignore[attr-defined]
        wanted, before + wanted + after
    )


def test_a_final_sigma_is_a_sigma() -> None:
    """Small letters of a Greek word depend on where it ends, and capitals say nothing of it."""
    assert phrase("ΟΔΟΣ ΑΘΗΝΑΣ").stands_in(folded("η οδός? οδος αθηνας"))
    assert phrase("σ").stands_in(folded("A’Σ"))
    assert phrase("οδος").indexed_words == []
