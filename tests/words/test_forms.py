"""Words in other forms than they are compared in: diacritics, numbers, compounds, initialisms."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.words.analyzer import get_analyzer
from longembed_rag.words.query import query_words
from longembed_rag.words.snippet import make_snippet
from tests.store.corpora import fill
from tests.store.fakes import make_document
from tests.stores import ensure, find, opening

PLAIN_WORDS = st.text(string.ascii_letters, min_size=3, max_size=9)
PLAIN_TEXTS = st.lists(
    st.tuples(PLAIN_WORDS, st.sampled_from([" ", ", ", ". ", "\n", " (", "; "])), max_size=40
).map(lambda pairs: "".join(word + blank for word, blank in pairs))


def forms(text: str, language: str = "english") -> set[str]:
    """All terms of a text."""
    return {term.stem for term in get_analyzer(language).terms(text)}


def meets(query: str, text: str, language: str = "english") -> bool:
    """Whether a query finds a text."""
    return bool(query_words(query, [get_analyzer(language)]).stems & forms(text, language))


@given(PLAIN_TEXTS.filter(lambda text: not {"IT", "WHO"} & set(text.upper().split())))
def test_a_text_without_other_forms_has_the_words_of_version_1(text: str) -> None:
    """The same terms at the same places, which count once each: BM25 is what it was."""
    now = get_analyzer("english", version=2).terms(text)
    plain = [term for term in now if not term.stem.endswith(".")]
    assert plain == get_analyzer("english", version=1).terms(text)


@given(st.text(max_size=60), st.sampled_from(["english", "german", "none"]))
def test_forms_are_no_words_of_their_own(text: str, language: str) -> None:
    """Each lies where a word of the text lies or begins, in order, and weighs something."""
    terms = get_analyzer(language).terms(text)
    assert [term.start for term in terms] == sorted(term.start for term in terms)
    for term in terms:
        assert 0 <= term.start < term.end <= len(text)
        assert term.stem
        assert 0 < term.counted <= 1
        assert 0 < term.said <= 1


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("café", "cafe", "english"),
        ("naïve", "naive", "english"),
        ("Ångström", "angstrom", "english"),
        ("Straße", "Strasse", "german"),
        ("Straße", "Strasse", "english"),
        ("Straße", "STRASSE", "none"),
        ("général", "general", "french"),
        ("élève", "eleve", "french"),
        ("canción", "cancion", "spanish"),
        ("Müller", "Muller", "german"),
        ("Łódź", "Lodz", "polish"),
        ("ёлка", "елка", "russian"),
        ("ἄνθρωπος", "ανθρωπος", "greek"),
        ("שָׁלוֹם", "שלום", "none"),
        ("مُحَمَّد", "محمد", "arabic"),
        ("İstanbul", "istanbul", "turkish"),
        ("1,000", "1000", "english"),
        ("1,000", "1 000", "english"),
        ("1,234,567.89", "1234567.89", "english"),
        ("1\u00a0000", "1000", "french"),
        ("1\u202f000,5", "1000,5", "french"),
        ("1.000", "1000", "german"),
        ("1.000,50", "1000,50", "german"),
        ("1'000", "1000", "german"),
        ("e-mail", "email", "english"),
        ("e-mails", "email", "english"),
        ("e mail", "email", "english"),
        ("wi-fi", "wifi", "english"),
        ("wi fi", "wifi", "english"),
        ("COVID-19", "covid19", "english"),
        ("COVID 19", "covid19", "english"),
        ("GPT-4o", "gpt4o", "english"),
        ("GPT\u20114o", "gpt 4o", "english"),
        ("U.S.", "US", "english"),
        ("I.T.", "the IT department", "english"),
        ("W.H.O.", "the WHO says", "english"),
        ("Ph.D.", "PhD", "english"),
        ("ＧＰＴ", "gpt", "none"),
        ("ｶﾞｷﾞ", "ガギ", "none"),
    ],
)
def test_forms_of_a_word_find_each_other(one: str, other: str, language: str) -> None:
    """Whichever is typed."""
    assert meets(one, other, language)
    assert meets(other, one, language)


@pytest.mark.parametrize(
    ("query", "text", "language"),
    [
        ("12.3", "123", "english"),
        ("1.000", "1000", "english"),  # one, to three decimals
        ("1,000", "1000", "german"),
        ("24.11.2026", "24112026", "german"),
        ("192.168.100.200", "192168100200", "german"),
        ("10:30", "1030", "english"),
        ("2026-11-24", "20261124", "english"),
        ("0,123", "0123", "english"),
        ("it", "the IT department", "english"),
        ("WHO", "who is it", "english"),
        ("й", "и", "russian"),  # another letter, no accent
        ("गा", "ग", "none"),  # a vowel
        ("ग", "गा", "none"),
    ],
)
def test_what_is_no_form_of_a_word_does_not_find_it(query: str, text: str, language: str) -> None:
    """Dates, times, decimals and addresses are no grouped numbers, and letters no ornaments."""
    assert not query_words(query, [get_analyzer(language)]).stems & {
        term.stem for term in get_analyzer(language).terms(text)
    } - {part for part in query.replace(":", ".").replace(",", ".").split(".") if part}


@pytest.mark.parametrize(
    ("typed", "other", "language"),
    [
        ("café", "cafe", "english"),
        ("café", "cafe", "french"),
        ("Müller", "Muller", "german"),
        ("Straße", "Strasse", "english"),
        ("1,000", "1000", "english"),
        ("email", "e-mail", "english"),
        ("U.S.", "us", "english"),
    ],
)
def test_what_was_typed_stands_above_its_other_form(
    typed: str, other: str, language: str, folder: Path
) -> None:
    """Of two documents that differ in the form of a word, both ways round."""
    with opening("edge", folder) as opener, opener() as store:
        ensure(store, language=language)
        fill(
            store,
            [make_document("/typed", f"x {typed} y"), make_document("/other", f"x {other} y")],
        )
        found = [each.source for each in find(store, typed, mode="sparse")]
        assert found == ["/typed", "/other"]
        assert find(store, other, mode="sparse")[0].source == "/other"


def test_a_word_with_diacritics_weighs_about_as_one_without(folder: Path) -> None:
    """Where everybody writes them, as in French, they are no reason to count for more."""
    texts = {"/accents": "élève", "/plain": "maître maison"}
    with opening("edge", folder) as opener, opener() as store:
        fill(ensure(store, language="none"), [make_document(k, v) for k, v in texts.items()])
        with_accents, without = (
            find(store, query, mode="sparse")[0].score for query in ("maître", "maison")
        )
    assert with_accents == pytest.approx(without, rel=0.02)


@pytest.mark.parametrize(
    ("query", "text", "marked"),
    [
        ("cafe", "le café noir", "le **café** noir"),
        ("email", "an e-mail came", "an **e-mail** came"),
        ("1000", "some 1,000 people", "some **1,000** people"),
        ("US", "the U.S. economy", "the **U.S.** economy"),
        ("strasse", "die Straße", "die **Straße**"),
    ],
)
def test_the_whole_written_word_is_marked(query: str, text: str, marked: str) -> None:
    """Snippets mark what stands there, not what is compared."""
    analyzer = get_analyzer("english")
    stems = query_words(query, [analyzer]).stems
    assert make_snippet(text, stems, analyzer=analyzer).marked() == marked


def test_forms_neither_lengthen_a_text_nor_stand_beside_words() -> None:
    """Its words are those of version 1, without their diacritics; pairs are of them alone."""
    words = query_words("naïve e-mail", [get_analyzer("english")])
    assert get_analyzer("english").stems("naïve e-mail") == ["naiv", "e", "mail"]
    assert dict(words.pairs) == {"naiv e": 1, "e mail": 1}
    assert len(words) == 3


@pytest.mark.parametrize(
    ("sentence", "word"),
    [
        ("ผู้เช่าลงนามในสัญญาเช่าเมื่อวานนี้", "สัญญา"),
        ("ຜູ້ເຊົ່າເຊັນສັນຍາເຊົ່າມື້ວານນີ້", "ສັນຍາ"),
        ("អ្នកជួលចុះហត្ថលេខាលើកិច្ចសន្យា", "កិច្ចសន្យា"),
        ("အိမ်ငှားသည်စာချုပ်ကိုလက်မှတ်ရေးထိုးသည်", "စာချုပ်"),
        ("承租人签署租约并于每月一日支付租金", "租金"),
        ("借主は契約書に署名しコーヒーを飲んだ", "コーヒー"),
        ("세입자는 서울에서 계약서에 서명했다", "계약서"),
        ("세입자는 서울에서 계약서에 서명했다", "서울"),
    ],
)
def test_a_word_inside_a_sentence_without_blanks_finds_it(
    sentence: str, word: str, folder: Path
) -> None:
    """And no sentence is one token; other sentences of the language stand behind."""
    others = [
        "ร้านอาหารเปิดทุกวันจนถึงเที่ยงคืน",
        "ຮ້ານອາຫານເປີດທຸກມື້",
        "餐厅每天营业到午夜",
        "식당은 매일 문을 연다",
    ]
    assert len(get_analyzer("none").stems(sentence)) > 3
    with opening("edge", folder) as opener, opener() as store:
        fill(
            ensure(store),
            [make_document("/it", sentence), *(make_document(f"/{t}", t) for t in others)],
        )
        assert find(store, word, mode="sparse")[0].source == "/it"
