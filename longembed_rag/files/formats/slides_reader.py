"""PowerPoint presentations, from the XML in them.

kreuzberg 4.10 knows one slide however many there are, loses comments, charts and diagrams, puts
runs of one word apart (``s ome``), and fails where a picture's file is missing; python-pptx gives
shapes and notes one by one, but of charts, diagrams and comments no text. So the parts are read
here, slide by slide (``benchmarks/office_readers.py``).
"""

from __future__ import annotations

from longembed_rag.files.formats.archives import damaged, open_archive
from longembed_rag.files.formats.building import TextBuilder
from longembed_rag.files.formats.damaged import ERRORS_OF_DAMAGED_FILES
from longembed_rag.files.formats.office_properties import read_properties
from longembed_rag.files.formats.ooxml import Package, local
from longembed_rag.files.values import Content


def read_slides(data: bytes, name: str) -> Content:
    """The slides in their order, each a page: shapes, tables, charts, notes, then comments.

    Titles are headings. What stands on every slide (date, footer, number) is left out.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        ReadError: It is encrypted, damaged, of another type, or a decompression bomb.
    """
    archive = open_archive(data, name, kind="the presentation", holds="ppt/")
    try:
        return _content(Package(archive))
    except ERRORS_OF_DAMAGED_FILES as error:
        raise damaged(name, "the presentation", error) from error


def _content(package: Package) -> Content:
    part, presentation = package.main()
    relations = package.relations(part)
    builder = TextBuilder()
    count = missing = 0
    for slide in presentation.iter():
        if local(slide) != "sldId":
            continue
        count += 1
        builder.page()
        relation = next(
            (relations.get(v) for k, v in slide.attrib.items() if k.endswith("}id")), None
        )
        root = None if relation is None else package.xml(relation.target)
        if relation is None or root is None:
            missing += 1
            continue
        for block in package.drawing(relation.target, root):
            builder.add(block.text, level=1 if block.is_title else None)
        for other, notes in package.related(relation.target, "notesSlide"):
            for block in package.drawing(other, notes):
                builder.add(block.text)
        for comment in package.comments(relation.target):
            builder.add(comment)
    told = (f"{missing} of {count} slides are missing in the file",) if missing else ()
    return builder.content({**read_properties(package), "page_count": count}, told)
