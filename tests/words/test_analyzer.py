"""From texts to the words that are compared."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import SettingsError
from longembed_rag.words.analyzer import Analyzer, get_analyzer, languages

#: What only the slower expression knows: any of these switches to it.
OTHER_SCRIPTS = [
    "\u6f22",
    "\u304b",
    "\u30ab",
    "e\u0301",
    "\u0915\u094d\u0937",
    "\U0001f469\u200d\U0001f52c",
]


def words(text: str) -> list[str]:
    """A text's words, neither stemmed nor left out."""
    return get_analyzer("none").stems(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The tenants were signing LEASES", ["tenant", "sign", "leas"]),
        ("what is the meaning of this?", ["mean"]),
        ("the and of", []),
        ("", []),
        (" .,;-()\n", []),
    ],
)
def test_words_are_lower_cased_stemmed_and_without_stopwords(
    text: str, expected: list[str]
) -> None:
    """English is stemmed, and words that every text holds are left out."""
    assert get_analyzer().stems(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.3", ["12.3", "12", "3"]),
        ("1,00 or -5.", ["1,00", "1", "00", "or", "5"]),
        (
            "on 2026-11-24 at 10:30",
            ["on", "2026-11-24", "2026", "11", "24", "at", "10:30", "10", "30"],
        ),
        ("7/8", ["7/8", "7", "8"]),
        ("3D a1b2 mp3", ["3d", "a1b2", "mp3"]),
        ("x\u00b2 H\u2082O \u00bd", ["x2", "h2o", "1\u20442"]),
    ],
)
def test_numbers_are_found_whole_and_in_parts(text: str, expected: list[str]) -> None:
    """A date is found by its year, a version by its first number, and each by itself."""
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max_length", ["max_length", "max", "length"]),
        ("__init__", ["__init__", "init"]),
        ("a_1_b", ["a_1_b", "a", "1", "b"]),
        ("snake_\u00e9t\u00e9", ["snake_ete", "snake", "ete"]),
        ("camelCase", ["camelcase"]),
        ("e-mail", ["e", "mail"]),
        ("C++ and C#, not C", ["c++", "and", "c#", "not", "c"]),
        ("abc++ x#y c+", ["abc", "x", "y", "c"]),
    ],
)
def test_identifiers_are_found_whole_and_in_parts(text: str, expected: list[str]) -> None:
    """Names in programs, and those of two programming languages that end in signs."""
    assert words(text) == expected


@pytest.mark.parametrize("apostrophe", ["'", "\u2019"])
def test_what_english_joins_by_an_apostrophe_is_cut_off(apostrophe: str) -> None:
    """Endings go, whichever apostrophe is written; names keep their second half."""
    text = "James's we'll don't they're I've O'Reilly 'quoted' s".replace("'", apostrophe)
    assert words(text) == ["james", "we", "don", "they", "i", "o", "reilly", "quoted", "s"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\u6771\u4eac\u90fd", ["\u6771\u4eac", "\u4eac\u90fd"]),
        ("\u6f22", ["\u6f22"]),
        ("\u6771\u4eac\u3001\u4eac\u90fd", ["\u6771\u4eac", "\u4eac\u90fd"]),
        ("A\u793e\u306eB", ["a", "\u793e\u306e", "b"]),
        ("\uc11c\uc6b8 \ub300\ud559", ["\uc11c\uc6b8", "\ub300\ud559"]),
    ],
)
def test_scripts_without_spaces_are_cut_into_pairs(text: str, expected: list[str]) -> None:
    """Neighbouring characters are terms, but not across punctuation; Korean has spaces."""
    assert words(text) == expected


@pytest.mark.parametrize(
    "word",
    [
        "\u0939\u093f\u0928\u094d\u0926\u0940",  # Hindi, with vowel signs and a virama
        "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a non-joiner
        "\u0915\u094d\u200d\u0937",  # with a zero-width joiner
        "\u05e9\u05c1\u05dc\u05d5\u05dd",  # Hebrew, pointed
    ],
)
def test_marks_and_joiners_do_not_cut_words(word: str) -> None:
    """A combining mark belongs to its letter, and an invisible joiner to its word."""
    terms = get_analyzer("none").terms(f"a {word}!")[1:]
    ((start, end),) = {(each.start, each.end) for each in terms}
    assert f"a {word}!"[start:end] == word


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("caf\u00e9", "cafe\u0301"),
        ("\ufb01ne", "fine"),
        ("\uff21\uff22\uff23", "abc"),
        ("\u216b", "xii"),
        ("\u00c9T\u00c9", "\u00e9t\u00e9"),
    ],
)
def test_ways_to_write_a_word_are_one(written: str, same: str) -> None:
    """Composed or not, ligatures, full width, capitals."""
    assert words(written) == words(same)
    assert len(words(same)) == 1


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cn", "Cs", "Co")), max_size=20),
    st.sampled_from(OTHER_SCRIPTS),
)
def test_other_scripts_elsewhere_change_no_word(text: str, other: str) -> None:
    """A text has the same words, whether or not something in another script follows it."""
    assert words(f"{text} . {other}") == words(text) + words(other)


@given(
    st.text(
        st.sampled_from("aZ_9.,:-/+#'\u2019s \u00b2\u00e9\u0301\u6f22\u304b\u200d\u0915\u094d"),
        max_size=30,
    )
)
def test_terms_say_where_they_stand(text: str) -> None:
    """Each term lies in the text in order, and what lies there has that term."""
    analyzer = get_analyzer("none")
    terms = analyzer.terms(text)
    assert [term.stem for term in terms if term.main] == analyzer.stems(text)
    assert [term.start for term in terms] == sorted(term.start for term in terms)
    for term in terms:
        assert 0 <= term.start < term.end <= len(text)
        assert term.stem in {each.stem for each in analyzer.terms(text[term.start : term.end])}


def test_languages_differ() -> None:
    """Each has its own stopwords and stemmer; none has neither."""
    assert get_analyzer("german").stems("Die H\u00e4user und der Hund") == ["haus", "hund"]
    assert get_analyzer("french").stems("les maisons de la ville") == ["maison", "vill"]
    assert words("Die H\u00e4user und") == ["die", "hauser", "und"]
    # No list of stopwords for it: rarity alone weighs them.
    assert get_analyzer("finnish").stems("talossa ja") == ["talo", "ja"]


def test_every_language_named_can_be_used() -> None:
    """What the list names works, and each analyzer is made once."""
    assert {"english", "german", "chinese", "russian"} <= set(languages())
    assert "none" not in languages()
    assert "porter" not in languages()
    for language in languages():
        assert get_analyzer(language).stems("zyx 9")[-1] == "9"
        assert get_analyzer(language) is get_analyzer(language)


def test_an_unknown_language_is_refused_with_those_there_are() -> None:
    """The error names what can be chosen."""
    for make in (Analyzer, get_analyzer):
        with pytest.raises(
            SettingsError, match=r"language='klingon' is not one of: .*english.*none"
        ):
            make("klingon")


def test_threads_share_an_analyzer() -> None:
    """Several at once get what each of them alone gets."""
    analyzer = get_analyzer("english")
    texts = [
        " ".join(f"running{n} nations{n} houses organization" for n in range(i, i + 200))
        for i in range(8)
    ]
    expected = [analyzer.stems(text) for text in texts]
    answers: list[list[list[str]]] = [[] for _ in texts]

    def ask(index: int) -> None:
        for _ in range(20):
            answers[index].append(analyzer.stems(texts[index]))

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(
        answer == right for each, right in zip(answers, expected, strict=True) for answer in each
    )
