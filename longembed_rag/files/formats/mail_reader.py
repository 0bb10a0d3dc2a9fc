"""Mail as it was sent (.eml), with Python's own parser.

kreuzberg 4.10 shows a mail that is encoded in a mail as its letters, leaves out attachments'
names, and reads attachments by its own readers where ours are meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.header import decode_header
from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.archives import refuse_other_kinds
from longembed_rag.files.formats.building import TextBuilder
from longembed_rag.files.formats.damaged import ERRORS_OF_DAMAGED_FILES
from longembed_rag.files.formats.html_reader import read_html
from longembed_rag.files.formats.properties import iso_date
from longembed_rag.files.text.decoding import decode, without_surrogates
from longembed_rag.files.values import Content

Reader = Callable[[bytes, str], Content]
#: The reader of a file, by its name; None for a type that is not read.
ReaderOf = Callable[[str], "Reader | None"]

#: Attachments of one mail that are read, and their bytes together; the others are named only.
MOST_ATTACHMENTS = 100
MOST_ATTACHED = 64 << 20
#: How deep mails inside of mails are followed.
DEEPEST = 3
#: Parts that are in parts themselves: for every line, the end of each of them is looked for.
_MOST_MULTIPARTS = 1_000
_MULTIPART = re.compile(rb"(?i)\bboundary\*?(?:0\*?)?=")
#: Of longer headers Python's parser of their grammar takes the square of their length.
_LONGEST_HEADER = 5_000
_HEADER_PARTS = re.compile(r"(?s).{1,2000}(?:\s|\Z)|.{2000}")
_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_ANY_MAIL = (*_SHOWN, "Received", "Message-ID", "MIME-Version", "Return-Path")


if TYPE_CHECKING:
    _Python = EmailPolicy[EmailMessage]
else:
    _Python = EmailPolicy


class _Policy(_Python):
    """Python's own, whatever the length of headers."""

    def header_fetch_parse(self, name: str, value: str) -> Any:
        """A header as it is shown; of a long one that says how to read a part, its beginning."""
        if len(value) <= _LONGEST_HEADER:
            return super().header_fetch_parse(name, value)
        if name.lower().startswith("content-"):
            return super().header_fetch_parse(name, value[:_LONGEST_HEADER])
        pieces = [
            piece
            for part in _HEADER_PARTS.findall(without_surrogates(value))
            for piece in decode_header(part)
        ]
        return "".join(
            each if isinstance(each, str) else decode(each, name=name, declared=charset).text
            for each, charset in pieces
        )


_POLICY = _Policy()


@dataclass(frozen=True)
class Attachment:
    """A file in a mail.

    Attributes:
        name: Its name.
        data: The file itself.
    """

    name: str
    data: bytes


@dataclass(frozen=True)
class Mail:
    """A mail, taken apart.

    Attributes:
        headers: What is shown above it, by name.
        metadata: The same, for filters.
        body: Its text.
        inner: Mails inside of it.
        attachments: Files in it.
    """

    headers: dict[str, str]
    metadata: dict[str, Any]
    body: str
    inner: tuple[Mail, ...] = ()
    attachments: tuple[Attachment, ...] = field(default=(), repr=False)


def read_mail(data: bytes, name: str, *, reader_of: ReaderOf) -> Content:
    """From, to, date and subject as lines, the body, mails inside of it, its attachments.

    Of a body in two forms the plain one is read, or the page where that says more than twice as
    much. Attachments stand at the end under their names, with their texts where their type is
    read.

    Args:
        data: The file.
        name: Its name, for messages.
        reader_of: How attachments are read.

    Raises:
        ReadError: It is no mail.
    """
    import email

    refuse_other_kinds(data, name)
    if len(_MULTIPART.findall(data)) > _MOST_MULTIPARTS:
        raise ReadError(
            f"{name}: it is in more than {_MOST_MULTIPARTS:,} parts of parts; save it again from "
            "the mail program"
        )
    try:
        message = email.message_from_bytes(data, policy=_POLICY)
        if not any(header in message for header in _ANY_MAIL):
            raise ReadError(
                f"{name}: it is no mail: it has none of the headers {', '.join(_SHOWN)}; give it "
                "the suffix it should have"
            )
        mail = _taken_apart(message, 0)
    except ERRORS_OF_DAMAGED_FILES as error:
        raise ReadError(
            f"{name}: the mail is damaged ({type(error).__name__}: {error}); save it again from "
            "the mail program"
        ) from error
    return put_together(mail, reader_of=reader_of)


def put_together(mail: Mail, *, reader_of: ReaderOf) -> Content:
    """A mail as one text, with its attachments.

    Args:
        mail: The mail.
        reader_of: How attachments are read.
    """
    builder = TextBuilder()
    notes: list[str] = []
    room = [MOST_ATTACHMENTS, MOST_ATTACHED]
    _write(mail, builder, notes, room, reader_of)
    return builder.content(mail.metadata, tuple(notes))


