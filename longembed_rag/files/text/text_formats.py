"""Text files that write some characters otherwise: JSON and XML, as their readers see them."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator

# An escape after an escaped backslash is none, which is why both are looked for together.
_JSON_ESCAPE = re.compile(
    r'\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|["\\/bfnrt])'
)
_XML_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#x[0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_XML_OPENINGS = re.compile(r"<!\[CDATA\[|<!--|<!DOCTYPE")
_XML_ENDS = {"<![CDATA[": re.compile(r"\]\]>"), "<!--": re.compile("-->")}
_XML_SUBSET = re.compile(r"[\[>]")
_XML_SUBSET_ENDS = re.compile(r"\]\s*>")
_XML_DECLARATION = re.compile(rb"""\s*<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z][\w.:-]*)["']""")
# Emacs's and Vim's line, which Python reads as well, and LaTeX's package.
_CODING = re.compile(rb"\A(?:[^\n]*\n)?[^\n]*?coding[:=][ \t]*([-\w.]+)")
# Both may stand at the end as well, Emacs's as a list of its own.
_AT_THE_END = re.compile(
    rb"\b(?:vim?|ex):[^\n]*?\b(?:fenc|fileencoding)=([-\w]+)"
    rb"|Local Variables:[^\0]*?\bcoding:[ \t]*([-\w]+)"
)
_OF_TRANSLATIONS = re.compile(rb'^"Content-Type:[^"\n]*charset=([-\w]+)', re.MULTILINE)
_INPUTENC = re.compile(rb"^[ \t]*\\usepackage\[([\w-]+)\]\{inputenc\}", re.MULTILINE)
_OF_INPUTENC = {
    "ansinew": "cp1252",
    "applemac": "mac_roman",
    "cp1250": "cp1250",
    "cp1251": "cp1251",
    "cp1252": "cp1252",
    "cp437": "cp437",
    "cp850": "cp850",
    "cp852": "cp852",
    "koi8-r": "koi8_r",
    "latin1": "iso8859_1",
    "latin2": "iso8859_2",
    "latin5": "iso8859_9",
    "latin9": "iso8859_15",
    "latin10": "iso8859_16",
    "utf8": "utf-8",
    "utf8x": "utf-8",
}
_DECLARED_WITHIN = 8_192
_ENDS_WITHIN = 3_000


def declared_encoding(data: bytes, suffix: str) -> str | None:
    """The encoding that a text file says it has; None where it says nothing.

    Args:
        data: The file.
        suffix: Its suffix, lower case.
    """
    head = data[:_DECLARED_WITHIN]
    found = _XML_DECLARATION.match(head)
    if found is None and suffix == ".tex" and (said := _INPUTENC.search(head)) is not None:
        return _OF_INPUTENC.get(said[1].decode("ascii", "replace").lower())
    if found is None and suffix in (".po", ".pot"):
        found = _OF_TRANSLATIONS.search(head)
    found = found or _CODING.search(head) or _AT_THE_END.search(data[-_ENDS_WITHIN:])
    return None if found is None else found[found.lastindex or 0].decode("ascii", "replace")


def without_json_escapes(text: str) -> str:
    r"""JSON with its escapes as the characters that they stand for.

    Line breaks and tabs within a string become blanks, so that a line of the file stays a line
    and the words at both sides stay apart. A half of a pair (``\ud800``) stays as it is written.
    """

    def character(match: re.Match[str]) -> str:
        written = match.group()
        if len(written) == 2:
            return " " if written[1] in "bfnrt" else written[1]
        numbers = [int(each, 16) for each in re.findall(r"\\u(.{4})", written)]
        joined = "".join(map(chr, numbers)).encode("utf-16-le", "surrogatepass")
        try:
            resolved = joined.decode("utf-16-le")
        except UnicodeDecodeError:
            return written
        return " " if unicodedata.category(resolved) == "Cc" else resolved

    return _JSON_ESCAPE.sub(character, text)


def without_xml_references(text: str) -> str:
    """XML with its references (``&#381;``, ``&amp;``) as the characters that they stand for.

    Tags stay: they name what they hold, and their attributes hold words of their own. Verbatim
    parts lose their marks; comments stay as they are written, and entities that the document
    declares itself are not put in, so that none can grow.
    """
    out, done = [], 0
    for start, begin, end, after in _verbatim(text):
        out.append(_XML_REFERENCE.sub(_referred, text[done:start]))
        out.append(text[begin:end])
        done = after
    out.append(_XML_REFERENCE.sub(_referred, text[done:]))
    return "".join(out)


def _verbatim(text: str) -> Iterator[tuple[int, int, int, int]]:
    """Parts in which nothing is referred to.

    Yields:
        Where each begins, what of it stays, and where the text goes on.
    """
    place = 0
    endless = set[str]()  # what is never closed below, and need not be looked for again
    while (opening := _XML_OPENINGS.search(text, place)) is not None:
        kind, start, place = opening.group(), opening.start(), opening.end()
        if kind in endless:
            continue
        closing = _xml_end(text, kind, place)
        if closing is None:
            endless.add(kind)
            continue
        is_data = kind.endswith("[")
        yield (
            start,
            place if is_data else start,
            closing.start() if is_data else closing.end(),
            closing.end(),
        )
        place = closing.end()


def _xml_end(text: str, kind: str, begin: int) -> re.Match[str] | None:
    if kind in _XML_ENDS:
        return _XML_ENDS[kind].search(text, begin)
    found = _XML_SUBSET.search(text, begin)
    if found is None or found.group() == ">":
        return found
    return _XML_SUBSET_ENDS.search(text, found.end())


def _referred(match: re.Match[str]) -> str:
    return html.unescape(match.group())
