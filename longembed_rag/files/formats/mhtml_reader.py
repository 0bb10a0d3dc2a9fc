"""Web pages that a browser saved as one file (MHTML), which is a mail with the page inside."""

from __future__ import annotations

from dataclasses import replace

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.html_reader import read_html, read_page
from longembed_rag.files.formats.properties import iso_date
from longembed_rag.files.values import Content


def read_mhtml(data: bytes, name: str) -> Content:
    """The page's title and its visible text; pictures and frames beside it are not read.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        ReadError: There is no page in it, or none with text.
    """
    from email import message_from_bytes

    message = message_from_bytes(data)
    content: Content | None = None
    for part in message.walk():
        payload = part.get_payload(decode=True)
        if part.get_content_type() not in ("text/html", "application/xhtml+xml"):
            continue
        if not isinstance(payload, bytes) or not payload.strip():
            continue
        charset = part.get_content_charset()
        if charset is None:
            content = read_html(payload, name)
        else:
            content = read_page(payload, name, declared=charset)
        if content.text.strip():
            break  # the page; what follows are its frames
    if content is None:
        raise ReadError(
            f"{name}: it holds no page; open the page in a browser and save it again, as HTML"
        )
    saved = iso_date(str(message.get("Date", "")))
    return replace(
        content, metadata={"created": saved, **content.metadata} if saved else content.metadata
    )