def _write(
    mail: Mail, builder: TextBuilder, notes: list[str], room: list[int], reader_of: ReaderOf
) -> None:
    builder.add("\n".join(f"{key}: {value}" for key, value in mail.headers.items() if value))
    builder.add(mail.body)
    for inner in mail.inner:
        _write(inner, builder, notes, room, reader_of)
    for attachment in mail.attachments:
        builder.add(f"Attachment: {attachment.name}", level=1)
        reader = reader_of(attachment.name)
        if reader is None:
            continue
        room[0] -= 1
        room[1] -= len(attachment.data)
        if min(room) < 0:
            notes.append(f"attachment {attachment.name}: not read, there are too many")
            continue
        try:
            content = reader(attachment.data, f"attachment {attachment.name}")
        except ReadError as error:
            notes.append(str(error))
            continue
        builder.add_content(content)
        notes += (f"attachment {attachment.name}: {note}" for note in content.notes)


def _taken_apart(message: EmailMessage, depth: int) -> Mail:
    plain: list[str] = []
    inner: list[Mail] = []
    attachments: list[Attachment] = []
    for part in _parts(message):
        kind, file_name = part.get_content_type(), _file_name(part)
        if kind == "message/rfc822":
            if depth < DEEPEST:
                inner += (_taken_apart(each, depth + 1) for each in _inside(part))
        elif file_name is None and kind.startswith("text/"):
            plain.append(_text(part))
        elif file_name is not None:
            payload = part.get_payload(decode=True)
            attachments.append(
                Attachment(file_name, payload if isinstance(payload, bytes) else b"")
            )
    headers = {key: _header(message, key) for key in _SHOWN}
    return Mail(
        headers,
        _metadata(message, headers),
        "\n\n".join(text for text in plain if text.strip()),
        tuple(inner),
        tuple(attachments),
    )


def _inside(part: EmailMessage) -> Iterator[EmailMessage]:
    """The mail in a part; some programs encode it, which the standard does not allow."""
    import base64
    import email

    for message in part.get_payload():
        if not isinstance(message, EmailMessage):
            continue
        if str(part.get("Content-Transfer-Encoding", "")).lower() == "base64":
            raw = base64.b64decode(str(message.get_payload()))
            message = email.message_from_bytes(raw, policy=_POLICY)
        yield message


def _parts(message: EmailMessage) -> Iterator[EmailMessage]:
    """The leaves of a mail, of several forms of the same only the one to read."""
    kind = message.get_content_type()
    parts: list[EmailMessage] = []
    if message.is_multipart():
        parts = [part for part in message.get_payload() if isinstance(part, EmailMessage)]
    if kind == "message/rfc822" or not parts:
        yield message
    elif kind == "multipart/alternative":
        forms = [list(_parts(part)) for part in parts]
        plain = [form for form in forms if form and form[0].get_content_type() == "text/plain"]
        others = [form for form in forms if form and form not in plain]
        weights = {id(form): len(_body(form).split()) for form in forms}
        best = max(others, key=lambda form: weights[id(form)], default=[])
        if plain and 2 * weights[id(plain[0])] >= weights.get(id(best), 0):
            yield plain[0][0]
            # What only the other form carries: files beside its page.
            yield from (part for part in best if _file_name(part) is not None)
        else:
            yield from best
    else:
        for part in parts:
            yield from _parts(part)


def _body(parts: list[EmailMessage]) -> str:
    return "\n".join(
        _text(part)
        for part in parts
        if part.get_content_maintype() == "text" and _file_name(part) is None
    )


def _file_name(part: EmailMessage) -> str | None:
    """An attachment's name; None for what belongs to the body, pictures in it included."""
    maintype = part.get_content_maintype()
    if maintype == "image" and part.get("Content-ID") and not part.is_attachment():
        return None
    name = part.get_filename()
    if name:
        return " ".join(name.split())
    if part.is_attachment() or maintype not in ("text", "multipart", "message"):
        return part.get_content_type()
    return None


def _text(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes) or not payload.strip():
        return ""
    charset = part.get_content_charset()
    if part.get_content_type() in ("text/html", "application/xhtml+xml"):
        decoded = decode(payload, name="the mail's page", declared=charset)
        return read_html(decoded.text.encode("utf-8", "replace"), "the mail's page").text
    return decode(payload, name="the mail's text", declared=charset).text


def _header(message: EmailMessage, key: str) -> str:
    try:
        return " ".join(without_surrogates(str(message.get(key, ""))).split())
    except ERRORS_OF_DAMAGED_FILES:
        # Python's parser of addresses stumbles over some that programs write; others read them.
        raw = next((v for k, v in message.raw_items() if k.lower() == key.lower()), "")
        return " ".join(without_surrogates(str(raw)).split())


def _metadata(message: EmailMessage, headers: dict[str, str]) -> dict[str, Any]:
    from email.utils import getaddresses

    metadata: dict[str, Any] = {
        "title": headers["Subject"],
        "subject": headers["Subject"],
        "from": headers["From"],
    }
    for key in ("To", "Cc"):
        pairs = getaddresses([headers[key]])
        metadata[key.lower()] = [
            f"{name} <{address}>" if name else address for name, address in pairs if address
        ]
    metadata["date"] = iso_date(headers["Date"])
    return {key: value for key, value in metadata.items() if value}
