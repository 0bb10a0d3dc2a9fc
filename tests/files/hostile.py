"""Files of every format that are made to lead a reader astray: for each a shape, of any size."""

from __future__ import annotations

from collections.abc import Callable

from tests.files.making import WORD_NAMESPACES, make_pdf, pack_docx, paragraph
from tests.files.making_office import (
    make_epub,
    make_fb2,
    make_notebook,
    make_odf,
    make_pptx,
    make_xlsx,
    make_zip,
)
from tests.files.making_ole import make_doc, make_msg, make_ppt, make_xls

_MAIL = "From: a@example.org\r\nSubject: s\r\n"
_MULTIPART = _MAIL + 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
#: A word for every shape, so that a file has a text.
_TEXT = "words"


def _run(text: str) -> str:
    return f"<w:r><w:t>{text}</w:t></w:r>"


def _markdown() -> dict[str, Callable[[int], str]]:
    return {
        "quotes.md": lambda n: "> " * n + _TEXT,
        "quotes-lines.md": lambda n: "\n".join("> " * (k % 100) + _TEXT for k in range(n // 50)),
        "lists.md": lambda n: "\n".join("  " * k + "- a" for k in range(int(n**0.5))),
        "list-marks.md": lambda n: "- " * n + _TEXT,
        "list-items.md": lambda n: "- a\n" * n,
        "brackets.md": lambda n: "[" * n + _TEXT,
        "links.md": lambda n: "# " + "[a](" * n,
        "references.md": lambda n: "".join(f"[a{k}]: b\n" for k in range(n // 8)) + _TEXT,
        "half-references.md": lambda n: "[a]: <" * n + "\n" + _TEXT,
        "headings.md": lambda n: "# a\n" * n,
        "emphasis.md": lambda n: "# " + "*a **a " * n,
        "stars.md": lambda n: "# " + "*" * n + " a",
        "ticks.md": lambda n: "# " + " ".join("`" * k for k in range(1, int((2 * n) ** 0.5))),
        "fences.md": lambda n: "```\na\n" * n,
        "tables.md": lambda n: "|" * n + "\n" + "|-" * n + "\n" + _TEXT,
        "setext.md": lambda n: "a\n" * n + "---\n",
        "html.md": lambda n: "<a " * n + _TEXT,
        "comments.md": lambda n: "<!--" * n + _TEXT,
        "attributes.md": lambda n: "# a " + "{:a " * n,
        "blanks.md": lambda n: "# a" + " " * n + "b",
        "line.md": lambda n: "word " * n,
        "front.md": lambda n: "---\n" + "a: [" * min(n, 10_000) + "\n---\nwords\n",
        "front-maps.md": lambda n: "---\n" + "".join(f"k{k}: v\n" for k in range(n // 8))
        + "---\nwords\n",
    }  # fmt: skip


def _texts() -> dict[str, Callable[[int], str]]:
    return {
        "line.txt": lambda n: "word " * n,
        "letters.txt": lambda n: "a" * n,
        "hyphens.txt": lambda n: "wo-\n" * n,
        "hyphen-blanks.txt": lambda n: "wo-" + "\n" * n + "rd",
        "hyphen-words.txt": lambda n: "a-" * n,
        "accents.txt": lambda n: "e" + "\u0301" * n,
        "marks.txt": lambda n: "\u0301" * n + " words",
        "jamo.txt": lambda n: "\u1100" * n,
        "breaks.txt": lambda n: "a\r" * n,
        "deep.json": lambda n: "[" * n + '"words"',
        "escapes.json": lambda n: '"' + "\\u00e9" * n + '"',
        "halves.json": lambda n: '"words ' + "\\ud800" * n + '"',
        "backslashes.json": lambda n: '"words ' + "\\" * n,
        "deep.xml": lambda n: "<a>" * n + _TEXT,
        "comments.xml": lambda n: "<!--" * n + _TEXT,
        "cdata.xml": lambda n: "<![CDATA[" * n + _TEXT,
        "doctypes.xml": lambda n: "<!DOCTYPE" * n + _TEXT,
        "doctype-parts.xml": lambda n: "<!DOCTYPE a [" * n + _TEXT,
        "references.xml": lambda n: "&#233;" * n,
        "half-references.xml": lambda n: "&a" * n + _TEXT,
        "declaration.xml": lambda n: "<?xml " * n + _TEXT,
        "quotes.csv": lambda n: '"' * n + _TEXT,
        "commas.csv": lambda n: "," * n + _TEXT,
        "braces.tex": lambda n: "\\section" + "{" * n + _TEXT,
        "sections.tex": lambda n: "\\section{a}\n" * n,
        "open-sections.tex": lambda n: "\\section{" * n + _TEXT,
        "open-squares.tex": lambda n: "\\section[" * n + _TEXT,
        "blanks.tex": lambda n: "\\section" + " " * n + _TEXT,
        "verbatim.tex": lambda n: "\\begin{verbatim}" * n + _TEXT,
        "percent.tex": lambda n: "\\" * n + "%" + _TEXT,
        "commands.tex": lambda n: "\\section{" + "\\a" * 900 + "}" + "\\cite{" * n,
        "rules.rst": lambda n: "=" * n + "\na\n" + "=" * n + "\n",
        "kinds.rst": lambda n: "aaaa\n====\n" * n,
        "signs.rst": lambda n: "=-" * n + _TEXT,
        "signs.adoc": lambda n: "= a" + " =" * n + "\n" + _TEXT,
        "fences.adoc": lambda n: "----\n" * n + _TEXT,
        "blanks.adoc": lambda n: "= a" + " " * min(n, 900) + "b\n" * n,
        "stars.org": lambda n: "*" * n + " a\n",
        "tags.org": lambda n: "* a :" + "a:" * n + "\n" + _TEXT,
        "titles.org": lambda n: "#+title:" + " " * n + "\n" + _TEXT,
        "modelines.txt": lambda n: "vim:" * n + _TEXT,
        "codings.txt": lambda n: "codin" * n + _TEXT,
    }


def _pages() -> dict[str, Callable[[int], str]]:
    return {
        "nested.html": lambda n: "<div>" * n + _TEXT,
        "inline.html": lambda n: "<b>" * n + _TEXT,
        "ends.html": lambda n: "<div>" * n + "</p>" * n + _TEXT,
        "odd-ends.html": lambda n: "<div>" * n + "</i>" * n + _TEXT,
        "crossed.html": lambda n: "<b><i>" * n + "</b></i>" * n + _TEXT,
        "half-tags.html": lambda n: "<a " * n + _TEXT,
        "attributes.html": lambda n: "<a " + "".join(f"a{k}=b " for k in range(n // 4)) + ">words",
        "attribute.html": lambda n: "<a title='" + "a " * n + "'>words</a>",
        "headings.html": lambda n: "<h1>" * n + _TEXT,
        "tables.html": lambda n: "<table><tr><td>" * n + _TEXT,
        "cells.html": lambda n: "<table><tr>" + "<td>a" * n,
        "lists.html": lambda n: "<ul><li>a" * n,
        "comments.html": lambda n: "<!--" * n + _TEXT,
        "entities.html": lambda n: "&amp;" * n + _TEXT,
        "half-entities.html": lambda n: "&#" * n + _TEXT,
        "raised.html": lambda n: "a<sup>2</sup>" * n,
        "deep-raised.html": lambda n: "<sup>" * n + "2",
        "styles.html": lambda n: f"<p style='{'display ' * n}'>words",
        "metas.html": lambda n: "<meta name=a content=b>" * n + _TEXT,
        "charsets.html": lambda n: "<meta charset" * n + _TEXT,
        "scripts.html": lambda n: "<script>" * n + _TEXT,
        "selects.html": lambda n: "<select><option>a" * n,
        "paragraphs.html": lambda n: "<p>" * n + _TEXT,
        "titles.html": lambda n: "<title>a" * n,
        "forms.html": lambda n: "<form><input value=a>" * n,
        "svg.html": lambda n: "<svg><title>a" * n + _TEXT,
    }


def _word(body: Callable[[int], str]) -> Callable[[int], bytes]:
    return lambda n: pack_docx(body(n))


def _office() -> dict[str, Callable[[int], bytes]]:
    box, table = "<w:p><w:r><w:pict><w:txbxContent>", "<w:tbl><w:tr><w:tc>"
    numbered = "<w:numPr><w:ilvl w:val='0'/><w:numId w:val='1'/></w:numPr>"
    return {
        "paragraphs.docx": _word(lambda n: paragraph("a") * n),
        "runs.docx": _word(lambda n: f"<w:p>{_run('a') * n}</w:p>"),
        "raised.docx": _word(
            lambda n: "<w:p>"
            + ("<w:r><w:rPr><w:vertAlign w:val='superscript'/></w:rPr><w:t>2</w:t></w:r>"
               + _run("m")) * n
            + "</w:p>"
        ),
        "nested.docx": _word(lambda n: "<w:sdt>" * n + paragraph("a") + "</w:sdt>" * n),
        "tables.docx": _word(
            lambda n: table * n + paragraph("a") + "</w:tc></w:tr></w:tbl>" * n
        ),
        "cells.docx": _word(
            lambda n: "<w:tbl><w:tr>" + f"<w:tc>{paragraph('a')}</w:tc>" * n + "</w:tr></w:tbl>"
        ),
        "boxes.docx": _word(
            lambda n: box * n + paragraph("a") + "</w:txbxContent></w:pict></w:r></w:p>" * n
        ),
        "formulas.docx": _word(
            lambda n: "<w:p>" + "<m:sup>" * n + "<m:t>2</m:t>" + "</m:sup>" * n + "</w:p>"
        ),
        "forms.docx": _word(
            lambda n: "<w:p><mc:AlternateContent>" + f"<mc:Choice>{_run('a')}</mc:Choice>" * n
            + "</mc:AlternateContent></w:p>"
        ),
        "numbers.docx": _word(lambda n: paragraph("a", numbered) * n),
        "breaks.docx": _word(
            lambda n: paragraph("a") + "<w:p><w:r><w:lastRenderedPageBreak/></w:r></w:p>" * n
        ),
        "attributes.docx": _word(
            lambda n: "<w:p " + "".join(f"a{k}='b' " for k in range(n)) + f">{_run('a')}</w:p>"
        ),
        "comments.docx": lambda n: pack_docx(
            paragraph("a"),
            {"comments.xml": (
                "comments",
                f"<w:comments {WORD_NAMESPACES}>"
                + f"<w:comment w:id='1'>{paragraph('a')}</w:comment>" * n + "</w:comments>")},
        ),
        "nested.odt": lambda n: make_odf("<text:section>" * n + "<text:p>a</text:p>"
                                         + "</text:section>" * n),
        "paragraphs.odt": lambda n: make_odf("<text:p>a</text:p>" * n),
        "spans.odt": lambda n: make_odf(
            "<text:p>" + "<text:span>" * n + "a" + "</text:span>" * n + "</text:p>"),
        "frames.odt": lambda n: make_odf(
            "<text:p>" + "<draw:frame><draw:text-box><text:p>" * n + "a"
            + "</text:p></draw:text-box></draw:frame>" * n + "</text:p>"),
        "cells.ods": lambda n: make_odf(
            "<table:table table:name='a'><table:table-row>"
            + "<table:table-cell table:number-columns-repeated='9'><text:p>a</text:p>"
              "</table:table-cell>" * n + "</table:table-row></table:table>", kind="spreadsheet"),
        "sections.fb2": lambda n: make_fb2("<section>" * n + "<p>a</p>" + "</section>" * n),
        "paragraphs.fb2": lambda n: make_fb2(f"<section>{'<p>a</p>' * n}</section>"),
        "emphasis.fb2": lambda n: make_fb2(
            "<section><p>" + "<emphasis>" * n + "a" + "</emphasis>" * n + "</p></section>"),
        "chapters.epub": lambda n: make_epub(["<p>a</p>"] * (n // 20 + 1)),
        "repeated.epub": lambda n: make_epub(["<p>a</p>"], spine=[0] * n),
        "nested.epub": lambda n: make_epub(["<div>" * n + "a" + "</div>" * n]),
        "paragraphs.pptx": lambda n: make_pptx(
            [f"<p:sp><p:txBody>{'<a:p><a:r><a:t>a</a:t></a:r></a:p>' * n}</p:txBody></p:sp>"]),
        "groups.pptx": lambda n: make_pptx(
            ["<p:grpSp>" * n + "<p:sp><p:txBody><a:p><a:r><a:t>a</a:t></a:r></a:p></p:txBody>"
             "</p:sp>" + "</p:grpSp>" * n]),
        "members.pptx": lambda n: make_zip(
            {"ppt/presentation.xml": "<a/>", **{f"ppt/{k}.xml": "<a/>" for k in range(n // 10)}}),
        "rows.xlsx": lambda n: make_xlsx({"a": [["words", "b"]] * n}),
    }  # fmt: skip


def _others() -> dict[str, Callable[[int], bytes]]:
    def rtf(body: Callable[[int], str]) -> Callable[[int], bytes]:
        return lambda n: ("{\\rtf1\\ansi " + body(n)).encode()

    def mail(body: Callable[[int], str]) -> Callable[[int], bytes]:
        return lambda n: body(n).encode()

    return {
        "groups.rtf": rtf(lambda n: "{" * n + "a" + "}" * n + "}"),
        "open-groups.rtf": rtf(lambda n: "{" * n + "a"),
        "notes.rtf": rtf(lambda n: "{\\footnote " * n + "a"),
        "notes-beside.rtf": rtf(lambda n: "{\\footnote a}" * n + "a}"),
        "pictures.rtf": rtf(lambda n: "{\\pict " * n + "a}"),
        "links.rtf": rtf(lambda n: "\\fldinst HYPERLINK " * n + "a}"),
        "cells.rtf": rtf(lambda n: "\\trowd a\\cell\\row" * n + "}"),
        "bytes.rtf": rtf(lambda n: "\\'e9" * n + "}"),
        "binary.rtf": rtf(lambda n: "\\bin1 a" * n + "b}"),
        "fonts.rtf": rtf(lambda n: "{\\fonttbl " + "{\\f1 a;}" * n + "}a}"),
        "properties.rtf": rtf(lambda n: "{\\info " + "{\\title " * n + "a"),
        "letters.rtf": rtf(lambda n: "\\" + "a" * n + " b}"),
        "unicode.rtf": rtf(lambda n: "\\u233 e" * n + "}"),
        "parts.eml": mail(lambda n: _MULTIPART + "--b\r\n\r\na\r\n" * n + "--b--\r\n"),
        "nested.eml": mail(
            lambda n: _MAIL + "".join(
                f"Content-Type: multipart/mixed; boundary=b{k}\r\n\r\n--b{k}\r\n"
                for k in range(n // 10)) + "\r\nwords"),
        "mails.eml": mail(lambda n: _MAIL + "Content-Type: message/rfc822\r\n\r\n" * n + "words"),
        "headers.eml": mail(lambda n: _MAIL + "X-A: b\r\n" * n + "\r\nwords"),
        "addresses.eml": mail(lambda n: "To: " + "a@b.c, " * n + "\r\n" + _MAIL + "\r\nwords"),
        "open-addresses.eml": mail(lambda n: "To: " + "<" * n + "\r\n" + _MAIL + "\r\nwords"),
        "remarks.eml": mail(lambda n: "To: " + "(" * n + "\r\n" + _MAIL + "\r\nwords"),
        "quoted.eml": mail(lambda n: "To: " + '"' * n + "\r\n" + _MAIL + "\r\nwords"),
        "words.eml": mail(
            lambda n: "Cc: " + "=?utf-8?q?a?= " * n + "\r\n" + _MAIL + "\r\nwords"),
        "continued.eml": mail(
            lambda n: _MAIL + "Content-Type: text/plain; "
            + "; ".join(f"a*{k}=b" for k in range(n // 8)) + "\r\n\r\nwords"),
        "parts.mht": mail(lambda n: _MULTIPART.replace("mixed", "related")
            + "--b\r\nContent-Type: text/html\r\n\r\n<p>a\r\n" * n + "--b--\r\n"),
        "cells.ipynb": lambda n: make_notebook(*[("markdown", "# a")] * (n // 10 + 1)),
        "deep.ipynb": lambda n: b'{"cells": ' + b"[" * n,
        "long.doc": lambda n: make_doc("words\r" * n),
        "slides.ppt": lambda n: make_ppt([("a", "b")] * (n // 10 + 1)),
        "body.msg": lambda n: make_msg(subject="a", body="words " * n, sender="b"),
        "cells.xls": lambda n: make_xls(["words"] * (n // 10 + 1)),
        "pages.pdf": lambda n: make_pdf(["words"] * (n // 20 + 1)),
        "lines.pdf": lambda n: make_pdf(["\n".join(["words"] * n)]),
        "loop.pdf": lambda n: make_pdf(["words"] * 3).replace(b"/Kids [5 0 R", b"/Kids [2 0 R"),
        "outline.pdf": lambda n: outline_pdf(n // 10 + 1),
        "objects.pdf": lambda n: make_pdf(["words"]).replace(
            b"%PDF-1.4\n", b"%PDF-1.4\n" + b"9 0 obj\n<<>>\nendobj\n" * n),
        "arrays.pdf": lambda n: make_pdf(["words"]).replace(
            b"/MediaBox [", b"/A " + b"[" * n + b" /MediaBox ["),
    }  # fmt: skip


def outline_pdf(count: int, *, loop: bool = False) -> bytes:
    """A PDF of one page whose outline has many entries, or goes round in a circle."""
    data = make_pdf(["words"])
    entries = b"".join(
        b"%d 0 obj\n<< /Title (words) /Parent 90 0 R /Dest [5 0 R /Fit] /Next %d 0 R >>\nendobj\n"
        % (91 + at, 91 + (at + 1) % count if loop or at + 1 < count else 6)
        for at in range(count)
    )
    outlines = b"90 0 obj\n<< /Type /Outlines /First 91 0 R /Last %d 0 R /Count %d >>\nendobj\n" % (
        90 + count,
        count,
    )
    # Without its table of objects PDFium looks for them itself.
    body = data[: data.index(b"xref\n")].replace(b"/Pages 2 0 R", b"/Pages 2 0 R /Outlines 90 0 R")
    return body + outlines + entries + b"trailer << /Root 1 0 R >>\n%%EOF"


def shapes() -> dict[str, Callable[[int], bytes]]:
    """For each file's name what makes it, of a size: the number of times that its part repeats."""
    made: dict[str, Callable[[int], bytes]] = {}
    for group in (_markdown(), _texts(), _pages()):
        for name, text in group.items():
            made[name] = lambda n, text=text: text(n).encode()  # type: ignore[misc]
    return {**made, **_office(), **_others()}
