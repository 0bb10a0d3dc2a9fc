"""What an office document says of itself: title, author, dates, and what its makers added."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from longembed_rag.files.office_package import OfficePackage
from longembed_rag.files.properties import iso_date, keywords_of, names_of, tidy_properties

_EXTENDED = "{http://schemas.openxmlformats.org/officeDocument/2006/extended-properties}"
# By the element's name, whose namespaces do not matter: which key, and how it is read.
_CORE: dict[str, tuple[str, Callable[[str], Any]]] = {
    "title": ("title", str),
    "creator": ("author", names_of),
    "subject": ("subject", str),
    "keywords": ("keywords", keywords_of),
    "description": ("description", str),
    "category": ("category", str),
    "language": ("language", str),
    "identifier": ("identifier", str),
    "created": ("created", iso_date),
    "modified": ("modified", iso_date),
}
# Names under which programs keep notes for themselves: sensitivity labels, SharePoint's ids.
_TECHNICAL = ("MSIP_Label_", "_", "ContentTypeId", "TaxCatchAll", "MediaServiceImageTags")
_WHOLE_NUMBERS = frozenset({"i1", "i2", "i4", "i8", "int", "ui1", "ui2", "ui4", "ui8", "uint"})
_NUMBERS = frozenset({"r4", "r8", "decimal", "cy"})
_DATES = frozenset({"date", "filetime"})


def read_properties(package: OfficePackage) -> dict[str, Any]:
    """The properties of an office document, those that its makers defined under their own names.

    Args:
        package: The document.
    """
    properties: dict[str, Any] = {}
    for part in package.parts("custom-properties") + package.parts("customProperties"):
        for element in package.xml(part):
            name = element.get("name", "")
            if len(element) and not name.startswith(_TECHNICAL):
                properties[name] = _typed(element[0])
    for part in package.parts("core-properties") + package.parts("coreProperties"):
        for element in package.xml(part):
            key, read = _CORE.get(_local(element), ("", str))
            if key and element.text:
                properties[key] = read(element.text)
    return tidy_properties(properties)


def told_pages(package: OfficePackage) -> int | None:
    """How many pages the program that saved a document last counted; None if it does not say."""
    for part in package.parts("extended-properties") + package.parts("extendedProperties"):
        pages = package.xml(part).findtext(f"{_EXTENDED}Pages") or ""
        if pages.strip().isdecimal():
            return int(pages)
    return None


def _local(element: Any) -> str:
    return str(element.tag).rsplit("}", 1)[-1]


def _typed(element: Any) -> Any:
    """A value with its type; as text where it is not what its type says."""
    kind, text = _local(element), (element.text or "").strip()
    if kind == "vector":
        return [_typed(each) for each in element]
    if kind == "variant" and len(element):
        return _typed(element[0])
    if kind == "bool":
        return text.lower() in ("true", "1")
    if kind in _DATES:
        return iso_date(text) or text
    try:
        if kind in _WHOLE_NUMBERS:
            return int(text)
        if kind in _NUMBERS:
            number = float(text)
            return number if number - number == 0 else text
    except ValueError:
        pass
    return text
