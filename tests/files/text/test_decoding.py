"""Encodings of text files."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import ReadError
from longembed_rag.files.text.decoding import decode, without_surrogates

PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)


@given(PRINTABLE)
def test_utf8_comes_back_unchanged(text: str) -> None:
    """Whatever can be written as UTF-8 is read as it is, with a mark or without."""
    data = text.encode()
    if not data.startswith(codecs.BOM_UTF8):
        assert decode(codecs.BOM_UTF8 + data, name="a").text == text
        assert decode(b"x " + data, name="a").text == f"x {text}"


@given(PRINTABLE, st.sampled_from(["utf-16", "utf-32"]))
def test_marked_utf16_and_utf32_come_back_unchanged(text: str, encoding: str) -> None:
    """A byte order mark decides."""
    assert decode(text.encode(encoding), name="a").text == text


@given(st.binary())
def test_any_bytes_are_text_or_an_error_of_ours(data: bytes) -> None:
    """Text that comes out can be stored anywhere; all else is named as no text."""
    try:
        told = decode(data, name="a: ").text
    except ReadError as error:
        told = str(error).removeprefix("a: ")
    told.encode()


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Grüße aus Köln: die Straße kostet 5 € – „schön“, n’est-ce pas?"),
        ("cp1251", "Привет, как дела? Это обычный текст на русском языке."),
        ("koi8_r", "Привет, как дела? Это обычный текст на русском языке."),
        ("shift_jis", "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"),
        ("gb18030", "这是一个测试文件，用来检查编码检测。中文文本应当被正确识别。"),
        ("euc_kr", "이것은 인코딩 감지를 확인하기 위한 테스트 파일입니다."),
        ("utf-16-le", "Hello, this is Windows without a mark."),
        ("utf-16-be", "Hello, this is something else without a mark."),
        ("cp1252", "Übergrößenträger"),
        ("cp1252", "Müller\nJørgensen\nRenée\n"),
        ("cp1252", "It costs £5 – “cheap”, isn’t it?"),
        ("cp1252", "Dagen efter gik han ned til havnen, og der lå skibet til Ærø."),
        ("cp1250", "Zażółć gęślą jaźń"),
        ("cp1250", "Smlouva byla uzavřena v Praze a nájemce ji podepsal, že bude platit."),
        ("cp852", "A szerződést Budapesten írták alá, és a bérlő fizet, hogy őrizze a lakást."),
        ("cp1257", "Nuomos sutartis buvo pasirašyta Vilniuje, ir nuomininkas moka už mėnesį."),
        (
            "cp850",
            "Der Vertrag über die Wohnung wurde in München geschlossen und ist fällig.",
        ),
        ("mac_roman", "La réunion a été reportée à l’année prochaine, après une décision."),
        ("mac_roman", "The owner said it’s “fine” and didn’t sign the lease — not yet."),
        ("cp866", "Договор был подписан в Москве, и квартира сдана на год, как это было."),
        ("koi8_u", "Договір підписано в Києві, і квартира здана на рік, як це було раніше."),
        ("cp1253", "Η σύμβαση υπογράφηκε στην Αθήνα και ο ενοικιαστής πληρώνει για τον μήνα."),
        ("cp1254", "Sözleşme imzalandı ve kiracı her ay kirayı öder, çünkü bu daha kolaydır."),
        ("cp1256", "تم توقيع العقد في القاهرة من قبل المالك على أن يدفع المستأجر"),
        ("iso2022_jp", "契約書は東京で締結された。\nabc\n"),
        ("iso2022_kr", "이것은 인코딩 감지를 확인하기"),
        ("hz", "这是一个测试文件, ok 用来检查\nabc\n"),
        ("utf-16-le", "Привет, как дела? Это обычный текст."),
        ("utf-16-be", "这是一个测试文件，用来检查 ok\n中文文本应当被正确识别。\n"),
        ("utf-16-le", "吾輩は猫である。\r\n名前はまだ無い。\r\n"),
    ],
)
def test_a_guess_is_right_and_says_that_it_is_one(encoding: str, text: str) -> None:
    """Files that do not say how they are encoded are read, and the guess is told."""
    decoded = decode(text.encode(encoding), name="a")
    assert decoded.text == text
    assert decoded.encoding == encoding
    assert decoded.note is not None
    assert encoding in decoded.note


def test_ascii_that_only_looks_like_another_set_stays_ascii() -> None:
    """Braces and tildes in a program, and a terminal's colours, are no Chinese or Japanese."""
    for text in ("see~{ABCD~} and ~{bf~}", "a ~{x~} b", "\x1b[31mred\x1b[0m \x1b(B"):
        assert decode(text.encode(), name="a").text == text


def test_utf8_with_a_broken_place_stays_utf8() -> None:
    """One broken character does not turn every other one into nonsense."""
    decoded = decode("Grüße, müde Füße über größeren Dächern".encode() + b"\xff", name="a")
    assert decoded.text == "Grüße, müde Füße über größeren Dächern\ufffd"
    assert decoded.note == "1 places are not valid utf-8; replaced"


def test_a_few_control_characters_are_no_binary() -> None:
    """A log with a NUL or an escape in it is still text."""
    for line in ("a line of the log\n", "eine weitere für alle Fälle\n", "还有一行\n"):
        text = line * 50 + "\0\x1b[31mred\x1b[0m"
        assert decode(text.encode(), name="a").text == text


@given(st.text(st.characters()))
def test_surrogates_are_joined_or_replaced(text: str) -> None:
    """What comes out is valid; what was valid is unchanged."""
    out = without_surrogates(text)
    out.encode()
    try:
        text.encode()
    except UnicodeEncodeError:
        assert out != text
    else:
        assert out == text
