"""What an office document says of itself: title, author, dates, and what its makers added."""

from __future__ import annotations

from typing import Any

from longembed_rag.files.formats.ooxml import Package, local
from longembed_rag.files.formats.properties import iso_date, names_of, tidy_properties

# Names under which programs keep notes for themselves: sensitivity labels, SharePoint's ids.
_TECHNICAL = ("MSIP_Label_", "_", "ContentTypeId", "TaxCatchAll", "MediaServiceImageTags")
_WHOLE_NUMBERS = frozenset({"i1", "i2", "i4", "i8", "int", "ui1", "ui2", "ui4", "ui8", "uint"})
_NUMBERS = frozenset({"r4", "r8", "decimal", "cy"})
_DATES = frozenset({"date", "filetime"})


def read_properties(package: Package) -> dict[str, Any]:
    """The properties of an office document, those that its makers defined under their own names.

    Args:
        package: The document.
    """
    own: dict[str, Any] = {}
    for _, root in package.related("", "custom-properties", "customProperties"):
        for element in root:
            name = element.get("name", "")
            if len(element) and not name.startswith(_TECHNICAL):
                own[name] = _typed(element[0])
    known = package.properties()
    if isinstance(known.get("author"), str):
        known["author"] = names_of(known["author"])
    return tidy_properties({**own, **known})


def told_pages(package: Package) -> int | None:
    """How many pages the program that saved a document last counted; None if it does not say."""
    for _, root in package.related("", "extended-properties", "extendedProperties"):
        for element in root:
            pages = (element.text or "").strip()
            if local(element) == "Pages" and pages.isdecimal():
                return int(pages)
    return None


def _typed(element: Any) -> Any:
    """A value with its type; as text where it is not what its type says."""
    kind, text = local(element), (element.text or "").strip()
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
