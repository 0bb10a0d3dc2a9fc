"""Encodings of text files."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import ReadError
from longembed_rag.files.decoding import decode, without_surrogates

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
    ],
)
def test_a_guess_is_right_and_says_that_it_is_one(encoding: str, text: str) -> None:
    """Files that do not say how they are encoded are read, and the guess is told."""
    decoded = decode(text.encode(encoding), name="a")
    assert decoded.text == text
    assert decoded.encoding == encoding
    assert decoded.note is not None
    assert encoding in decoded.note


def test_utf8_with_a_broken_place_stays_utf8() -> None:
    """One broken character does not turn every other one into nonsense."""
    decoded = decode("Grüße, müde Füße über größeren Dächern".encode() + b"\xff", name="a")
    assert decoded.text == "Grüße, müde Füße über größeren Dächern\ufffd"
    assert decoded.note == "1 places are not valid utf-8; replaced"


def test_a_few_control_characters_are_no_binary() -> None:
    """A log with a NUL or an escape in it is still text."""
    text = "a line of the log\n" * 50 + "\0\x1b[31mred\x1b[0m"
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
