"""Archives and XML that would go off."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.archives import open_archive, parse_xml
from longembed_rag.files.readers import read_file
from tests.files.making_office import make_epub, make_odf, make_pptx, make_xlsx, make_zip, shape

_BOMB = (
    '<!DOCTYPE a [<!ENTITY a0 "ducks">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]>"
)


@pytest.mark.parametrize("suffix", [".pptx", ".xlsx", ".odt", ".epub"])
def test_a_decompression_bomb_is_refused(tmp_path: Path, suffix: str) -> None:
    """Before anything of it is unpacked: 300 MB of zeros in a file of some MB."""
    makers = {
        ".pptx": make_pptx([shape("x")]),
        ".xlsx": make_xlsx({"a": [["x"]]}),
        ".odt": make_odf("<text:p>x</text:p>"),
        ".epub": make_epub(["<p>x</p>"]),
    }
    path = tmp_path / f"a{suffix}"
    path.write_bytes(makers[suffix])
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("bomb", "w") as file,
    ):
        for _ in range(300):
            file.write(bytes(1 << 20))
    with pytest.raises(ReadError, match=r"would unpack from .* as a decompression bomb does"):
        read_file(path)


def test_a_large_document_is_no_bomb() -> None:
    """What is packed as tightly as text is opened, however long."""
    data = make_zip({"word": bytes(1 << 20)})
    assert open_archive(data, "a", kind="it", holds="word").namelist() == ["word"]


@pytest.mark.parametrize(
    "xml",
    [
        f"{_BOMB}<a>&a9;</a>",
        f'{_BOMB}<a b="&a9;"/>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    ],
)
def test_entities_are_refused(xml: str) -> None:
    """In a text and in an attribute, of any size, in either encoding, from a file."""
    encoding = "utf-16" if "utf-16" in xml else "utf-8"
    with pytest.raises(SyntaxError, match="it declares entities"):
        parse_xml(xml.encode(encoding))


def test_a_declared_type_alone_is_no_bomb() -> None:
    """Books name the type of their pages; it is not fetched."""
    xml = b'<!DOCTYPE package PUBLIC "-//x" "http://example.org/x.dtd"><package>&amp;</package>'
    assert parse_xml(xml).text == "&"


def test_a_bomb_in_a_document_is_its_failure(tmp_path: Path) -> None:
    """By name, with the reason."""
    path = tmp_path / "a.odt"
    path.write_bytes(make_zip({"content.xml": f"{_BOMB}<a>&a9;</a>"}))
    with pytest.raises(ReadError, match=rf"^{path}: .*damaged .*it declares entities"):
        read_file(path)


def test_a_damaged_name_of_its_kind_is_damage() -> None:
    """What should say that it is something else may be what is damaged."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
    with pytest.raises(ReadError, match=r"give it the suffix \.epub"):
        open_archive(out.getvalue(), "a.pptx", kind="the PPTX", holds="ppt/")
    damaged = b"XXXX" + out.getvalue()[4:]
    with pytest.raises(ReadError, match=r"a\.pptx: the PPTX is damaged"):
        open_archive(damaged, "a.pptx", kind="the PPTX", holds="ppt/")
