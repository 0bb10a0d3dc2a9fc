"""The numbers that Word shows before paragraphs."""

from __future__ import annotations

import pytest
from lxml import etree

from longembed_rag.files.formats.docx_numbering import Numbering
from longembed_rag.files.formats.docx_styles import Styles

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def parsed(tag: str, inner: str) -> etree._Element:
    """An element of Word's with some content."""
    return etree.fromstring(f'<w:{tag} xmlns:w="{_WORD}">{inner}</w:{tag}>')


def level(index: int, text: str, form: str = "decimal", more: str = "", start: int = 1) -> str:
    """One level of a list."""
    return (
        f'<w:lvl w:ilvl="{index}"><w:start w:val="{start}"/><w:numFmt w:val="{form}"/>{more}'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
    )


def numbers(
    definition: str, paragraphs: list[tuple[str, int]], *, lists: str = "", styles: str = ""
) -> list[str]:
    """The numbers before paragraphs, of which each is a list's id and a level."""
    root = parsed(
        "numbering",
        f'<w:abstractNum w:abstractNumId="0">{definition}</w:abstractNum>'
        f'<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>{lists}',
    )
    numbering = Numbering(root, Styles(parsed("styles", styles)))
    return [
        numbering.label(
            parsed("pPr", f'<w:numPr><w:ilvl w:val="{at}"/><w:numId w:val="{of}"/></w:numPr>')
        )
        for of, at in paragraphs
    ]


def test_levels_count_and_start_anew_below_each_other() -> None:
    """A contract's clauses: each level goes on until one above it does."""
    definition = level(0, "%1.") + level(1, "%1.%2") + level(2, "(%3)", "lowerLetter")
    order = [0, 1, 2, 2, 1, 0, 1, 2, 0]
    assert numbers(definition, [("1", each) for each in order]) == [
        "1. ", "1.1 ", "(a) ", "(b) ", "1.2 ", "2. ", "2.1 ", "(a) ", "3. ",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "start", "shown"),
    [
        ("decimalZero", 9, ["09", "10"]),
        ("lowerLetter", 26, ["z", "aa"]),
        ("upperLetter", 27, ["AA", "BB"]),
        ("lowerRoman", 8, ["viii", "ix"]),
        ("upperRoman", 1994, ["MCMXCIV", "MCMXCV"]),
        ("ordinal", 11, ["11th", "12th"]),
        ("ordinal", 21, ["21st", "22nd"]),
        ("russianLower", 1, ["а", "б"]),
        ("japaneseCounting", 10, ["十", "十一"]),
        ("decimalEnclosedCircle", 20, ["⑳", "21"]),
        ("none", 1, ["", ""]),
        ("someFormOfTomorrow", 3, ["3", "4"]),
    ],
)
def test_forms_of_numbers(form: str, start: int, shown: list[str]) -> None:
    """Numbers are written as Word writes them."""
    definition = level(0, "§ %1", form, start=start)
    expected = [f"§ {each}".strip() + " " for each in shown]
    assert numbers(definition, [("1", 0)] * 2) == expected


def test_bullets_are_no_numbers() -> None:
    """A bullet says nothing, and its character means another in the font that shows it."""
    assert numbers(level(0, "o", "bullet"), [("1", 0)]) == [""]


def test_lists_of_one_definition_share_a_count_unless_they_start_anew() -> None:
    """A second list goes on; one with a start of its own begins there, once."""
    lists = (
        '<w:num w:numId="2"><w:abstractNumId w:val="0"/></w:num>'
        '<w:num w:numId="3"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0">'
        '<w:startOverride w:val="7"/></w:lvlOverride></w:num>'
    )
    order = [("1", 0), ("1", 0), ("2", 0), ("3", 0), ("3", 0), ("9", 0), ("0", 0)]
    shown = ["1. ", "2. ", "3. ", "7. ", "8. ", "", ""]
    assert numbers(level(0, "%1."), order, lists=lists) == shown


