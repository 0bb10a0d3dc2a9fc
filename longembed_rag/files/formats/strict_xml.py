"""*Strict Open XML*: the same documents under other names of elements and attributes."""

from __future__ import annotations

from typing import Any

_STRICT = "http://purl.oclc.org/ooxml/"
_OPEN = "http://schemas.openxmlformats.org/"
# Families whose names differ by more than the year between the two forms of the standard.
_RENAMED = {
    "officeDocument/extendedProperties": "officeDocument/2006/extended-properties",
    "officeDocument/customProperties": "officeDocument/2006/custom-properties",
}


def as_transitional(root: Any) -> Any:
    """An element and all in it under the names that Word usually writes.

    Args:
        root: The root of a part; renamed in place where it is of the strict form.
    """
    if any(uri.startswith(_STRICT) for uri in root.nsmap.values()):
        _rename(root)
    return root


def _rename(root: Any) -> None:
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
