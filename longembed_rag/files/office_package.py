"""Office Open XML files (DOCX and its neighbours) as parts that refer to each other."""

from __future__ import annotations

import io
import posixpath
import zipfile
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from longembed_rag.errors import ReadError

#: What may be unpacked of one file, in bytes, and how many times larger than packed a part may be
#: once it is large. Documents of thousands of pages stay below a tenth of either.
MOST_UNPACKED = 512 * 2**20
_LARGE = 10 * 2**20
_MOST_TIMES_LARGER = 300

_STRICT = "http://purl.oclc.org/ooxml/"
_OPEN = "http://schemas.openxmlformats.org/"
_RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_CONTENT_TYPES = "[Content_Types].xml"
# Families whose names differ by more than the year between the two forms of the standard.
_RENAMED = {
    "officeDocument/extendedProperties": "officeDocument/2006/extended-properties",
    "officeDocument/customProperties": "officeDocument/2006/custom-properties",
}


@dataclass(frozen=True)
class Relation:
    """What a part refers to.

    Attributes:
        kind: The last word of its type, such as ``footnotes``.
        target: The part's name in the package.
    """

    kind: str
    target: str


class OfficePackage:
    """The parts of a file, unpacked one by one as they are asked for."""

    def __init__(self, data: bytes, name: str) -> None:
        """Look at what there is, without unpacking it.

        Args:
            data: The file.
            name: Its name, for messages.

        Raises:
            zipfile.BadZipFile: It is no archive.
        """
        self._archive = zipfile.ZipFile(io.BytesIO(data))
        self._parts = {
            each.filename.replace("\\", "/").lower(): each for each in self._archive.infolist()
        }
        self._name = name
        self._unpacked = 0
        self._content_types: dict[str, str] | None = None

    def read(self, part: str) -> bytes:
        """A part's bytes.

        Raises:
            KeyError: There is no such part.
            ReadError: It is larger unpacked than any document is.
        """
        info = self._parts[part.lower()]
        self._unpacked += info.file_size
        swollen = info.file_size > max(_LARGE, _MOST_TIMES_LARGER * info.compress_size)
        if swollen or self._unpacked > MOST_UNPACKED:
            raise ReadError(
                f"{self._name}: it unpacks to more than a document holds ({part}: "
                f"{info.compress_size:,} bytes become {info.file_size:,}), which may be meant to "
                "fill the memory; if you trust it, open it in an office program and save it again"
            )
        return self._archive.read(info)

    def xml(self, part: str) -> Any:
        """The root element of a part; in the form that Word writes, where it is the strict one.

        Raises:
            KeyError: There is no such part.
            SyntaxError: It is no XML.
            ReadError: It has a document type, with which XML can be made to swell.
        """
        from lxml import etree

        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
        )
        root = etree.fromstring(self.read(part), parser)
        if root.getroottree().docinfo.internalDTD is not None:
            raise ReadError(
                f"{self._name}: {part} declares a document type, which no office program writes "
                "and which may be meant to fill the memory; save it again with an office program"
            )
        if any(uri.startswith(_STRICT) for uri in root.nsmap.values()):
            _make_transitional(root)
        return root

    def relations(self, part: str = "") -> dict[str, Relation]:
        """What a part, or the package itself, refers to inside of it, by the reference's id."""
        folder, file = posixpath.split(part)
        listed = posixpath.join(folder, "_rels", f"{file}.rels")
        if listed.lower() not in self._parts:
            return {}
        relations = {}
        for element in self.xml(listed).iter(_RELATIONS):
            if element.get("TargetMode") != "External":
                target = posixpath.normpath(
                    posixpath.join("/", folder, unquote(element.get("Target", "")))
                )
                kind = element.get("Type", "").rsplit("/", 1)[-1]
                relations[element.get("Id", "")] = Relation(kind, target.lstrip("/"))
        return relations

    def parts(self, kind: str, part: str = "") -> list[str]:
        """The parts of one kind that a part, or the package itself, refers to and that exist."""
        return [
            relation.target
            for relation in self.relations(part).values()
            if relation.kind == kind and relation.target.lower() in self._parts
        ]

    def content_type(self, part: str) -> str:
        """What a part holds, as the package says it; the empty string where it does not."""
        if self._content_types is None:
            self._content_types = {}
            if _CONTENT_TYPES.lower() in self._parts:
                for element in self.xml(_CONTENT_TYPES):
                    of = element.get("PartName") or f".{element.get('Extension', '')}"
                    told = element.get("ContentType", "").split(";")[0].strip().lower()
                    self._content_types[of.lower()] = told
        suffix = posixpath.splitext(part)[1].lower()
        return self._content_types.get(f"/{part}".lower(), self._content_types.get(suffix, ""))


def _make_transitional(root: Any) -> None:
    """Give elements and attributes of Strict Open XML the names that Word usually writes."""
    for element in root.iter():
        element.tag = _transitional(element.tag)
        for name, value in element.attrib.items():
            if name.startswith("{" + _STRICT):
                del element.attrib[name]
                element.set(_transitional(name), value)


def _transitional(name: str) -> str:
    if not name.startswith("{" + _STRICT):
        return name
    family, local = name[len(_STRICT) + 1 :].split("}", 1)
    standard, _, rest = family.partition("/")
    renamed = _RENAMED.get(family, f"{standard}/2006/{rest}")
    return f"{{{_OPEN}{renamed}}}{local}"
