"""What language a text is written in, and what its words are stemmed as."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import SettingsError
from longembed_rag.words.analyzer import get_analyzer, languages
from longembed_rag.words.detecting import detect_language, language_of, told_language
from longembed_rag.words.languages import named_language, require_choice, stemming_language
from longembed_rag.words.query import query_words


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The tenant signs the lease and pays rent on the first of each month.", "english"),
        ("Der Mieter unterschreibt den Vertrag und zahlt am Ersten.", "german"),
        ("Mietvertrag gestern unterschrieben", "german"),
        ("Le locataire signe le bail et paie le loyer chaque mois.", "french"),
        ("El inquilino firma el contrato y paga el alquiler.", "spanish"),
        ("L'inquilino firma il contratto e paga l'affitto ogni mese.", "italian"),
        ("O inquilino assina o contrato e paga o aluguel.", "portuguese"),
        ("De huurder tekent het contract en betaalt de huur.", "dutch"),
        ("Hyresgästen skriver under avtalet och betalar hyran.", "swedish"),
        ("Leietakeren signerer kontrakten og betaler husleien hver måned.", "norwegian"),
        ("Vuokralainen allekirjoittaa sopimuksen ja maksaa vuokran.", "finnish"),
        ("Арендатор подписывает договор и платит каждый месяц.", "russian"),
        ("Kiracı sözleşmeyi imzalar ve her ayın ilk günü kirayı öder.", "turkish"),
        ("Ο ενοικιαστής υπογράφει το συμβόλαιο.", "greek"),
        ("يوقع المستأجر العقد ويدفع الإيجار في أول كل شهر.", "arabic"),
        ("ผู้เช่าลงนามในสัญญาและจ่ายค่าเช่าทุกเดือน", "thai"),
        ("承租人签署租约并于每月一日支付租金。", "chinese"),
        ("借主は契約書に署名し、毎月一日に家賃を支払います。", "japanese"),
        ("세입자는 계약서에 서명하고 매월 임대료를 지불합니다.", "korean"),
    ],
)
def test_a_sentence_tells_its_language(text: str, language: str) -> None:
    """So does a long text that is full of such sentences."""
    assert detect_language(text) == language
    assert detect_language(" ".join([text] * 5)) == language


@pytest.mark.parametrize("text", ["", "12 34 56", "w0 w1 w7 w3", "INV-2024-001", "x = y + 1", "?"])
def test_what_holds_no_language_is_not_guessed(text: str) -> None:
    """Names, numbers and signs are stemmed as English, as everything was before."""
    assert detect_language(text) is None
    assert stemming_language(None) == "english"


@given(st.text(max_size=200))
def test_any_text_can_be_looked_at(text: str) -> None:
    """What is told can be stemmed as something."""
    told = detect_language(text)
    assert stemming_language(told) in {*languages(), "none"}
    assert told is None or named_language(told) == told


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({"language": "de"}, "german"),
        ({"language": "de-DE"}, "german"),
        ({"language": "pt_BR"}, "portuguese"),
        ({"language": "German"}, "german"),
        ({"language": "deu"}, "german"),
        ({"language": ["fr", "en"]}, "french"),
        ({"language": "zh-Hant"}, "chinese"),
        ({"language": "th"}, "thai"),
        ({"language": "klingon"}, None),
        ({"language": 7}, None),
        ({"language": []}, None),
        ({}, None),
    ],
)
def test_metadata_names_languages_in_many_ways(
    metadata: dict[str, object], language: str | None
) -> None:
    """Names, codes, codes with regions, lists; what is not known says nothing."""
    assert told_language(metadata) == language


def test_words_of_a_language_without_a_stemmer_are_left_as_they_are() -> None:
    """Those with one are stemmed in it."""
    assert [stemming_language(each) for each in ("german", "thai", "korean")] == [
        "german",
        "none",
        "none",
    ]


def test_only_languages_can_be_chosen() -> None:
    """The error names those there are, and auto."""
    require_choice("auto")
    require_choice("none")
    with pytest.raises(SettingsError, match=r"language='klingon' is not one of: auto, .*english"):
        require_choice("klingon")


def test_equal_words_of_several_languages_count_once() -> None:
    """A query in two languages weighs what it weighs in one, where both stem it alike."""
    one = query_words("report 2024", [get_analyzer("english")])
    two = query_words("report 2024", [get_analyzer("english"), get_analyzer("german")])
    assert one.weights == two.weights
    assert one.pairs == two.pairs
    several = query_words("houses", [get_analyzer("english"), get_analyzer("none")])
    assert several.weights == {"hous": 1.0, "houses": 1.0}
    assert len(several) == 1


@pytest.mark.parametrize(
    ("query", "stems"),
    [
        ("what is the meaning of it", {"mean", "meaning"}),
        ("how did he die", {"die"}),
        ("die Katze und der Hund", {"katz", "hund", "katze"}),
        ("die", {"die"}),
    ],
)
def test_stopwords_of_the_querys_language_are_none_in_any(query: str, stems: set[str]) -> None:
    """``the`` would find the one German document that quotes English; and "die" may be a verb."""
    found = query_words(query, [get_analyzer("english"), get_analyzer("german")]).stems
    assert found <= stems
    assert found


def test_a_long_text_is_believed_over_a_templates_language() -> None:
    """Office programs and PDFs say en-US of texts in any language; a short text proves nothing."""
    german = "Der Mieter zahlt die Miete im Voraus, und der Hafenmeister führt darüber Buch. "
    assert language_of(german * 20, {"language": "en-US"}) == "german"
    assert language_of("Gift Rat Hand", {"language": "de"}) == "german"
    assert language_of(german, {"language": "en-US"}) == "english"
    assert language_of(german, {}) == "german"
    assert language_of("4711 " * 400, {"language": "de"}) == "german"