def test_a_list_may_write_a_level_in_its_own_way() -> None:
    """A list's own level takes the place of its definition's."""
    lists = (
        '<w:num w:numId="2"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0">'
        f"{level(0, 'Annex %1:', 'upperLetter')}</w:lvlOverride></w:num>"
    )
    assert numbers(level(0, "%1."), [("2", 0), ("2", 0)], lists=lists) == ["Annex A: ", "Annex B: "]


def test_levels_that_never_start_anew_and_legal_ones() -> None:
    """``lvlRestart`` 0 counts on; ``isLgl`` writes the levels above in digits."""
    definition = (
        level(0, "%1.", "upperRoman")
        + level(1, "%1.%2", more='<w:lvlRestart w:val="0"/><w:isLgl/>')
        + level(2, "%3)", more='<w:lvlRestart w:val="1"/>')
    )
    order = [0, 1, 2, 1, 2, 0, 1, 2]
    assert numbers(definition, [("1", each) for each in order]) == [
        "I. ", "1.1 ", "1) ", "1.2 ", "2) ", "II. ", "2.3 ", "1) ",
    ]  # fmt: skip


def test_a_level_that_is_only_shown_counts() -> None:
    """As in Word: after 1.1 under no first clause comes the second one."""
    assert numbers(level(0, "%1.") + level(1, "%1.%2"), [("1", 1), ("1", 0)]) == ["1.1 ", "2. "]


def test_numbers_by_style() -> None:
    """Headings are numbered by their styles, and by those that these are based on."""
    styles = """
    <w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/><w:pPr><w:numPr>
      <w:numId w:val="1"/></w:numPr></w:pPr></w:style>
    <w:style w:type="paragraph" w:styleId="H2"><w:basedOn w:val="H1"/><w:pPr><w:numPr>
      <w:ilvl w:val="1"/></w:numPr></w:pPr></w:style>
    <w:style w:type="paragraph" w:styleId="Plain"><w:basedOn w:val="H1"/><w:pPr><w:numPr>
      <w:numId w:val="0"/></w:numPr></w:pPr></w:style>"""
    root = parsed(
        "numbering",
        '<w:abstractNum w:abstractNumId="5"><w:lvl w:ilvl="0"><w:start w:val="1"/>'
        '<w:pStyle w:val="H1"/><w:lvlText w:val="%1"/></w:lvl>'
        + level(1, "%1.%2")
        + "</w:abstractNum>"
        '<w:num w:numId="1"><w:abstractNumId w:val="5"/></w:num>',
    )
    numbering = Numbering(root, Styles(parsed("styles", styles)))

    def of(style: str) -> str:
        return numbering.label(parsed("pPr", f'<w:pStyle w:val="{style}"/>'))

    assert [of(style) for style in ("H1", "H2", "Plain", "H2", "H1")] == [
        "1 ", "1.1 ", "", "1.2 ", "2 ",
    ]  # fmt: skip
    assert numbering.label(None) == ""


def test_definitions_behind_styles_of_lists() -> None:
    """A definition may stand for another one's, by a style; one that leads nowhere numbers none."""
    root = parsed(
        "numbering",
        '<w:abstractNum w:abstractNumId="0"><w:numStyleLink w:val="S"/></w:abstractNum>'
        f'<w:abstractNum w:abstractNumId="1"><w:styleLink w:val="S"/>{level(0, "%1)")}'
        '</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
        '<w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>',
    )
    numbered = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
    for behind, shown in (("2", "1) "), ("1", "")):
        style = (
            f'<w:style w:type="numbering" w:styleId="S"><w:pPr><w:numPr><w:numId w:val="{behind}"/>'
            "</w:numPr></w:pPr></w:style>"
        )
        numbering = Numbering(root, Styles(parsed("styles", style)))
        assert numbering.label(parsed("pPr", numbered)) == shown
